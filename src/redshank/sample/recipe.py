"""What to generate, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from redshank.errors import ConfigError, did_you_mean
from redshank.sample.anomalies import KINDS

NOISES = ("white", "ar", "heavy", "poisson", "walk")
DEFAULT_KINDS = tuple(kind for kind in KINDS if kind != "missing")
DEFAULT_START = datetime(2024, 1, 1, tzinfo=UTC)
MOST_VALUES = 200_000_000  # some 10 GB while they are made
LAST_TIME = datetime(2262, 1, 1, tzinfo=UTC)  # nanoseconds since 1970 end here


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What to generate; the fields are the arguments of ``generate``."""

    n_series: int
    n_points: int
    step: timedelta
    start: datetime
    seed: int
    seasons: tuple[timedelta, ...]
    noises: tuple[str, ...]
    trend: float
    kinds: tuple[str, ...]
    rate: float
    n_channels: int

    def __post_init__(self) -> None:
        for name, least in (("n_series", 1), ("n_points", 2), ("n_channels", 1), ("seed", 0)):
            _check_range(name.removeprefix("n_"), getattr(self, name), least, MOST_VALUES)
        _check_range("values in all", self.n_series * self.n_points * self.n_channels, 2, MOST_VALUES)
        _check_range("rate", self.rate, 0, 1000)
        _check_range("trend", self.trend, -100, 100)
        _check_names("anomaly", self.kinds, tuple(KINDS))
        _check_names("noise", self.noises, NOISES)
        if not self.noises:
            raise ConfigError(f"sample: noise must be one or more of {', '.join(NOISES)}, got none", field="noise")
        self._check_times()

    def _check_times(self) -> None:
        if self.step < timedelta(microseconds=1):
            raise ConfigError(f"sample: step must be above zero, got {self.step}", field="step")
        start = self.start if self.start.tzinfo else self.start.replace(tzinfo=UTC)
        if (LAST_TIME - start) / self.step < self.n_points:
            raise ConfigError(f"sample: every point must be before {LAST_TIME:%Y}; take a shorter step", field="step")
        for season in self.seasons:
            if season < 2 * self.step:
                raise ConfigError(f"sample: a season must last two steps at least, got {season}", field="season")

    @property
    def shown_seasons(self) -> list[timedelta]:
        """The seasons that come at least twice."""
        return [season for season in self.seasons if season * 2 <= self.step * self.n_points]

    @property
    def period(self) -> int:
        """Points in the shortest season that is shown; 0 without one."""
        return round(min(self.shown_seasons) / self.step) if self.shown_seasons else 0


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(f"sample: {name} must be between {low:,} and {high:,}, got {value}", field=name)


def _check_names(what: str, names: Sequence[str], choices: Sequence[str]) -> None:
    for name in names:
        if name not in choices:
            raise ConfigError(did_you_mean(what, name, choices), field=what)
