"""Files that are begun anew each day: events and scores as CSV, JSON lines or Parquet, named by a pattern."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import field_validator, model_validator

from redshank.decide import Event
from redshank.errors import SinkError
from redshank.result import Scored
from redshank.sinks.base import Notification, ScoreBlock, Sink
from redshank.sinks.file_rows import EventRows, Point, ResultRows, ScoreRows, event_row, points_of
from redshank.sinks.files import check_writable
from redshank.sinks.row_files import FORMATS, Layout, RowFile, Value
from redshank.sinks.score_options import SinceOptions
from redshank.specs.options import Access, Options

QUARTER_SECONDS = 900  # offsets of time zones are multiples of it, so an hour of a pattern begins with one
MOST_OPEN = 64  # files of which it is remembered how they were left
_MONITOR = "{monitor}"
_CODES = frozenset("YmdHjyGVu%")  # of strftime, that are digits in every language
_PLAIN = re.compile(r"[^\w.,=@+ ()\[\]#-]")
_TRIAL = datetime(2026, 1, 1)  # noqa: DTZ001 - any day


class DailyFileOptions(SinceOptions):
    """Patterns of names for events, for scores or both, such as ``out/events_%Y-%m-%d.csv``; the suffix is the format.

    ``{monitor}`` in a pattern is the name of the monitor. ``tz``: where days begin. ``layout``: ``results`` writes
    scores in the columns of the results of tsad.
    """

    events: str | None = None
    scores: str | None = None
    tz: str = "UTC"
    layout: Literal["plain", "results"] = "plain"

    @field_validator("events", "scores")
    @classmethod
    def _pattern(cls, given: str | None) -> str | None:
        if given is None:
            return None
        codes = re.findall(r"%(.?)", given.replace("%%", ""), re.DOTALL)
        wrong = next((code for code in codes if code not in _CODES), None)
        if wrong is not None:
            raise ValueError(f"must hold %Y, %m, %d, %H or %j only, got %{wrong}")
        if Path(given).suffix not in FORMATS:
            raise ValueError(f"must end in {', '.join(FORMATS)}, got {given[-20:]!r}")
        return given

    @field_validator("tz")
    @classmethod
    def _zone(cls, given: str) -> str:
        try:
            ZoneInfo(given)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"must be a time zone such as Europe/Oslo, got {given!r}") from None
        return given

    @model_validator(mode="after")
    def _something(self) -> DailyFileOptions:
        if self.events is None and self.scores is None:
            raise ValueError("events or scores must name files, got neither")
        if self.layout == "results" and (self.scores is None or not self.scores.endswith(".csv")):
            raise ValueError(f"layout results needs scores that end in .csv, got {self.scores!r}")
        return self


class DailyFiles(Sink):
    """A file a day, or whatever the pattern says; an event belongs to the day of its start."""

    kind: ClassVar[str] = "daily_files"
    Options: ClassVar[type[Options]] = DailyFileOptions

    def __init__(self, options: DailyFileOptions, access: Access) -> None:
        """Keep the patterns; nothing is opened yet."""
        self._options, self._access = options, access
        self._zone = ZoneInfo(options.tz)
        self._score_rows: ScoreRows | ResultRows = ResultRows() if options.layout == "results" else ScoreRows()
        self._files: OrderedDict[Path, RowFile] = OrderedDict()
        self._turn = threading.Lock()

    @classmethod
    def build(cls, options: DailyFileOptions, access: Access) -> Self:
        """Return the sink; ConfigError when a file would lie outside of the folders allowed."""
        made = cls(options, access)
        for pattern in made._patterns():
            made._path(pattern, _TRIAL, "monitor")
        return made

    @property
    def wants_scores(self) -> bool:
        """Whether there are files for scores."""
        return self._options.scores is not None

    @property
    def scores_since(self) -> datetime | None:
        """From when on."""
        return self._options.scores_since

    def check(self) -> None:
        """Raise SinkError when a file of today could not be written."""
        for pattern in self._patterns():
            path = self._path(pattern, datetime.now(self._zone), "monitor")
            if _is_varied(pattern):
                _make_folder(path)
            check_writable(path)

    def write_events(self, events: Sequence[Event]) -> None:
        """Write events of no monitor."""
        self.notify([Notification(monitor="", kind="anomaly", event=event) for event in events])

    def notify(self, notifications: Sequence[Notification]) -> None:
        """Write events, each in its newest form once."""
        if self._options.events is None:
            return
        rows: dict[Path, list[dict[str, Value]]] = defaultdict(list)
        for told in notifications:
            rows[self._path(self._options.events, told.event.start, told.monitor)].append(event_row(told))
        self._put(rows, EventRows())

    def write_scores(self, parts: Sequence[Scored]) -> None:
        """Write the scores of no monitor."""
        self.record(ScoreBlock(monitor="", parts=parts))

    def record(self, block: ScoreBlock) -> None:
        """Write the points that have a value or a score, each once."""
        if self._options.scores is None:
            return
        points = list(points_of(block))
        if isinstance(self._score_rows, ResultRows):
            self._learn_measures(points, self._score_rows)
        rows: dict[Path, list[dict[str, Value]]] = defaultdict(list)
        paths: dict[int, Path] = {}
        for point in points:
            quarter = int(point.time.timestamp()) // QUARTER_SECONDS
            if quarter not in paths:
                paths[quarter] = self._path(self._options.scores, point.time, block.monitor)
            rows[paths[quarter]].append(self._score_rows.row(point))
        self._put(rows, self._score_rows)

    def _learn_measures(self, points: Iterable[Point], layout: ResultRows) -> None:
        """Know what is a measure and no label; what was read before that is read anew."""
        new = {point.measure for point in points} - layout.measures
        if new:
            layout.measures |= new
            for file in self._files.values():
                file.forget()

    def _put(self, rows: Mapping[Path, Sequence[Mapping[str, Value]]], layout: Layout) -> None:
        with self._turn:
            for path, some in rows.items():
                file = self._files.pop(path, None) or RowFile(path, layout)
                self._files[path] = file
                _make_folder(path)
                file.put(some)
            while len(self._files) > MOST_OPEN:
                self._files.popitem(last=False)

    def _patterns(self) -> list[str]:
        return [pattern for pattern in (self._options.events, self._options.scores) if pattern is not None]

    def _path(self, pattern: str, moment: datetime, monitor: str) -> Path:
        """Where a row of a moment goes; ConfigError when that is outside of the folders allowed."""
        local = moment.astimezone(self._zone)
        name = _PLAIN.sub(lambda found: f"%{ord(found[0]):02X}", monitor) or "none"
        return Path(self._access.path(local.strftime(pattern).replace(_MONITOR, name)))


def _is_varied(pattern: str) -> bool:
    """Whether the folder of a pattern changes with the day or monitor."""
    folder = str(Path(pattern).parent)
    return "%" in folder or _MONITOR in folder


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(f"{path.parent}: cannot be made: {error.strerror or error}") from error
