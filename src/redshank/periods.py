"""Find the periods of a series: after how many points it repeats itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from redshank.panel import Floats, Times

FALLBACK_PERIOD = 125
LEAST_PERIOD = 8
_FIRST_POINTS = 20_000
_LEAST_LAG, _MOST_LAG = 3, 400
_LEAST_TRUSTED, _MOST_TRUSTED = 6, 303

_SEARCH_POINTS = 1 << 18  # of the end of a longer series
_MOST_CANDIDATES = 24  # lines of the spectrum that are looked at
_MOST_PEAKS = 4  # of the autocorrelation, likewise
_LEAST_ROUNDS = 3  # repetitions that must be there
_LEAST_STRENGTH = 0.1  # share of the variance that a period must explain
_LEAST_AGREEMENT = 0.5  # of the courses of even and odd rounds
_SURE_AGREEMENT, _SURE_ROUNDS = 0.8, 16  # of what shows in the autocorrelation only
_LINE = 30.0  # times the noise around it that a line of the spectrum must reach
_AS_GOOD = 0.9  # share of what a period explains that makes a shorter one the better answer
_CLIP = 4.0  # robust spreads at which spikes are cut
_DAY = timedelta(days=1)


def acf_period(values: Floats) -> int:
    """Return the lag of the largest local maximum of the autocorrelation of finite ``values``, at least 8.

    Looks at lags 3..400 of the first 20,000 points; 125 when there is no local maximum (or no variation), or when it
    lies at a lag below 6 or above 303: the rule of TSB-AD (Liu and Paparrizos, NeurIPS 2024).
    """
    head = np.asarray(values[:_FIRST_POINTS], dtype=np.float64)
    head = head / max(float(np.abs(head).max(initial=0.0)), 1e-300)  # or sums of huge values would overflow
    correlation = autocorrelation(head - head.mean()) if len(head) > _LEAST_LAG else np.zeros(0)
    lags = np.arange(_LEAST_LAG + 1, min(_MOST_LAG, len(correlation) - 1))
    inner = correlation[lags]
    peaks = lags[(inner > correlation[lags - 1]) & (inner > correlation[lags + 1])]
    if len(peaks) == 0:
        return FALLBACK_PERIOD
    lag = int(peaks[np.argmax(correlation[peaks])])
    return max(lag, LEAST_PERIOD) if _LEAST_TRUSTED <= lag <= _MOST_TRUSTED else FALLBACK_PERIOD


def autocorrelation(centred: Floats, most_lag: int = _MOST_LAG) -> Floats:
    """Autocorrelation at lags 0..``most_lag``, or fewer for a short series; all 0 without variation."""
    n_lags = min(most_lag + 1, len(centred))
    power = float((centred * centred).sum())  # not by @, whose threads spin on after it
    if not power > 0:
        return np.zeros(n_lags)
    spectrum = np.fft.rfft(centred, 1 << (2 * len(centred) - 1).bit_length())
    correlation: Floats = np.fft.irfft(np.abs(spectrum) ** 2)[:n_lags] / power
    return correlation


@dataclass(frozen=True)
class Period:
    """After how much a series repeats itself.

    ``points`` in one cycle, 0 for a day of the month, whose cycles differ; ``strength``: share of the variance beyond
    the trend, and beyond the stronger periods, that the usual course of the cycle explains, 0..1; ``name``: "day",
    "week", "day of month" or like "96 points".
    """

    points: int
    duration: timedelta
    strength: float
    name: str


def find_periods(values: Floats, step: timedelta, times: Times | None = None) -> list[Period]:
    """Return all periods of a series (n_time,), strongest first; none for noise, wandering and short series.

    NaN are left out. ``times`` (n_time,) in the zone of the days lets the day of the month be found. Day,
    week, lines of the spectrum that stand far above their surroundings, and peaks of the autocorrelation are folded: a
    period is one whose even and odd rounds agree. Cost: Fourier transforms of at most 262,144 points and some folds.
    """
    part = np.asarray(values[-_SEARCH_POINTS:], dtype=np.float64)
    there = np.isfinite(part)
    if there.sum() < 4 * LEAST_PERIOD or step <= timedelta(0):
        return []
    rest = _flattened(part, there)
    if not np.abs(rest).max() > 0:
        return []
    total = float(rest @ rest)
    lines = _lines(rest)
    calendar = [points for points in _calendar(step) if not _is_round_of(rest, points, lines)]
    found, rest = _folded(rest, calendar, total, step, _LEAST_AGREEMENT)
    if times is not None:
        found += _day_of_month(rest, np.asarray(times)[-len(part) :], total, step)
    more, rest = _folded(rest, _lines(rest), total, step, _LEAST_AGREEMENT)
    if not found and not more:
        more, _ = _folded(rest, _like_themselves(rest), total, step, _SURE_AGREEMENT)
    return sorted(found + more, key=lambda period: -period.strength)


def _folded(
    rest: Floats, candidates: list[int], total: float, step: timedelta, least: float
) -> tuple[list[Period], Floats]:
    """The candidates that are periods, and what they leave of the values."""
    found: list[Period] = []
    for points in candidates:
        if not _LEAST_LAG <= points <= len(rest) // _LEAST_ROUNDS:
            continue
        agreement, course = _agreement(rest, points), _course(rest, points)
        strength = agreement * float(course @ rest) / total
        if agreement >= least and strength >= _LEAST_STRENGTH:
            found.append(Period(points, points * step, min(strength, 1.0), _name(points, step)))
            rest = rest - course
    return found, rest


def _flattened(part: Floats, there: np.ndarray) -> Floats:
    """The values without trend and level, spikes cut, 0 where missing; in robust spreads."""
    places = np.arange(len(part))
    filled = part if there.all() else np.interp(places, places[there], part[there])
    size = float(np.abs(filled).max()) or 1.0
    filled = filled / size
    differences = filled - np.polyval(np.polyfit(places / len(part), filled, 1), places / len(part))
    if np.abs(differences).max() <= 1e-12:  # nothing but rounding
        return np.zeros(len(part))
    centre = np.median(differences)
    spread = float(np.subtract(*np.quantile(differences, [0.9, 0.1]))) / 2.56 or float(differences.std()) or 1.0
    cut = np.clip((differences - centre) / spread, -_CLIP, _CLIP)
    rest: Floats = np.where(there, cut - cut[there].mean(), 0.0)
    return rest


def _calendar(step: timedelta) -> list[int]:
    """Day and week in points, where they are whole numbers."""
    points = [duration / step for duration in (_DAY, 7 * _DAY)]
    return [round(each) for each in points if abs(each - round(each)) < 1e-9]


def _lines(rest: Floats) -> list[int]:
    """Periods in points of the lines of the spectrum that stand far above what is around them, best first."""
    n = len(rest)
    power = np.abs(np.fft.rfft(rest * np.hanning(n))) ** 2
    lines = np.arange(_LEAST_ROUNDS, n // _LEAST_LAG)
    lines = lines[power[lines] > _LINE * _surroundings(power)[lines]]
    lines = lines[np.argsort(-power[lines], kind="stable")][:_MOST_CANDIDATES]
    return _best_first(rest, {_refined(rest, n / line) for line in lines})


def _like_themselves(rest: Floats) -> list[int]:
    """The lags at which the autocorrelation has its highest local maxima: what repeats without being a wave."""
    correlation = autocorrelation(rest, len(rest) // _SURE_ROUNDS + 1)
    inner = correlation[1:-1]
    peaks = 1 + np.flatnonzero((inner > correlation[:-2]) & (inner >= correlation[2:]))
    peaks = peaks[correlation[peaks] > _LEAST_STRENGTH]
    highest = peaks[np.argsort(-correlation[peaks], kind="stable")][:_MOST_PEAKS]
    return sorted(int(lag) for lag in highest)


def _is_round_of(rest: Floats, points: int, shorter: list[int]) -> bool:
    """Whether a shorter period, of which this is a whole number, explains as much."""
    parts = [part for part in shorter if part < points and points % part == 0]
    return any(_quality(rest, part) >= _AS_GOOD * _quality(rest, points) for part in parts)


def _best_first(rest: Floats, candidates: set[int]) -> list[int]:
    """By what they explain, in tenths of the best; of two alike the shorter first."""
    quality = {points: _quality(rest, points) for points in candidates}
    best = max([*quality.values(), 1e-300])
    return sorted(candidates, key=lambda points: (-round(10 * quality[points] / best), points))


def _quality(rest: Floats, points: int) -> float:
    return _agreement(rest, points) * _gain(rest, points)


def _surroundings(power: Floats) -> Floats:
    """The usual power around each line: the median of blocks that widen with the frequency, interpolated."""
    edges = np.unique(np.round(np.geomspace(1, len(power), max(8, int(6 * np.log2(len(power)))))).astype(int))
    middles, medians = [], []
    for i in range(len(edges) - 1):
        low, high = max(0, min(edges[i], edges[i + 1] - 8)), max(edges[i + 1], edges[i] + 8)
        middles.append((edges[i] + edges[i + 1]) / 2)
        medians.append(float(np.median(power[low:high])))
    level: Floats = np.interp(np.arange(len(power)), middles, medians) + 1e-12 * float(power.max())
    return level


def _refined(rest: Floats, about: float) -> int:
    """The whole number of points near a line of the spectrum whose lag is most like itself."""
    spread = about * about / len(rest)
    low, high = max(_LEAST_LAG, int(about - spread)), int(np.ceil(about + spread))
    tried = np.unique(np.linspace(low, min(high, len(rest) - 1), 17).astype(int))
    return int(tried[np.argmax([float(rest[lag:] @ rest[: len(rest) - lag]) / (len(rest) - lag) for lag in tried])])


def _means(part: Floats, points: int) -> Floats:
    """The mean course of a cycle (points,), 0 where nothing is known."""
    slots = np.arange(len(part)) % points
    count = np.bincount(slots, minlength=points)
    means: Floats = np.bincount(slots, part, minlength=points) / np.maximum(count, 1)
    return means


def _course(rest: Floats, points: int) -> Floats:
    """The mean course of the cycle, repeated over all points."""
    return _means(rest, points)[np.arange(len(rest)) % points]


def _gain(rest: Floats, points: int) -> float:
    return float(_course(rest, points) @ rest)


def _agreement(rest: Floats, points: int) -> float:
    """How much the courses of even and odd cycles are alike, 0..1: near 0 when a fold only fits noise."""
    cycle = np.arange(len(rest)) // points
    even, odd = _means(np.where(cycle % 2 == 0, rest, 0.0), points), _means(np.where(cycle % 2 == 1, rest, 0.0), points)
    size = float(np.sqrt((even @ even) * (odd @ odd)))
    return max(0.0, float(even @ odd) / size) if size > 0 else 0.0


def _name(points: int, step: timedelta) -> str:
    for duration, name in ((_DAY, "day"), (7 * _DAY, "week")):
        if abs(points * step / duration - 1) < 0.02 and points * step >= duration * (1 - 1 / points):
            return name
    return f"{points} points"


def _day_of_month(rest: Floats, times: Times, total: float, step: timedelta) -> list[Period]:
    """The cycle of the days of the month, if half of the months tell the other half."""
    months = times.astype("datetime64[M]")
    day = (times.astype("datetime64[D]") - months).astype(int)
    index = months.astype(int) - months[0].astype(int)
    if step > _DAY or index[-1] < 2 * _LEAST_ROUNDS - 1:
        return []

    def means(which: np.ndarray) -> Floats:
        result: Floats = np.bincount(day[which], rest[which], 31) / np.maximum(np.bincount(day[which], minlength=31), 1)
        return result

    even, odd, course = means(index % 2 == 0), means(index % 2 == 1), means(index >= 0)
    size = float(np.sqrt((even @ even) * (odd @ odd)))
    agreement = max(0.0, float(even @ odd) / size) if size > 0 else 0.0
    strength = agreement * float(course[day] @ rest) / total
    if agreement < _LEAST_AGREEMENT or strength < _LEAST_STRENGTH:
        return []
    return [Period(0, timedelta(days=30.44), min(strength, 1.0), "day of month")]
