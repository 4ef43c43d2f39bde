"""What is said of a source: what there is to read, and what its last days look like."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from redshank.api.schemas import Answer, Time


class SourcePlace(Answer):
    """Something that can be read: a table, an index, a file."""

    name: str
    kind: str
    rows: int | None = Field(description="About so many; null = not known without counting.")


class SourceColumn(Answer):
    """A column, and the role it would have."""

    name: str
    type: str = Field(description="As the system says it.")
    role: str = Field(description="time, measure, label, or empty.")
    values: int | None = Field(description="So many different ones; null = not known.")
    examples: list[str]


class SurveyAnswer(Answer):
    """What there is."""

    places: list[SourcePlace]
    columns: list[SourceColumn]
    time: str | None
    notes: list[str]


class DescribedAnswer(Answer):
    """What there is, and what was found in the last seven days; without these `problem` says why."""

    survey: SurveyAnswer
    problem: str | None
    newest: Time | None
    name: str = ""
    rows: int = 0
    series: int = 0
    files: int = 0
    bad_rows: int = 0
    bad_rows_shown: list[dict[str, Any]] = Field(default_factory=list)
    time: str | None = None
    time_format: str = ""
    zone: str = ""
    measures: list[str] = Field(default_factory=list)
    labels: list[str] = Field(default_factory=list)
    step_seconds: float | None = None
    gaps: int = 0
    duplicates: int = 0
    unsorted: int = 0
    infinite: int = 0
    notes: list[str] = Field(default_factory=list)
