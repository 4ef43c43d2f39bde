"""Pushed points are kept once, the later push counts, and they read as the same points in a file would."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from redshank.engine.pushed import PushedSource
from redshank.errors import DataError, NoPointsError, UnavailableError
from redshank.panel import Key, Panel
from redshank.push.decode import decode
from redshank.push.points import Points
from redshank.sources.base import AGGREGATIONS, ROWS, Query
from redshank.store import points_series
from redshank.store.history_compact import Sizes, compact
from redshank.store.store import Store
from redshank.tables.read import read_table
from store_data import MINUTE, NOON, Clock

EVER = (-(2**62), 2**62)
SMALL = Sizes(block_fan=2, flush_rows=40, flush_bytes=1 << 30, day_rows=10**9, fan=2, most_rows=400, part_rows=16)
A, B, C = (Key.of("cpu", {"host": host}) for host in "abc")


def points(*rows: tuple[Key, int, float]) -> Points:
    keys = list(dict.fromkeys(row[0] for row in rows))
    series = np.array([keys.index(row[0]) for row in rows], np.int32)
    return Points.of(keys, series, np.array([row[1] for row in rows]), np.array([row[2] for row in rows], float))


def rows(table: pl.DataFrame) -> list[tuple[object, ...]]:
    names = ["measure", "time", "value", *sorted(name for name in table.columns if name.startswith("l."))]
    return sorted(table.select(names).rows(), key=str)


def test_pushed_points_are_read_as_they_came(store: Store) -> None:
    kept = store.points.append("shop", points((A, NOON, 1.5), (B, NOON, -0.0), (Key.of("mem"), NOON + 1, 2.0)))

    assert (kept.points, kept.new_series, kept.refused, kept.is_repeat) == (3, 3, 0, False)
    assert rows(store.points.read("shop", *EVER)) == [
        ("cpu", NOON, -0.0, "b"),
        ("cpu", NOON, 1.5, "a"),
        ("mem", NOON + 1, 2.0, None),
    ]
    assert store.points.read("shop", NOON, NOON + 1).height == 2
    assert store.points.read("other", *EVER).is_empty()
    assert (store.points.oldest("shop"), store.points.newest("shop")) == (NOON, NOON + 1)
    assert store.points.newest("other") is None


def test_points_may_be_a_table(store: Store) -> None:
    table = pl.DataFrame({"measure": ["cpu"], "time": [NOON], "value": [1], "l.host": ["a"]})

    store.points.append("shop", table)

    assert rows(store.points.read("shop", *EVER)) == [("cpu", NOON, 1.0, "a")]


def test_of_points_of_one_series_and_time_the_last_push_counts(store: Store) -> None:
    store.points.append("shop", points((A, NOON, 1.0), (A, NOON, 2.0)))
    first = store.points.read("shop", *EVER)["value"].to_list()
    compact(store.points.archive, "shop", everything=True)
    store.points.append("shop", points((A, NOON, 3.0)))

    assert first == [2.0]
    assert store.points.read("shop", *EVER)["value"].to_list() == [3.0]


def test_late_points_are_kept(store: Store) -> None:
    store.points.append("shop", points((A, NOON, 1.0)))
    compact(store.points.archive, "shop", everything=True)
    store.points.append("shop", points((A, NOON - 5 * MINUTE, 2.0)))

    assert store.points.read("shop", *EVER)["time"].to_list() == [NOON - 5 * MINUTE, NOON]


def test_a_request_sent_again_is_kept_once(store: Store) -> None:
    first = store.points.append("shop", points((A, NOON, 1.0), (B, NOON, 1.0)), "r1")
    again = store.points.append("shop", points((A, NOON, 1.0), (B, NOON, 1.0)), "r1")
    other = store.points.append("mall", points((A, NOON, 1.0)), "r1")
    assert isinstance(store.clock, Clock)
    store.clock.move(25 * 3600)
    later = store.points.append("shop", points((A, NOON, 7.0)), "r1")

    assert (first.points, first.is_repeat, again.points, again.is_repeat) == (2, False, 2, True)
    assert (other.is_repeat, later.is_repeat) == (False, False)
    assert store.points.read("shop", *EVER)["value"].to_list() == [7.0, 1.0]


@pytest.mark.parametrize(
    ("measures", "labels", "expected"),
    [
        ((), {}, [1.0, 2.0, 3.0, 4.0]),
        (("cpu",), {}, [1.0, 2.0]),
        ((), {"host": "a"}, [1.0, 3.0]),
        ((), {"host": ("a", "")}, [1.0, 3.0, 4.0]),
        (("cpu", "mem"), {"host": "b"}, [2.0]),
        (("none",), {}, []),
        ((), {"zone": "x"}, []),
    ],
)
def test_points_are_chosen_by_measure_and_labels(
    store: Store, measures: tuple[str, ...], labels: dict[str, str], expected: list[float]
) -> None:
    store.points.append(
        "shop",
        points((A, NOON, 1.0), (B, NOON, 2.0), (Key.of("mem", {"host": "a"}), NOON, 3.0), (Key.of("load"), NOON, 4.0)),
    )

    assert store.points.read("shop", *EVER, measures, labels)["value"].to_list() == expected


def test_series_are_counted(store: Store) -> None:
    store.points.append("shop", points((A, NOON, 1.0), (B, NOON + 1, 1.0), (A, NOON + 2, 1.0)))

    found = store.points.counted("shop", *EVER)

    assert [(one.key, one.points, one.first_ns, one.last_ns) for one in found] == [
        (A, 2, NOON, NOON + 2),
        (B, 1, NOON + 1, NOON + 1),
    ]


def test_names_may_hold_anything_but_nul(store: Store) -> None:
    odd = Key.of("a\x1fb", {"\x1e_": "\x1f", "é": "“\n"})
    store.points.append("sh/op ü", points((odd, NOON, 1.0)))
    compact(store.points.archive, "sh/op ü", everything=True)

    assert store.points.read("sh/op ü", *EVER).equals(points((odd, NOON, 1.0)).frame())
    assert decode(b'{"host": "\\u0000", "cpu": 1}', None, now_ns=0).rejected_count == 1


def test_series_survive_a_restart(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.points.append("shop", points((A, NOON, 1.0)))
    with Store.open(tmp_path) as store:
        assert store.points.append("shop", points((B, NOON, 2.0), (A, NOON + 1, 3.0))).new_series == 1
        assert store.points.read("shop", *EVER)["value"].to_list() == [1.0, 3.0, 2.0]


def test_a_series_added_by_another_process_is_seen(store: Store) -> None:
    other = Store(store.data, store.database, None, store.clock)
    store.points.append("shop", points((A, NOON, 1.0)))
    other.points.append("shop", points((B, NOON, 2.0)))
    store.points.append("shop", points((C, NOON, 3.0)))

    for one in (store, other):
        assert rows(one.points.read("shop", *EVER)) == [
            ("cpu", NOON, 1.0, "a"), ("cpu", NOON, 2.0, "b"), ("cpu", NOON, 3.0, "c"),
        ]  # fmt: skip


def test_many_may_push_new_series_at_once(store: Store) -> None:
    other = Store(store.data, store.database, None, store.clock)  # as another process would

    def push(number: int) -> None:
        chosen = random.Random(number)
        for i in range(10):
            hosts = [f"h{chosen.randrange(60)}" for _ in range(5)]
            rows = [(Key.of("cpu", {"host": host}), NOON + number * 100 + i, float(host[1:])) for host in hosts]
            (store, other)[number % 2].points.append("shop", points(*rows), f"{number} {i}")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(push, range(6)))

    table = store.points.read("shop", *EVER)
    assert table["l.host"].str.slice(1).cast(pl.Float64).equals(table["value"].rename("l.host"))
    assert table["time"].n_unique() == 60
    assert len(set(store.points.series.of("shop").identities)) == len(store.points.series.of("shop").identities)
    assert store.points.series.of("shop").identities == other.points.series.of("shop").identities


def test_series_beyond_the_limit_are_refused_and_the_rest_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("redshank.store.points.MOST_SERIES", 2)
    monkeypatch.setattr(points_series, "MOST_SERIES", 2)

    kept = store.points.append("shop", points((A, NOON, 1.0), (B, NOON, 2.0), (C, NOON, 3.0)))

    assert (kept.points, kept.new_series, kept.refused) == (2, 2, 1)
    assert store.points.read("shop", *EVER)["value"].to_list() == [1.0, 2.0]


def test_nothing_may_be_pushed(store: Store) -> None:
    assert store.points.append("shop", points()).points == 0
    assert store.points.newest("shop") is None


def test_a_removed_source_leaves_nothing(store: Store) -> None:
    store.points.append("shop", points((A, NOON, 1.0)), "r1")
    compact(store.points.archive, "shop", everything=True)
    store.points.append("shop", points((A, NOON + 1, 1.0)))

    assert store.points.remove("shop") == 2
    assert store.points.sources() == []
    assert store.points.archive.files.all_paths() == {}
    assert store.points.append("shop", points((B, NOON, 4.0)), "r1").new_series == 1
    assert rows(store.points.read("shop", *EVER)) == [("cpu", NOON, 4.0, "b")]


def test_a_push_is_kept_whole_or_not_at_all(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise UnavailableError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(store.points.archive, "add", full)
        with pytest.raises(UnavailableError):
            store.points.append("shop", points((A, NOON, 1.0)), "r1")

    assert store.points.append("shop", points((A, NOON, 1.0)), "r1").new_series == 1


@pytest.mark.parametrize("seed", range(3))
def test_points_equal_the_last_of_each_whatever_is_compacted(store: Store, seed: int) -> None:
    chosen, expected = random.Random(seed), {}
    for _ in range(40):
        push = [
            (chosen.choice((A, B, C)), NOON + chosen.randrange(50) * MINUTE, float(chosen.randrange(1000)))
            for _ in range(chosen.randrange(12))
        ]
        store.points.append("shop", points(*push))
        expected |= {(key, time): value for key, time, value in push}
        if chosen.random() < 0.5:
            store.points.compact("shop", SMALL)

    found = rows(store.points.read("shop", *EVER))

    assert found == sorted(
        (("cpu", time, value, key.label_map["host"]) for (key, time), value in expected.items()), key=str
    )


# The source


def table_of(panels: list[Panel]) -> dict[tuple[str, str, int], float]:
    """Value of each point that has one."""
    found = {}
    for panel in panels:
        for i, key in enumerate(panel.keys):
            for j, channel in enumerate(panel.channels):
                for time, value in zip(
                    panel.times.view(np.int64).tolist(), panel.values[i, :, j].tolist(), strict=True
                ):
                    if not np.isnan(value):
                        found[str(key), channel, time] = value
    return found


@pytest.fixture
def raw(store: Store) -> pl.DataFrame:
    """Points of three hosts in two zones, some late, some gone, pushed in two halves and compacted between."""
    noise = np.random.default_rng(5)
    times = NOON + np.arange(600) * 20_000_000_000 // 2
    parts = [
        pl.DataFrame({"time": times, "host": host, "zone": zone, "cpu": noise.random(600), "mem": noise.random(600)})
        for host, zone in (("a", "x"), ("b", "x"), ("c", "y"))
    ]  # fmt: skip
    table = pl.concat(parts)[noise.permutation(1800)[:1700]]
    for half in (table[:900], table[900:]):
        body = half.with_columns(pl.col("time").cast(pl.Datetime("ns", "UTC"))).write_csv().encode()
        store.points.append("shop", decode(body, "text/csv", now_ns=0).points)
        compact(store.points.archive, "shop", everything=True)
    return table.with_columns(pl.col("time").cast(pl.Datetime("ns", "UTC")))


DAY = timedelta(days=1)
START, END = (datetime(2026, 1, 1, 12, minute, tzinfo=UTC) for minute in (10, 50))


BY_ORDER = ("first", "last")  # which of two points of one time comes first is only told within a series


@pytest.mark.parametrize(
    ("by", "agg"),
    [(("host", "zone"), agg) for agg in (*AGGREGATIONS, "p95", None)]
    + [(("zone",), agg) for agg in (*AGGREGATIONS, "p95") if agg not in BY_ORDER]
    + [((), "mean"), ((), "count")],
)
def test_buckets_equal_those_of_the_same_points_in_a_file(
    store: Store, raw: pl.DataFrame, by: tuple[str, ...], agg: str | None
) -> None:
    step, span = timedelta(minutes=5), {"start": START, "end": END}
    query = Query(measures=("cpu", "mem"), by=by, step=step, agg=agg, closed=True, **span)  # type: ignore[arg-type]

    pushed, local = PushedSource(store.points, "shop").read(query), read_table(raw, query)

    found, expected = table_of(pushed.panels), table_of(local.panels)
    assert found.keys() == expected.keys()
    np.testing.assert_allclose([found[key] for key in expected], list(expected.values()), rtol=1e-12)


@pytest.mark.parametrize(
    "query",
    [
        pytest.param(Query(measures=("cpu", "mem"), by=("host", "zone"), time="time"), id="as they are"),
        pytest.param(Query(measures=("cpu",), by=("host",), time="time", step=timedelta(minutes=7)), id="no end"),
        pytest.param(Query(measures=("mem",), by=("host",), step=timedelta(minutes=7), agg="sum"), id="sum, no end"),
        pytest.param(Query(measures=("cpu",), by=("host",), start=START, end=END), id="a range"),
        pytest.param(Query(measures=("cpu",), by=("host",), filter={"zone": ("x",)}, start=START), id="filter"),
        pytest.param(Query(measures=("cpu", "mem"), by=("host",), multivariate=True), id="channels"),
        pytest.param(
            Query(measures=("cpu", "mem"), by=("zone",), multivariate=True, step=timedelta(hours=1), agg="max"),
            id="channels in buckets",
        ),
        pytest.param(Query(measures=("cpu",), by=(), step=DAY, tz="Asia/Tokyo", end=END, closed=True), id="days"),
    ],
)  # fmt: skip
def test_a_reading_equals_that_of_the_same_points_in_a_file(store: Store, raw: pl.DataFrame, query: Query) -> None:
    pushed, local = PushedSource(store.points, "shop").read(query), read_table(raw, query)

    found, expected = table_of(pushed.panels), table_of(local.panels)
    assert found.keys() == expected.keys()
    np.testing.assert_allclose([found[key] for key in expected], list(expected.values()), rtol=1e-12)
    assert pushed.findings.step == local.findings.step


def test_all_points_can_be_counted(store: Store) -> None:
    store.points.append("shop", points((A, NOON, 1.0), (B, NOON + 1, 2.0), (Key.of("mem", {"host": "a"}), NOON, 1.0)))
    end = datetime(2026, 1, 1, 12, 1, tzinfo=UTC)
    query = Query(measures=ROWS, by=("host",), step=timedelta(minutes=1), agg="count", end=end, closed=True)

    reading = PushedSource(store.points, "shop").read(query)

    assert table_of(reading.panels) == {
        ("count{host=a}", "value", NOON): 2.0,
        ("count{host=b}", "value", NOON): 1.0,
    }


def test_series_keep_their_places_when_others_come(store: Store) -> None:
    source = PushedSource(store.points, "shop")
    store.points.append("shop", points((C, NOON, 1.0), (A, NOON, 2.0)))
    first = source.read(Query()).panels[0].keys
    store.points.append("shop", points((B, NOON, 1.0), (Key.of("mem"), NOON, 2.0)))

    (panel,) = source.read(Query()).panels

    assert first == (C, A)
    assert panel.keys == (C, A, B, Key.of("mem"))
    assert panel.values[:, 0, 0].tolist() == [1.0, 2.0, 1.0, 2.0]
    assert source.read(Query()).panels[0].keys == panel.keys


def test_labels_may_be_left_out(store: Store) -> None:
    store.points.append("shop", points((A, NOON, 1.0), (B, NOON, 3.0), (Key.of("cpu"), NOON + 1, 5.0)))

    (panel,) = PushedSource(store.points, "shop").read(Query(by=())).panels

    assert panel.keys == (Key.of("cpu"),)
    assert panel.values[0, :, 0].tolist() == [2.0, 5.0]


def test_a_range_without_points_is_said(store: Store) -> None:
    source = PushedSource(store.points, "shop")
    with pytest.raises(NoPointsError):
        source.read(Query())
    store.points.append("shop", points((A, NOON, 1.0)))
    with pytest.raises(NoPointsError):
        source.read(Query(end=datetime(2026, 1, 1, tzinfo=UTC)))
    with pytest.raises(NoPointsError):
        source.read(Query(measures=("none",)))


def test_too_many_steps_are_refused(store: Store) -> None:
    store.points.append("shop", points((A, 0, 1.0), (A, NOON, 1.0), (A, NOON + MINUTE, 1.0)))

    with pytest.raises(DataError, match="steps"):
        PushedSource(store.points, "shop").read(Query(step=timedelta(milliseconds=1)))


def test_the_newest_time_is_found(store: Store) -> None:
    source = PushedSource(store.points, "shop")
    before = source.newest(Query())
    store.points.append("shop", points((A, NOON, 1.0), (B, NOON + 40 * 24 * 60 * MINUTE, 1.0)))

    assert before is None
    assert source.newest(Query()) == datetime(2026, 2, 10, 12, tzinfo=UTC)
    assert source.newest(Query(filter={"host": ("a",)})) == datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert source.newest(Query(end=datetime(2026, 2, 1, tzinfo=UTC))) == datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert source.newest(Query(filter={"host": ("z",)})) is None


def test_the_source_shows_its_newest_points(store: Store) -> None:
    source = PushedSource(store.points, "shop")
    empty = source.preview()
    store.points.append("shop", points(*((A, NOON + i, float(i)) for i in range(5))))

    assert empty == []
    assert [row["value"] for row in source.preview(2)] == [4.0, 3.0]
    assert source.describe() == "points pushed to shop"
