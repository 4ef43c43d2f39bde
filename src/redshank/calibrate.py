"""From raw deviation to score and rarity: what a deviation means under a series' own history.

A detector declares its ``Calibration``: the deviation that is its own best alarm edge (score 1), and what is known of
how often normal points reach higher ones. A ``Budget`` ("one false event per N points") moves the edge. The
``Calibrator`` turns deviations into scores and rarities; for causal detectors it goes on to learn each series' own
tail, so rarity is known, and the budget kept, per series (``block_tail.py``).
"""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Self

import numpy as np

from redshank.detectors.state import State
from redshank.durations import parse_duration
from redshank.errors import ConfigError, StateError
from redshank.panel import Floats, Rows

FINEST_LIVE = 20_000  # points per false event that 200 remembered blocks of 100 points can still speak of
DEFAULT_LIVE = 5_000  # points per false event of the budget that gave live detectors their best events
RAREST_LIVE = 50_000  # rarity beyond which realised rates were off by more than a factor of two
_RATE = re.compile(r"\s*([0-9]*\.?[0-9]+)\s*/\s*(.+?)\s*")
_POINTS = re.compile(r"([0-9][0-9_]*\.?[0-9]*)\s*(?:points?)?")
_LN_100 = math.log(100)
_MONTH = timedelta(days=30)


@dataclass(frozen=True)
class Calibration:
    """What a detector knows of its own deviations.

    ``cut``: deviation at the default alarm edge. ``rates``: pairs (cut, false events per 10,000 normal points)
    measured on real normal series, rising cuts; for detectors that look both ways. ``prior``: quantiles of the
    maximum deviation of 100 normal points at (2.5 %, 7.5 %, ... 97.5 %); for causal detectors, which go on to learn
    each series' own. ``certain``: deviation that alarms though the tail of
    its series asks for more nats, if the point has ``certain_share`` of the nats that the budget asks for.
    """

    cut: float
    rates: tuple[tuple[float, float], ...] = ()
    prior: tuple[float, ...] = ()
    certain: float = math.inf
    certain_share: float = 0.0


@dataclass(frozen=True)
class Budget:
    """The rate of false events to aim for: one per ``points`` normal points of a series.

    ``points`` is NaN when the budget was given per time and the step of the series is not known.
    """

    points: float
    text: str = ""

    def __post_init__(self) -> None:
        if not (math.isnan(self.points) or 1 <= self.points < math.inf):
            raise ConfigError(
                f"budget: must be at most one false event per point and above none, got {self.text or self.points!r}",
                field="budget",
            )

    @classmethod
    def parse(cls, text: str, step: timedelta | None = None) -> Self:
        """Read ``"2/day"``, ``"1/2weeks"``, ``"1/5000points"`` or ``"0.5/10000"`` (points) per series.

        ``step``: time between points, which turns a time into points; without it a budget per time is only checked.
        Raises ConfigError when the text is no rate, or above one false event per point.
        """
        rate = _RATE.fullmatch(text.lower())
        if not rate or float(rate[1]) == 0:
            raise ConfigError(
                f"budget: must be a rate above zero such as 2/day, 1/week or 1/5000points, got {text!r}",
                field="budget",
            )
        per = _POINTS.fullmatch(rate[2])
        points = float(per[1].replace("_", "")) if per else _points_in(rate[2], step)
        return cls(points / float(rate[1]), text)

    def notes(self, calibration: Calibration) -> list[str]:
        """Say where a detector's evidence does not reach this budget; empty when it does."""
        asked = f"budget {self.text or f'1/{self.points:.0f}points'}"
        if math.isnan(self.points):
            return []
        if calibration.prior:
            if self.points <= FINEST_LIVE:
                return []
            return [
                f"{asked}: one false event per {self.points:,.0f} points is finer than the evidence supports (one per "
                f"{FINEST_LIVE:,}); expect up to twice as many"
            ]
        if not calibration.rates:
            return [f"{asked}: this detector has no measured rates of false events, so its default edge is used"]
        finest, coarsest = _measured(calibration)
        if coarsest <= self.points <= finest:
            return []
        told = f"{asked}: one false event per {self.points:,.0f} points is"
        if self.points < coarsest:
            return [f"{told} coarser than any measured for this detector; the edge for one per {coarsest:,.0f} is used"]
        return [f"{told} finer than any measured for this detector (one per {finest:,.0f}); its edge is extrapolated"]


