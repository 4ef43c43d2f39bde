"""From a table and the roles of its columns to points: times, labels, values, and the rows that are bad."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import polars as pl

from redshank.errors import DataError
from redshank.sources.base import SHOWN_ROWS, BadRow, Findings, Query
from redshank.tables.raw import EXTRA, RawTable
from redshank.tables.roles import Measure, Roles, find_roles

TIME, BAD, FILE = "\x00time", "\x00bad", "file"
_MARGIN = 26 * 3_600_000_000_000  # local clocks are at most this far from UTC


@dataclass
class Parsed:
    """One table whose columns are understood; ``is_local`` says that ``TIME`` is still a local clock."""

    raw: RawTable
    roles: Roles
    query: Query
    in_stream: bool  # times become UTC inside the stream

    @classmethod
    def of(cls, raw: RawTable, query: Query, *, in_stream: bool) -> Parsed:
        """Find the roles of the columns."""
        roles = find_roles(raw, query)
        return cls(raw, roles, query, in_stream or roles.clock.is_mixed)

    @property
    def is_local(self) -> bool:
        """Whether ``TIME`` still has to be converted to UTC."""
        return self.query.tz is not None and not self.in_stream and self.roles.clock.is_local

    @property
    def shape(self) -> tuple[tuple[str, ...], tuple[str, ...], bool]:
        """What files must share to be joined."""
        return tuple(m.name for m in self.roles.measures), self.roles.labels, self.is_local

    def points(self) -> pl.LazyFrame:
        """Return TIME, the labels as text, ``m0`` .. as float64 without NaN, and BAD; blank lines are left out."""
        time = self._time()
        columns = [time.alias(TIME)]
        columns += [_label(name).alias(f"l{i}") for i, name in enumerate(self.roles.labels)]
        columns += [_value(measure).alias(f"m{i}") for i, measure in enumerate(self.roles.measures)]
        points = self.raw.frame.filter(self._is_asked()).select(
            *columns, self._is_bad().alias(BAD), (~self._is_blank()).alias("\x00row")
        )
        points = points.filter(pl.col("\x00row")).drop("\x00row")
        return self._near(points)

    def streamed(self, shorten: Callable[[pl.LazyFrame], pl.LazyFrame] = lambda points: points) -> pl.DataFrame:
        """Return the points, or what ``shorten`` makes of them, read in a stream."""
        try:
            return shorten(self.points()).collect(engine="streaming")
        except pl.exceptions.PolarsError as error:
            if self.raw.use_slow():
                return shorten(self.points()).collect(engine="streaming")
            reason = (str(error).splitlines() or ["?"])[0]
            raise DataError(f"{self.raw.where}: cannot be read: {reason}") from error

    def _near(self, points: pl.LazyFrame) -> pl.LazyFrame:
        """The points about the range asked for; the exact cut is made when times are UTC."""
        margin = _MARGIN if self.is_local else 0
        for bound, sign in ((self.query.start, -1), (self.query.end, 1)):
            if bound is not None:
                limit = int(bound.timestamp() * 1e6) * 1000 + sign * margin
                inside = pl.col(TIME) >= limit if sign < 0 else pl.col(TIME) < limit
                points = points.filter(inside | pl.col(TIME).is_null())
        return points

    def _is_asked(self) -> pl.Expr:
        """Whether a row passes the filter of the query."""
        kept = [pl.col(name).cast(pl.String).is_in(list(values)) for name, values in self.query.filter.items()]
        return pl.all_horizontal(kept) if kept else pl.lit(True)

    def _time(self) -> pl.Expr:
        time = self.roles.clock.nanos(self.query.tz if self.in_stream else None)
        return pl.when(pl.col(EXTRA).is_null()).then(time) if self._has_extra() else time

    def _has_extra(self) -> bool:
        return EXTRA in self.raw.frame.collect_schema().names()

    def _is_blank(self) -> pl.Expr:
        columns = self.roles.columns if len(self.raw.frame.collect_schema().names()) > 2 else []
        if not self.roles.clock.columns or not columns:
            return pl.lit(False)
        return pl.all_horizontal(pl.col(name).is_null() for name in columns)

    def _is_bad(self) -> pl.Expr:
        bad = [m.is_unreadable() for m in self.roles.measures if m.style]
        if self.roles.clock.columns:
            bad.append(self._time().is_null())
        if self._has_extra():
            bad.append(pl.col(EXTRA).is_not_null())
        return pl.any_horizontal(bad) if bad else pl.lit(False)

    def learn_times(self) -> bool:
        """Add the formats of times that could not be read so far; whether there were any."""
        clock = self.roles.clock
        if not clock.formats or not clock.columns:
            return False
        unread = self.raw.frame.filter(clock.nanos(None).is_null()).select(clock.text().alias("t"))
        more = clock.also(unread.drop_nulls().unique().head(200).collect(engine="streaming")["t"].to_list())
        if more is None:
            return False
        self.roles = replace(self.roles, clock=more)
        self.in_stream = self.in_stream or more.is_mixed
        return True

    def bad_rows(self) -> list[BadRow]:
        """Return the first bad rows with their numbers."""
        rows = (
            self.raw.frame.with_row_index("\x00i")
            .filter(self._is_asked() & self._is_bad() & ~self._is_blank())
            .head(SHOWN_ROWS)
        )
        found = rows.with_columns(self._time().alias(TIME)).collect(engine="streaming").sort("\x00i")
        numbers = self.raw.line_numbers(found["\x00i"].to_list())
        return [self._bad_row(row, at) for row, at in zip(found.drop("\x00i").to_dicts(), numbers, strict=True)]

    def _bad_row(self, row: dict[str, object], number: int) -> BadRow:
        time, extra = row.pop(TIME), row.pop(EXTRA, None)
        text = (self.raw.separator or ", ").join("" if value is None else str(value) for value in row.values())
        clock = self.roles.clock
        if extra is not None:
            reason = f"more fields than the {len(row)} of the header"
            text += f"{self.raw.separator or ', '}{extra}"
        elif time is None:
            got = " ".join(str(row[name]) for name in clock.columns if row[name] is not None)
            reason = f"{clock.name} is not a time like the others: {got!r}" if got else f"{clock.name} is empty"
        else:
            reason = "not a number where there must be one"
        return BadRow(number, text[:200], reason)


def _value(measure: Measure) -> pl.Expr:
    return measure.values() if measure.is_text else measure.values().fill_nan(None)


def _label(name: str) -> pl.Expr:
    """A label as text without nulls, kept as a number for each distinct text while it is read."""
    return pl.col(name).cast(pl.String).fill_null("").cast(pl.Categorical)


def report_bad(parsed: Parsed, bad: int, findings: Findings) -> None:
    """Put the bad rows of one table into the findings; DataError when they are to be errors."""
    raw = parsed.raw
    shown = [BadRow(*row) for row in raw.bad]
    if bad:
        shown += parsed.bad_rows()
    findings.bad_count += bad + raw.bad_count
    findings.bad_rows = (findings.bad_rows + shown)[:SHOWN_ROWS]
    if parsed.query.strict and (shown or bad + raw.bad_count):
        first = shown[0]
        raise DataError(
            f"{raw.where}: {bad + raw.bad_count:,} rows cannot be read; {raw.unit} {first.line}: {first.reason}, "
            f"got {first.text!r}"
        )
