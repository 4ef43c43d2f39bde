"""The sink contract: writing the same thing twice has the effect of once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from redshank.decide import Event
from redshank.result import Scored

if TYPE_CHECKING:
    from redshank.specs.options import Access, Options


@dataclass(frozen=True, kw_only=True)
class Notification:
    """An event of a monitor as a sink is told of it: ``kind`` is anomaly, missing, stale, flat, new or source_down."""

    monitor: str
    kind: str
    event: Event


class Sink(ABC):
    """Delivers events, scores or both to one system.

    ``Options``: what a declaration of this kind may say, a pydantic model; ``build`` makes a sink of one.
    """

    kind: ClassVar[str]
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

    @abstractmethod
    def write_scores(self, parts: Sequence[Scored]) -> None:
        """Deliver the scores of points; a point scored before is overwritten."""
