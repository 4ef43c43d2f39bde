"""What sinks share that keep events and scores by monitor; what is of no monitor has an empty name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from redshank.decide import Event
from redshank.result import Scored
from redshank.sinks.base import Notification, ScoreBlock, Sink
from redshank.sinks.score_options import ScoreOptions


class MonitorSink(Sink):
    """A sink that does its work in ``notify`` and ``record``; ``_options`` says whether it takes scores."""

    _options: ScoreOptions

    @property
    def wants_scores(self) -> bool:
        """Whether scores are to be delivered."""
        return self._options.scores

    @property
    def scores_since(self) -> datetime | None:
        """From when on."""
        return self._options.scores_since

    def write_events(self, events: Sequence[Event]) -> None:
        """Deliver events of no monitor."""
        self.notify([Notification(monitor="", kind="anomaly", event=event) for event in events])

    def write_scores(self, parts: Sequence[Scored]) -> None:
        """Deliver scores of no monitor."""
        self.record(ScoreBlock(monitor="", parts=parts))
