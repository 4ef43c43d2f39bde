"""What the rows for Grafana hold, for the OpenAPI document."""

from __future__ import annotations

from pydantic import Field

from redshank.api.schemas import Answer


class GrafanaMonitor(Answer):
    """A monitor as a choice of a variable."""

    text: str = Field(alias="__text")
    value: str = Field(alias="__value", description="Its name.")
    kind: str = Field(description="Its detector.")
    enabled: bool


class GrafanaSeries(Answer):
    """A series as a choice of a variable."""

    text: str = Field(alias="__text")
    value: str = Field(alias="__value", description="Its id.")
    monitor: str
    measure: str
    labels: str
    last: int = Field(description="Time of its newest point, in ms since 1970.")


class GrafanaPoint(Answer):
    """A point with its range and score; null = not known."""

    time: int = Field(description="In ms since 1970.")
    series: str
    actual: float | None
    expected: float | None
    lower: float | None
    upper: float | None
    score: float | None


class GrafanaEvent(Answer):
    """An event as a row of a table; times in ms since 1970."""

    time: int
    timeEnd: int  # noqa: N815 - as Grafana calls it
    monitor: str
    kind: str
    series: str
    severity: int
    score: float | None
    actual: float | None
    expected: float | None
    direction: str
    reason: str
    is_open: bool
    label: str | None
    id: str


class GrafanaAnnotation(Answer):
    """An event as an annotation; times in ms since 1970."""

    time: int
    timeEnd: int  # noqa: N815
    isRegion: bool  # noqa: N815
    title: str
    text: str
    tags: str = Field(description="With commas between.")
    id: str
