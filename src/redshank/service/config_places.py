"""Relative paths in a configuration file start from the folder of that file."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FILES = "files"
_SOURCE_PATHS, _SINK_PATHS = ("path",), ("events", "scores")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_VARIABLE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


def absolute(text: Any, folder: Path) -> Any:
    """Return a path or glob, or a list of them, as seen from the folder; addresses and ``-`` stay as they are."""
    if isinstance(text, list):
        return [absolute(one, folder) for one in text]
    if not isinstance(text, str) or not text or text == "-" or _ADDRESS.match(text) or "\x00" in text:
        return text
    home = os.path.expanduser(text)
    return home if os.path.isabs(home) else os.path.normpath(os.path.join(folder, home)) + _slash(text)


def _slash(text: str) -> str:
    return "/" if text.endswith("/") else ""


def source_paths(given: Any, folder: Path) -> Any:
    """Return a source (JSON values) with its paths and the files of its secrets made absolute."""
    return _connection(given, folder, _SOURCE_PATHS)


def sink_paths(given: Any, folder: Path) -> Any:
    """Return a sink (JSON values) with its paths and the files of its secrets made absolute."""
    return _connection(given, folder, _SINK_PATHS)


def monitor_paths(given: Any, folder: Path, kinds: Mapping[str, Any]) -> Any:
    """Return a monitor with its paths made absolute; ``kinds``: kind of each source declared, by name.

    The path of a monitor is one of files when its source is: none named, one written inside, or one declared here.
    """
    if not isinstance(given, dict):
        return given
    made = {**given}
    source = given.get("source")
    kind = source.get("kind") if isinstance(source, dict) else FILES if source is None else kinds.get(str(source))
    if "path" in made and kind == FILES:
        made["path"] = absolute(made["path"], folder)
    if isinstance(source, dict):
        made["source"] = source_paths(source, folder)
    if isinstance(given.get("sinks"), list):
        made["sinks"] = [sink_paths(sink, folder) for sink in given["sinks"]]
    elif "sinks" in made:
        made["sinks"] = sink_paths(given["sinks"], folder)
    return made


def template_paths(given: Any, folder: Path, kinds: Mapping[str, Any]) -> Any:
    """Return a template with the paths of its monitor made absolute.

    A path that begins with a variable is left alone where the values of the variable are absolute themselves.
    """
    if not isinstance(given, dict) or not isinstance(given.get("monitor"), dict):
        return given
    monitor = monitor_paths(given["monitor"], folder, kinds)
    path = given["monitor"].get("path")
    if isinstance(path, str) and _begins_absolute(path, given.get("variables")):
        monitor["path"] = path
    return {**given, "monitor": monitor}


def _begins_absolute(path: str, variables: Any) -> bool:
    first = _VARIABLE.match(path)
    rows = variables if isinstance(variables, list) else []
    values = [str(row.get(first[1], "")) for row in rows if isinstance(row, dict)] if first else []
    return bool(values) and all(os.path.isabs(value) or _ADDRESS.match(value) for value in values)


def _connection(given: Any, folder: Path, names: tuple[str, ...]) -> Any:
    if not isinstance(given, dict):
        return given
    paths = names if given.get("kind") == FILES else ()
    return {name: absolute(value, folder) if name in paths else _secret(value, folder) for name, value in given.items()}


def _secret(value: Any, folder: Path) -> Any:
    """A secret kept in a file, ``file:PATH``; an address ``file://`` is none."""
    if not isinstance(value, str) or not value.startswith("file:") or value.startswith("file://"):
        return value
    return f"file:{absolute(value.removeprefix('file:').strip(), folder)}"
