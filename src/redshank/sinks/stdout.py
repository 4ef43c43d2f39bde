"""Write each change of an event as a line to standard output: what a container is listened to by."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Literal, Self

from redshank.errors import SinkError
from redshank.sinks.base import Notification, ScoreBlock
from redshank.sinks.file_rows import ScoreRows, points_of
from redshank.sinks.files import event_json, plain
from redshank.sinks.monitor_sink import MonitorSink
from redshank.sinks.score_options import ScoreOptions
from redshank.specs.options import Access, Options

_TURN = threading.Lock()  # lines of two sinks must not run into each other
_UNPRINTABLE = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}


class StdoutOptions(ScoreOptions):
    """``format``: ``json``, an object a line, or ``text`` for people. ``stream``: where to."""

    format: Literal["json", "text"] = "json"
    stream: Literal["stdout", "stderr"] = "stdout"


class Stdout(MonitorSink):
    """Lines of standard output or error; a change that is delivered again is a line again, told by id and sequence."""

    kind: ClassVar[str] = "stdout"
    Options: ClassVar[type[Options]] = StdoutOptions
    _options: StdoutOptions

    def __init__(self, options: StdoutOptions) -> None:
        """Keep how to write."""
        self._options = options

    @classmethod
    def build(cls, options: StdoutOptions, access: Access) -> Self:
        """Return the sink."""
        return cls(options)

    def check(self) -> None:
        """Raise SinkError when the stream is closed."""
        self._write(())

    def notify(self, notifications: Sequence[Notification]) -> None:
        """Write a line for each."""
        line = _event_text if self._options.format == "text" else _event_line
        self._write(line(told) for told in notifications)

    def record(self, block: ScoreBlock) -> None:
        """Write a line for each point that has a value or a score."""
        if not self._options.scores:
            return
        rows, is_text = ScoreRows(), self._options.format == "text"
        self._write(_point_text(rows.row(one)) if is_text else _json(rows.row(one)) for one in points_of(block))

    def _write(self, lines: Iterable[str]) -> None:
        stream = getattr(sys, self._options.stream)
        try:
            with _TURN:
                stream.write("".join(f"{line}\n" for line in lines))
                stream.flush()
        except (OSError, ValueError, AttributeError) as error:
            raise SinkError(f"{self._options.stream}: cannot be written: {error}") from error


def _event_line(told: Notification) -> str:
    about = {"monitor": told.monitor, "kind": told.kind, "state": told.state, "tags": list(told.tags), "url": told.url}
    return _json({**about, "sequence": told.sequence, **event_json(told.event)})


def _event_text(told: Notification) -> str:
    event = told.event
    parts = (
        str(plain(event.end if told.state == "closed" else event.opened)),
        f"{told.state} {told.kind}",
        f"severity {event.severity}",
        f"{told.monitor}: {event.key}",
        event.reason,
    )
    return "  ".join(part for part in parts if part).translate(_UNPRINTABLE)


def _point_text(row: dict[str, Any]) -> str:
    names = ("time", "monitor", "series", "actual", "expected", "score")
    return "  ".join("-" if row[name] is None else str(row[name]) for name in names).translate(_UNPRINTABLE)


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=True)
