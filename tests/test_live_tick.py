"""Whole ticks over a real store: what is kept, what is told, and what a restart does to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from live_world import MINUTE, START, Rows, World, at, moment, open_world, times_of, usual, wave
from redshank.errors import SourceError

Opening = Callable[..., World]


@pytest.fixture
def opening(tmp_path: Path) -> Iterator[Opening]:
    """Opens worlds, each with a store of its own, and closes them."""
    worlds: list[World] = []

    def opened(rows: Rows, **spec: object) -> World:
        worlds.append(open_world(tmp_path / str(len(worlds)), rows, **spec))
        return worlds[-1]

    yield opened
    for world in worlds:
        world.store.close()


@pytest.fixture
def world(opening: Opening) -> World:
    """One host with 300 minutes of history."""
    return opening(wave(range(300)))


def test_the_first_tick_learns_the_history_and_later_ones_go_on(world: World) -> None:
    world.tick(at(300))
    assert len(world.scores()) == 300

    world.source.rows += wave(range(300, 305))
    world.tick(at(305))

    scores = world.scores()
    assert scores["time"].to_list() == [at(i) for i in range(305)]
    assert scores["value.value"].to_list() == [usual(i) for i in range(305)]
    assert scores["score"].is_nan().sum() == 50
    live = world.store.live.get("m1")
    assert live is not None
    assert (live.cursor_ns, live.version, live.points) == (at(305), 1, 305)


def test_a_spike_is_an_event_that_opens_and_closes_once(world: World) -> None:
    world.tick(at(300))
    world.source.rows += [*wave(range(300, 302)), (at(302), "a", 40.0)]
    world.tick(at(303))
    (opened,) = world.events(is_open=True)

    for minute in range(303, 420):
        world.source.rows += wave(range(minute, minute + 1))
        world.tick(at(minute + 1))

    (closed,) = world.events(kinds=["anomaly"])
    assert (closed.id, closed.is_open, closed.start_ns) == (opened.id, False, at(302))
    assert (closed.actual, closed.direction, closed.backfill) == (40.0, "up", False)
    assert "the highest so far" in closed.reason


def test_a_history_whose_last_rows_have_no_value_ends_all_the_same(opening: Opening) -> None:
    world = opening([*wave(range(60)), (at(60), "a", float("nan")), (at(61), "a", float("nan"))])
    world.tick(at(62))
    begun = world.store.live.get("m1")

    world.source.rows += wave(range(62, 70))
    world.tick(at(70))

    live = world.store.live.get("m1")
    assert begun is not None
    assert live is not None
    assert (begun.version, begun.cursor_ns) == (1, at(60))
    assert (live.version, live.cursor_ns) == (1, at(70))
    assert all(not event.backfill for event in world.events(kinds=["missing"]))


def test_events_of_the_history_are_backfill_and_not_told(opening: Opening) -> None:
    rows = wave(range(400))
    rows[200] = (at(200), "a", 40.0)
    world = opening(rows, sinks=["mail"])

    world.tick(at(400))

    (event,) = world.events(kinds=["anomaly"])
    assert (event.backfill, event.is_open) == (True, False)
    assert list(world.store.outbox.due("mail", now_ns=at(500))) == []


def test_the_step_that_is_still_filling_waits(world: World) -> None:
    world.tick(at(300))
    world.source.rows += wave(range(300, 302))

    world.tick(at(301.5))

    assert world.scores()["time"].max() == at(300)


def test_a_restart_in_between_changes_nothing(opening: Opening) -> None:
    rows = wave(range(300)) + wave(range(300), "b")
    one, other = opening(rows), opening(rows)
    later = {310: 40.0, 311: 41.0}
    for minute in range(300, 330):
        new = wave(range(minute, minute + 1), value=lambda i: later.get(i, usual(i)))
        for world in (one, other):
            world.source.rows += new + (wave(range(minute, minute + 1), "b") if minute < 312 else [])
            world.tick(at(minute + 1))
        other.restart()

    assert other.scores().equals(one.scores(), null_equal=True)
    plain = [[replace(event, sequence=0) for event in world.events()] for world in (one, other)]
    assert plain[0] == plain[1]
    assert {kind for kind, _, _ in times_of(plain[0])} == {"anomaly", "missing"}


def test_a_source_that_is_down_is_one_event_and_nothing_is_lost(world: World) -> None:
    world.tick(at(300))
    world.source.is_down = True
    for minute in (301, 302, 303):
        with pytest.raises(SourceError, match="cannot be reached"):
            world.tick(at(minute))
    (down,) = world.events()

    world.source.is_down = False
    world.source.rows += wave(range(300, 310))
    world.tick(at(310))

    (up,) = world.events()
    assert (down.kind, down.is_open, down.id) == ("source_down", True, up.id)
    assert (up.is_open, up.start_ns, up.end_ns) == (False, at(301), at(310))
    assert len(world.scores()) == 310


def test_a_series_that_stops_is_missing_while_it_is_away(world: World) -> None:
    world.tick(at(300))
    world.tick(at(302))
    assert world.events() == []
    world.tick(at(303))
    (missing,) = world.events(kinds=["missing"])
    world.tick(at(308))
    assert world.events() == [missing]

    world.source.rows += wave(range(308, 310))
    world.tick(at(310))

    (closed,) = world.events()
    assert (missing.is_open, missing.start_ns, missing.opened_ns) == (True, at(300), at(302))
    assert (closed.is_open, closed.id, closed.end_ns) == (False, missing.id, at(308))


def test_points_that_come_late_but_all_together_are_scored(world: World) -> None:
    world.tick(at(300))
    world.tick(at(310))

    world.source.rows += wave(range(300, 311))
    world.tick(at(311))

    assert len(world.scores()) == 311
    (missing,) = world.events()
    assert not missing.is_open
    assert "came later" in missing.reason


def test_all_series_away_is_one_stale_event(opening: Opening) -> None:
    world = opening([row for host in "abcde" for row in wave(range(300), host)])
    world.tick(at(300))

    world.tick(at(305))
    (stale,) = world.events()
    world.source.rows += [row for host in "abcde" for row in wave(range(305, 307), host)]
    world.tick(at(307))

    (closed,) = world.events()
    assert (stale.kind, stale.is_open, closed.is_open, closed.end_ns) == ("stale", True, False, at(305))


def test_a_long_stretch_without_points_is_jumped_over(world: World) -> None:
    world.tick(at(300))
    far = 300 + 50_000
    world.tick(at(far))
    world.source.rows += wave(range(far, far + 5))

    world.tick(at(far + 5))
    world.restart()
    world.source.rows += wave(range(far + 5, far + 6))
    world.tick(at(far + 6))

    live = world.store.live.get("m1")
    assert live is not None
    assert live.cursor_ns == at(far + 6)
    assert live.memory["jumps"] == [[at(1300), far - 1300]]
    assert len(world.scores()) == 306


@pytest.mark.parametrize("jump", [-500, 10_000_000], ids=["back", "forth"])
def test_a_clock_that_jumps_and_returns_loses_nothing(world: World, jump: int) -> None:
    world.tick(at(300))

    world.tick(at(300 + jump))
    world.source.rows += wave(range(300, 302))
    world.tick(at(302))

    assert len(world.scores()) == 302
    assert world.events(is_open=True) == []


def test_a_new_series_joins_with_an_event(world: World) -> None:
    world.tick(at(300))
    world.source.rows += wave(range(300, 310)) + wave(range(303, 310), "b")

    world.tick(at(310))

    (new,) = world.events(kinds=["new"])
    assert (new.start_ns, new.is_open, str(new.key)) == (at(303), False, "cpu{host=b}")
    assert "judged at first by what is known of cpu{host=a}" in new.reason
    assert [one.id for one in world.store.series.all_of("m1")] == [0, 1]
    scores = world.scores()
    assert scores.filter(scores["series"] == 1)["score"].is_nan().sum() == 0


def test_nothing_yet_is_no_error(opening: Opening) -> None:
    world = opening([])

    assert world.tick(at(0)).points == 0

    world.source.rows += wave(range(100))
    world.tick(at(100))
    assert len(world.scores()) == 100


def test_a_false_alarm_is_silenced_at_once_and_can_be_taken_back(world: World) -> None:
    world.tick(at(300))

    def spike(minute: int) -> None:
        world.source.rows += [(at(minute), "a", 40.0), *wave(range(minute + 1, minute + 150))]
        world.tick(at(minute + 150))

    spike(300)
    (first,) = world.events(kinds=["anomaly"])
    world.store.events.label(first.id, "false")
    spike(450)
    assert len(world.events(kinds=["anomaly"])) == 1
    world.store.events.label(first.id, None)
    spike(600)

    assert [event.start_ns for event in world.events(kinds=["anomaly"])] == [at(300), at(600)]


def test_the_world_begins_with_an_hour() -> None:
    assert START % (60 * MINUTE) == 0


def test_points_that_come_after_their_time_are_counted_and_not_scored(opening: Opening) -> None:
    world = opening([*wave(range(300)), *wave(range(300), "b")])
    world.tick(at(300))
    lines: list[str] = []
    world.job.write_line = lambda text, level: lines.append(text)
    world.source.rows += wave(range(300, 310))
    world.tick(at(310))

    world.source.rows += [*wave(range(304, 310), "b"), *wave(range(310, 500))]
    world.tick(at(500))

    live = world.store.live.get("m1")
    assert live is not None
    assert live.memory["late"] == 6
    assert len(world.scores()) == 300 + 500
    assert [line for line in lines if "6 points came after" in line]


def test_quiet_hours_hold_back_and_tell_later_what_is_still_open(opening: Opening) -> None:
    start = moment(at(301)).strftime("%H:%M")
    end = moment(at(305)).strftime("%H:%M")
    world = opening(wave(range(300)), sinks=["mail"], policy={"quiet_hours": [{"start": start, "end": end}]})
    world.tick(at(300))

    def waiting() -> int:
        return len(world.store.outbox.due("mail", now_ns=1 << 62))

    world.source.rows += [(at(300), "a", 40.0), (at(301), "a", 41.0)]
    world.tick(at(302))
    assert (len(world.events(is_open=True)), waiting()) == (1, 0)

    world.source.rows += wave(range(302, 306))
    world.tick(at(306))
    assert waiting() == 1


def test_a_level_shift_is_one_event_then_the_new_normal(opening: Opening) -> None:
    rows = wave(range(2000), value=lambda i: usual(i) + (50 if i >= 600 else 0))
    world = opening(rows[:500], detector="seasonal")
    world.tick(at(500))

    world.source.rows = rows
    world.tick(at(2000))

    (event,) = world.events(kinds=["anomaly"])
    assert (event.start_ns, event.is_open) == (at(600), False)
    assert event.end_ns < at(1000)


def test_a_constant_series_is_no_event_and_its_first_change_is_one(opening: Opening) -> None:
    rows = wave(range(600), value=lambda i: 5.0 if i != 550 else 9.0)
    world = opening(rows[:300])
    world.tick(at(300))

    world.source.rows = rows
    world.tick(at(600))

    assert [event.start_ns for event in world.events()] == [at(550)]


def test_a_count_without_rows_is_zero_and_no_gap(opening: Opening) -> None:
    rows = [row for i in range(400) for row in wave(range(i, i + 1)) * (20 + i % 3) if i != 350]
    world = opening(rows, measures=["count"], by=[])

    world.tick(at(400))

    scores = world.scores()
    assert scores["value.value"].to_list() == [0.0 if i == 350 else 20.0 + i % 3 for i in range(400)]
    (event,) = world.events(kinds=["anomaly"])
    assert (event.actual, event.start_ns) == (0.0, at(350))


def test_a_series_of_files_goes_by_the_time_in_the_data(opening: Opening) -> None:
    world = opening(wave(range(300)), clock="data", step=None)

    world.tick(at(999_999))
    world.source.rows += wave(range(300, 310))
    world.tick(at(999_999))

    assert world.scores()["time"].max() == at(309)
    assert world.events() == []


def test_one_point_of_the_far_future_moves_nothing(opening: Opening) -> None:
    world = opening([*wave(range(300)), (at(50_000_000), "a", 1.0)], clock="data", step=None)
    world.tick(at(300))

    world.source.rows += wave(range(300, 310))
    world.tick(at(310))

    live = world.store.live.get("m1")
    assert live is not None
    assert live.cursor_ns <= at(310)


def test_the_next_tick_is_when_the_next_step_is_complete(opening: Opening) -> None:
    world = opening(wave(range(300)), delay="30s")

    ticked = world.tick(at(300.75))

    assert ticked.next_ns == at(301.5)
