"""Find the files of a configuration and read them: one, several, or all below a folder."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from redshank.errors import ConfigError, TooLargeError

SUFFIXES = (".yaml", ".yml", ".json")
STDIN = "-"
MOST_FILES = 10_000
MOST_BYTES = 64 << 20  # of all files together


@dataclass(frozen=True)
class ConfigText:
    """What a file holds. ``name`` is how people know it, ``folder`` where its relative paths start from."""

    name: str
    folder: Path
    content: bytes


@dataclass(frozen=True)
class ConfigTexts:
    """All files of a configuration, in order of their names. ``fingerprint`` changes when any name or content does."""

    texts: tuple[ConfigText, ...]
    fingerprint: str


def read_texts(paths: Sequence[str | Path]) -> ConfigTexts:
    """Read the files; a folder stands for all YAML and JSON files below it that are not hidden.

    Raises:
        ConfigError: a file is missing or cannot be read, or a folder holds none.
        TooLargeError: there are too many files, or they are too large.
    """
    texts: list[ConfigText] = []
    size, digest = 0, hashlib.sha256()
    for path in _files(paths):
        text = _read(path, MOST_BYTES - size)
        size += len(text.content)
        digest.update(f"{len(text.name)}:{len(text.content)}:{text.name}".encode(errors="surrogateescape"))
        digest.update(text.content)
        texts.append(text)
    return ConfigTexts(tuple(texts), digest.hexdigest())


def origin_of(paths: Sequence[str | Path]) -> str:
    """Return whose declarations files hold when nobody says: the name of the file or folder, of several all names."""
    names = ["stdin" if str(path) == STDIN else Path(path).resolve().name or "root" for path in paths]
    return " ".join(sorted(set(names)))[:200]


def stamp(paths: Sequence[str | Path]) -> tuple[tuple[str, int, int, int], ...]:
    """Return names, times, sizes and numbers of the files as they are now: cheap, and other when one was written."""
    found = []
    for path in _files(paths):
        about = os.stat(path)
        found.append((path, about.st_mtime_ns, about.st_size, about.st_ino))
    return tuple(found)


def _files(paths: Sequence[str | Path]) -> list[str]:
    found: dict[str, None] = {}
    for given in paths:
        path = Path(given)
        if str(given) == STDIN or not path.is_dir():
            found[str(given)] = None
            continue
        inside = sorted(_below(path))
        if not inside:
            raise ConfigError(f"config: folder {str(given)!r} must hold a file {' or '.join(SUFFIXES)}, got none")
        found.update(dict.fromkeys(inside))
    if len(found) > MOST_FILES:
        raise TooLargeError(f"config: must be at most {MOST_FILES:,} files, got {len(found):,}")
    return list(found)


def _below(folder: Path) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            if name.endswith(SUFFIXES) and not name.startswith("."):
                yield os.path.join(place, name)


def _read(path: str, most: int) -> ConfigText:
    try:
        if path == STDIN:
            content = sys.stdin.buffer.read(most + 1)
        else:
            with open(path, "rb") as file:
                content = file.read(most + 1)
    except OSError as error:
        raise ConfigError(f"config: file {path!r} cannot be read: {error.strerror or error}") from error
    if len(content) > most:
        raise TooLargeError(f"config: files must hold at most {MOST_BYTES >> 20} MB together; {path!r} goes beyond")
    if path == STDIN:
        return ConfigText("standard input", Path.cwd(), content)
    return ConfigText(path, Path(os.path.abspath(path)).parent, content)
