"""Which declarations a declaration refers to by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from redshank.store.records import Kind

SCHEDULES = ("train", "detect", "tune")


def references(kind: Kind, spec: Mapping[str, Any]) -> list[tuple[Kind, str]]:
    """Return kind and name of all that a declaration refers to, each once.

    Of a template only what does not hang on its variables.
    """
    if kind == "monitors":
        return list(dict.fromkeys(_of_monitor(spec)))
    if kind == "templates":
        return [
            (other, name) for other, name in dict.fromkeys(_of_monitor(spec.get("monitor") or {})) if "{{" not in name
        ]
    return []


def _of_monitor(spec: Mapping[str, Any]) -> Iterator[tuple[Kind, str]]:
    if isinstance(spec.get("source"), str):
        yield "sources", spec["source"]
    sinks = spec.get("sinks") or ()
    for sink in (sinks,) if isinstance(sinks, str) else sinks:
        if isinstance(sink, str):
            yield "sinks", sink
    for verb in SCHEDULES:
        if isinstance(spec.get(verb), str):
            yield "schedules", spec[verb]
