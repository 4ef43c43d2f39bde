"""Find detectors, sources and sinks by name through entry points, and build them from named parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from redshank.errors import ConfigError, MissingExtraError, did_you_mean

if TYPE_CHECKING:
    from redshank.detectors.base import Detector

DETECTORS, SOURCES, SINKS = "redshank.detectors", "redshank.sources", "redshank.sinks"


@cache
def _entries(group: str) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=group)}


def names(group: str) -> list[str]:
    """Return the registered names of a group, sorted."""
    return sorted(_entries(group))


def find(group: str, name: str) -> type[Any]:
    """Return the class registered under ``name``; ConfigError with the near names, or the extra to install."""
    found = _entries(group)
    if name not in found:
        raise ConfigError(did_you_mean(group.removeprefix("redshank.").removesuffix("s"), name, found), field=name)
    try:
        loaded: type[Any] = found[name].load()
    except ImportError as error:
        raise MissingExtraError(f"{name}: needs an extra: pip install 'redshank[{name}]' ({error})") from error
    return loaded


def detector_class(name: str) -> type[Detector]:
    """Return the detector class of that name."""
    return find(DETECTORS, name)


def build_detector(name: str, params: Mapping[str, Any] | None = None) -> Detector:
    """Return a detector with these parameters; texts (from a command line) are read as the parameter's own type."""
    kind = detector_class(name)
    known = {spec.name: spec for spec in kind.parameters()}
    given = {}
    for key, value in (params or {}).items():
        if key not in known:
            raise ConfigError(did_you_mean(f"parameter of {name}", key, known), field=key)
        given[key] = _read_text(value, known[key].default, f"{name}: {key}") if isinstance(value, str) else value
    return kind(**given)


def _read_text(text: str, default: Any, where: str) -> Any:
    """Read a parameter value given as text, by the type of the parameter's default."""
    if isinstance(default, str):
        return text
    try:
        return json.loads(text.lower() if text.lower() in ("true", "false") else text)
    except json.JSONDecodeError:
        raise ConfigError(f"{where} must be like {json.dumps(default)}, got {text!r}") from None
