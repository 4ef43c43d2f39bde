"""The sink contract: writing the same thing twice has the effect of once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from redshank.decide import Event
from redshank.result import Scored

if TYPE_CHECKING:
    from redshank.specs.options import Access, Options


EventState = Literal["opened", "updated", "closed"]


@dataclass(frozen=True, kw_only=True)
class Notification:
    """An event of a monitor as a sink is told of it: ``kind`` is anomaly, missing, stale, flat, new or source_down.

    ``state``: opened when the sink was told of no earlier form, closed when the event is over (also when it had ended
    before it was told of at all), updated otherwise, and when its beginning fell into quiet hours. ``monitor_id`` stays
    when the monitor is renamed. ``tags``: those of the monitor. ``url``: a page about the event, None when the server
    does not know its public address. ``label``, ``acknowledged_by``: what people said of it so far. ``sequence`` rises
    with every change of any event; 0 = unknown, as in a test message. ``chart``: the points around the event with their
    scores, for sinks that want it; None = there are none.
    """

    monitor: str
    kind: str
    event: Event
    state: EventState = "opened"
    monitor_id: str = ""
    tags: tuple[str, ...] = ()
    url: str | None = None
    label: str | None = None
    acknowledged_by: str | None = None
    sequence: int = 0
    chart: Scored | None = None


@dataclass(frozen=True, kw_only=True)
class ScoreBlock:
    """Scores of points of a live monitor; values are those that were scored, ``parts`` in order of time."""

    monitor: str
    parts: Sequence[Scored]
    monitor_id: str = ""
    tags: tuple[str, ...] = ()


class Sink(ABC):
    """Delivers events, scores or both to one system.

    ``Options``: what a declaration of this kind may say, a pydantic model; ``build`` makes a sink of one. What is
    delivered may come again, after a crash or an error, and in another order; the effect is that of once. One thread
    delivers to a sink at a time, but one whose call hung may come back later.

    A delivery that fails is made again after a while. ``SinkError(permanent=True)`` says that this will never help:
    the events are tried one by one, and those that fail for good go to the dead letters. ``SinkError(refused={id:
    why})`` says that only these are lost and the others of the call were taken. ``SinkError(delivered=3)``: the first
    three were taken. ``SinkError(retry_seconds=...)``: how long the other side asked to be left alone.

    ``wants_chart``: whether notifications are to come with the points around the event.
    """

    kind: ClassVar[str]
    wants_chart: ClassVar[bool] = False
    Options: ClassVar[type[Options]]

    @classmethod
    @abstractmethod
    def build(cls, options: Any, access: Access) -> Self:
        """Return the sink that ``options`` (of the class ``Options``) describe; reaches nothing yet."""

    @abstractmethod
    def check(self) -> None:
        """Find out, before the work, whether writing will be possible; SinkError says what to do."""

    @abstractmethod
    def write_events(self, events: Sequence[Event]) -> None:
        """Deliver events; one with a known id takes the place of the earlier one."""

    def notify(self, notifications: Sequence[Notification]) -> None:
        """Deliver changes of events of monitors, in their order; the newest form of an event is the one that holds.

        A sink that shows no more than the event itself takes them as ``write_events``.
        """
        self.write_events([notification.event for notification in notifications])

    @property
    def wants_scores(self) -> bool:
        """Whether the scores of live monitors are to be delivered, beside events."""
        return False

    @property
    def scores_since(self) -> datetime | None:
        """From when on scores are delivered when the sink is new; None = from now on."""
        return None

    def record(self, block: ScoreBlock) -> None:
        """Deliver scores of a live monitor; a point recorded before is overwritten."""
        self.write_scores(block.parts)

    @abstractmethod
    def write_scores(self, parts: Sequence[Scored]) -> None:
        """Deliver the scores of points; a point scored before is overwritten."""

    def close(self) -> None:  # noqa: B027 - nothing to let go of is the usual case
        """Let go of connections and files; the sink is not used any more. Closing twice does nothing."""
