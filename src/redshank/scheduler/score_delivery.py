"""Take the scores of live monitors to the sinks that want them, from the score history, by a cursor for each pair."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import ValidationError
from structlog import get_logger

from redshank.errors import ConfigError, MissingExtraError, NotFoundError, SinkError
from redshank.panel import Key, to_time
from redshank.scheduler.pace import Pace
from redshank.scheduler.recording import Recorded, record
from redshank.sinks.base import ScoreBlock, Sink
from redshank.specs.monitor import MonitorSpec
from redshank.store.records import Resource
from redshank.store.score_cursors import Pair, ScoreCursor
from redshank.store.store import Store

if TYPE_CHECKING:
    import polars as pl

PART_ROWS = 50_000  # about as many are read at once
FIRST_ROWS, LEAST_ROWS = 10_000, 100  # are handed over at once
KEPT_AT_ONCE = 100  # cursors in one transaction
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 2.0, 3600.0

log = get_logger("redshank.delivery")


class ScoreDelivery:
    """Delivers scores: at least once, in order of time for each monitor, the cursor kept after the sink took them.

    A sink that is new begins where each of its monitors stands, or where its ``scores_since`` says. What the retention
    of a monitor has dropped meanwhile is passed over.
    """

    def __init__(
        self, store: Store, sink_named: Callable[[str], Sink], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._store, self._sink_named, self._monotonic = store, sink_named, monotonic
        self._seen: tuple[int, int, int] | None = None
        self._due: Mapping[str, list[ScoreCursor]] = {}
        self._monitors: Mapping[str, Resource] = {}
        self._known: dict[str, Mapping[int, Key]] = {}  # keys of series by monitor and number
        self._paces: dict[str, Pace] = {}
        self._turn = threading.Lock()

    def sinks(self, now_ns: int) -> list[str]:
        """Return the names of the sinks for which scores are due."""
        self._look_at_declarations(now_ns)
        found: dict[str, list[ScoreCursor]] = defaultdict(list)
        for cursor in self._store.score_cursors.due(now_ns):
            found[cursor.sink].append(cursor)
        with self._turn:
            self._due = dict(found)
        return list(found)

    def deliver(self, name: str, sink: Sink, goes_on: Callable[[], bool]) -> Iterator[Recorded]:
        """Deliver what is due for one sink; yield after each part how many points it took, and refused for good.

        Raises:
            Whatever else the sink raised; that monitor is tried again after a growing pause.
        """
        with self._turn:
            cursors = self._due.get(name, [])
        moved: dict[ScoreCursor, int] = {}
        try:
            for cursor in cursors:
                scored_ns = cursor.scored_ns
                while scored_ns < cursor.until_ns and goes_on():
                    try:
                        scored_ns, done = self._part(sink, cursor, scored_ns, goes_on)
                    except Exception as error:
                        self._keep(moved)
                        self._put_off(cursor, error)
                        raise
                    moved[cursor] = scored_ns
                    if done.points + done.refused > PART_ROWS // 10 or len(moved) >= KEPT_AT_ONCE:
                        self._keep(moved)
                    yield done
        finally:
            self._keep(moved)

    def _keep(self, moved: dict[ScoreCursor, int]) -> None:
        """Keep how far the sink is, for many monitors in one transaction; a crash before repeats some points."""
        kept = dict(moved)
        moved.clear()
        self._store.score_cursors.moved(kept)

    def _part(
        self, sink: Sink, cursor: ScoreCursor, start_ns: int, goes_on: Callable[[], bool]
    ) -> tuple[int, Recorded]:
        """Deliver the next part; return the time before which the sink has all now, and what became of the points."""
        stop_ns = self._stop_ns(cursor.monitor_id, start_ns, cursor.until_ns)
        monitor = self._monitors.get(cursor.monitor_id)
        done = Recorded()
        if monitor is not None:
            frame = self._store.history.read(cursor.monitor_id, None, start_ns, stop_ns)
            keys = self._keys(cursor.monitor_id, frame) if len(frame) else {}
            pace = self._paces.setdefault(cursor.sink, Pace(FIRST_ROWS, PART_ROWS, LEAST_ROWS))
            first = 0
            while first < len(frame):
                size, begun = pace.begin(), self._monotonic()
                done.add(record(sink, _block(monitor, frame[first : first + size], keys), goes_on))
                pace.end(size, self._monotonic() - begun)
                first += size
        if done.refused:
            log.warning("scores are passed over", sink=cursor.sink, points=done.refused, error=done.reason)
        return stop_ns, done

    def _stop_ns(self, monitor_id: str, start_ns: int, until_ns: int) -> int:
        """The end of the next part: about so many rows, or all that is left."""
        history = self._store.history
        whole = history.range_of(monitor_id)
        if whole is None or whole[1] <= start_ns or whole[0] >= until_ns:
            return until_ns
        first_ns, end_ns = max(start_ns, whole[0]), min(until_ns, whole[1])
        parts = -(-history.archive.rows_between(monitor_id, first_ns, end_ns) // PART_ROWS)
        return until_ns if parts <= 1 else first_ns + max(1, -(-(end_ns - first_ns) // parts))

    def _keys(self, monitor_id: str, frame: pl.DataFrame) -> Mapping[int, Key]:
        """The keys of the series of a monitor, read anew when one is not known: a number always means the same."""
        known = self._known.get(monitor_id, {})
        if not known.keys() >= set(frame["series"].unique().to_list()):
            known = {one.id: one.key for one in self._store.series.all_of(monitor_id)}
            self._known[monitor_id] = known
        return known

    def _put_off(self, cursor: ScoreCursor, error: Exception) -> None:
        asked = error.retry_seconds or 0.0 if isinstance(error, SinkError) else 0.0
        pause = max(asked, FIRST_PAUSE_SECONDS * 2.0 ** min(cursor.attempts, 30))
        due_ns = self._store.clock() + int(min(LONGEST_PAUSE_SECONDS, pause) * 1e9)
        self._store.score_cursors.later(cursor, due_ns, str(error) or type(error).__name__)

    def _look_at_declarations(self, now_ns: int) -> None:
        """Have cursors for just the sinks that want scores, and their monitors, when a declaration has changed."""
        fingerprint = self._store.resources.fingerprint()
        if fingerprint == self._seen:
            return
        self._monitors = {monitor.id: monitor for monitor in self._store.resources.all("monitors")}
        self._known = {owner: keys for owner, keys in self._known.items() if owner in self._monitors}
        wanted: dict[Pair, int | None] = {}
        for name, monitor_ids in self._monitors_of_sinks().items():
            try:
                sink = self._sink_named(name)
            except NotFoundError:
                continue
            except (ConfigError, MissingExtraError) as error:  # it goes on where it was when it is right again
                log.warning("sink cannot be made", sink=name, error=str(error))
                wanted |= {pair: None for pair in self._store.score_cursors.pairs() if pair[0] == name}
                continue
            if sink.wants_scores:
                since = sink.scores_since
                wanted |= {(name, one): None if since is None else _ns(since) for one in monitor_ids}
        self._store.score_cursors.keep(wanted, now_ns)
        self._seen = fingerprint

    def _monitors_of_sinks(self) -> Mapping[str, list[str]]:
        """The ids of the monitors that write to each sink, by its name."""
        found: dict[str, list[str]] = defaultdict(list)
        for monitor in self._monitors.values():
            try:
                names = MonitorSpec.model_validate(monitor.spec).sink_names
            except ValidationError:
                continue
            for name in names:
                found[name].append(monitor.id)
        return found


def _block(monitor: Resource, frame: pl.DataFrame, keys: Mapping[int, Key]) -> ScoreBlock:
    from redshank.engine.score_parts import score_parts

    tags = monitor.spec.get("tags") or ()
    return ScoreBlock(
        monitor=monitor.name,
        monitor_id=monitor.id,
        tags=(tags,) if isinstance(tags, str) else tuple(tags),
        parts=list(score_parts(frame, keys)),
    )


def _ns(moment: datetime) -> int:
    return int(to_time(moment).astype("datetime64[ns]").astype("int64"))
