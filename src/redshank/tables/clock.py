"""Which columns hold the time, and how it is read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from redshank.errors import DataError, did_you_mean
from redshank.tables import names
from redshank.tables.raw import RawTable
from redshank.tables.times import (
    TIME_OF_DAY,
    WHOLE,
    TextFormat,
    compact_format,
    is_day_first,
    is_year_first,
    number_unit,
    read_numbers,
    text_formats,
)
from redshank.tables.zones import utc_expression

LOOKED_AT = 500  # distinct values looked at to find a format
READABLE = 0.9
_DAY = 86_400_000_000_000
_EXCEL_ORIGIN = -25_569 * _DAY  # workbooks count days from 1899-12-30
_SERIAL_DAYS = (18_264, 73_050)  # 1950 to 2099


@dataclass(frozen=True)
class Clock:
    """The time of the rows.

    ``columns``: the column, or those that make it up (date, time of day); empty when rows are one second apart.
    ``formats``: of text, tried in this order. ``nanoseconds``: of the unit of a number, counted from ``origin``
    nanoseconds after 1970. ``kind``: for people.
    """

    columns: tuple[str, ...] = ()
    kind: str = "no time column: rows 1s apart from 1970-01-01"
    formats: tuple[TextFormat, ...] = ()
    nanoseconds: int = 0
    origin: int = 0
    is_whole: bool = True
    native: pl.DataType | None = None
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str | None:
        """Name for people; None without a time column."""
        return "+".join(self.columns) or None

    @property
    def is_local(self) -> bool:
        """Whether times carry no zone."""
        if self.native is not None:
            return not getattr(self.native, "time_zone", None)
        return any(not one.has_zone for one in self.formats)

    @property
    def is_mixed(self) -> bool:
        """Whether some times carry a zone and some do not."""
        return len({one.has_zone for one in self.formats}) > 1

    def text(self) -> pl.Expr:
        """Return the time as one text."""
        parts = [pl.col(name).cast(pl.String).str.strip_chars() for name in self.columns]
        return parts[0] if len(parts) == 1 else pl.concat_str(parts, separator=" ")

    def nanos(self, tz: str | None) -> pl.Expr:
        """Return nanoseconds: of UTC for times with a zone, of the local clock otherwise.

        With ``tz``, local ones become UTC here, the hour that comes twice as its first pass.
        """
        if not self.columns:
            return pl.int_range(pl.len(), dtype=pl.Int64) * 1_000_000_000
        if self.native is not None:
            column = pl.col(self.columns[0])
            base = (column.cast(pl.Datetime("ns")) if self.native == pl.Date else column).dt.epoch("ns")
            return utc_expression(base, tz) if tz and self.is_local else base
        if self.nanoseconds:
            return read_numbers(pl.col(self.columns[0]), self.nanoseconds, is_whole=self.is_whole) + self.origin
        text = self.text()
        read = [
            utc_expression(one.read(text), tz) if tz and not one.has_zone else one.read(text) for one in self.formats
        ]
        return pl.coalesce(read)

    def also(self, texts: Sequence[str]) -> Clock | None:
        """Return this clock with the formats of more texts; None when they add none."""
        if not self.formats:
            return None
        day_first = next((one.day_first for one in self.formats if one.day_first is not None), True)
        found = text_formats(texts, day_first=bool(day_first))
        if any(one.pattern.startswith("%y") for one in self.formats):
            found = [_year_first(one) for one in found]
        more = [one for one in found if one not in self.formats]
        return replace(self, formats=(*self.formats, *more)) if more else None


def find_clock(raw: RawTable, sample: pl.DataFrame, asked: str | None) -> Clock:
    """Return how the time of a table is read: by the column asked for, else by one that looks like it."""
    if asked is not None:
        return _asked(raw, sample, asked)
    named = [name for name in sample.columns if names.plain(name) in names.TIMESTAMPS]
    if not named and raw.separator is None:
        named = [name for name in sample.columns if names.plain(name.rsplit(".", 1)[-1]) in names.TIMESTAMPS]
    native = [name for name in sample.columns if sample[name].dtype.is_temporal() and sample[name].dtype != pl.Time]
    texts = [name for name in sample.columns if sample[name].dtype == pl.String]
    numbers = [name for name in sample.columns if sample[name].dtype.is_numeric()]
    for name in [*(n for n in native if n in named), *native, *named, *texts, *numbers]:
        clock = _clock_of(raw, sample, name, is_named=name in named)
        if clock:
            return _with_time_of_day(raw, sample, clock)
    return _from_parts(raw, sample) or Clock()


def _asked(raw: RawTable, sample: pl.DataFrame, asked: str) -> Clock:
    columns = tuple(asked.split("+")) if asked not in sample.columns and "+" in asked else (asked,)
    for name in columns:
        if name not in sample.columns:
            raise DataError(column_not_found(raw.where, name, sample.columns), field="time")
    if len(columns) > 1:
        clock = _joined(raw, sample, columns)
    else:
        found = _clock_of(raw, sample, asked, is_named=True)
        clock = found and _with_time_of_day(raw, sample, found)
    if clock is None:
        shown = sample.select(pl.col(columns)).drop_nulls().head(1).rows()
        got = " ".join(str(value) for value in shown[0]) if shown else "no value"
        raise DataError(f"{raw.where}: column {asked!r} must hold times, got {got!r}", field="time")
    return clock


def column_not_found(where: str, name: str, columns: Sequence[str]) -> str:
    """Return the message for a column that is not there, with the near names or all of them."""
    near = did_you_mean("column", name, columns)
    listed = ", ".join(columns[:20]) + (", ..." if len(columns) > 20 else "")
    hint = near[near.index("did you") :] if "did you" in near else ""
    return f"{where}: column {name!r} not found; {hint + ' ' if hint else ''}columns are {listed}"


def _clock_of(raw: RawTable, sample: pl.DataFrame, name: str, *, is_named: bool) -> Clock | None:
    column = sample[name]
    if column.dtype.is_temporal():
        zone = getattr(column.dtype, "time_zone", None)
        kind = f"{column.dtype}".lower().split("(")[0] + (f" in {zone}" if zone else "")
        return Clock((name,), kind, native=column.dtype) if column.dtype not in (pl.Time, pl.Duration) else None
    values = column.drop_nulls()
    if values.is_empty():
        return None
    if column.dtype == pl.String:
        return _text_clock(raw, values, (name,)) or _digits_clock(values.head(SAMPLE), name, is_named=is_named)
    if column.dtype.is_numeric():
        if is_named and raw.where.startswith("excel") and bool(values.is_between(*_SERIAL_DAYS).all()):
            return Clock((name,), "days of Excel", nanoseconds=_DAY, is_whole=False, origin=_EXCEL_ORIGIN)
        return _number_clock(values, name, is_named=is_named)
    return None


SAMPLE = 5000


def _text_clock(raw: RawTable, values: pl.Series, columns: tuple[str, ...]) -> Clock | None:
    """A clock of text that is more than digits."""
    looked = values.str.strip_chars().unique(maintain_order=True)
    looked = pl.concat([looked.head(LOOKED_AT), looked.tail(50)]).unique(maintain_order=True)
    if bool(looked.str.contains(r"^[-+]?\d*\.?\d*([eE][-+]?\d+)?$").mean() > 1 - READABLE):  # type: ignore[operator]
        return None
    formats = text_formats(looked.to_list(), day_first=True)
    notes: tuple[str, ...] = ()
    if any(one.day_first is not None for one in formats):
        dates = _dates(raw, columns[0])
        day_first, settled = is_day_first(dates)
        formats = text_formats(looked.to_list(), day_first=day_first)
        if is_year_first(dates):
            formats = [_year_first(one) for one in formats]
        elif not settled:
            notes = ("day and month cannot be told apart in these dates; read as day first",)
    clock = Clock(columns, _kind(formats), tuple(formats), notes=notes)
    if not formats:
        return None
    read = pl.DataFrame({columns[0]: looked}).select(pl.coalesce([one.read(pl.col(columns[0])) for one in formats]))
    return clock if (read.to_series().is_not_null().mean() or 0) >= READABLE / 1.8 else None  # type: ignore[operator]


def _year_first(form: TextFormat) -> TextFormat:
    """The format of dates such as 24/01/31 in place of that of 31/01/24."""
    pattern = re.sub(r"^%[dm]([-/.])%[dm]\1%y", r"%y\1%m\1%d", form.pattern)
    return replace(form, pattern=pattern, day_first=None)


def _dates(raw: RawTable, column: str) -> list[str]:
    """All distinct dates of the table, to tell day from month."""
    date = pl.col(column).str.extract(r"^\D*(\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})", 1)
    try:
        rows = raw.frame.select(date.alias("date")).unique().collect(engine="streaming")
    except pl.exceptions.PolarsError:
        if not raw.use_slow():
            raise
        rows = raw.frame.select(date.alias("date")).unique().collect(engine="streaming")
    return rows["date"].drop_nulls().to_list()


def _kind(formats: Sequence[TextFormat]) -> str:
    if not formats:
        return ""
    pattern = formats[0].pattern
    iso = pattern.replace("T", " ").startswith(("%Y-%m-%d %H:%M", "%Y-%m-%d"))
    order = {True: "day first ", False: "month first ", None: ""}[formats[0].day_first]
    several = f" and {len(formats) - 1} more" if len(formats) > 1 else ""
    return ("ISO" if iso and "%z" not in pattern else order + pattern) + several


def _digits_clock(texts: pl.Series, name: str, *, is_named: bool) -> Clock | None:
    """A clock of numbers that stand as text."""
    texts = texts.str.strip_chars()
    numbers = texts.cast(pl.Float64, strict=False).drop_nulls()
    if len(numbers) < READABLE * len(texts) or numbers.is_empty():
        return None
    is_whole = not bool(texts.str.contains(r"[.eE]").any())
    clock = _number_clock(numbers.cast(pl.Int64) if is_whole else numbers, name, is_named=is_named)
    return clock


def _number_clock(numbers: pl.Series, name: str, *, is_named: bool) -> Clock | None:
    """A clock of numbers: compact dates, seconds and their parts since 1970, or seconds from zero."""
    is_whole = numbers.dtype.is_integer()
    compact = compact_format(numbers) if is_whole else None
    steps = numbers.diff().drop_nulls()
    rising = steps.is_empty() or int((steps >= 0).sum()) > len(steps) // 2
    if compact and (is_named or (rising and compact.pattern not in WHOLE)):
        return Clock((name,), f"numbers like {numbers[0]}", (compact,))
    unit = number_unit(numbers)
    if unit and (is_named or (rising and numbers.is_sorted() and bool((numbers > 0).all()))):
        return Clock((name,), f"epoch {unit[0]}", nanoseconds=unit[1], is_whole=is_whole)
    if is_named and numbers.is_sorted() and len(numbers) > 1 and numbers.n_unique() > 1:
        note = f"{name!r} is no date: read as seconds, counted from 1970-01-01"
        return Clock((name,), "seconds", nanoseconds=1_000_000_000, is_whole=is_whole, notes=(note,))
    return None


def _with_time_of_day(raw: RawTable, sample: pl.DataFrame, clock: Clock) -> Clock:
    """The clock with a second column that holds the time of day, when the first holds only dates."""
    only_dates = (clock.native == pl.Date) or (
        bool(clock.formats) and all("%H" not in one.pattern and "%I" not in one.pattern for one in clock.formats)
    )
    if not only_dates or any(one.pattern in WHOLE for one in clock.formats):
        return clock
    for name in sample.columns:
        if name in clock.columns:
            continue
        column = sample[name].drop_nulls()
        is_clock = column.dtype == pl.Time
        if column.dtype == pl.String and len(column):
            is_clock = int(column.str.contains(TIME_OF_DAY).sum()) >= READABLE * len(column)
        is_hour = names.plain(name) in names.HOURS and _is_within(column, 0, 24)
        if is_clock or is_hour:
            joined = _joined(raw, sample, (*clock.columns, name))
            if joined:
                return joined
    return clock


def _is_within(column: pl.Series, low: int, high: int) -> bool:
    numbers = column.cast(pl.Int64, strict=False)
    return len(numbers) > 0 and numbers.null_count() == 0 and bool(numbers.is_between(low, high).all())


def _joined(raw: RawTable, sample: pl.DataFrame, columns: tuple[str, ...]) -> Clock | None:
    together = sample.select(Clock(columns).text().alias(columns[0])).to_series().drop_nulls()
    return _text_clock(raw, together, columns) if len(together) else None


def _from_parts(raw: RawTable, sample: pl.DataFrame) -> Clock | None:
    """A clock of columns year, month and, where there are, day, hour, minute and second."""
    found: list[str] = []
    parts = (names.YEARS, names.MONTHS, names.DAYS, names.HOURS, names.MINUTES, names.SECONDS)
    for words in parts:
        name = next((c for c in sample.columns if names.plain(c) in words), None)
        if name is None:
            break
        found.append(name)
    if len(found) < 2:
        return None
    kind = ", ".join(("year", "month", "day", "hour", "minute", "second")[: len(found)])
    pattern = " ".join(("%Y", "%m", "%d", "%H", "%M", "%S")[: len(found)])
    clock = Clock(tuple(found), kind, (TextFormat(pattern),))
    read = sample.select(clock.nanos(None).alias("t")).to_series()
    return clock if len(read) and (read.is_not_null().mean() or 0) >= READABLE else None  # type: ignore[operator]