def _points_in(unit: str, step: timedelta | None) -> float:
    text = unit if unit[0].isdigit() or unit[0] == "." else f"1{unit}"
    months = re.fullmatch(r"([0-9]*\.?[0-9]+)\s*months?", text)
    try:
        duration = float(months[1]) * _MONTH if months else parse_duration(text, field="budget")
    except ConfigError as error:
        raise ConfigError(
            f"budget: must be per time or points, such as 2/day, 1/2weeks or 1/5000points, got a rate per {unit!r}",
            field="budget",
        ) from error
    return duration / step if step else math.nan


def _measured(calibration: Calibration) -> tuple[float, float]:
    """Points per false event at the (rarest, commonest) end of the measured map."""
    rates = [rate for _, rate in calibration.rates]
    return 10_000 / min(rates), 10_000 / max(rates)


class Calibrator:
    """Turns the deviations of ``n_series`` series into scores and rarities.

    score: without a budget deviation / cut. With one, detectors with ``rates`` move the cut to where the map has the
    budget; causal detectors score nats / ln(N / 100) under the tail learned from the series so far, or deviation /
    certain (at most nats / (certain_share ln(N / 100))) when that is more. rarity: how many points of the series come,
    on average, before one is as odd; never more than the evidence supports. Each point is judged before it is learned,
    so any split into batches gives the same. A missing deviation stays NaN and is not learned.
    """

    kind = "calibrator"
    version = 1

    def __init__(self, calibration: Calibration, n_series: int, budget: Budget | None = None) -> None:
        """Start series of which nothing is known beyond the detector's own evidence."""
        if budget is not None and math.isnan(budget.points):
            raise ConfigError(
                f"budget: {budget.text!r} is per time, which needs the step of the series; give it per points",
                field="budget",
            )
        self.calibration, self.budget, self.n_series = calibration, budget, n_series
        self.arrays: dict[str, np.ndarray] = {}
        if calibration.prior:
            from redshank.block_tail import new_tails

            self.arrays = new_tails(calibration.prior, calibration.cut, n_series)

    @property
    def notes(self) -> list[str]:
        """What a user should know about the budget, one sentence each."""
        return [] if self.budget is None else self.budget.notes(self.calibration)

    @property
    def rarest(self) -> float:
        """The rarity that stands for all beyond it, of which the evidence says no more; NaN where none is known."""
        if self.calibration.prior:
            return RAREST_LIVE
        return 1e4 / self.calibration.rates[-1][1] if self.calibration.rates else math.nan

    @property
    def least_close(self) -> float:
        """The least score at which an event may be kept open: 0 without a budget, 1 at most.

        A coarse budget lowers the edge; half of it would be reached by ordinary points, and events would never end.
        What keeps an event open therefore never falls below half of the default edge, or of one in DEFAULT_LIVE.
        """
        if self.budget is None:
            return 0.0
        if self.calibration.prior:
            return min(1.0, 0.5 * math.log(DEFAULT_LIVE / 100) / self._edge())
        return min(1.0, 0.5 * self.calibration.cut / self._cut())

    def apply(self, deviation: Floats) -> tuple[Floats, Floats]:
        """Return (score, rarity) of deviations (n_series, n_time), then learn their tail."""
        if deviation.shape[0] != self.n_series:
            raise ConfigError(f"calibrator: must get {self.n_series} series, got {deviation.shape[0]}")
        if not self.calibration.prior:
            return deviation / self._cut(), self._mapped_rarity(deviation)
        from redshank.block_tail import advance

        nats = advance(self.arrays, np.ascontiguousarray(deviation), self.calibration.cut)
        rarity = 100 * np.exp(np.clip(nats, -_LN_100, math.log(RAREST_LIVE / 100)))
        if self.budget is None:
            return deviation / self.calibration.cut, rarity
        edge = self._edge()
        share, certain = self.calibration.certain_share, deviation / self.calibration.certain
        if share > 0:
            certain = np.minimum(certain, nats / (share * edge))
        return np.maximum(np.maximum(nats, 0) / edge, certain), rarity

    def _edge(self) -> float:
        """The nats that score 1 under a budget."""
        assert self.budget is not None
        return math.log(max(self.budget.points, 200) / 100)

    def _cut(self) -> float:
        """The deviation that scores 1."""
        if self.budget is None or not self.calibration.rates:
            return self.calibration.cut
        return cut_for(self.calibration, self.budget)

    def _mapped_rarity(self, deviation: Floats) -> Floats:
        if not self.calibration.rates:
            return np.full(deviation.shape, np.nan)
        cuts, log_points = _map(self.calibration)
        return np.exp(np.clip(_on_line(deviation, cuts, log_points), 0, log_points[-1]))

    # ------------------------------------------------------------------ state, as of a detector

    def take(self, rows: Rows) -> Self:
        """Return a calibrator with copies of the state of these series only."""
        index = np.arange(self.n_series)[rows]
        other = type(self)(self.calibration, len(index), self.budget)
        other.arrays = {name: array[index].copy() for name, array in self.arrays.items()}
        return other

    def append(self, other: Calibrator) -> None:
        """Add the series of another calibrator of the same calibration and budget behind the own ones."""
        if (other.calibration, other.budget) != (self.calibration, self.budget):
            raise ConfigError("calibrator: can only be joined with one of the same calibration and budget")
        self.n_series += other.n_series
        self.arrays = {name: np.concatenate([array, other.arrays[name]]) for name, array in self.arrays.items()}

    def save(self) -> State:
        """Return everything learned, as a copy."""
        return State(
            kind=self.kind,
            version=self.version,
            params={
                "n_series": self.n_series,
                "calibration": _plain(self.calibration),
                "budget": None if self.budget is None else dataclasses.asdict(self.budget),
            },
            keys=(),
            channels=(),
            arrays={name: array.copy() for name, array in self.arrays.items()},
        )

    @classmethod
    def load(cls, state: State) -> Self:
        """Return a calibrator that goes on where the saved one stopped; StateError if the state is of another kind."""
        if (state.kind, state.version) != (cls.kind, cls.version):
            raise StateError(
                f"calibrator: state must be {cls.kind!r} version {cls.version}, got {state.kind!r} {state.version}"
            )
        budget = state.params["budget"]
        other = cls(
            _from_plain(state.params["calibration"]),
            state.params["n_series"],
            None if budget is None else Budget(**budget),
        )
        other.arrays = {name: array.copy() for name, array in state.arrays.items()}
        return other


