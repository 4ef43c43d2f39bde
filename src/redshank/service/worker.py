"""What the service tells the scheduler; without one, as in a command that only looks, nobody is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Worker(Protocol):
    """The scheduler, as the service sees it; each method may be called by any thread and returns at once."""

    def changed(self) -> None:
        """Read the declarations again."""

    def wake(self) -> None:
        """Look for runs that were asked for or canceled."""

    def news_of(self, source: str) -> None:
        """Let the monitors of a source tick soon."""

    def is_leading(self) -> bool:
        """Whether this process leads."""

    def status(self) -> Mapping[str, Any]:
        """Return what is under way."""


class Nobody:
    """A worker that is not there."""

    def changed(self) -> None:
        """Do nothing."""

    def wake(self) -> None:
        """Do nothing."""

    def news_of(self, source: str) -> None:
        """Do nothing."""

    def is_leading(self) -> bool:
        """Nobody leads here."""
        return False

    def status(self) -> Mapping[str, Any]:
        """Return that nothing is under way."""
        return {"leads": False}
