"""What every sink must do, as checks that the tests of each kind call with a real system (or a scripted server).

``Place`` says how to make the sink and how to look into the system behind it. The system must be empty at the start of
each check. ``check_events`` and ``check_scores`` run all that apply to any sink of events, of scores.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from redshank.decide import Event
from redshank.errors import SinkError
from redshank.panel import Key, Panel, Scores
from redshank.result import Scored
from redshank.sinks.base import Notification, ScoreBlock, Sink

START = datetime(2026, 3, 1, tzinfo=UTC)
NAN = float("nan")
HOSTILE = (  # names of monitors, measures, labels and their values
    "plain",
    "O'Brien; DROP TABLE x; --",
    'say "yes", no',
    "back\\slash\\",
    "a/b/../c?d=e&f#g%20%s",
    "emoji 🐦 é 日本",
    "line\nbreak\r\n\ttab",
    "${x} {{y}} %(z)s :w $1 *_`<b>&amp;",
    " spaces ",
    "x" * 300,
)


@dataclass(frozen=True, kw_only=True)
class Place:
    """A sink, and a way to look behind it.

    ``make``: a new sink to the same place each time. ``events``: one mapping for each event that the system holds, with
    "id" and any of the fields of ``expected_event`` that it keeps. ``scores``: one for each point, with any of the
    fields of ``expected_points``.
    """

    make: Callable[[], Sink]
    events: Callable[[], Sequence[Mapping[str, Any]]] = lambda: ()
    scores: Callable[[], Sequence[Mapping[str, Any]]] = lambda: ()


def event(name: str = "e1", **changes: Any) -> Event:
    """An anomaly of a minute of series cpu{host=a}; open, with all numbers known."""
    fields: dict[str, Any] = {
        "id": name,
        "key": Key.of("cpu", {"host": "a"}),
        "start": START,
        "end": START + timedelta(minutes=1),
        "opened": START,
        "peak": START,
        "score": 2.5,
        "severity": 75,
        "direction": "up",
        "actual": 9.25,
        "expected": 1.0,
        "lower": 0.0,
        "upper": 2.0,
        "rarity": 12000.0,
        "points": 1,
        "is_open": True,
        "reason": "9.25 instead of 1",
    }
    return Event(**{**fields, **changes})


def told(one: Event, sequence: int = 1, **changes: Any) -> Notification:
    """An event as the courier tells of it."""
    fields: dict[str, Any] = {
        "monitor": "shop",
        "monitor_id": "m1",
        "kind": "anomaly",
        "state": "opened" if one.is_open else "closed",
        "tags": ("web", "prod"),
        "event": one,
        "sequence": sequence,
    }
    return Notification(**{**fields, **changes})


def hostile_notifications() -> list[Notification]:
    """One event for each hostile name, which is everywhere at once."""
    return [
        told(event(f"hostile-{i}", key=Key.of(name, {"host": name, name: "v"}), reason=name), i + 1, monitor=name)
        for i, name in enumerate(HOSTILE)
    ]


def expected_event(one: Notification) -> dict[str, Any]:
    """What a system may say of an event: unknown numbers are None, times are aware datetimes in UTC."""
    numbers = {name: _known(getattr(one.event, name)) for name in ("score", "actual", "expected", "lower", "upper")}
    return {
        **numbers,
        "id": one.event.id,
        "monitor": one.monitor,
        "kind": one.kind,
        "measure": one.event.key.measure,
        "labels": one.event.key.label_map,
        "series": str(one.event.key),
        "start": one.event.start,
        "end": one.event.end,
        "opened": one.event.opened,
        "peak": one.event.peak,
        "severity": one.event.severity,
        "direction": one.event.direction,
        "rarity": _known(one.event.rarity),
        "points": one.event.points,
        "is_open": one.event.is_open,
        "reason": one.event.reason,
    }


def _known(number: float) -> float | None:
    return None if np.isnan(number) else float(number)


def assert_holds(place: Place, notifications: Sequence[Notification]) -> None:
    """The system holds just these events, in these forms."""
    held = {row["id"]: dict(row) for row in place.events()}
    assert len(held) == len(place.events())
    assert sorted(held) == sorted(one.event.id for one in notifications)
    for one in notifications:
        wanted = expected_event(one)
        row = held[one.event.id]
        assert row == {name: wanted[name] for name in row}


def check_events(place: Place, empty: Callable[[], object]) -> None:
    """Run all checks of a sink of events; ``empty`` makes the system empty again."""
    for check in (
        check_checking_writes_nothing,
        check_twice_is_once,
        check_the_newest_form_holds,
        check_hostile_names,
        check_unknown_numbers,
        check_large_batch,
        check_closing,
    ):
        empty()
        check(place)


def check_checking_writes_nothing(place: Place) -> None:
    """``check`` finds that all is well, twice, and leaves no event; an empty call leaves none either."""
    sink = place.make()
    sink.check()
    sink.check()
    sink.notify([])
    sink.close()
    assert_holds(place, [])


def check_twice_is_once(place: Place) -> None:
    """The same events again, by the same sink and by one made anew (as after a crash), change nothing."""
    given = [told(event(f"e{i}"), i + 1) for i in range(5)]
    sink = place.make()
    sink.notify(given)
    sink.notify(given)
    sink.close()
    again = place.make()
    again.notify(given[2:])
    again.close()
    assert_holds(place, given)


def check_the_newest_form_holds(place: Place) -> None:
    """An event that grows and closes is one event, in its last form, in one call and over calls."""
    first = told(event("e1"), 1)
    grown = told(event("e1", points=2, end=START + timedelta(minutes=2), score=7.0), 2, state="updated")
    closed = told(event("e1", points=3, end=START + timedelta(minutes=3), score=7.0, is_open=False), 3)
    other = told(event("e2"), 4)
    sink = place.make()
    sink.notify([first])
    sink.notify([grown])
    assert_holds(place, [grown])
    sink.notify([closed, other])
    assert_holds(place, [closed, other])
    sink.notify([told(event("e3"), 5), told(event("e3", points=2, score=9.0), 6), other])
    sink.close()
    assert_holds(place, [closed, other, told(event("e3", points=2, score=9.0), 6)])


def check_hostile_names(place: Place) -> None:
    """Names with quotes, emoji, slashes and line breaks arrive as they are, and do no harm."""
    given = hostile_notifications()
    sink = place.make()
    sink.notify(given)
    sink.notify(given[::-1])
    sink.close()
    assert_holds(place, given)


def check_unknown_numbers(place: Place) -> None:
    """NaN is unknown, and never 0; the largest and smallest numbers pass."""
    unknown = dict.fromkeys(("score", "actual", "expected", "lower", "upper", "rarity"), NAN)
    huge = {"actual": 1.7e308, "expected": -1.7e308, "lower": 5e-300, "upper": -0.0, "rarity": 1e300}
    given = [told(event("unknown", **unknown), kind="missing"), told(event("huge", **huge), 2), told(event("e3"), 3)]
    sink = place.make()
    sink.notify(given)
    sink.close()
    assert_holds(place, given)


def check_large_batch(place: Place) -> None:
    """A batch of 250 events arrives whole."""
    given = [told(event(f"e{i}", key=Key.of("cpu", {"host": f"h{i}"})), i + 1) for i in range(250)]
    sink = place.make()
    sink.notify(given)
    sink.close()
    assert_holds(place, given)


def check_closing(place: Place) -> None:
    """A sink that never wrote, or is closed already, can be closed; one made after goes on."""
    place.make().close()
    sink = place.make()
    sink.notify([told(event("e1"))])
    sink.close()
    sink.close()
    again = place.make()
    again.notify([told(event("e2"), 2)])
    again.close()
    assert_holds(place, [told(event("e1")), told(event("e2"), 2)])


def check_one_bad_event(place: Place, bad: Notification) -> None:
    """One event that the system refuses for good stops none of the others, whichever way the sink says so."""
    good = [told(event(f"e{i}"), i + 1) for i in range(6)]
    sink = place.make()
    with pytest.raises(SinkError) as raised:
        sink.notify([*good[:3], bad, *good[3:]])
    assert raised.value.permanent
    assert list(raised.value.refused) in ([], [bad.event.id])
    if not raised.value.refused:
        for one in good:
            sink.notify([one])
    with pytest.raises(SinkError) as alone:
        sink.notify([bad])
    assert alone.value.permanent
    sink.close()
    assert_holds(place, good)


def scored(names: Sequence[str] = ("a", "b"), *, first: int = 0, points: int = 4, shift: float = 0.0) -> Scored:
    """Scored points of series by host, one a minute from minute ``first``; some values and scores are missing."""
    keys = tuple(Key.of("cpu", {"host": name}) for name in names)
    start = np.datetime64("2026-03-01T00:00", "ns")
    times = start + np.arange(first, first + points) * np.timedelta64(60, "s").astype("timedelta64[ns]")
    minute = np.arange(first, first + points, dtype=float)
    values = np.add.outer(np.arange(len(names)) * 100.0, minute) + shift
    values[:, minute % 5 == 3] = NAN
    score = np.where(np.isnan(values) | (minute == 0), NAN, values / 1000)
    known = np.where(np.isnan(values), NAN, values - 1.0)
    panel = Panel(keys, times, values[:, :, None])
    return Scored(
        panel,
        Scores(keys, times, score, score * 10, known[:, :, None], (known - 1)[:, :, None], (known + 3)[:, :, None]),
    )


def block(*parts: Scored, monitor: str = "shop", monitor_id: str = "m1") -> ScoreBlock:
    """Scores as the courier delivers them."""
    return ScoreBlock(monitor=monitor, monitor_id=monitor_id, tags=("web",), parts=parts)


def expected_points(blocks: Sequence[ScoreBlock]) -> dict[tuple[str, str, datetime], dict[str, Any]]:
    """What a system may say of the points that have a value or a score; a later block wins."""
    found: dict[tuple[str, str, datetime], dict[str, Any]] = {}
    for one in blocks:
        for part in one.parts:
            for row, key in enumerate(part.panel.keys):
                for column, time in enumerate(part.panel.times):
                    point = _point(one.monitor, part, row, column)
                    if point["actual"] is not None or point["score"] is not None:
                        moment = _moment(time)
                        found[one.monitor, str(key), moment] = {**point, "series": str(key), "time": moment}
    return found


def _point(monitor: str, part: Scored, row: int, column: int) -> dict[str, Any]:
    scores, key = part.scores, part.panel.keys[row]
    return {
        "monitor": monitor,
        "measure": key.measure,
        "labels": key.label_map,
        "actual": _known(part.panel.values[row, column, 0]),
        "expected": _known(scores.expected[row, column, 0]),
        "lower": _known(scores.lower[row, column, 0]),
        "upper": _known(scores.upper[row, column, 0]),
        "score": _known(scores.score[row, column]),
    }


def _moment(time: np.datetime64) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(time.astype("datetime64[us]").astype(int)))


def assert_points(place: Place, blocks: Sequence[ScoreBlock]) -> None:
    """The system holds just the points of these blocks."""
    wanted = expected_points(blocks)
    rows = [dict(row) for row in place.scores()]
    held = {(row["monitor"], row["series"], row["time"]): row for row in rows}
    assert len(held) == len(rows)
    assert sorted(held) == sorted(wanted)
    for place_of, row in held.items():
        assert row == {name: wanted[place_of][name] for name in row}


def check_scores(place: Place, empty: Callable[[], object]) -> None:
    """Run all checks of a sink of scores; rows must name "monitor", "series" and "time"."""
    for check in (check_scores_twice_are_once, check_scores_of_hostile_names):
        empty()
        check(place)


def check_scores_twice_are_once(place: Place) -> None:
    """Blocks that overlap, come again, or come after a crash leave each point once; the last form holds."""
    sink = place.make()
    assert sink.wants_scores
    sink.record(block(scored()))
    sink.record(block(scored()))
    sink.record(block(scored(first=2, points=5)))
    sink.close()
    again = place.make()
    again.record(block(scored(first=5), scored(("c",), first=5)))
    again.record(block(scored(first=1, points=2, shift=0.5)))
    again.close()
    changed = block(scored(first=1, points=2, shift=0.5))
    assert_points(place, [block(scored(points=9)), block(scored(("c",), first=5)), changed])


def check_scores_of_hostile_names(place: Place) -> None:
    """Names with quotes, emoji, slashes and line breaks are told apart and arrive as they are."""
    names = {"m1": HOSTILE[1], "m2": HOSTILE[5]}
    blocks = [block(scored(HOSTILE, points=3), monitor=name, monitor_id=each) for each, name in names.items()]
    sink = place.make()
    for one in blocks:
        sink.record(one)
    sink.record(ScoreBlock(monitor="empty", parts=()))
    sink.close()
    assert_points(place, blocks)


def renamed(one: Notification, **changes: Any) -> Notification:
    """The notification with fields of its event changed."""
    return replace(one, event=replace(one.event, **changes))
