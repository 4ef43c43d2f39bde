"""What sinks are told of an event: whose it is, where to look, and the points around it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from redshank.engine.notifications import CHART_AFTER, CHART_BEFORE, Teller
from redshank.panel import Key
from redshank.sinks.base import Notification
from redshank.sinks.build import build_sink
from redshank.store.history import encode_block
from redshank.store.records import Delivery, TickCommit
from redshank.store.store import Store
from redshank.store.tables import score_blocks
from store_data import MINUTE, NOON, Clock, event, live

KEY = Key.of("cpu", {"host": "ø 🐦"})
SINK = build_sink("stdout", {})


class Charted(type(SINK)):  # type: ignore[misc]
    """A sink that wants charts."""

    wants_chart = True


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with a tagged monitor of a point an hour, and an event in it."""
    with Store.open(tmp_path / "data", clock=Clock()) as opened:
        owner = opened.resources.create("monitors", "cpu", {"name": "cpu", "path": "x.csv", "tags": ["web"]}).id
        opened.series.admit(owner, [Key.of("cpu", {"host": "b"}), KEY], first_ns=NOON, shard_series=10)
        at = np.arange(-400, 100, dtype=np.int64)
        frame = pl.DataFrame(
            {
                "series": np.full(500, 1, np.int32),
                "time": NOON + at * 60 * MINUTE,
                "score": at * 0.1,
                "value.cpu": at * 1.0,
            }
        )
        found = event(id="e1", monitor_id=owner, key=KEY, end_ns=NOON + 120 * MINUTE)
        after = live(owner, cursor_ns=NOON + 10_000 * MINUTE)
        tick = TickCommit(base=None, live=after, block=encode_block(frame), events=[found], deliveries=[("mail", "e1")])
        opened.live.commit(tick)
        yield opened


def told(store: Store, sink: object = SINK, **settings: str) -> Notification:
    """What the sink is told."""
    due: list[Delivery] = store.outbox.due("mail", NOON)
    (one,) = Teller(store, **settings)(due, sink)  # type: ignore[arg-type]
    return one


def test_a_notification_has_tags_and_a_link(store: Store) -> None:
    store.events.acknowledge("e1", "ann")
    store.events.label("e1", "expected")
    one = told(store, public_url="https://rs.example/base/")

    assert (one.monitor, one.tags, one.state) == ("shop", ("web",), "opened")
    assert one.url == "https://rs.example/base/events/e1"
    assert (one.acknowledged_by, one.label, one.chart) == ("ann", "expected", None)
    assert told(store).url is None
    assert one.sequence == store.events.get("e1").sequence


def test_a_sink_that_wants_charts_gets_the_points_around_the_event(store: Store) -> None:
    chart = told(store, Charted(SINK.Options())).chart

    assert chart is not None
    assert chart.panel.keys == (KEY,)
    values = chart.panel.values[0, :, 0]
    assert values.tolist() == list(range(-CHART_BEFORE, 2 + CHART_AFTER))
    assert chart.scores.score[0, -1] == pytest.approx((1 + CHART_AFTER) * 0.1)


def test_an_event_of_a_series_or_monitor_that_is_gone_is_told_all_the_same(store: Store) -> None:
    store.resources.delete("monitors", "cpu")
    store.events.upsert([event(id="e1", monitor_id="gone", key=KEY)])

    one = told(store, Charted(SINK.Options()))

    assert (one.tags, one.chart) == ((), None)


def test_an_event_whose_history_is_damaged_is_told_without_a_chart(store: Store) -> None:
    with store.database.write() as connection:
        connection.execute(update(score_blocks).values(data=b"spoiled"))

    with capture_logs() as logs:
        one = told(store, Charted(SINK.Options()))

    assert one.chart is None
    assert one.event.id == "e1"
    assert [line["event"] for line in logs] == ["no chart"]
