"""What hindsight does, slow and obvious: every distance in one matrix, every block cut out of it."""

from __future__ import annotations

import numpy as np

from redshank.detectors.hindsight_gaps import Compared
from redshank.periods import acf_period

Matrix = np.ndarray


def scaled(part: Matrix, known: Matrix, cap: float = 10.0) -> Matrix:
    """The part in deviations above the median of the known points, 0..cap; 0 for the others."""
    median = np.median(part[known])
    spread = 1.4826 * np.median(np.abs(part[known] - median))
    scale = max(spread, (np.quantile(part[known], 0.9) - median) / 1.2816, 0.001)
    return np.where(known, np.clip((part - median) / scale, 0, cap), 0)


def third_best(distances: Matrix, block: int, kept: int = 3) -> Matrix:
    """The kept-th smallest of the block minima of each row, the last there is, else the median of the others."""
    n = distances.shape[1]
    minima = np.stack([distances[:, i : i + block].min(axis=1) for i in range(0, n, block)], axis=1)
    ordered = np.sort(minima, axis=1)[:, :kept]
    ordered = np.pad(ordered, ((0, 0), (0, kept - ordered.shape[1])), constant_values=np.inf)
    count = np.isfinite(ordered).sum(axis=1)
    best = ordered[np.arange(len(ordered)), np.maximum(count - 1, 0)]
    none = count == 0
    best[none] = 0 if none.all() else np.median(np.sqrt(best[~none])) ** 2
    return best


def both_ways(distances: Matrix) -> Matrix:
    """Distances offered to the later point (lower half), offered to the earlier one too."""
    return np.minimum(distances, distances.T)


