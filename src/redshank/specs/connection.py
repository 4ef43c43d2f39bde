"""Sources and sinks as declared: a name, a kind, and the options of that kind beside them."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field, model_serializer, model_validator

from redshank.specs.base import Name, Spec


class ConnectionSpec(Spec):
    """A source or sink: ``{"name": "shop", "kind": "sql", "url": ...}``; all other fields are options of the kind."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None  # None: written inside a monitor
    kind: str
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, given: Any) -> Any:
        """Take unknown fields as options."""
        if not isinstance(given, dict):
            return given
        own = {key: given[key] for key in ("name", "kind") if key in given}
        options = dict(given.get("options") or {})
        options.update({key: value for key, value in given.items() if key not in ("name", "kind", "options")})
        return {**own, "options": options}

    @model_serializer
    def _flat(self) -> dict[str, Any]:
        named = {} if self.name is None else {"name": self.name}
        return {**named, "kind": self.kind, **self.options}


class SourceSpec(ConnectionSpec):
    """Where points come from."""


class SinkSpec(ConnectionSpec):
    """Where events and scores go."""
