"""Make sinks of declarations: find the kind, check its options, and let it reach only what it may."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redshank import registry
from redshank.sinks.base import Sink
from redshank.specs.options import (
    Access,
    Options,
    kinds_schema,
    plain_options,
    read_options,
    redacted_options,
    secret_names,
)

_OPEN = Access()


def build_sink(kind: str, options: Mapping[str, Any], access: Access = _OPEN) -> Sink:
    """Return the sink that a declaration describes; nothing is written yet.

    Raises:
        ConfigError: the kind, an option or a path is wrong; the message says which, and what would be right.
        MissingExtraError: the library of the kind is not installed.
    """
    sink: type[Sink] = registry.find(registry.SINKS, kind)
    return sink.build(read_options(sink.Options, f"sink of kind {kind!r}", access.clear(options)), access)


def sink_options(kind: str) -> type[Options]:
    """Return the class of the options of a kind; ConfigError with the near names when there is no such kind."""
    found: type[Sink] = registry.find(registry.SINKS, kind)
    return found.Options


def check_sink_options(kind: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as they are kept; ConfigError when one is wrong."""
    return plain_options(read_options(sink_options(kind), f"sink of kind {kind!r}", options))


def secret_fields(kind: str) -> tuple[str, ...]:
    """Return the names of the options of a kind that are secrets."""
    return secret_names(sink_options(kind))


def redacted(kind: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a kind for the eyes of people: secrets hidden, ``env:`` and ``file:`` shown."""
    return redacted_options(sink_options(kind), options)


def sinks_schema() -> dict[str, Any]:
    """Return the JSON schema of a sink of any kind that is installed."""
    return kinds_schema({kind: sink_options(kind) for kind in registry.names(registry.SINKS)})
