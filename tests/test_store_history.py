"""The history gives back what was put in, whatever is joined, moved, dropped or killed meanwhile."""

from __future__ import annotations

import errno
import math
import random
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from naive_history import NaiveArchive
from redshank.errors import StateError, TooLargeError, UnavailableError
from redshank.store import history_archive, history_files
from redshank.store.history import History, encode_block, thinned_rows
from redshank.store.history_archive import Archive
from redshank.store.history_compact import DAY, Sizes, compact
from redshank.store.history_files import SegmentFiles, overview_of
from redshank.store.records import TickCommit
from redshank.store.store import Store
from store_data import MINUTE, NOON, live

SMALL = Sizes(block_fan=2, flush_rows=40, flush_bytes=1 << 30, day_rows=10, fan=2, most_rows=400, part_rows=16)
VALUES = [0.0, -0.0, 1.5, math.nan, 5e-324, 1.7976931348623157e308, -1e-300, 0.1 + 0.2]
EVER = (-(2**62), 2**62)


def score_rows(series: list[int], times: list[int], seed: int = 0) -> pl.DataFrame:
    """Rows of scores with odd values."""
    chosen = random.Random(seed)
    columns = ("score", "rarity", "value.value", "expected.value", "lower.value", "upper.value")
    numbers = {name: [chosen.choice(VALUES) for _ in series] for name in columns}
    return pl.DataFrame({"series": pl.Series(series, dtype=pl.Int32), "time": times, **numbers})


def put(store: Store, frame: pl.DataFrame, owner: str = "m1", archive: Archive | None = None) -> None:
    with store.database.write() as connection:
        (archive or store.history.archive).add(connection, owner, encode_block(frame))


def bits(frame: pl.DataFrame) -> list[tuple[object, ...]]:
    """Rows with the bits of their numbers."""
    columns = sorted(set(frame.columns) - {"series", "time"})
    return [
        (row["series"], row["time"], *(struct.pack("d", row[name]) for name in columns)) for row in frame.to_dicts()
    ]


def naive_bits(rows: list[tuple[int, int, dict[str, float]]]) -> list[tuple[object, ...]]:
    names = ("expected.value", "lower.value", "rarity", "score", "upper.value", "value.value")
    return [(series, time, *(struct.pack("d", row[name]) for name in names)) for series, time, row in rows]