def cut_for(calibration: Calibration, budget: Budget) -> float:
    """Return the deviation whose measured rate of false events is the budget.

    A finer budget than any measured is extrapolated; for a coarser one the lowest measured cut serves, since below it
    ordinary points would alarm all the time.
    """
    cuts, log_points = _map(calibration)
    on_line = float(_on_line(np.array(math.log(budget.points)), log_points, cuts))
    return max(on_line, float(cuts[0]))


def _map(calibration: Calibration) -> tuple[Floats, Floats]:
    """(cuts, ln of points per false event), both strictly rising."""
    cuts = np.array([cut for cut, _ in calibration.rates])
    log_points = np.log(10_000 / np.array([rate for _, rate in calibration.rates]))
    rises = np.concatenate([[True], np.diff(np.maximum.accumulate(log_points)) > 0])
    return cuts[rises], log_points[rises]


def _on_line(at: Floats, x: Floats, y: Floats) -> Floats:
    """Interpolate y(x) at ``at``, going on straight beyond both ends; NaN stays NaN."""
    inside = np.interp(at, x, y)
    below = y[0] + (at - x[0]) * (y[1] - y[0]) / (x[1] - x[0])
    above = y[-1] + (at - x[-1]) * (y[-1] - y[-2]) / (x[-1] - x[-2])
    result: Floats = np.where(at < x[0], below, np.where(at > x[-1], above, inside))
    return result


def _plain(calibration: Calibration) -> dict[str, Any]:
    certain = calibration.certain if math.isfinite(calibration.certain) else None
    return {**dataclasses.asdict(calibration), "certain": certain}


def _from_plain(plain: dict[str, Any]) -> Calibration:
    rates = tuple((cut, rate) for cut, rate in plain["rates"])
    calibration = Calibration(plain["cut"], rates, tuple(plain["prior"]), certain_share=plain.get("certain_share", 0.0))
    return calibration if plain["certain"] is None else replace(calibration, certain=plain["certain"])
