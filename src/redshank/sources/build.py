"""Make sources of declarations: find the kind, check its options, and let it reach only what it may."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redshank import registry
from redshank.sources.base import Source
from redshank.specs.options import (
    Access,
    Options,
    kinds_schema,
    plain_options,
    read_options,
    redacted_options,
    secret_names,
    with_target,
)

_OPEN = Access()


def build_source(
    kind: str, options: Mapping[str, Any], target: Mapping[str, Any] | None = None, access: Access = _OPEN
) -> Source:
    """Return the source that a declaration describes; nothing is read yet.

    ``target``: what one monitor reads of it: ``path``, ``query``, ``table`` or ``index`` by name, None is left out; it
    wins over the options. ``access``: folders and secrets that it may use.

    Raises:
        ConfigError: the kind, an option or a path is wrong; the message says which, and what would be right.
        MissingExtraError: the library of the kind is not installed.
    """
    source: type[Source] = registry.find(registry.SOURCES, kind)
    where = f"source of kind {kind!r}"
    given = with_target(where, source.Options, access.clear(options), target or {})
    return source.build(read_options(source.Options, where, given), access)


def source_options(kind: str) -> type[Options]:
    """Return the class of the options of a kind; ConfigError with the near names when there is no such kind."""
    found: type[Source] = registry.find(registry.SOURCES, kind)
    return found.Options


def check_source_options(kind: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as they are kept, an address with a password in it taken apart; ConfigError when wrong.

    What a monitor gives with its target (a path, a table) may be missing.
    """
    model = source_options(kind)
    gaps = {name: _STANDS_FOR for name in ("path",) if name in model.model_fields and name not in options}
    kept = plain_options(read_options(model, f"source of kind {kind!r}", {**options, **gaps}))
    return {name: value for name, value in kept.items() if name not in gaps}


_STANDS_FOR = "-"  # a path that a monitor gives


def secret_fields(kind: str) -> tuple[str, ...]:
    """Return the names of the options of a kind that are secrets."""
    return secret_names(source_options(kind))


def redacted(kind: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a kind for the eyes of people: secrets hidden, ``env:`` and ``file:`` shown."""
    return redacted_options(source_options(kind), options)


def sources_schema() -> dict[str, Any]:
    """Return the JSON schema of a source of any kind that is installed."""
    return kinds_schema({kind: source_options(kind) for kind in registry.names(registry.SOURCES)})
