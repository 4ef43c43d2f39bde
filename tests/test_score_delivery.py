"""Scores of live monitors reach the sinks that want them: each point, in order, as often as it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
import pytest

from redshank.errors import ConfigError, NotFoundError, SinkError
from redshank.panel import Key
from redshank.scheduler import score_delivery
from redshank.scheduler.score_delivery import ScoreDelivery
from redshank.sinks.base import ScoreBlock, Sink
from redshank.store.history import encode_block
from redshank.store.records import TickCommit
from redshank.store.store import Store
from sink_contract import expected_points
from store_data import MINUTE, NOON, Clock, live


class Scoreboard(Sink):
    """Keeps the points it is given; ``on_record`` may fail."""

    kind = "scoreboard"

    def __init__(self, since: datetime | None = None, *, wants: bool = True) -> None:
        self.points: dict[Any, dict[str, Any]] = {}
        self.blocks: list[ScoreBlock] = []
        self.wants, self.since = wants, since
        self.on_record: Callable[[], object] = lambda: None

    @classmethod
    def build(cls, options: Any, access: Any) -> Self:
        """Return one."""
        return cls()

    @property
    def wants_scores(self) -> bool:
        """Whether it takes scores."""
        return self.wants

    @property
    def scores_since(self) -> datetime | None:
        """From when on."""
        return self.since

    def check(self) -> None:
        """Be there."""

    def write_events(self, events: Any) -> None:
        """Keep nothing."""

    def write_scores(self, parts: Any) -> None:
        """Keep nothing."""

    def record(self, block: ScoreBlock) -> None:
        """Keep the points."""
        self.on_record()
        self.blocks.append(block)
        self.points |= expected_points([block])


@pytest.fixture
def store(tmp_path: Path, address: str | None) -> Iterator[Store]:
    """A store with a sink and two monitors that use it."""
    with Store.open(tmp_path / "data", address, clock=Clock()) as opened:
        opened.resources.create("sinks", "db", {"name": "db", "kind": "event_log", "path": "x.jsonl"})
        for name in ("a", "b"):
            spec = {"name": name, "path": "x.csv", "sinks": ["db"], "tags": ["web"]}
            opened.resources.create("monitors", name, spec)
            opened.series.admit(id_of(opened, name), hosts(3), first_ns=NOON, shard_series=10)
        yield opened


def hosts(count: int) -> list[Key]:
    """Series by host."""
    return [Key.of("cpu", {"host": f"h{i}"}) for i in range(count)]


def id_of(store: Store, monitor: str) -> str:
    """The id of a monitor."""
    return store.resources.get("monitors", monitor).id


def tick(store: Store, monitor: str, minutes: range, series: tuple[int, ...] = (0, 1, 2)) -> None:
    """Keep scores of these minutes, and that the monitor stands behind them."""
    number = np.repeat(np.array(series, dtype=np.int32), len(minutes))
    at = np.tile(np.array(minutes, dtype=np.int64), len(series))
    value = number * 1000.0 + at
    frame = pl.DataFrame(
        {
            "series": number,
            "time": NOON + at * MINUTE,
            "score": np.where(at % 3 == 0, np.nan, value / 100),
            "value.cpu": value,
            "expected.cpu": value + 1,
        }
    )
    owner = id_of(store, monitor)
    after = live(owner, cursor_ns=NOON + minutes.stop * MINUTE)
    store.live.commit(TickCommit(base=store.live.get(owner), live=after, block=encode_block(frame)))


def deliver(delivery: ScoreDelivery, sink: Sink, now_ns: int = NOON) -> int:
    """Deliver all that is due; the number of points."""
    return sum(done.points for name in delivery.sinks(now_ns) for done in delivery.deliver(name, sink, lambda: True))


def test_each_point_of_each_monitor_arrives_once_with_what_is_known_of_it(store: Store) -> None:
    sink = Scoreboard()
    delivery = ScoreDelivery(store, lambda _: sink)
    assert deliver(delivery, sink) == 0

    for start in range(0, 60, 20):
        tick(store, "a", range(start, start + 20))
        tick(store, "b", range(start, start + 20))
        assert deliver(delivery, sink) == 120
    assert deliver(delivery, sink) == 0

    assert len(sink.points) == 2 * 3 * 60
    point = sink.points["b", "cpu{host=h2}", datetime.fromtimestamp(NOON // 10**9 + 7 * 60, UTC)]
    assert (point["actual"], point["expected"], point["lower"], point["score"]) == (2007.0, 2008.0, None, 20.07)
    assert {(block.monitor, block.tags) for block in sink.blocks} == {("a", ("web",)), ("b", ("web",))}


def test_a_new_sink_begins_now_or_where_it_says(store: Store) -> None:
    tick(store, "a", range(30))
    sinks = {"now": Scoreboard(), "since": Scoreboard(datetime.fromtimestamp(NOON // 10**9 + 600, UTC))}
    for name in sinks:
        store.resources.create("sinks", name, {"name": name, "kind": "event_log", "path": f"{name}.jsonl"})
    spec = {"name": "a", "path": "x.csv", "sinks": ["now", "since"]}
    store.resources.update("monitors", "a", spec)
    delivery = ScoreDelivery(store, lambda name: sinks.get(name) or Scoreboard(wants=False))
    delivery.sinks(NOON)

    tick(store, "a", range(30, 40))
    for name in delivery.sinks(NOON):
        list(delivery.deliver(name, sinks[name], lambda: True))

    assert len(sinks["now"].points) == 3 * 10
    assert len(sinks["since"].points) == 3 * 30


def test_what_a_sink_did_not_take_comes_again_after_a_pause_and_holds_up_no_other_monitor(store: Store) -> None:
    sink = Scoreboard()
    delivery = ScoreDelivery(store, lambda _: sink)
    delivery.sinks(NOON)
    tick(store, "a", range(10))
    tick(store, "b", range(10))

    def refuse() -> None:
        sink.on_record = lambda: None
        raise SinkError("db: away", retry_seconds=30.0)

    sink.on_record = refuse
    with pytest.raises(SinkError):
        deliver(delivery, sink)
    assert deliver(delivery, sink) == 30
    (cursor,) = store.score_cursors.due(NOON + MINUTE)
    assert (cursor.attempts, cursor.error) == (1, "db: away")
    assert store.score_cursors.lags() == {"db": (0.0, 1)}
    assert deliver(delivery, sink, NOON + MINUTE) == 30
    assert len(sink.points) == 60


def test_a_crash_between_sink_and_cursor_repeats_points_and_loses_none(store: Store) -> None:
    sink = Scoreboard()
    delivery = ScoreDelivery(store, lambda _: sink)
    delivery.sinks(NOON)
    tick(store, "a", range(10))
    moved = store.score_cursors.moved

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    store.score_cursors.moved = crash  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        deliver(delivery, sink)
    store.score_cursors.moved = moved  # type: ignore[method-assign]

    assert deliver(ScoreDelivery(store, lambda _: sink), sink) == 30
    assert len(sink.points) == 30


def test_much_is_delivered_in_parts_each_kept_for_itself(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score_delivery, "PART_ROWS", 50)
    sink = Scoreboard()
    delivery = ScoreDelivery(store, lambda _: sink)
    delivery.sinks(NOON)
    for start in range(0, 200, 20):
        tick(store, "a", range(start, start + 20))

    (name,) = delivery.sinks(NOON)
    some = next(iter(delivery.deliver(name, sink, lambda: True))).points
    rest = deliver(delivery, sink)

    assert 0 < some < 600
    assert some + rest == 600
    assert len(sink.points) == 600
    assert max(sum(part.panel.n_series * len(part.panel.times) for part in block.parts) for block in sink.blocks) <= 200


def test_series_at_other_times_do_not_swell_the_panels(store: Store) -> None:
    owner = id_of(store, "a")
    store.series.admit(owner, [Key.of("cpu", {"host": f"n{i}"}) for i in range(400)], first_ns=NOON, shard_series=10)
    sink = Scoreboard()
    delivery = ScoreDelivery(store, lambda _: sink)
    delivery.sinks(NOON)
    number = np.arange(3, 403, dtype=np.int32)
    frame = pl.DataFrame({"series": number, "time": NOON + number.astype(np.int64) * MINUTE, "value.cpu": number * 1.0})
    after = live(owner, cursor_ns=NOON + 500 * MINUTE)
    store.live.commit(TickCommit(base=None, live=after, block=encode_block(frame)))

    assert deliver(delivery, sink) == 400

    assert sum(part.panel.values.size for block in sink.blocks for part in block.parts) <= 10_000 * 4
    assert len(sink.points) == 400


def test_a_sink_that_is_gone_or_wants_none_has_no_cursor_and_a_wrong_one_keeps_its_place(store: Store) -> None:
    sink = Scoreboard()
    raised: list[Exception] = []

    def named(_: str) -> Sink:
        if raised:
            raise raised[0]
        return sink

    delivery = ScoreDelivery(store, named)
    delivery.sinks(NOON)
    assert len(store.score_cursors.pairs()) == 2

    raised.append(ConfigError("secret: not there"))
    touch(store)
    delivery.sinks(NOON)
    assert len(store.score_cursors.pairs()) == 2

    raised[0] = NotFoundError("gone")
    touch(store)
    delivery.sinks(NOON)
    assert store.score_cursors.pairs() == []

    raised.clear()
    sink.wants = False
    touch(store)
    delivery.sinks(NOON)
    assert store.score_cursors.pairs() == []


def touch(store: Store) -> None:
    """Change a declaration."""
    store.resources.update("sinks", "db", store.resources.get("sinks", "db").spec)


def test_how_far_a_sink_is_behind_is_known(store: Store) -> None:
    sink = Scoreboard()
    delivery = ScoreDelivery(store, lambda _: sink)
    tick(store, "a", range(1))
    delivery.sinks(NOON)

    tick(store, "a", range(1, 11))

    assert store.score_cursors.lags() == {"db": (600.0, 0)}


def test_points_that_a_sink_refuses_for_good_are_passed_over_and_no_others(store: Store) -> None:
    sink = Scoreboard()
    delivery = ScoreDelivery(store, lambda _: sink)
    delivery.sinks(NOON)
    tick(store, "a", range(40))
    taken = sink.record

    def refuse(block: ScoreBlock) -> None:
        if any(point["actual"] in (1007.0, 2030.0) for point in expected_points([block]).values()):
            raise SinkError("db: out of range", permanent=True)
        taken(block)

    sink.record = refuse  # type: ignore[method-assign]
    (name,) = delivery.sinks(NOON)
    (done,) = delivery.deliver(name, sink, lambda: True)

    assert (done.points, done.refused, done.reason) == (118, 2, "db: out of range")
    assert len(sink.points) == 118
    assert delivery.sinks(NOON) == []


def test_a_sink_that_refuses_all_is_not_asked_for_each_point(store: Store) -> None:
    calls: list[ScoreBlock] = []
    sink = Scoreboard()
    delivery = ScoreDelivery(store, lambda _: sink)
    delivery.sinks(NOON)
    tick(store, "a", range(400))

    def refuse(block: ScoreBlock) -> None:
        calls.append(block)
        raise SinkError("db: no", permanent=True)

    sink.record = refuse  # type: ignore[method-assign]
    (name,) = delivery.sinks(NOON)
    (done,) = delivery.deliver(name, sink, lambda: True)

    assert (done.points, done.refused) == (0, 1200)
    assert len(calls) < 250
