"""What the server says of a source, as typed records."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from redshank.client.answers import Record


class Place(Record, frozen=True, kw_only=True):
    """Something that can be read; ``rows``: about so many, None = not known."""

    name: str
    kind: str = ""
    rows: int | None = None


class Column(Record, frozen=True, kw_only=True):
    """A column: its type as the system says it, the role it would have, how many values it holds and some of them."""

    name: str
    type: str = ""
    role: str = ""
    values: int | None = None
    examples: list[str] = msgspec.field(default_factory=list)


class Survey(Record, frozen=True, kw_only=True):
    """What there is."""

    places: list[Place] = msgspec.field(default_factory=list)
    columns: list[Column] = msgspec.field(default_factory=list)
    time: str | None = None
    notes: list[str] = msgspec.field(default_factory=list)


class Described(Record, frozen=True, kw_only=True):
    """What a source holds: what there is, and what its last days look like; without these ``problem`` says why."""

    survey: Survey = Survey()
    problem: str | None = None
    newest: datetime | None = None
    name: str = ""
    rows: int = 0
    series: int = 0
    files: int = 0
    bad_rows: int = 0
    bad_rows_shown: list[dict[str, Any]] = msgspec.field(default_factory=list)
    time: str | None = None
    time_format: str = ""
    zone: str = ""
    measures: list[str] = msgspec.field(default_factory=list)
    labels: list[str] = msgspec.field(default_factory=list)
    step_seconds: float | None = None
    gaps: int = 0
    duplicates: int = 0
    unsorted: int = 0
    infinite: int = 0
    notes: list[str] = msgspec.field(default_factory=list)