@pytest.mark.parametrize("seed", range(4))
def test_history_equals_its_twin_whatever_is_compacted(store: Store, seed: int) -> None:
    chosen, naive, history = random.Random(seed), NaiveArchive(), store.history
    time = NOON

    for step in range(40):
        size = chosen.choice([1, 1, 2, 7, 30])
        series = sorted(chosen.sample(range(40), size))
        frame = score_rows(series, [time] * size, seed=step)
        put(store, frame)
        naive.add(frame)
        time += chosen.choice([1, MINUTE, MINUTE, DAY // 3])
        for _ in range(chosen.choice([0, 1])):
            history.compact("m1", SMALL)
        wanted = chosen.choice([None, [3], sorted(chosen.sample(range(45), 5))])
        start = chosen.randint(NOON - 1, time)
        end = chosen.randint(start, time + 1)
        found = history.read("m1", wanted, start, end)
        assert bits(found) == naive_bits(naive.read(wanted, start, end))

    assert bits(history.read("m1", None, *EVER)) == naive_bits(naive.read(None, *EVER))
    assert len(history.segments()) < 15
    assert {one.path for one in history.segments()} == set(history.archive.files.all_paths())
    assert history.archive.damaged() == []


@pytest.mark.parametrize("seed", range(2))
def test_of_rows_of_one_series_and_time_the_later_counts(store: Store, seed: int) -> None:
    chosen, naive, archive = random.Random(seed), NaiveArchive(), store.history.archive

    for step in range(50):
        series = sorted(chosen.sample(range(6), 3))
        frame = score_rows(series, [NOON + chosen.randrange(9) for _ in series], seed=step)
        put(store, frame)
        naive.add(frame)
        compact(archive, "m1", SMALL, everything=chosen.random() < 0.3)

    assert bits(archive.read("m1", None, *EVER)) == naive_bits(naive.read(None, *EVER))


def test_a_tick_keeps_its_scores(store: Store) -> None:
    frame = score_rows([0, 1], [NOON, NOON])

    store.live.commit(TickCommit(base=None, live=live(), block=encode_block(frame)))

    assert bits(store.history.read("m1", None, NOON, NOON + 1)) == bits(frame)
    assert store.history.read("other", None, NOON, NOON + 1).is_empty()


def test_columns_may_come_and_go(store: Store) -> None:
    frame = score_rows([0], [NOON])
    put(store, frame.select("series", "time", "score"))
    put(store, score_rows([0], [NOON + 1]))
    put(store, frame.select("series", "time", pl.lit(4.0).alias("value.other")).with_columns(time=NOON + 2))

    before = store.history.read("m1", None, *EVER)
    compact(store.history.archive, "m1", everything=True)
    after = store.history.read("m1", None, *EVER)

    assert bits(before) == bits(after)
    assert before["value.other"].is_nan().to_list() == [True, True, False]
    assert before.columns.count("score") == 1


def test_a_read_may_ask_for_columns(store: Store) -> None:
    put(store, score_rows([0], [NOON]))
    one = store.history.read("m1", None, *EVER, columns=["score", "share.none"])
    compact(store.history.archive, "m1", everything=True)

    assert one.columns == ["series", "time", "score"]
    assert store.history.read("m1", None, *EVER, columns=["score", "share.none"]).columns == one.columns


def long_frame(n_points: int, series: int = 0, seed: int = 0) -> pl.DataFrame:
    noise = np.random.default_rng(seed)
    numbers = {name: noise.normal(size=n_points) for name in ("score", "value.value", "expected.value")}
    times = NOON + np.arange(n_points) * 1_000_000_000
    return pl.DataFrame({"series": np.full(n_points, series, np.int32), "time": times, **numbers})


def test_a_thinned_chart_of_many_points_keeps_the_extremes(store: Store) -> None:
    frame = long_frame(300_000)
    spike = frame["value.value"].to_numpy().copy()
    spike[123_456], spike[200_001] = 50.0, -40.0
    frame = frame.with_columns(pl.Series("value.value", spike))
    put(store, frame)
    put(store, long_frame(70_000, series=1))
    assert store.history.compact("m1").flushed_blocks == 2
    tail = long_frame(500).with_columns(time=pl.col("time") + 300_000 * 1_000_000_000)
    put(store, tail)

    thin = store.history.thinned("m1", 0, NOON, NOON + 400_000 * 1_000_000_000, 500)

    whole = pl.concat([frame, tail])
    assert 100 < len(thin) <= 500
    assert thin.join(whole, on=thin.columns, how="semi").height == len(thin)
    assert thin["time"].is_sorted()
    assert (thin["value.value"].max(), thin["value.value"].min()) == (50.0, -40.0)
    assert thin["score"].max() == whole["score"].max()
    assert (thin["time"][0], thin["time"][-1]) == (NOON, tail["time"][-1])


def test_a_chart_of_few_points_holds_them_all(store: Store) -> None:
    frame = long_frame(90)
    put(store, frame)

    assert bits(store.history.thinned("m1", 0, *EVER, 100)) == bits(frame)
    assert store.history.thinned("m1", 7, *EVER, 100).is_empty()


def test_thinning_never_gives_more_than_asked_for() -> None:
    for n_points in (8, 9, 50, 333):
        assert len(thinned_rows(long_frame(2000), n_points)) <= n_points


def test_an_overview_holds_the_extremes_of_each_64_points() -> None:
    frame = pl.concat([long_frame(200, series=2), long_frame(65, series=5, seed=1)])

    kept = overview_of(frame)

    for series, first in ((2, 0), (2, 64), (2, 128), (2, 192), (5, 200), (5, 264)):
        bucket = frame[first : first + 64].filter(pl.col("series") == series)
        found = kept.filter(
            pl.col("series") == series, pl.col("time").is_between(bucket["time"][0], bucket["time"][-1])
        )
        assert (found["value.value"].min(), found["value.value"].max()) == (
            bucket["value.value"].min(),
            bucket["value.value"].max(),
        )
        assert found["score"].max() == bucket["score"].max()
        assert found["time"][0] == bucket["time"][0]


def test_the_newest_row_of_each_series_is_found(store: Store) -> None:
    put(store, score_rows([0, 1, 2], [NOON] * 3))
    compact(store.history.archive, "m1", everything=True)
    put(store, score_rows([0, 1], [NOON + 1] * 2, seed=1))

    found = store.history.last("m1", [0, 1, 2])

    assert list(zip(found["series"], found["time"], strict=True)) == [(0, NOON + 1), (1, NOON + 1), (2, NOON)]
    assert store.history.last("m1")["series"].to_list() == [0, 1]
    assert store.history.last("none").is_empty()


def test_replay_gives_all_values_as_arrays(store: Store) -> None:
    frame = pl.concat([long_frame(100, series=4), long_frame(50, series=9, seed=1)])
    put(store, frame[:120])
    compact(store.history.archive, "m1", everything=True)
    put(store, frame[120:])
    end = NOON + 90 * 1_000_000_000

    parts = list(store.history.replay("m1", NOON + 1, end, ["value", "none"], rows=40))

    times = np.concatenate([part.times for part in parts])
    assert len(parts) > 2
    assert (np.diff(times) > 0).all()
    assert (times[0], times[-1]) == (NOON + 1_000_000_000, end - 1_000_000_000)
    first = parts[0]
    assert first.series.tolist() == [4, 9]
    np.testing.assert_array_equal(first.values[0, :, 0], frame["value.value"].to_numpy()[1 : 1 + len(first.times)])
    assert np.isnan(first.values[:, :, 1]).all()
    assert list(store.history.replay("m1", end + DAY, end + 2 * DAY, ["value"])) == []
    assert list(store.history.replay("none", NOON, end, ["value"])) == []


def test_only_owners_with_many_pieces_are_compacted(store: Store) -> None:
    for owner, count in (("few", 15), ("many", 16)):
        for i in range(count):
            put(store, score_rows([0], [NOON + i]), owner)
    put(store, score_rows([0] * 1024, [NOON + i * MINUTE * 2 for i in range(1024)]), "long")
    for i in range(8):
        put(store, score_rows([0], [NOON + i]), "segments")
        compact(store.history.archive, "segments", Sizes(fan=100), everything=True)

    assert store.history.to_compact() == ["long", "many", "segments"]
    for owner in store.history.to_compact():
        assert not store.history.compact(owner).is_idle
    assert store.history.to_compact() == []


def test_old_pieces_are_dropped(store: Store) -> None:
    archive = store.history.archive
    for day in range(6):
        put(store, score_rows([0], [NOON + day * DAY]))
        compact(archive, "m1", Sizes(fan=100), everything=day < 3)

    dropped = store.history.drop_before("m1", NOON + 4 * DAY)

    assert dropped == 4
    assert store.history.range_of("m1") == (NOON + 4 * DAY, NOON + 5 * DAY + 1)
    assert archive.files.all_paths() == {}


def test_a_removed_monitor_leaves_nothing(store: Store) -> None:
    for owner in ("m1", "m2"):
        put(store, score_rows([0], [NOON]), owner)
        compact(store.history.archive, owner, everything=True)
        put(store, score_rows([0], [NOON + 1]), owner)

    assert store.history.remove("m1") == 2
    assert store.history.range_of("m1") is None
    assert store.history.owners() == ["m2"]
    assert len(store.history.archive.files.all_paths()) == 1


def test_a_compaction_leaves_alone_what_was_removed_meanwhile(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store, score_rows([0], [NOON]))
    write = SegmentFiles.write

    def write_late(files: SegmentFiles, folder: str, frames: Iterator[pl.DataFrame]) -> object:
        written = write(files, folder, frames)
        store.history.remove("m1")
        return written

    monkeypatch.setattr(SegmentFiles, "write", write_late)
    compact(store.history.archive, "m1", everything=True)

    assert store.history.segments() == []
    assert store.history.archive.files.all_paths() == {}


def test_a_read_goes_on_when_segments_are_joined_meanwhile(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = store.history.archive
    for i in range(4):
        put(store, score_rows([0], [NOON + i]))
        compact(archive, "m1", Sizes(fan=100), everything=True)
    pieces = Archive._pieces
    joined = []

    def pieces_then_join(of: Archive, owner: str, start_ns: int, end_ns: int) -> object:
        found = pieces(of, owner, start_ns, end_ns)
        if not joined:
            joined.append(compact(of, owner, SMALL).joined_segments)
        return found

    monkeypatch.setattr(Archive, "_pieces", pieces_then_join)

    assert len(store.history.read("m1", None, *EVER)) == 4
    assert joined == [4]


def test_a_lost_or_damaged_segment_is_said(store: Store) -> None:
    for owner in ("m1", "m2"):
        put(store, score_rows(list(range(100)), [NOON] * 100), owner)
        compact(store.history.archive, owner, everything=True)
    files = store.history.archive.files
    (lost,), (damaged,) = (store.history.archive.segments_of(owner) for owner in ("m1", "m2"))
    files.delete([lost.path])
    place = Path(files._open()[1], damaged.path)
    content = bytearray(place.read_bytes())
    content[200:220] = bytes(20)
    place.write_bytes(content)

    with pytest.raises(StateError, match="missing"):
        store.history.read("m1", None, *EVER)
    with pytest.raises(StateError, match="damaged"):
        store.history.read("m2", None, *EVER)
    assert sorted(store.history.archive.damaged()) == sorted([lost.path, damaged.path])


def test_a_damaged_block_is_said(store: Store) -> None:
    block = encode_block(score_rows([0], [NOON]))
    with store.database.write() as connection:
        store.history.archive.add(connection, "m1", type(block)(**{**vars(block), "data": block.data[:50]}))

    with pytest.raises(StateError, match="damaged"):
        store.history.read("m1", None, *EVER)


def test_a_folder_that_cannot_be_written_loses_nothing(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    history = History(store.database, SegmentFiles(tmp_path / "file" / "history"))
    put(store, score_rows([0], [NOON]))

    with pytest.raises(UnavailableError, match="cannot be written"):
        compact(history.archive, "m1", everything=True)
    assert len(history.read("m1", None, *EVER)) == 1


@pytest.mark.parametrize("written", [0, 100, 5000])
def test_a_disk_that_is_full_loses_nothing(store: Store, monkeypatch: pytest.MonkeyPatch, written: int) -> None:
    put(store, long_frame(2000))
    write = history_files._Sink.write

    def full(sink: history_files._Sink, data: object) -> int:
        if sink.size_bytes >= written:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(sink, data)

    with monkeypatch.context() as broken:
        broken.setattr(history_files._Sink, "write", full)
        with pytest.raises(UnavailableError, match="No space left"):
            compact(store.history.archive, "m1", everything=True)

    assert store.history.archive.files.all_paths() == {}
    assert compact(store.history.archive, "m1", everything=True).flushed_blocks == 1
    assert len(store.history.read("m1", None, *EVER)) == 2000


def test_more_rows_than_fit_are_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store, score_rows([0, 1], [NOON] * 2))
    monkeypatch.setattr(history_archive, "MOST_ROWS", 1)

    with pytest.raises(TooLargeError):
        store.history.read("m1", None, *EVER)


def test_files_that_a_crash_left_are_removed_at_the_start(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        put(store, score_rows([0], [NOON]))
        compact(store.history.archive, "m1", everything=True)
        stray = store.history.archive.files.write("scores/x", [score_rows([0], [NOON])])

    with Store.open(tmp_path) as store:
        assert stray.path not in store.history.archive.files.all_paths()
        assert len(store.history.read("m1", None, *EVER)) == 1
