"""What every source must do, run on real servers: the canonical rows, and one check for each law.

A test loads ``contract_rows()`` into its system once (``hostile_rows()`` too, for ``check_hostile_labels``) and calls
the checks with a function that makes a source of them. Columns keep their names: ``time`` (UTC), the labels ``host``
and ``city``, the measures ``load``, ``requests`` and ``latency``.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from redshank.errors import NoPointsError
from redshank.panel import Panel, to_datetime
from redshank.sources.base import AGGREGATIONS, ROWS, Query, Reading, Source
from redshank.tables import read_table

Factory = Callable[[], Source]

START = datetime(2024, 3, 20, tzinfo=UTC)  # the clocks of Oslo go forward on the 31st
DAYS = 20
END = START + timedelta(days=DAYS)
MEASURES, LABELS = ("load", "requests", "latency"), ("host", "city")
HOURS = timedelta(hours=1)
SERIES = (
    ("web-1", "Oslo"),
    ('O\'Hara "x" \\ `y`', "São Paulo"),
    ("a/b/../c?d=e&f%20#g", "東京 🦉"),
    ("web-1", None),
    ("", "Oslo"),
    (" 1'); DROP TABLE points; --", "NULL"),
)
ALL_AGGREGATIONS = (*AGGREGATIONS, "p5", "p99.9")
EXACT = ("count", "min", "max", "first", "last", "cardinality")
SPANS = (timedelta(minutes=10), HOURS, timedelta(hours=5), timedelta(days=1), timedelta(days=7))
ZONES = (None, "Europe/Oslo")


def contract_rows(every: timedelta = timedelta(minutes=20)) -> pl.DataFrame:
    """Return 20 days of six series: about ``every`` so long a row, with jitter, gaps, bursts, late and double rows.

    Values are NaN, null, negative, huge and tiny; times are to the millisecond, and two rows of one series and time are
    the same in all columns, so that which of them is the last does not matter. In order of time but for the late ones.
    """
    chance = random.Random(20)
    rows = []
    for number, (host, city) in enumerate(SERIES):
        time = START + timedelta(seconds=7 * number)
        while time < END:
            row = (_jittered(time, chance), host, city, *_values(time, number, chance))
            is_gap = number == 1 and timedelta(days=3) < time - START < timedelta(days=5)
            if not is_gap and chance.random() > 0.02:
                rows.append(row)
                rows += [row] * (chance.random() < 0.01)
            time += every if chance.random() > 0.01 else every / 7
    rows.sort(key=lambda row: row[0])
    for _ in range(len(rows) // 50):
        rows.append(rows.pop(chance.randrange(len(rows))))
    schema = {
        "time": pl.Datetime("us", "UTC"),
        "host": pl.String,
        "city": pl.String,
        "load": pl.Float64,
        "requests": pl.Int64,
        "latency": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _jittered(time: datetime, chance: random.Random) -> datetime:
    return min(time + timedelta(milliseconds=chance.randrange(30_000)), END - timedelta(milliseconds=1))


def _values(time: datetime, number: int, chance: random.Random) -> tuple[float | None, int | None, float | None]:
    of_day = math.sin((time - START) / timedelta(days=1) * 2 * math.pi)
    load = round(10 * of_day - 3 + chance.gauss(0, 1), 3)
    requests = chance.randrange(0, 50) + 1_000_007 * (number == 2)
    latency = round(chance.expovariate(10), 6)
    special = chance.random()
    if special < 0.01:
        return None, None, None
    if special < 0.03:
        return math.nan, requests, None
    if special < 0.035:
        return 1e12, requests, 1e-9
    return load, None if special > 0.98 else requests, latency


def hostile_rows() -> pl.DataFrame:
    """Return a few rows for each of many labels that are hard to get through; ``value`` is the number of the label."""
    labels = [
        "plain", "with space", "tab\there", "new\nline", "quote'", 'quote"', "back\\slash", "slash/es/../..", "100%",
        "_", "*", "?", "a,b", "a:b", "a=b", "a;b", "{curly}", "[square]", "(round)", "<tag>", "&amp;", "$dollar",
        "#hash", "@at", "~", "^", "|", "`tick`", "--", "/*", "*/", "%s", ":start", "${env}", "{{x}}", "NULL", "null",
        "None", "true", "0", "1", "1.0", "-1", "NaN", "ÆØÅ", "æøå", "ß", "İ", "🦉", "👩‍👩‍👧", "日本語", "עברית",
        "a" * 200,
        "' OR '1'='1",
        '" OR "1"="1', "'; DROP TABLE points; --", "UPPER", "upper", " lead", "trail ",
    ]  # fmt: skip
    times = [START + i * timedelta(minutes=10) for i in range(3)]
    rows = [(time, label, float(number)) for number, label in enumerate(labels) for time in times]
    schema = {"time": pl.Datetime("us", "UTC"), "name": pl.String, "value": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def query(**changed: object) -> Query:
    """Return what most checks ask for, with some of it changed."""
    return replace(Query(measures=MEASURES, by=LABELS, time="time"), **changed)  # type: ignore[arg-type]


# ---------------------------------------------------------------------- the law of aggregation


def check_law(
    make: Factory,
    rows: pl.DataFrame,
    *,
    aggregations: Sequence[str] = ALL_AGGREGATIONS,
    tolerance: Mapping[str, float] | None = None,
    steps: Sequence[timedelta] = SPANS,
    zones: Sequence[str | None] = ZONES,
) -> None:
    """Aggregation by the source equals aggregation of the raw rows here: exactly, or to 1e-9 of sums and what has them.

    ``tolerance``: another relative one, by aggregation. Every aggregation is asked for with one step and zone, every
    step and zone with one aggregation at least, over ranges with and without ends.
    """
    source, given = make(), dict(tolerance or {})
    cases = [(agg, steps[i % len(steps)], zones[i % len(zones)]) for i, agg in enumerate(aggregations)]
    least = "mean" if "mean" in aggregations else aggregations[0]
    cases += [(least, step, zone) for step in steps for zone in zones if (least, step, zone) not in cases]
    for number, (agg, step, zone) in enumerate(cases):
        asked = query(agg=agg, step=step, tz=zone, **_range(number))
        check_same(source.read(asked), read_table(rows, asked), given.get(agg, 0.0 if agg in EXACT else 1e-9))
    counted = query(agg="count", measures=ROWS, step=HOURS, by=("city",), start=START, end=END, closed=True)
    check_same(source.read(counted), read_table(rows, counted), 0.0)


def _range(number: int) -> dict[str, object]:
    middle = START + timedelta(days=9, hours=7, minutes=11)
    return (
        {"start": START, "end": END, "closed": True},
        {},
        {"start": middle, "end": middle + timedelta(days=3), "closed": True},
        {"end": middle},
        {"start": middle},
    )[number % 5]


def check_same(found: Reading, expected: Reading, tolerance: float = 0.0) -> None:
    """The panels of two readings have the same keys, times and values; so have their main findings."""
    assert [panel.keys for panel in found.panels] == [panel.keys for panel in expected.panels]
    for ours, theirs in zip(found.panels, expected.panels, strict=True):
        np.testing.assert_array_equal(ours.times, theirs.times)
        assert ours.channels == theirs.channels
        np.testing.assert_allclose(ours.values, theirs.values, rtol=tolerance, atol=0, equal_nan=True)
    for name in ("n_series", "measures", "labels", "step", "gaps"):
        assert getattr(found.findings, name) == getattr(expected.findings, name), name


# ---------------------------------------------------------------------- other laws


def check_raw(make: Factory, rows: pl.DataFrame, *, tolerance: float = 0.0) -> None:
    """The points themselves come as they are, in a range and all of them."""
    for changed in ({}, {"start": START + timedelta(days=2), "end": START + timedelta(days=4)}):
        asked = query(**changed)
        check_same(make().read(asked), read_table(rows, asked), tolerance)


def check_repeatable(make: Factory) -> None:
    """Reading twice gives the same, from one source object and from another."""
    asked = query(agg="mean", step=HOURS)
    source = make()
    first = source.read(asked)
    check_same(source.read(asked), first, 1e-12)
    check_same(make().read(asked), first, 1e-12)


def check_cursor(make: Factory, *, agg: str = "sum", step: timedelta = HOURS, ranges: int = 40) -> None:
    """Many small ranges, one after the other, give what one large range gives."""
    source = make()
    asked = query(agg=agg, step=step, closed=True)
    whole = source.read(replace(asked, start=START, end=END))
    size = (END - START) / ranges
    size -= size % step
    found: dict[str, dict[int, float]] = {}
    start = START
    while start < END:
        end = min(start + size, END)
        with suppress(NoPointsError):
            _collect(source.read(replace(asked, start=start, end=end)).panels, found)
        start = end
    expected: dict[str, dict[int, float]] = {}
    _collect(whole.panels, expected)
    assert found.keys() == expected.keys()
    for key, cells in expected.items():
        assert found[key] == pytest.approx(cells, rel=1e-9), key


def _collect(panels: Sequence[Panel], into: dict[str, dict[int, float]]) -> None:
    for panel in panels:
        for row, key in enumerate(panel.keys):
            cells = into.setdefault(str(key), {})
            for time, value in zip(panel.times.view(np.int64), panel.values[row, :, 0], strict=True):
                if not math.isnan(value):
                    assert int(time) not in cells
                    cells[int(time)] = float(value)


def check_filter(make: Factory, rows: pl.DataFrame) -> None:
    """A filter keeps the rows of its values only, whatever is written in them; raw and aggregated."""
    filters: list[dict[str, tuple[str, ...]]] = [{"host": (host,)} for host, _ in SERIES if host]
    filters += [{"city": ("Oslo", "東京 🦉")}, {"host": ("web-1",), "city": ("Oslo",)}, {"requests": ("7", "12")}]
    source = make()
    for chosen in filters:
        for changed in ({"agg": "count", "step": timedelta(days=1), "end": END, "closed": True}, {}):
            asked = query(filter=chosen, measures=("load",), **changed)
            check_same(source.read(asked), read_table(rows, asked))
    for value in ("nobody", "' OR '1'='1", "*", "%", "web-1'--"):
        with pytest.raises(NoPointsError):
            source.read(query(filter={"host": (value,)}, agg="count", step=HOURS))


def check_hostile_labels(make: Factory, rows: pl.DataFrame) -> None:
    """Labels come through as they are, whatever is written in them; ``make`` is of ``hostile_rows``."""
    asked = Query(measures=("value",), by=("name",), time="time", step=timedelta(minutes=10), agg="max")
    source = make()
    check_same(source.read(asked), read_table(rows, asked))
    for number, name in enumerate(rows["name"].unique(maintain_order=True).to_list()):
        (panel,) = source.read(replace(asked, filter={"name": (name,)}, by=(), closed=True, end=END)).panels
        assert panel.values.ravel().tolist() == [number] * 3, name


def check_newest(make: Factory, rows: pl.DataFrame) -> None:
    """The newest time is found, also before an end, and None where there is none."""
    source, times = make(), rows["time"]
    assert source.newest(query()) == _at(times.max())
    middle = START + timedelta(days=9)
    assert source.newest(query(end=middle)) == _at(times.filter(times < middle).max())
    assert source.newest(query(end=START - timedelta(days=1))) is None


def _at(time: object) -> datetime:
    assert isinstance(time, datetime)
    return to_datetime(np.datetime64(time.astimezone(UTC).replace(tzinfo=None), "ns"))


def check_preview_survey(make: Factory) -> None:
    """A look shows rows, columns and their roles, and the source can be reached."""
    source = make()
    source.check()
    assert 0 < len(source.preview(3)) <= 3
    survey = source.survey(Query(by=LABELS))
    roles = {column.name: column.role for column in survey.columns}
    assert survey.time == "time"
    assert {name: roles.get(name) for name in ("time", *MEASURES, *LABELS)} == {
        "time": "time", **dict.fromkeys(MEASURES, "measure"), **dict.fromkeys(LABELS, "label")
    }  # fmt: skip


def check_none(make: Factory) -> None:
    """A range without rows is an error of its own."""
    for changed in ({}, {"agg": "mean", "step": HOURS}):
        with pytest.raises(NoPointsError):
            make().read(query(start=END + timedelta(days=100), **changed))


def check_all(make: Factory, rows: pl.DataFrame, **law: object) -> None:
    """Run every check that needs ``contract_rows`` only; ``law``: arguments of ``check_law``."""
    check_law(make, rows, **law)  # type: ignore[arg-type]
    check_raw(make, rows)
    check_repeatable(make)
    check_cursor(make)
    check_filter(make, rows)
    check_newest(make, rows)
    check_preview_survey(make)
    check_none(make)
