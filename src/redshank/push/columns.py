"""Tables of pushed points, column by column: CSV and Arrow.

With a column ``measure`` (and ``value``) each row is one point and all other columns are labels; else each column of
numbers is a measure and each of texts a label.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import polars as pl
import pyarrow.compute as pc
from numpy.typing import NDArray

from redshank.errors import DataError
from redshank.panel import Floats
from redshank.push.identity import ESCAPE, SEPARATOR, escaped, key_of
from redshank.push.points import LABEL, Codes, Intake, Integers, check_names
from redshank.push.rows import TIME_NAMES
from redshank.push.times import TimeReader, epoch_array

MEASURE, VALUE = "measure", "value"
NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_TEXT_ROOM = 64 << 20  # characters of labels put together at once
_ROWS = 1_000_000
_LONGEST = 8192


@dataclass
class Table:
    """Rows of one shape. ``numbers``: (n_rows,) of the rows in the body; ``text``: a row for people, by position."""

    frame: pl.DataFrame
    numbers: Integers
    text: Callable[[int], str]
    bad: dict[int, str] = field(default_factory=dict)

    def reject(self, positions: NDArray[np.bool_] | NDArray[np.intp], reason: Callable[[int], str]) -> None:
        """Note rows as bad, those that are not yet; ``positions`` may be a mask."""
        found = np.flatnonzero(positions) if positions.dtype == bool else positions
        for i in found.tolist():
            if i not in self.bad:
                self.bad[i] = reason(i)


@dataclass(frozen=True)
class Roles:
    """What the columns are; ``measures`` is empty when each row names its own."""

    time: str | None
    measures: tuple[str, ...]
    labels: tuple[str, ...]
    idle: tuple[str, ...] = ()  # columns without any value

    @property
    def is_narrow(self) -> bool:
        """Whether each row names its measure."""
        return not self.measures and not self.idle


def find_roles(kinds: Mapping[str, str]) -> Roles:
    """Return the roles of columns by their names and kinds: number, text, none (empty)."""
    time = next((name for name in TIME_NAMES if name in kinds), None)
    rest = {name: kind for name, kind in kinds.items() if name != time}
    if MEASURE in rest:
        if VALUE not in rest:
            raise DataError(f"push: beside column 'measure' must be one 'value', got {', '.join(kinds)}", field=VALUE)
        return Roles(time, (), tuple(sorted((n for n in rest if n not in (MEASURE, VALUE)), key=label_name)))
    measures = tuple(name for name, kind in rest.items() if kind == "number")
    idle = tuple(name for name, kind in rest.items() if kind == "none")
    if not measures and not idle:
        raise DataError(f"push: must hold a column of numbers, got {', '.join(kinds) or 'no columns'}")
    return Roles(time, measures, tuple(sorted(name for name, kind in rest.items() if kind == "text")), idle)


def label_name(column: str) -> str:
    """Return the label that a column of a narrow table holds: ``l.host`` and ``host`` are both ``host``."""
    return column.removeprefix(LABEL) or column


def read_columns(table: Table, roles: Roles, intake: Intake, times: TimeReader) -> None:
    """Add the points of a table whose time and number columns may be texts; wrong rows are rejected."""
    intake.rows += len(table.numbers)
    longest = sum(_longest(table.frame[name]) for name in roles.labels)
    rows = max(100, min(_ROWS, _TEXT_ROOM // (longest + 1)))
    for first in range(0, len(table.numbers), rows):
        part = slice(first, first + rows)
        _read(Table(table.frame[part], table.numbers[part], partial(_text_at, table.text, first)), roles, intake, times)


def _longest(texts: pl.Series) -> int:
    lengths = texts.str.len_chars()
    return int(lengths.fill_null(0).to_numpy().max(initial=0))


def _text_at(text: Callable[[int], str], first: int, i: int) -> str:
    return text(first + i)


def _read(table: Table, roles: Roles, intake: Intake, times: TimeReader) -> None:
    n_rows = len(table.numbers)
    stamps = _times(table, roles.time, times) if roles.time else np.full(n_rows, times.now_ns, np.int64)
    suffixes = _label_texts(table.frame, {name: label_name(name) if roles.is_narrow else name for name in roles.labels})
    parts = [(np.zeros(n_rows, np.int32), np.full(n_rows, np.nan)) for _ in roles.idle]
    if roles.is_narrow:
        values = numbers_of(table, VALUE)
        measures = _escaped(table.frame[MEASURE].fill_null(""))
        codes, identities = _encoded(measures + suffixes if suffixes is not None else measures)
        parts.append((_codes(table, codes, identities, len(roles.labels), intake), values))
    else:
        codes, endings = _encoded(suffixes) if suffixes is not None else (np.zeros(n_rows, np.int32), [""])
        for name in roles.measures:
            values = numbers_of(table, name)
            measure = escaped(name)
            identities = [measure + ending for ending in endings]
            parts.append((_codes(table, codes, identities, len(roles.labels), intake), values))
    keep = np.ones(n_rows, bool)
    keep[list(table.bad)] = False
    for series, values in parts:
        whole = not table.bad
        intake.add(*((series, stamps, values) if whole else (series[keep], stamps[keep], values[keep])))
    for i, reason in sorted(table.bad.items()):
        intake.reject(int(table.numbers[i]), "" if intake.is_full() else table.text(i), reason)


def _label_texts(frame: pl.DataFrame, names: Mapping[str, str]) -> pl.Series | None:
    """The labels of each row as the end of an identity; None when there are none."""
    if not names:
        return None
    parts = []
    for column, name in names.items():
        value = _escaped(frame[column])
        text = pl.lit(f"{SEPARATOR}{escaped(name)}{SEPARATOR}") + pl.lit(value)
        parts.append(pl.when(pl.lit(value).is_not_null() & (pl.lit(value) != "")).then(text).otherwise(pl.lit("")))
    return frame.select(pl.concat_str(parts).alias("labels"))["labels"]


def _escaped(texts: pl.Series) -> pl.Series:
    for plain, written in ((ESCAPE, ESCAPE + ESCAPE), (SEPARATOR, ESCAPE + "_")):
        if texts.str.contains(plain, literal=True).any():
            texts = texts.str.replace_all(plain, written, literal=True)
    return texts


def _encoded(texts: pl.Series) -> tuple[Codes, list[str]]:
    """A number for each distinct text, in order of appearance, and the texts."""
    encoded = pc.dictionary_encode(texts.to_arrow(compat_level=pl.CompatLevel.oldest()))
    return encoded.indices.to_numpy(), encoded.dictionary.to_pylist()


def _codes(table: Table, codes: Codes, identities: list[str], n_labels: int, intake: Intake) -> Codes:
    """The numbers of the series in the intake; rows of series with wrong names become bad."""
    if intake.are_plain(identities, n_labels):
        numbers = np.array(intake.codes_of(identities), np.int32)
    else:
        wrong = {i: reason for i, one in enumerate(identities) if (reason := _wrong_names(one, intake))}
        table.reject(np.isin(codes, list(wrong)), lambda i: wrong[int(codes[i])])
        good = [i for i in range(len(identities)) if i not in wrong]
        numbers = np.zeros(len(identities), np.int32)
        numbers[good] = intake.codes_of([identities[i] for i in good])
    return numbers[codes] if len(codes) else codes.astype(np.int32)


def _wrong_names(identity: str, intake: Intake) -> str | None:
    limits = intake.limits
    plain = 0 < len(identity) <= limits.text and identity[0] != SEPARATOR and "\0" not in identity
    if plain and identity.count(SEPARATOR) <= 2 * limits.labels:
        return None
    key = key_of(identity)
    try:
        check_names(key.measure, key.labels, limits)
    except ValueError as error:
        return str(error)
    return None


def numbers_of(table: Table, name: str) -> Floats:
    """The values of a column, NaN for none; rows whose value is not finite or no number become bad."""
    column = table.frame[name]
    if column.dtype == pl.String:
        texts = column.str.strip_chars()
        there = column.is_not_null() & (texts != "")
        is_number = texts.str.contains(NUMBER).fill_null(False)
        numbers = texts.str.strip_prefix("+").cast(pl.Float64, strict=False)
        table.reject((there & ~is_number).to_numpy(), lambda i: f"{name} must be a number, got {column[i][:60]!r}")
        values = numbers.fill_null(float("nan")).to_numpy()
    else:
        values = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    infinite = np.isinf(values)
    if infinite.any():
        table.reject(infinite, lambda i: f"{name} must be finite, got {column[i]}")
    return values


def _times(table: Table, name: str, times: TimeReader) -> Integers:
    column = table.frame[name]
    if column.dtype.is_temporal():
        micros = column.cast(pl.Datetime("us")) if column.dtype == pl.Date else column
        far = micros.dt.epoch("us").abs().fill_null(0) > (2**63 - 1) // 1000
        table.reject(far.to_numpy(), lambda i: f"time must lie in the years 1677 to 2262, got {column[i]}")
        return micros.set(far, None).dt.epoch("ns").fill_null(times.now_ns).to_numpy()
    if column.dtype.is_numeric():
        found, wrong = epoch_array(column.fill_null(0).to_numpy(), times.unit)
        table.reject(wrong, lambda i: f"time must lie in the years 1677 to 2262, got {column[i]}")
        absent = column.is_null().to_numpy()
        return np.where(absent, times.now_ns, found)
    if column.dtype != pl.String:
        raise DataError(f"push: column {name!r} must hold times, got {column.dtype}", field=name)
    codes, texts = _encoded(column.fill_null(""))
    each, bad = times.column(texts)
    if bad:
        table.reject(np.isin(codes, list(bad)), lambda i: bad[int(codes[i])])
    return each[codes] if len(texts) else np.zeros(0, np.int64)
