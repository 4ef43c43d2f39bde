"""A file that grows by one JSON line for each change of an event: what log shippers and ``tail -f`` read."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Self

from redshank.decide import Event
from redshank.errors import SinkError
from redshank.result import Scored
from redshank.sinks.base import Notification, Sink
from redshank.sinks.files import check_writable, event_json
from redshank.specs.options import Access, Options

REMEMBERED_BYTES = 4 << 20  # of the end of the file, in which a line is looked for before it is written again
MOST_REMEMBERED = 100_000  # events, before those of the end of the file are taken in anew


class EventLogOptions(Options):
    """The file that events are added to, one JSON line for each change."""

    path: str


@dataclass(kw_only=True)
class EventLog(Sink):
    """Adds a line for each change of an event; a change that is the last known of its event is not written again.

    A line that a crash cut short is taken off before the next is added. Lines are on disk when a call returns.
    """

    kind: ClassVar[str] = "event_log"
    Options: ClassVar[type[Options]] = EventLogOptions
    path: Path
    _last: dict[str, bytes] = field(default_factory=dict, repr=False)  # digest of the last line, by id of the event
    _size: int | None = field(default=None, repr=False)  # of the file when it was last read or written

    @classmethod
    def build(cls, options: EventLogOptions, access: Access) -> Self:
        """Return the sink; ConfigError when the file lies outside of the folders allowed."""
        return cls(path=Path(access.path(options.path)))

    def check(self) -> None:
        """Raise SinkError when the file could not be written."""
        check_writable(self.path)

    def write_events(self, events: Sequence[Event]) -> None:
        """Add the events without a monitor's name."""
        self._add((event.id, event_json(event)) for event in events)

    def notify(self, notifications: Sequence[Notification]) -> None:
        """Add what changed, with monitor and kind."""
        self._add(
            (each.event.id, {"monitor": each.monitor, "kind": each.kind, **event_json(each.event)})
            for each in notifications
        )

    def write_scores(self, parts: Sequence[Scored]) -> None:
        """Write nothing: the log holds events only."""

    def _add(self, changes: Iterable[tuple[str, dict[str, Any]]]) -> None:
        with self._opened() as file:
            lines = [line for event_id, change in changes if (line := self._new_line(event_id, change))]
            if not lines:
                return
            file.seek(0, os.SEEK_END)
            file.write(b"".join(lines))
            file.flush()
            os.fsync(file.fileno())
            self._size = file.tell() if len(self._last) < MOST_REMEMBERED else None

    def _new_line(self, event_id: str, change: dict[str, Any]) -> bytes:
        """The line of a change; empty when it is the one already there."""
        line = json.dumps(change, ensure_ascii=False, allow_nan=False).encode() + b"\n"
        digest = hashlib.sha256(line).digest()
        if self._last.get(event_id) == digest:
            return b""
        self._last[event_id] = digest
        return line

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        """The file for adding, what others or a crash did to it taken in first."""
        try:
            with self.path.open("a+b") as file:
                if self._size != os.fstat(file.fileno()).st_size:
                    self._take_in(file)
                yield file
        except OSError as error:
            self._size = None
            raise SinkError(f"{self.path}: cannot be written: {error.strerror or error}") from error

    def _take_in(self, file: BinaryIO) -> None:
        size = file.seek(0, os.SEEK_END)
        first = max(0, size - REMEMBERED_BYTES)
        file.seek(first)
        tail = file.read()
        whole = tail.rfind(b"\n") + 1
        if whole < len(tail):
            file.truncate(first + whole)
        lines = tail[:whole].splitlines(keepends=True)
        self._last = {}
        for line in lines[1:] if first else lines:
            try:
                self._last[json.loads(line)["id"]] = hashlib.sha256(line).digest()
            except (ValueError, KeyError, TypeError):
                continue  # a line of somebody else's
        self._size = first + whole
