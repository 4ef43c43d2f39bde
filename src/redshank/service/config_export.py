"""Everything that is declared, as a configuration file that makes the same again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Literal

from redshank.errors import RedshankError
from redshank.service.config_plan import Declared
from redshank.service.config_text import comment_text, yaml_text
from redshank.service.hiding import HIDDEN, hide
from redshank.sinks.build import check_sink_options
from redshank.sources.build import check_source_options
from redshank.specs.options import REFERENCES
from redshank.store.records import Kind

Secrecy = Literal["keep", "env"]
_ABOUT: Mapping[Kind, str] = {
    "sources": "Where points come from.",
    "sinks": "Where events go.",
    "schedules": "When to run, by name.",
    "templates": "Monitors that differ in a few values.",
    "monitors": "What is watched.",
}
_HEADER = "What Redshank is to watch. Check with `redshank validate`, look ahead with `redshank plan`."
_KEPT = f"{HIDDEN} stands for a secret that the server keeps; for another server, write env:NAME or file:PATH there."
_NAMED = "These variables hold the secrets, where the server runs: "
_NO_NAME = re.compile(r"[^A-Z0-9]+")


def export_values(declared: Iterable[Declared], secrets: Secrecy) -> dict[str, Any]:
    """Return the values of a configuration file, kinds and names and fields in a stable order, no secret in it."""
    found: dict[Kind, list[Declared]] = {kind: [] for kind in _ABOUT}
    for each in declared:
        found[each.kind].append(each)
    return {
        kind: [_one(each, secrets) for each in sorted(found[kind], key=lambda each: each.name)]
        for kind in _ABOUT
        if found[kind]
    }


def export_text(values: Mapping[str, Any]) -> str:
    """Return the values of a configuration file as YAML with comments."""
    lines, variables = [_HEADER], sorted(set(_variables(values)))
    if _holds(values, HIDDEN):
        lines.append(_KEPT)
    if variables:
        lines.append(_NAMED + ", ".join(variables))
    body = yaml_text(values, {str(kind): about for kind, about in _ABOUT.items()}) if values else "monitors: []\n"
    return f"{comment_text(chr(10).join(lines))}\n{body}"


def _one(declared: Declared, secrets: Secrecy) -> dict[str, Any]:
    spec = {"name": declared.name, **declared.spec}
    if secrets == "keep":
        kept: dict[str, Any] = hide(spec)
        return kept
    if declared.kind in ("sources", "sinks"):
        return _named(spec, declared.kind, declared.name)
    monitor = dict(spec["monitor"]) if declared.kind == "templates" else spec
    if declared.kind in ("monitors", "templates"):
        _name_inside(monitor, declared.name)
    return {**spec, "monitor": monitor} if declared.kind == "templates" else monitor


def _name_inside(monitor: dict[str, Any], name: str) -> None:
    """Name the secrets of the source and the sinks that are written inside a monitor."""
    if isinstance(monitor.get("source"), Mapping):
        monitor["source"] = _named(monitor["source"], "sources", name)
    sinks = monitor.get("sinks")
    if isinstance(sinks, list | tuple):
        monitor["sinks"] = [
            _named(sink, "sinks", f"{name} {i + 1}") if isinstance(sink, Mapping) else sink
            for i, sink in enumerate(sinks)
        ]


def _named(connection: Mapping[str, Any], kind: str, name: str) -> dict[str, Any]:
    """A source or sink with ``env:NAME`` for each secret, taken out of its address where its kind can do that."""
    head = {key: connection[key] for key in ("name", "kind") if key in connection}
    options = {key: value for key, value in connection.items() if key not in head}
    with suppress(RedshankError):
        options = (check_source_options if kind == "sources" else check_sink_options)(str(head.get("kind")), options)
    hidden = hide(options)
    return {**head, **{key: _reference(f"{name} {key}") if hidden[key] == HIDDEN else hidden[key] for key in options}}


def _reference(text: str) -> str:
    return f"env:{_NO_NAME.sub('_', text.upper()).strip('_')}"


def _variables(given: Any) -> Iterable[str]:
    if isinstance(given, Mapping):
        for value in given.values():
            yield from _variables(value)
    elif isinstance(given, list | tuple):
        for value in given:
            yield from _variables(value)
    elif isinstance(given, str) and given.startswith(REFERENCES[0]):
        yield given.removeprefix(REFERENCES[0])


def _holds(given: Any, text: str) -> bool:
    if isinstance(given, Mapping):
        return any(_holds(value, text) for value in given.values())
    if isinstance(given, list | tuple):
        return any(_holds(value, text) for value in given)
    return isinstance(given, str) and text in given
