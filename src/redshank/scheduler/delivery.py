"""Take events from the outbox to their sinks: each sink by a thread of its own, so that a dead one delays no other."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from structlog import get_logger

from redshank.engine.notifications import plain_notifications
from redshank.errors import NotFoundError, RedshankError, SinkError
from redshank.scheduler.handing import Handed, Tell, hand_over
from redshank.scheduler.pace import Pace
from redshank.scheduler.recording import Recorded
from redshank.sinks.base import Sink
from redshank.store.records import Delivery

BATCH = 100  # deliveries handed over at once; fewer to a slow sink, or after a failure: a bad event is soon alone
LOOK_SECONDS = 1.0  # between two looks at what is due, when nobody says that something is
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 2.0, 3600.0  # of an event that failed; doubles with each attempt
LONGEST_REST_SECONDS = 60.0  # of a sink that failed, before something new is tried
TRUSTED = 2 * BATCH  # events taken without a failure, after which batches grow again
BACK_AFTER = 3  # failures one after the other, after which a success says that the sink is back
HUNG_SECONDS = 60.0  # a call that takes longer is left behind, and the sink tried again after a pause
MOST_LEFT_BEHIND = 3  # calls of one sink that hang, before it is tried no more
GIVE_UP_SECONDS = 86_400.0

log = get_logger("redshank.delivery")


class Deliveries(Protocol):
    """The part of ``store.outbox.Outbox`` that is needed here."""

    def due(self, sink: str, now_ns: int, *, limit: int = ...) -> list[Delivery]: ...
    def sinks(self, now_ns: int) -> list[str]: ...
    def done(self, deliveries: Sequence[Delivery]) -> None: ...
    def later(self, deliveries: Sequence[tuple[Delivery, int]], error: str) -> None: ...
    def bury(self, deliveries: Sequence[tuple[Delivery, str]]) -> None: ...
    def hasten(self, sink: str) -> None: ...
    def drop(self, sink: str) -> None: ...


class ScoreDeliveries(Protocol):
    """The part of ``scheduler.score_delivery.ScoreDelivery`` that is needed here."""

    def sinks(self, now_ns: int) -> list[str]: ...
    def deliver(self, name: str, sink: Sink, goes_on: Callable[[], bool]) -> Iterable[Recorded]: ...


@dataclass
class Delivered:
    """What was done for one sink since the start: events taken, calls that failed, events given up; points."""

    events: int = 0
    failures: int = 0
    dead: int = 0
    points: int = 0
    refused: int = 0  # points, for good


@dataclass
class _Way:
    """The way to one sink: the thread that is on it, since when, and the threads that never came back."""

    thread: threading.Thread | None = None
    since: float = 0.0
    left_behind: list[threading.Thread] = field(default_factory=list)
    resume: float = 0.0  # monotonic time before which the sink is not tried
    failures: int = 0  # one after the other
    size: int = BATCH  # of the next batch of events that failed before
    taken: int = 0  # events since the last failure
    pace: Pace = field(default_factory=lambda: Pace(BATCH, BATCH))


class Courier:
    """Delivers what is in the outbox until it is stopped.

    ``sink_named`` builds the sink of that name, anew when its declaration has changed, and raises NotFoundError when
    there is none any more. A sink that fails gets the same events again after a pause that doubles from 2 s to an hour;
    those it refuses for good, or did not take for ``give_up_seconds``, become dead letters. ``tell`` makes what the
    sink is told. ``is_leading``: of several processes on one database, one delivers.
    """

    def __init__(
        self,
        outbox: Deliveries,
        sink_named: Callable[[str], Sink],
        *,
        tell: Tell = plain_notifications,
        scores: ScoreDeliveries | None = None,
        give_up_seconds: float = GIVE_UP_SECONDS,
        clock: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], float] = time.monotonic,
        is_leading: Callable[[], bool] = lambda: True,
    ) -> None:
        self._is_leading = is_leading
        self._outbox, self._sink_named, self._tell, self._scores = outbox, sink_named, tell, scores
        self._give_up_ns = int(give_up_seconds * 1e9)
        self._clock, self._monotonic = clock, monotonic
        self._ways: dict[str, _Way] = {}
        self._delivered: dict[str, Delivered] = {}
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

    def delivered(self) -> Mapping[str, Delivered]:
        """Return what was done since the start, by sink."""
        return dict(self._delivered)

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
        now_ns = self._clock()
        names = self._outbox.sinks(now_ns)
        if self._scores is not None:
            names = sorted({*names, *self._scores.sinks(now_ns)})
        for name in names:
            way = self._ways.setdefault(name, _Way())
            self._delivered.setdefault(name, Delivered())
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
        """Hand over batch after batch until nothing is due, then scores."""
        me = threading.current_thread()

        def goes_on() -> bool:
            way.since = self._monotonic()
            return not self._stopped.is_set() and self._is_leading() and way.thread is me

        try:
            while goes_on():
                due = self._outbox.due(name, self._clock(), limit=way.pace.size)
                if not due:
                    break
                if not self._deliver(name, way, due, goes_on):
                    return
            if self._scores is not None and goes_on():
                self._deliver_scores(name, way, self._scores, goes_on)
        except RedshankError as error:
            log.warning("outbox cannot be written", sink=name, error=str(error))

    def _deliver(self, name: str, way: _Way, due: Sequence[Delivery], goes_on: Callable[[], bool]) -> bool:
        """Deliver what never failed, then a part of the rest, so that a bad event is with no other; whether it went."""
        fresh = [delivery for delivery in due if not delivery.attempts]
        again = [delivery for delivery in due if delivery.attempts]
        for batch in (fresh, again[: way.size]):
            if not batch or not goes_on():
                continue
            try:
                sink = self._sink_named(name)
            except NotFoundError:
                self._outbox.drop(name)
                log.info("sink is no more; its deliveries are dropped", sink=name)
                return False
            except Exception as error:  # noqa: BLE001 - a worker's loop: a declaration may be wrong in any way
                handed = Handed(failed=list(batch), error=error)
            else:
                size, begun = way.pace.begin(), self._monotonic()
                handed = hand_over(sink, batch, self._tell, progress=goes_on)
                way.pace.end(size, self._monotonic() - begun)
            if not self._note(name, way, handed, len(batch)):
                return False
        return True

    def _note(self, name: str, way: _Way, handed: Handed, size: int) -> bool:
        """Keep what became of a batch; whether nothing failed for now."""
        count = self._delivered[name]
        self._outbox.done(handed.taken)
        self._bury(name, handed.dead)
        count.events += len(handed.taken)
        if handed.error is not None:
            count.failures += 1
            way.size, way.taken = max(1, size // 10), 0
            self._put_off(name, way, handed.failed, handed.error)
            return False
        if way.failures >= BACK_AFTER:
            self._outbox.hasten(name)
        way.failures, way.taken = 0, way.taken + size
        if way.taken >= TRUSTED:
            way.size, way.taken = min(BATCH, way.size * 4), 0
        return True

    def _bury(self, name: str, dead: Sequence[tuple[Delivery, str]]) -> None:
        if dead:
            self._outbox.bury(dead)
            self._delivered[name].dead += len(dead)
            log.warning("events are given up", sink=name, count=len(dead), first=dead[0][0].event.id, error=dead[0][1])

    def _put_off(self, name: str, way: _Way, failed: Sequence[Delivery], error: Exception) -> None:
        text = self._rest(name, way, error, waiting=len(failed))
        now_ns, least = self._clock(), way.resume - self._monotonic() if _asked(error) else 0.0
        later: list[tuple[Delivery, int]] = []
        given_up: list[tuple[Delivery, str]] = []
        for delivery in failed:
            if now_ns - (delivery.failed_ns or now_ns) >= self._give_up_ns:
                given_up.append((delivery, text))
            else:
                pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(delivery.attempts, 30))
                later.append((delivery, now_ns + int(max(pause, least) * 1e9)))
        self._outbox.later(later, text)
        self._bury(name, given_up)

    def _rest(self, name: str, way: _Way, error: Exception, **shown: int) -> str:
        """Leave a sink alone for a while, as long as it asked for; return its error in words."""
        way.failures += 1
        pause = min(LONGEST_REST_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(way.failures - 1, 30))
        way.resume = self._monotonic() + min(LONGEST_PAUSE_SECONDS, max(pause, _asked(error)))
        is_known = isinstance(error, RedshankError)
        text = str(error) if is_known else f"{type(error).__name__}: {error}"
        detail = {} if is_known else {"traceback": "".join(traceback.format_exception(error))}
        log.warning("sink failed", sink=name, error=text, **shown, **detail)
        return text

    def _deliver_scores(self, name: str, way: _Way, scores: ScoreDeliveries, goes_on: Callable[[], bool]) -> None:
        count = self._delivered[name]
        try:
            for done in scores.deliver(name, self._sink_named(name), goes_on):
                count.points, count.refused = count.points + done.points, count.refused + done.refused
        except NotFoundError:
            return  # the next look at the declarations takes its cursors away
        except Exception as error:  # noqa: BLE001 - a worker's loop: whatever a sink raises must not end the deliveries
            count.failures += 1
            self._rest(name, way, error)


def _asked(error: Exception) -> float:
    """For how many seconds the sink asked to be left alone; 0 = it did not."""
    return max(0.0, error.retry_seconds or 0.0) if isinstance(error, SinkError) else 0.0
