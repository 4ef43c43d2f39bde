"""Which files a list of paths, folders and globs means."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from redshank.errors import SourceError

STDIN = "-"
COMPRESSIONS = (".gz", ".zst", ".zip", ".bz2")
_KNOWN = """
    .csv .tsv .txt .tab .psv .dat .log .json .jsonl .ndjson .parquet .pq .arrow .feather .ipc .xlsx .xls .xlsm .xlsb
    .ods .yaml .yml .pkl .pickle
"""
KNOWN = frozenset(_KNOWN.split())


def find_files(paths: Sequence[str]) -> list[str]:
    """Return the files in order of their names; SourceError when a path leads to none."""
    found: dict[str, None] = {}
    for path in paths:
        for one in _files_at(path):
            found.setdefault(one)
    if not found:
        raise SourceError("files: at least one path must be given")
    return list(found)


def format_suffix(path: str) -> str:
    """Return the suffix that tells the format, below that of a compression: ``.csv`` of ``cpu.csv.gz``."""
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    while suffixes and suffixes[-1] in COMPRESSIONS:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _files_at(path: str) -> list[str]:
    if path == STDIN:
        return [STDIN]
    place = Path(path).expanduser()
    if _exists(place):
        return _files_in(place) if place.is_dir() else [str(place)]
    if glob.has_magic(path):
        matches = sorted(one for one in glob.glob(str(place), recursive=True) if Path(one).is_file())
        once = {
            os.path.realpath(one): one for one in sorted(matches, key=len, reverse=True)
        }  # links may run in circles
        if once:
            return sorted(once.values())
        raise SourceError(f"files: no file matches {path!r}")
    raise SourceError(f"files: {path!r} does not exist{_near(place)}")


def _exists(place: Path) -> bool:
    try:
        return place.exists()
    except (OSError, ValueError) as error:
        raise SourceError(f"files: {str(place)!r} is not a path that can be read: {error}") from error


def _files_in(folder: Path) -> list[str]:
    try:
        inside = sorted(p for p in folder.rglob("*") if p.is_file() and not _is_hidden(p.relative_to(folder)))
    except OSError as error:
        raise SourceError(f"files: folder {str(folder)!r} cannot be read: {error}") from error
    known = [str(p) for p in inside if format_suffix(p.name) in KNOWN]
    if not known:
        shown = ", ".join(p.name for p in inside[:5]) or "nothing"
        raise SourceError(f"files: folder {str(folder)!r} must hold files such as .csv, .json or .parquet, got {shown}")
    return known


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _near(place: Path) -> str:
    try:
        names = [p.name for p in place.parent.iterdir()]
    except OSError:
        return ""
    close = get_close_matches(place.name, names, n=1)
    return f"; did you mean {str(place.parent / close[0])!r}?" if close else ""
