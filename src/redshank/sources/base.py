"""The source contract: what to read, what was read, and what was found out on the way.

Laws of every source: what is there is returned, nothing is filled in or invented; reading twice gives the same;
aggregation pushed down to the system equals aggregation of the raw points here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import unquote_plus

from redshank.durations import format_duration
from redshank.errors import ConfigError, SourceError
from redshank.panel import Panel
from redshank.sources.counts import Counts

if TYPE_CHECKING:
    from redshank.sources.survey import Survey
    from redshank.specs.options import Access, Options

Progress = Callable[[float | None, str], None]  # (share done or None when unknown, what is being done)

AGGREGATIONS = ("count", "min", "max", "sum", "mean", "median", "variance", "std", "first", "last", "cardinality")
OTHER_NAMES = {"avg": "mean", "average": "mean", "std_deviation": "std", "stddev": "std", "var": "variance"}
ROWS = ("*",)  # as measures: the rows themselves, which are counted
SHOWN_ROWS = 5  # bad rows kept to show


@dataclass(frozen=True, kw_only=True)
class Query:
    """What to read, and how, where it should not be found out from the data.

    Args:
        measures: value columns; empty = find them; ``ROWS`` with agg "count" = none, rows are counted.
        by: label columns; None = find them, () = none.
        time: the time column; None = find it.
        step: time between points, or length of the buckets of ``agg``; None = find it.
        agg: how the rows of one bucket become one value: a name of ``AGGREGATIONS`` or ``p0`` to ``p100``; one of
            ``OTHER_NAMES`` becomes its name here.
        tz: zone of times that carry none, and of day-long buckets; None = UTC.
        start: only points from here on.
        end: only points before this.
        filter: only rows whose column of that name is, as text, one of these values.
        closed: all before ``end`` is there, so that the last bucket is full however few rows it has; empty buckets in
            between are then left without a value, also where they would count as 0.
        strict: a row that cannot be read is an error instead of being counted.
        multivariate: the measures are channels of one series instead of series.
        separator: between the fields of a text table; None = find it.
        decimal: ``"."`` or ``","``; None = find it.
        encoding: of text; None = find it.
        sheet: of a workbook; None = the first with rows.
        records: dotted path to the list of records in nested data; None = find it.
        allow_pickle: read pickle files, plain data only.
    """

    measures: tuple[str, ...] = ()
    by: tuple[str, ...] | None = None
    time: str | None = None
    step: timedelta | None = None
    agg: str | None = None
    tz: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    filter: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    closed: bool = False
    strict: bool = False
    multivariate: bool = False
    separator: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    records: str | None = None
    allow_pickle: bool = False

    def __post_init__(self) -> None:
        if self.agg is not None:
            object.__setattr__(self, "agg", read_aggregation(self.agg))
        if self.decimal not in (None, ".", ","):
            raise ConfigError(f"decimal: must be . or , got {self.decimal!r}", field="decimal")
        if self.step is not None and self.step <= timedelta(0):
            raise ConfigError(f"step: must be above zero, got {self.step}", field="step")
        if self.tz is not None:
            check_zone(self.tz)
        if self.start and self.end and self.start >= self.end:
            raise ConfigError(f"from: must be before to, got {self.start} and {self.end}", field="start")


@dataclass(frozen=True)
class BadRow:
    """A row that could not be read: its line (or row) number counted from 1, its text, and why."""

    line: int
    text: str
    reason: str


@dataclass(kw_only=True)
class Findings:
    """What was found out while reading; every part can be set by a field of ``Query`` instead.

    ``gaps``: points missing between the first and the last of their series. ``duplicates``: rows that another row of
    the same series and time took the place of. ``unsorted``: rows that came before an earlier time of their series.
    ``infinite``: infinite values, turned into missing ones. ``step``: None when times are irregular or there is one
    point.
    """

    name: str = ""
    rows: int = 0
    n_series: int = 0
    n_files: int = 1
    bad_count: int = 0
    bad_rows: list[BadRow] = field(default_factory=list)
    time: str | None = None
    time_format: str = ""
    zone: str = "UTC"
    measures: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    step: timedelta | None = None
    gaps: int = 0
    duplicates: int = 0
    unsorted: int = 0
    infinite: int = 0
    notes: list[str] = field(default_factory=list)

    def line(self) -> str:
        """Return one line for people."""
        parts = [
            f"{self.name}: {count(self.rows, 'row')}" if self.name else count(self.rows, "row"),
            f"time {self.time!r} ({self.time_format})" if self.time is not None else self.time_format,
            f"{count(len(self.measures), 'measure')} {_short_list(self.measures)}" if self.measures else "",
            f"by {', '.join(self.labels)}" if self.labels else "",
            count(self.n_series, "series", "series") if self.n_series else "",
            f"step {format_duration(self.step)}" if self.step else ("irregular times" if self.n_series else ""),
            *self._counts(),
        ]
        return ", ".join(part for part in parts if part)

    def _counts(self) -> list[str]:
        named = (
            (self.gaps, "missing point"),
            (self.duplicates, "duplicate"),
            (self.unsorted, "unsorted row"),
            (self.infinite, "infinite value"),
            (self.bad_count, "unreadable row"),
        )
        return [count(number, what) for number, what in named if number]

    def to_json(self) -> dict[str, Any]:
        """Return the same as JSON values."""
        return {
            "name": self.name,
            "rows": self.rows,
            "series": self.n_series,
            "files": self.n_files,
            "bad_rows": self.bad_count,
            "bad_rows_shown": [{"line": row.line, "text": row.text, "reason": row.reason} for row in self.bad_rows],
            "time": self.time,
            "time_format": self.time_format,
            "zone": self.zone,
            "measures": list(self.measures),
            "labels": list(self.labels),
            "step_seconds": None if self.step is None else self.step.total_seconds(),
            "gaps": self.gaps,
            "duplicates": self.duplicates,
            "unsorted": self.unsorted,
            "infinite": self.infinite,
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Reading:
    """The panels read (series on one grid share a panel) and what was found out."""

    panels: list[Panel]
    findings: Findings


class Source(ABC):
    """Reads panels from one system.

    ``Options``: what a declaration of this kind may say, a pydantic model; ``build`` makes a source of one.
    ``schemes``: what addresses of this kind begin with, where a command takes one: ``("es", "elasticsearch")``.
    """

    kind: ClassVar[str]
    schemes: ClassVar[tuple[str, ...]] = ()
    Options: ClassVar[type[Options]]

    @cached_property
    def counts(self) -> Counts:
        """What this object did so far; it is the one to add to it."""
        return Counts()

    @classmethod
    def options_of(cls, url: str) -> dict[str, Any]:
        """Return the options that an address stands for.

        They are ``url``, and what its ``?name=value`` part says of other options, which is taken out of it.
        """
        return url_options(url, cls.Options.model_fields)

    @classmethod
    @abstractmethod
    def build(cls, options: Any, access: Access) -> Self:
        """Return the source that ``options`` (of the class ``Options``) describe; reaches nothing yet."""

    @abstractmethod
    def read(self, query: Query, progress: Progress | None = None) -> Reading:
        """Return the panels that ``query`` asks for; SourceError when unreachable, DataError when of no use."""

    @abstractmethod
    def describe(self) -> str:
        """Return what is read, for messages: ``csv data/cpu.csv``."""

    @abstractmethod
    def preview(self, n: int = 10) -> list[dict[str, Any]]:
        """Return the first ``n`` rows as they stand there, for a look."""

    @abstractmethod
    def newest(self, query: Query) -> datetime | None:
        """Return the newest time there is (``query`` says which column and zone), without reading more than needed.

        None when there is nothing yet. Raises SourceError when unreachable, DataError when there is no time.
        """

    def signature(self) -> str | None:
        """Return a text that is another one whenever there is something new, found at almost no cost; None = no such.

        Raises SourceError when unreachable.
        """
        return None

    def cancel(self) -> None:  # noqa: B027 - a source that waits for nobody has nothing to give up
        """Give up what other threads read from this source; they end with SourceError soon."""

    def survey(self, query: Query) -> Survey:
        """Return what is there; ``query`` may name the roles of columns. By default as some first rows show it."""
        from redshank.sources.survey import LOOKED_AT, survey_of
        from redshank.tables.native import native_table

        return survey_of(self.describe(), native_table(self.preview(LOOKED_AT)).collect(), query)

    def check(self) -> None:
        """Reach the source and read one row; SourceError or DataError says what to mend."""
        if not self.preview(1):
            raise SourceError(f"{self.describe()}: can be reached, but holds no rows yet")


def url_options(url: str, names: Container[str]) -> dict[str, Any]:
    """Return ``url`` and what its ``?name=value`` part gives for these names, which is taken out of it."""
    base, mark, rest = url.partition("?")
    asked, hash_mark, fragment = rest.partition("#")
    taken: dict[str, Any] = {}
    kept = []
    for part in asked.split("&"):
        name, _, value = part.partition("=")
        name = unquote_plus(name)
        if name in names and name != "url":
            taken[name] = unquote_plus(value)
        elif part:
            kept.append(part)
    tail = (mark + "&".join(kept) if kept else "") + hash_mark + fragment
    return {"url": base + tail, **taken}


def count(number: int, what: str, many: str | None = None) -> str:
    """Return ``1 row``, ``2,000 rows``."""
    return f"{number:,} {what if number == 1 else many or what + 's'}"


def read_aggregation(agg: str) -> str:
    """Return the name of an aggregation; ConfigError, with the choices, when there is no such."""
    agg, digits = OTHER_NAMES.get(agg, agg), agg[1:]
    if agg in AGGREGATIONS or (agg[:1] == "p" and digits.replace(".", "", 1).isdecimal() and float(digits) <= 100):
        return agg
    raise ConfigError(f"agg: must be one of {', '.join(AGGREGATIONS)} or p0 to p100, got {agg!r}", field="agg")


def check_zone(tz: str) -> None:
    """Raise ConfigError when there is no such time zone."""
    from zoneinfo import ZoneInfo, available_timezones

    try:
        ZoneInfo(tz)
    except (KeyError, ValueError, OSError):
        from redshank.errors import did_you_mean

        known = available_timezones()
        near = did_you_mean("time zone", tz, known)
        text = near if "mean" in near else f"unknown time zone {tz!r}; names are like Europe/Oslo or UTC"
        raise ConfigError(f"tz: {text}", field="tz") from None


def _short_list(names: tuple[str, ...], shown: int = 4) -> str:
    return ", ".join(names[:shown]) + (", ..." if len(names) > shown else "")
