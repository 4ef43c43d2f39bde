"""Growing text files: what was read before is not read again when only later times are asked for.

For each file a few places are remembered, each with the newest time of all rows before it. A reading that begins behind
that time needs only the head of the file, which tells what its columns are, and the rows behind the place. What was
written over, truncated or replaced is noticed by the bytes before the place, and read whole.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

LINED = frozenset({".csv", ".tsv", ".tab", ".psv", ".jsonl", ".ndjson"})  # one row a line
HEAD_BYTES = 1 << 18
CHECKED_BYTES = 1 << 12  # before a place
MOST_MARKS = 64
SETTLED_SECONDS = 10.0  # after which a line without an end counts as whole
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Mark:
    """A place behind the end of a line, and the newest time of the rows before it in ns; ``check``: the bytes there."""

    offset: int
    newest_ns: int
    check: bytes


class Tails:
    """What is remembered of files; by path and by what else decides on times (``key``). Any thread may ask."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._turn = threading.Lock()
        self._marks: dict[tuple[object, ...], list[Mark]] = {}

    def place(self, path: str, key: tuple[object, ...], before_ns: int) -> int:
        """Return from where on to read a file for rows not older than a time; 0 = the whole."""
        with self._turn:
            marks = self._valid(path, key)
            return max((mark.offset for mark in marks if mark.newest_ns < before_ns), default=0)

    def last(self, path: str, key: tuple[object, ...]) -> Mark | None:
        """Return the last place."""
        with self._turn:
            marks = self._valid(path, key)
            return marks[-1] if marks else None

    def add(self, path: str, key: tuple[object, ...], offset: int, newest_ns: int) -> None:
        """Remember a place; not one in the middle of a quoted field, nor in the head."""
        with self._turn:
            marks = self._marks.setdefault((path, *key), [])
            after = marks[-1].offset if marks else 0
            if offset <= max(after, HEAD_BYTES) or _quotes(path, after, offset) % 2:
                return
            marks.append(Mark(offset, newest_ns, _check(path, offset)))
            if len(marks) > MOST_MARKS:
                del marks[: MOST_MARKS // 2 : 2]

    def _valid(self, path: str, key: tuple[object, ...]) -> list[Mark]:
        marks = self._marks.get((path, *key), [])
        if marks and _check(path, marks[-1].offset) != marks[-1].check:
            marks.clear()
        return marks


def _check(path: str, offset: int) -> bytes:
    """What the file is, its head, and the bytes before a place; another text where the file does not reach it."""
    with Path(path).open("rb") as file:
        seen = sha256(f"{os.fstat(file.fileno()).st_ino} ".encode() + file.read(CHECKED_BYTES))
        file.seek(max(0, offset - CHECKED_BYTES))
        before = file.read(min(offset, CHECKED_BYTES))
    seen.update(before)
    return seen.digest() if len(before) == min(offset, CHECKED_BYTES) else b""


def _quotes(path: str, start: int, end: int) -> int:
    found = 0
    with Path(path).open("rb") as file:
        file.seek(start)
        left = end - start
        while left > 0 and (block := file.read(min(_BLOCK, left))):
            found += block.count(b'"')
            left -= len(block)
    return found


def end_of_lines(path: str) -> int:
    """Return the place behind the last line that has an end; 0 when there is none."""
    with Path(path).open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            begin = max(0, end - _BLOCK)
            file.seek(begin)
            at = file.read(end - begin).rfind(b"\n")
            if at >= 0:
                return begin + at + 1
            end = begin
    return 0


def is_being_written(path: str, end: int, now: float | None = None) -> bool:
    """Whether the last line has no end, and may get more: the file was changed just now."""
    found = os.stat(path)
    return found.st_size > end and (time.time() if now is None else now) - found.st_mtime < SETTLED_SECONDS


def copy_lines(path: str, target: Path, offset: int, end: int) -> bool:
    """Write the head of a file and its lines from a place to another; False when the head is not plain lines."""
    with Path(path).open("rb") as file, target.open("wb") as made:
        if offset:
            head = file.read(HEAD_BYTES)
            head = head[: head.rfind(b"\n") + 1]
            if not head or b"\0" in head or head.count(b'"') % 2:
                return False
            made.write(head)
            file.seek(offset)
        left = end - offset
        while left > 0 and (block := file.read(min(_BLOCK, left))):
            made.write(block)
            left -= len(block)
    return True
