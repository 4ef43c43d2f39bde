"""Configuration as code against a server: plan, apply, export."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redshank.client.answers import Plan
from redshank.client.operations import Group, Mode, operation
from redshank.client.request import Request, as_json, encode, place, plain, text

SLOW_SECONDS = 600.0  # sources are reached, and days of history scored


class Config(Group[Mode]):
    """All declarations at once. A document is what a configuration file holds, as plain values."""

    @operation
    def plan(
        self,
        document: Mapping[str, Any],
        *,
        origin: str = "redshank.yaml",
        take_over: bool = False,
        days: int = 0,
    ) -> Request[Plan]:
        """Say what applying would change; ``days``: count the events of so many days before and after."""
        given = {"document": dict(document), "origin": origin, "take_over": take_over, "days": days}
        return Request(
            method="POST",
            path=place("config", "plan"),
            read=as_json(Plan),
            body=encode(given),
            timeout_seconds=SLOW_SECONDS,
        )

    @operation
    def apply(
        self,
        document: Mapping[str, Any],
        *,
        origin: str = "redshank.yaml",
        take_over: bool = False,
        validate: bool = True,
        fingerprint: str | None = None,
    ) -> Request[Plan]:
        """Make everything as the document says, or nothing; ``fingerprint``: of the plan that was agreed to."""
        given = {
            "document": dict(document),
            "origin": origin,
            "take_over": take_over,
            "validate": validate,
            "fingerprint": fingerprint,
        }
        return Request(
            method="POST",
            path=place("config", "apply"),
            read=as_json(Plan),
            body=encode(given),
            once=True,
            timeout_seconds=SLOW_SECONDS,
        )

    @operation
    def export(self, *, origin: str | None = None, secrets: str = "keep") -> Request[dict[str, Any]]:
        """Return all declarations as a document; ``origin``: only its own, "" = made by hand."""
        return Request(method="GET", path=place("config", "export"), read=plain, params=_asked(origin, secrets))

    @operation
    def export_text(self, *, origin: str | None = None, secrets: str = "keep") -> Request[str]:
        """Return all declarations as YAML with comments; ``secrets``: keep (as ``***``) or env (as variables)."""
        params = [*_asked(origin, secrets), ("format", "yaml")]
        return Request(method="GET", path=place("config", "export"), read=text, params=params)

    @operation
    def schema(self) -> Request[dict[str, Any]]:
        """Return the JSON Schema of configuration files."""
        return Request(method="GET", path=place("config", "schema"), read=plain)


def _asked(origin: str | None, secrets: str) -> list[tuple[str, str]]:
    return [("secrets", secrets), *([] if origin is None else [("origin", origin)])]
