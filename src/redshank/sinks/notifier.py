"""What all sinks that tell people have in common: which events they want to hear of, and one message an event."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from redshank.decide import Event
from redshank.errors import SinkError
from redshank.result import Scored
from redshank.sinks.base import EventState, Notification, Sink
from redshank.sinks.notice import Notice, digest
from redshank.specs.options import Options

Kind = Literal["anomaly", "missing", "stale", "flat", "new", "source_down"]


class NotifierOptions(Options):
    """Which events people want to hear of.

    ``states``: at which turns of an event. ``kinds``: none = all. ``least_severity``: 0 to 100. ``together``: more
    events than that at once become one message, where people read them.
    """

    states: tuple[EventState, ...] = ("opened", "closed")
    kinds: tuple[Kind, ...] = ()
    least_severity: int = Field(default=0, ge=0, le=100)
    together: int = Field(default=5, ge=1)

    @field_validator("states", "kinds", mode="before")
    @classmethod
    def _one_or_many(cls, given: object) -> object:
        return (given,) if isinstance(given, str) else given

    @field_validator("states")
    @classmethod
    def _some(cls, given: tuple[EventState, ...]) -> tuple[EventState, ...]:
        if not given:
            raise ValueError("must name at least one of opened, updated, closed")
        return given


class Notifier(Sink):
    """Sends one message for each event that is wanted.

    When one cannot be sent, those before it are not sent again with the next attempt.
    """

    wanted: NotifierOptions
    digests: ClassVar[bool] = False  # whether many events at once become one message

    @abstractmethod
    def send(self, notice: Notice) -> None:
        """Send one message; SinkError when it is not taken."""

    def notify(self, notifications: Sequence[Notification]) -> None:
        """Send a message for each that is wanted, in their order; one for all where they are many."""
        wanted = [notification for notification in notifications if self.wants(notification)]
        if self.digests and len(wanted) > self.wanted.together:
            self.send(digest([Notice.of(notification) for notification in wanted]))
            return
        for i, notification in enumerate(notifications):
            if not self.wants(notification):
                continue
            try:
                self.send(Notice.of(notification))
            except SinkError as error:
                error.delivered = i
                raise

    def wants(self, notification: Notification) -> bool:
        """Whether people want to hear of it."""
        return (
            notification.state in self.wanted.states
            and notification.event.severity >= self.wanted.least_severity
            and (not self.wanted.kinds or notification.kind in self.wanted.kinds)
        )

    def write_events(self, events: Sequence[Event]) -> None:
        """Send messages of events without a monitor's name."""
        self.notify([Notification(monitor="", kind="anomaly", event=event) for event in events])

    def write_scores(self, parts: Sequence[Scored]) -> None:
        """Write nothing: people are told of events only."""