def block_of(n: int, reach: int, least: int) -> int:
    """Points of a block."""
    return max(least, min(-(-n // 16), reach // 8))


def pairs(n: int, nearest: int, reach: int) -> Matrix:
    """Whether the point of the row may meet the earlier one of the column."""
    lag = np.arange(n)[:, None] - np.arange(n)[None, :]
    return (lag >= nearest) & (lag <= reach)


def window_distances(u: Matrix, window: int, reach: int, begins: Matrix, barred: Matrix) -> Matrix:
    """Faded squared differences of the stretches that end at each pair, infinite for pairs that do not meet."""
    n, u = len(u), u.astype(np.float32)
    keep = np.float32(1 - 1 / window)
    faded = np.zeros((n, n), np.float32)
    for t in range(n):
        square = (u[t] - u) ** 2
        faded[t, 0] = square[0]
        goes_on = np.float32(0) if begins[t] or t == 0 else keep * (~begins[1:]).astype(np.float32)
        faded[t, 1:] = square[1:] + (goes_on * faded[t - 1, :-1] if t else 0)
    meets = pairs(n, max(window, 4), reach) & ~barred[:, None] & ~barred[None, :]
    meets[:, : 2 * window] = False
    return both_ways(np.where(meets, faded, np.inf))


def correlation_distances(u: Matrix, window: int, reach: int, begins: Matrix, barred: Matrix) -> Matrix:
    """One less the faded correlation of the stretches that end at each pair."""
    n, keep = len(u), 1 - 1 / window
    g, m, v = np.zeros(n), np.zeros(n), np.zeros(n)
    for t in range(n):
        first = max(np.flatnonzero(begins[: t + 1]).max(initial=0), 0)
        weights = keep ** np.arange(t - first, -1, -1.0)
        g[t] = weights.sum()
        m[t] = (weights @ u[first : t + 1]) / g[t]
        v[t] = max((weights @ u[first : t + 1] ** 2) / g[t] - m[t] ** 2, 0)
    products = np.zeros((n, n))
    for t in range(n):
        products[t] = u[t] * u
        if t > 0 and not begins[t]:
            products[t, 1:] += keep * np.where(begins[1:], 0, products[t - 1, :-1])
    weight = np.sqrt(np.outer(g, g))
    correlation = (products - weight * np.outer(m, m)) / (weight * np.sqrt(np.outer(v + 0.001, v + 0.001)))
    meets = pairs(n, window, reach) & ~barred[:, None] & ~barred[None, :]
    meets[:, : 3 * window] = False
    return both_ways(np.where(meets, np.maximum(0, 1 - correlation), np.inf))


def shape_distances(u: Matrix, length: int, softness: float, reach: int, gaps: Matrix) -> Matrix:
    """Squared distances of softly normalised windows that start at each pair."""
    windows = np.lib.stride_tricks.sliding_window_view(u, length)
    deviations = windows - windows.mean(axis=1, keepdims=True)
    normal = deviations / np.sqrt((deviations**2).sum(axis=1, keepdims=True) + length * softness)
    size = (normal**2).sum(axis=1)
    distances = np.maximum(size[:, None] + size[None, :] - 2 * normal @ normal.T, 0)
    over_gap = np.lib.stride_tricks.sliding_window_view(gaps, length).any(axis=1)
    meets = pairs(len(size), length // 2, reach) & ~over_gap[:, None] & ~over_gap[None, :]
    return both_ways(np.where(meets, distances, np.inf))


def ordinary_peak(part: Matrix, period: int) -> float:
    """The k-th of the block maxima that stand beside no larger one already taken."""
    length = max(period, 50)
    blocks = part[: max(len(part) // length, 1) * length].reshape(max(len(part) // length, 1), -1)
    highest = list(enumerate(blocks.max(axis=1)))
    taken: dict[int, float] = {}
    for place, height in sorted(highest, key=lambda pair: (-pair[1], pair[0])):
        if place - 1 not in taken and place + 1 not in taken:
            taken[place] = height
    heights = sorted(taken.values(), reverse=True)
    return float(np.clip(heights[min(max(15, len(part) // 4000), len(heights) - 1)], 1, 5))


class Naive:
    """One series, its values standardised and its holes filled as given."""

    def __init__(self, y: Matrix, points: Compared) -> None:
        self.y, self.points, self.known, self.n = y, points, points.known, len(y)
        self.period = acf_period(points.values)
        self.stretches = points.stretches()

    def begins(self, backwards: bool) -> Matrix:
        gaps = self.points.gaps[::-1] if backwards else self.points.gaps
        return gaps | np.concatenate([[True], gaps[:-1]])

    def barred(self, backwards: bool, wait: int) -> Matrix:
        begins = self.begins(backwards)
        since = np.array([t - np.flatnonzero(begins[: t + 1]).max() for t in range(self.n)])
        missing = ~self.known[::-1] if backwards else ~self.known
        return missing | (since < wait) if not self.known.all() else np.zeros(self.n, bool)

    def novelty(self, distances: Matrix, backwards: bool, kept: int, window: float, reach: int) -> Matrix:
        best = third_best(distances, block_of(self.n, reach, 64), kept)
        return scaled(np.sqrt(best / window)[:: -1 if backwards else 1], self.known)

    def stretch(self, u: Matrix, windows: tuple[int, ...], kept: int, reach: int) -> Matrix:
        parts = []
        for backwards in (False, True):
            for w in windows:
                turned = u[::-1] if backwards else u
                around = (self.begins(backwards), self.barred(backwards, 2 * w))
                parts.append(self.novelty(window_distances(turned, w, reach, *around), backwards, kept, w, reach))
        return np.mean(parts, axis=0)

    def correlation(self, reach: int) -> Matrix:
        parts = []
        for backwards in (False, True):
            around = (self.begins(backwards), self.barred(backwards, 48))
            turned = self.y[::-1] if backwards else self.y
            parts.append(self.novelty(correlation_distances(turned, 16, reach, *around), backwards, 3, 1, reach))
        return np.mean(parts, axis=0)

    def shape(self, length: int, softness: float, every: int) -> Matrix:
        count, size = self.n // every, round(length / every)
        means = np.array([self.y[i * every : (i + 1) * every].mean() for i in range(count)])
        gaps = np.array([self.points.gaps[i * every : (i + 1) * every].any() for i in range(count)])
        distances = shape_distances(means, size, softness, 16_384, gaps)
        novelty = np.sqrt(third_best(distances, block_of(count, 16_384, 64 // every)))
        centred = np.concatenate([np.full(size // 2, novelty[0]), novelty, np.full(count, novelty[-1])])[:count]
        smooth = [np.mean(np.pad(centred, size, mode="edge")[i + size - size // 2 :][:size]) for i in range(count)]
        places = np.arange(count) * every + (every - 1) / 2
        return scaled(np.interp(np.arange(self.n), places, smooth), self.known)

    def trendless(self) -> Matrix:
        result = np.zeros(self.n)
        for stretch in self.stretches:
            padded = np.pad(self.y[stretch], 25, mode="symmetric")
            result[stretch] = [part[25] - part.mean() for part in np.lib.stride_tricks.sliding_window_view(padded, 51)]
        return result

    def spikes(self) -> Matrix:
        offsets = np.array([*range(-6, 0), *range(1, 7)])
        weights = np.linalg.pinv(np.stack([offsets**0, offsets, offsets**2], axis=1).astype(float))[0]
        result = np.zeros(self.n)
        for stretch in self.stretches:
            padded = np.pad(self.y[stretch], 6, mode="reflect", reflect_type="odd")
            around = np.lib.stride_tricks.sliding_window_view(padded, 13)
            result[stretch] = np.abs(around[:, 6] - np.delete(around, 6, axis=1) @ weights)
        part = scaled(result, self.known, 20)
        for stretch in self.stretches:
            for t in range(stretch.start, stretch.stop):
                if min(t - stretch.start, stretch.stop - 1 - t) < 6:
                    part[t] = 0
        return part

    def total(self, parts: dict[str, Matrix]) -> Matrix:
        weights = {"E1": 0.5, "E3": 0.5, "E64": 0.3, "C": 0.6, "M": 0.6, "Mh": 0.3, "S": 0.5}
        return sum(weights[name] * part / ordinary_peak(part, self.period) for name, part in parts.items())

    def full(self, reach: int = 8192) -> Matrix:
        p, half, yd = self.period, max(8, self.period // 2), self.trendless()
        near, third = (
            (self.stretch(self.y, (8, 16, 32), k, reach) + self.stretch(yd, (8, 16, 32), k, reach)) / 2 for k in (1, 3)
        )
        parts = {"E1": near, "E3": third, "E64": self.stretch(self.y, (64,), 3, reach), "C": self.correlation(reach)}
        shapes = {"M": self.shape(p, 0.01, max(1, p // 64)), "Mh": self.shape(half, 0.1, max(1, half // 64))}
        return self.total({**parts, **shapes, "S": self.spikes()})

    def light(self, reach: int = 4096) -> Matrix:
        near, third = (self.stretch(self.y, (16,), k, reach) for k in (1, 3))
        shapes = self.shape(self.period, 0.01, max(1, self.period // 16))
        return self.total({"E1": near, "E3": third, "M": shapes, "S": self.spikes()})
