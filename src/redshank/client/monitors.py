"""Monitors: what is watched, where it stands, and what it learned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redshank.client.answers import Capacity, Comparison, Declaration, Page, Preview, Pruned, Status, Version
from redshank.client.declarations import Declarations, read_declaration
from redshank.client.lists import Moment, moment_text
from redshank.client.operations import Mode, operation
from redshank.client.request import Request, as_json, encode, place

SLOW_SECONDS = 150.0  # days of history are read and scored


class Monitors(Declarations[Mode]):
    """Monitors, their state and their versions."""

    kind = "monitors"

    @operation
    def enable(self, name: str) -> Request[Declaration]:
        """Let it work."""
        return Request(method="POST", path=place("monitors", name, "enable"), read=read_declaration, once=True)

    @operation
    def disable(self, name: str) -> Request[Declaration]:
        """Let it rest; what it learned and found is kept."""
        return Request(method="POST", path=place("monitors", name, "disable"), read=read_declaration, once=True)

    @operation
    def status(self, name: str) -> Request[Status]:
        """Say where it stands: up to when all is scored, how far that is behind, the last error, what runs next."""
        return Request(method="GET", path=place("monitors", name, "status"), read=as_json(Status))

    @operation
    def versions(self, name: str) -> Request[Page[Version]]:
        """Return all versions, newest first; each training makes one."""
        return Request(method="GET", path=place("monitors", name, "versions"), read=as_json(Page[Version]))

    @operation
    def version(self, name: str, number: int) -> Request[Version]:
        """Return one version."""
        return Request(method="GET", path=place("monitors", name, "versions", str(number)), read=as_json(Version))

    @operation
    def compare(self, name: str, number: int, other: int) -> Request[Comparison]:
        """Say what differs between two versions."""
        path = place("monitors", name, "versions", str(number), "compare", str(other))
        return Request(method="GET", path=path, read=as_json(Comparison))

    @operation
    def restore(self, name: str, number: int) -> Request[Version]:
        """Make a version the live one; it catches up by the points since."""
        path = place("monitors", name, "versions", str(number), "restore")
        return Request(method="POST", path=path, read=as_json(Version), once=True)

    @operation
    def prune(self, name: str, keep: int = 5) -> Request[Pruned]:
        """Drop old versions; so many of the newest stay, and the live one."""
        path = place("monitors", name, "versions", "prune")
        return Request(method="POST", path=path, read=as_json(Pruned), params=[("keep", str(keep))], once=True)

    @operation
    def preview(
        self,
        spec: Mapping[str, Any],
        *,
        days: float | None = None,
        start: Moment | None = None,
        end: Moment | None = None,
    ) -> Request[Preview]:
        """Say which events a monitor would have had, saved or not, over so many days or start <= t < end."""
        given = {
            "monitor": dict(spec),
            "days": days,
            "start": None if start is None else moment_text(start),
            "end": None if end is None else moment_text(end),
        }
        body = encode({name: value for name, value in given.items() if value is not None})
        return Request(
            method="POST", path=place("preview"), read=as_json(Preview), body=body, timeout_seconds=SLOW_SECONDS
        )

    @operation
    def capacity(
        self,
        spec: Mapping[str, Any] | None = None,
        *,
        series: int | None = None,
        step: str | None = None,
        detector: str | None = None,
        channels: int | None = None,
    ) -> Request[Capacity]:
        """Say what a monitor, or so many series at a step, would need of the machine, and whether there is room."""
        given = {
            "monitor": None if spec is None else dict(spec),
            "series": series,
            "step": step,
            "detector": detector,
            "channels": channels,
        }
        body = encode({name: value for name, value in given.items() if value is not None})
        return Request(
            method="POST", path=place("capacity"), read=as_json(Capacity), body=body, timeout_seconds=SLOW_SECONDS
        )
