"""Naive twin of ``pca``: one point, one channel at a time, components by singular values."""

from __future__ import annotations

import numpy as np


def naive_components(point, axes, weights=None):
    """How much of each axis (a list of vectors) there is in a point (n_channels,), by the values that are there."""
    there = ~np.isnan(point)
    weights = np.ones(len(point)) if weights is None else weights
    seen = np.array(axes)[:, there]
    weighed = seen * weights[there]
    return np.linalg.inv(weighed @ seen.T + 1e-6 * np.eye(len(axes))) @ weighed @ point[there]


def together(components, axes):
    """The point that has these components."""
    return sum(c * axis for c, axis in zip(components, axes, strict=True))


def rebuilt(point, normal):
    """The point from its components, each within its usual range, odd channels weighing less."""
    weights = np.ones(len(point))
    for _ in range(11):
        found = np.clip(naive_components(point, normal.axes, weights), normal.low, normal.high)
        guess = together(found, normal.axes)
        residual = np.abs(point - guess) / normal.noise
        if not (residual > 3).any():
            break
        weights = np.array([1 if np.isnan(r) else 3 / max(r, 3) for r in residual])
    return guess


class NaiveSubspace:
    """What is normal for the points (n_time, n_channels)."""

    def __init__(self, values, variance=0.9):
        points = [point for point in values if not np.isnan(point).all()]
        columns = [column[~np.isnan(column)] for column in np.array(points).T]
        self.centre = np.array([np.median(column) for column in columns])
        self.scale = np.array([self._spread(column) for column in columns])
        scaled = [np.clip((point - self.centre) / self.scale, -30, 30) for point in points]
        guesses = [np.zeros(len(columns)) for _ in scaled]
        for _ in range(4):
            distances = [np.nanmean((p - g) ** 2) for p, g in zip(scaled, guesses, strict=True)]
            kept = [i for i in range(len(scaled)) if distances[i] <= np.quantile(distances, 0.75)]
            bulk = np.array([np.where(np.isnan(scaled[i]), guesses[i], scaled[i]) for i in kept])
            self.axes = self._axes(bulk, variance)
            guesses = [together(naive_components(point, self.axes), self.axes) for point in scaled]
        found = np.array([naive_components(point, self.axes) for point in scaled])
        self.low, self.high = np.quantile(found, 0.005, axis=0), np.quantile(found, 0.995, axis=0)
        inside = [together(np.clip(each, self.low, self.high), self.axes) for each in found]
        residuals = np.array(scaled) - inside
        self.noise = np.maximum(np.nanquantile(np.abs(residuals), 0.68, axis=0), 0.05)
        usual = np.where(np.abs(residuals) <= 10 * self.noise, residuals, np.nan)
        self.reach = np.nanquantile(usual, [0.005, 0.995], axis=0)

    def _spread(self, column):
        """1.4826 times the median distance from the median, never next to nothing; for columns of size about 1."""
        middle = np.median(np.abs(column - np.median(column)))
        wide = np.quantile(column, 0.99) - np.quantile(column, 0.01) or 0.1 * (column.max() - column.min())
        return max(1.4826 * middle, 0.01 * wide, 1e-9)

    def _axes(self, bulk, variance):
        _, strengths, vectors = np.linalg.svd(bulk, full_matrices=False)
        shares, axes = strengths**2 / (strengths**2).sum(), []
        while not axes or (sum(shares[: len(axes)]) < variance and len(axes) < bulk.shape[1] - 1):
            axes.append(vectors[len(axes)])
        return axes


def naive_pca(values, smooth=15, variance=0.9):
    """Return (deviation (n_time,), expected, lower, upper, share), the others (n_time, n_channels)."""
    normal = NaiveSubspace(values, variance)
    n_time, n_channels = values.shape
    parts, ranges = np.full(values.shape, np.nan), np.full((3, *values.shape), np.nan)
    for t in range(n_time):
        if np.isnan(values[t]).all():
            continue
        point = (values[t] - normal.centre) / normal.scale
        guess = rebuilt(point, normal)
        parts[t] = np.minimum(np.abs(point - guess) / normal.noise, 10)
        for k, residual in enumerate((0, np.minimum(normal.reach[0], 0), np.maximum(normal.reach[1], 0))):
            ranges[k, t] = normal.centre + (guess + residual) * normal.scale
    deviation, share = np.full(n_time, np.nan), np.zeros(values.shape)
    for t in range(n_time):
        there = [c for c in range(n_channels) if not np.isnan(parts[t, c])]
        around = slice(max(t - smooth // 2, 0), t + (smooth + 1) // 2)
        means = {c: np.nanmean(parts[around, c]) for c in there}
        if there:
            deviation[t] = sum(means.values()) / len(there)
            for c in there:
                share[t, c] = means[c] / sum(means.values())
    return deviation, *ranges, share
