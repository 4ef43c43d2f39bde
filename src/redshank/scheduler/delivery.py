"""Take events from the outbox to their sinks: each sink by a thread of its own, so that a dead one delays no other."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from structlog import get_logger

from redshank.decide import Event
from redshank.errors import NotFoundError, RedshankError
from redshank.sinks.base import Notification, Sink
from redshank.store.records import Delivery, StoredEvent

BATCH = 100  # deliveries handed over at once
LOOK_SECONDS = 1.0  # between two looks at what is due, when nobody says that something is
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 2.0, 3600.0  # after a sink failed; doubles with each attempt
HUNG_SECONDS = 60.0  # a call that takes longer is left behind, and the sink tried again after a pause
MOST_LEFT_BEHIND = 3  # calls of one sink that hang, before it is tried no more
_NAN = float("nan")

log = get_logger("redshank.delivery")


class Deliveries(Protocol):
    """The part of ``store.outbox.Outbox`` that is needed here."""

    def due(self, sink: str, now_ns: int, *, limit: int = ...) -> list[Delivery]: ...
    def sinks(self, now_ns: int) -> list[str]: ...
    def done(self, deliveries: Sequence[Delivery]) -> None: ...
    def later(self, delivery: Delivery, due_ns: int, error: str) -> None: ...
    def drop(self, sink: str) -> None: ...


@dataclass
class _Way:
    """The way to one sink: the thread that is on it, since when, and the threads that never came back."""

    thread: threading.Thread | None = None
    since: float = 0.0
    left_behind: list[threading.Thread] = field(default_factory=list)
    resume: float = 0.0  # monotonic time before which the sink is not tried


class Courier:
    """Delivers what is in the outbox until it is stopped.

    ``sink_named`` builds the sink of that name, anew when its declaration has changed, and raises NotFoundError when
    there is none any more. A sink that fails gets the same events again after a pause that doubles from 2 s to an hour.
    ``is_leading``: of several processes on one database, one delivers.
    """

    def __init__(
        self,
        outbox: Deliveries,
        sink_named: Callable[[str], Sink],
        *,
        clock: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], float] = time.monotonic,
        is_leading: Callable[[], bool] = lambda: True,
    ) -> None:
        self._is_leading = is_leading
        self._outbox, self._sink_named = outbox, sink_named
        self._clock, self._monotonic = clock, monotonic
        self._ways: dict[str, _Way] = {}
        self._wake, self._stopped = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, on a thread of its own."""
        self._thread = threading.Thread(target=self._watch, name="courier", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Look at once: something was put into the outbox."""
        self._wake.set()

    def stop(self, timeout_seconds: float = 2.0) -> None:
        """End after the calls that are under way, or leave them behind: what they do not report is done again."""
        self._stopped.set()
        self._wake.set()
        deadline = self._monotonic() + timeout_seconds
        on_their_way = [way.thread for way in self._ways.values() if way.thread]
        for thread in [self._thread, *on_their_way]:
            if thread is not None:
                thread.join(max(0.0, deadline - self._monotonic()))

    def _watch(self) -> None:
        while not self._stopped.is_set():
            self._wake.wait(LOOK_SECONDS)
            self._wake.clear()
            if not self._stopped.is_set() and self._is_leading():
                try:
                    self.send_out()
                except RedshankError as error:  # the database is away: it will be asked again
                    log.warning("outbox cannot be read", error=str(error))

    def send_out(self) -> None:
        """Send a thread to each sink for which something is due and that has none under way."""
        for name in self._outbox.sinks(self._clock()):
            way = self._ways.setdefault(name, _Way())
            self._leave_behind(name, way)
            if way.thread is None and self._monotonic() >= way.resume and len(way.left_behind) < MOST_LEFT_BEHIND:
                way.since = self._monotonic()
                way.thread = threading.Thread(target=self._go, args=(name, way), name=f"sink {name}", daemon=True)
                way.thread.start()

    def _leave_behind(self, name: str, way: _Way) -> None:
        """Forget a thread that came back, and put aside one that hangs."""
        way.left_behind = [thread for thread in way.left_behind if thread.is_alive()]
        if way.thread is not None and not way.thread.is_alive():
            way.thread = None
        if way.thread is not None and self._monotonic() - way.since > HUNG_SECONDS:
            log.warning("sink hangs", sink=name, seconds=HUNG_SECONDS)
            way.left_behind.append(way.thread)
            way.thread, way.resume = None, self._monotonic() + HUNG_SECONDS

    def _go(self, name: str, way: _Way) -> None:
        """Hand over batch after batch until nothing is due."""
        me = threading.current_thread()
        try:
            while not self._stopped.is_set() and self._is_leading() and way.thread is me:
                way.since = self._monotonic()
                due = self._outbox.due(name, self._clock(), limit=BATCH)
                if not due or not self._hand_over(name, due):
                    return
        except RedshankError as error:
            log.warning("outbox cannot be written", sink=name, error=str(error))

    def _hand_over(self, name: str, due: Sequence[Delivery]) -> bool:
        """Deliver a batch; whether the sink took it."""
        try:
            self._sink_named(name).notify([_notification(delivery.event) for delivery in due])
        except NotFoundError:
            self._outbox.drop(name)
            log.info("sink is no more; its deliveries are dropped", sink=name)
            return False
        except Exception as error:  # noqa: BLE001 - a worker's loop: whatever a sink raises must not end the deliveries
            self._put_off(name, due, error)
            return False
        self._outbox.done(due)
        return True

    def _put_off(self, name: str, due: Sequence[Delivery], error: Exception) -> None:
        is_known = isinstance(error, RedshankError)
        text = str(error) if is_known else f"{type(error).__name__}: {error}"
        detail = {} if is_known else {"traceback": traceback.format_exc()}
        log.warning("sink failed", sink=name, error=text, waiting=len(due), **detail)
        for delivery in due:
            pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(delivery.attempts, 30))
            self._outbox.later(delivery, self._clock() + int(pause * 1e9), text)


def _notification(event: StoredEvent) -> Notification:
    return Notification(monitor=event.monitor, kind=event.kind, event=_event(event))


def _event(stored: StoredEvent) -> Event:
    """The event as sinks know it, None as NaN."""
    return Event(
        id=stored.id,
        key=stored.key,
        start=_moment(stored.start_ns),
        end=_moment(stored.end_ns),
        opened=_moment(stored.opened_ns),
        peak=_moment(stored.peak_ns),
        score=_number(stored.score),
        severity=stored.severity,
        direction=stored.direction,  # type: ignore[arg-type]
        actual=_number(stored.actual),
        expected=_number(stored.expected),
        lower=_number(stored.lower),
        upper=_number(stored.upper),
        rarity=_number(stored.rarity),
        points=stored.points,
        is_open=stored.is_open,
        share=dict(stored.share),
        reason=stored.reason,
    )


def _number(value: float | None) -> float:
    return _NAN if value is None else value


def _moment(time_ns: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_ns // 1000)
