"""What declarations refer to by name: a monitor its source, its sinks and its schedules."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from redshank.errors import did_you_mean
from redshank.specs.problems import Path
from redshank.store.records import Kind

ORDER: tuple[Kind, ...] = ("schedules", "sources", "sinks", "templates", "monitors")  # each refers to those before it


def references(monitor: Any) -> Iterator[tuple[Path, Kind, str]]:
    """Yield path, kind and name of what a monitor (JSON values) refers to; names with variables in them are none."""
    if not isinstance(monitor, dict):
        return
    for path, kind, name in _named(monitor):
        if isinstance(name, str) and "{{" not in name:
            yield path, kind, name


def _named(monitor: dict[str, Any]) -> Iterator[tuple[Path, Kind, Any]]:
    yield ("source",), "sources", monitor.get("source")
    sinks = monitor.get("sinks")
    if isinstance(sinks, list | tuple):
        for i, sink in enumerate(sinks):
            yield ("sinks", i), "sinks", sink
    else:
        yield ("sinks",), "sinks", sinks
    for verb in ("train", "detect", "tune"):
        yield (verb,), "schedules", monitor.get(verb)


def missing_reference(kind: Kind, name: str, known: set[str], is_whole: bool) -> str:
    """Return what is wrong with a reference; empty when nothing is.

    ``is_whole``: all there can be is in ``known``; else only a name close to a known one is taken for a mistake.
    """
    if name in known or not (is_whole or get_close_matches(name, known, n=1, cutoff=0.8)):
        return ""
    return did_you_mean(kind.removesuffix("s"), name, known)
