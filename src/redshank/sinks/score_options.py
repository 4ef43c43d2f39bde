"""What a sink that takes scores may be told of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import field_validator

from redshank.specs.options import Options

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class SinceOptions(Options):
    """``scores_since``: from when on scores are taken when the sink is new.

    A time, or ``all``; without it those that are scored from then on.
    """

    scores_since: datetime | None = None

    @field_validator("scores_since", mode="before")
    @classmethod
    def _all(cls, given: Any) -> Any:
        return BEGINNING if given == "all" else given

    @field_validator("scores_since")
    @classmethod
    def _in_utc(cls, given: datetime | None) -> datetime | None:
        if given is None:
            return None
        return given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)


class ScoreOptions(SinceOptions):
    """``scores``: take the scores of live monitors too."""

    scores: bool = False
