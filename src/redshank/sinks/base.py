"""The sink contract: writing the same thing twice has the effect of once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from redshank.decide import Event
from redshank.result import Scored


class Sink(ABC):
    """Delivers events, scores or both to one system."""

    kind: ClassVar[str]

    @abstractmethod
    def check(self) -> None:
        """Find out, before the work, whether writing will be possible; SinkError says what to do."""

    @abstractmethod
    def write_events(self, events: Sequence[Event]) -> None:
        """Deliver events; one with a known id takes the place of the earlier one."""

    @abstractmethod
    def write_scores(self, parts: Sequence[Scored]) -> None:
        """Deliver the scores of points; a point scored before is overwritten."""
