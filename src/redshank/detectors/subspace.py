"""The directions in which the channels of a series usually move together, fitted so that faults do not bend them.

Values are scaled by median and spread of each channel. Principal components are taken from the points nearest the
centre, then from those that were rebuilt best, over again; missing values are what the components make of the others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from redshank.panel import Floats

ROUNDS = 4
BULK = 0.75  # of the points, those rebuilt best, shape the next round
MOST_SCALED = 30.0  # spreads beyond which a value counts as no farther while fitting
MOST = 1e6
FLOOR_OF_RANGE = 0.01  # of the range of 98 % of the values: least spread
LEAST_NOISE = 0.05  # least usual residual, in spreads
SIZE_FLOOR = 1e-9  # least spread of a value of size 1
RIDGE = 1e-6
REWEIGHTED = 10  # times
TRUSTED = 3.0  # usual residuals beyond which a channel counts less
FAULTY = 10.0  # usual residuals beyond which a value says nothing of the range
TAIL = 0.005
_TINY = float(np.finfo(np.float64).tiny)
_MAX = float(np.finfo(np.float64).max)


@dataclass(frozen=True, eq=False)
class Subspace:
    """What is normal for one series.

    ``centre``, ``scale``: (n_channels,), in the unit of each; scale 0 = nothing known. ``axes``: (n_channels,
    n_channels), one component a row, zero rows for those left out. ``edges``: (2, n_channels), the usual range of each
    component. ``noise``: (n_channels,), the usual residual, ``reach``: (2, n_channels), residuals at .5 and 99.5 %;
    in spreads.
    """

    centre: Floats
    scale: Floats
    axes: Floats
    edges: Floats
    noise: Floats
    reach: Floats

    @classmethod
    def shapes(cls, n_channels: int) -> dict[str, tuple[int, ...]]:
        """The shape of every array by name."""
        one, two = (n_channels,), (2, n_channels)
        return {
            "centre": one,
            "scale": one,
            "axes": (n_channels, n_channels),
            "edges": two,
            "noise": one,
            "reach": two,
        }

    def scaled(self, values: Floats) -> Floats:
        """The values (n_time, n_channels) as spreads from their centre."""
        with np.errstate(over="ignore"):  # huge values are as far as it goes
            return np.clip((values / 2 - self.centre / 2) / (self.scale / 2), -MOST, MOST)

    def rebuilt(self, values: Floats) -> Floats:
        """The points as their components make them, in spreads, no component beyond its usual range.

        A channel far from what the others say counts the less (Huber's weights), so that it does not drag them along.
        """
        scaled = self.scaled(values)
        used = self.axes[self.axes.any(axis=1)]
        weights = np.isfinite(scaled).astype(np.float64)
        rebuilt = _within(components(scaled, used, weights), self.edges, used)
        for _ in range(REWEIGHTED):
            residual = np.abs(scaled - rebuilt) / self.noise
            residual[weights == 0] = 0.0
            odd = (residual > TRUSTED).any(axis=1)
            weights[odd] = np.where(weights[odd] > 0, TRUSTED / np.maximum(residual[odd], TRUSTED), 0.0)
            rebuilt[odd] = _within(components(scaled[odd], used, weights[odd]), self.edges, used)
        return rebuilt

    def ranges(self, rebuilt: Floats) -> list[Floats]:
        """(expected, lower, upper) of rebuilt points, in the unit of each channel."""
        expected = self._unscaled(rebuilt)
        lower, upper = self._unscaled(rebuilt + self.reach[0]), self._unscaled(rebuilt + self.reach[1])
        return [expected, np.minimum(lower, expected), np.maximum(upper, expected)]

    def _unscaled(self, spreads: Floats) -> Floats:
        with np.errstate(over="ignore"):
            return np.clip(self.centre + spreads * self.scale, -_MAX, _MAX)


def fit_subspace(values: Floats, variance: float, least_points: int) -> Subspace | None:
    """Fit to the points (n_time, n_channels) of a series; None with fewer than ``least_points`` that have a value."""
    values = np.ascontiguousarray(values[np.isfinite(values).any(axis=1)])
    if len(values) < least_points:
        return None
    centre, scale = _centres_and_scales(values)
    blank = np.zeros((2, len(centre)))
    empty = Subspace(centre, scale, np.zeros((len(centre),) * 2), blank, np.ones(len(centre)), blank)
    scaled = np.clip(empty.scaled(values), -MOST_SCALED, MOST_SCALED)
    there = np.isfinite(scaled)
    filled, rebuilt = np.where(there, scaled, 0.0), np.zeros(scaled.shape)
    for _ in range(ROUNDS):
        distance = np.square(filled - rebuilt).sum(axis=1) / there.sum(axis=1)
        axes = _axes(filled[distance <= np.quantile(distance, BULK)], variance)
        rebuilt = product(components(scaled, axes, there.astype(np.float64)), axes)
        filled = np.where(there, scaled, rebuilt)
    return _finished(empty, scaled, axes)


def _finished(empty: Subspace, scaled: Floats, axes: Floats) -> Subspace:
    """The subspace with these axes, and the usual ranges of components and residuals."""
    n_channels = len(empty.centre)
    found = components(scaled, axes, np.isfinite(scaled).astype(np.float64))
    full, edges = np.zeros((n_channels, n_channels)), np.zeros((2, n_channels))
    full[: len(axes)] = axes
    if len(axes):
        edges[:, : len(axes)] = np.quantile(found, [TAIL, 1 - TAIL], axis=0)
    residual = scaled - _within(found, edges, axes)
    noise, reach = np.full(n_channels, LEAST_NOISE), np.zeros((2, n_channels))
    for c in range(n_channels):
        known = residual[np.isfinite(residual[:, c]), c]
        if len(known):
            noise[c] = max(float(np.quantile(np.abs(known), 0.68)), LEAST_NOISE)
            usual = known[np.abs(known) <= FAULTY * noise[c]]
            reach[:, c] = np.quantile(usual, [TAIL, 1 - TAIL])
    reach = np.stack([np.minimum(reach[0], 0.0), np.maximum(reach[1], 0.0)])
    return Subspace(empty.centre, empty.scale, full, edges, noise, reach)


def _within(found: Floats, edges: Floats, axes: Floats) -> Floats:
    """The points of components kept within their usual range."""
    return product(np.clip(found, *edges[:, : len(axes)]), axes)


def _centres_and_scales(values: Floats) -> tuple[Floats, Floats]:
    """Median and spread of each channel (n_time, n_channels); a spread is never 0."""
    centre, scale = np.zeros(values.shape[1]), np.ones(values.shape[1])
    for c in range(values.shape[1]):
        known = values[np.isfinite(values[:, c]), c]
        if len(known):
            centre[c], scale[c] = _centre_and_scale(known)
    return centre, scale


def _centre_and_scale(known: Floats) -> tuple[float, float]:
    """Median, and deviation by the median distance from it, with a floor by range and size."""
    exponent = int(np.frexp(np.abs(known).max())[1])
    unit = np.ldexp(known, -exponent)  # within -1 and 1: nothing below can overflow
    centre = float(np.median(unit))
    low, high = np.quantile(unit, [0.01, 0.99])
    wide = float(high - low) or 0.1 * float(np.ptp(unit))
    spread = max(1.4826 * float(np.median(np.abs(unit - centre))), FLOOR_OF_RANGE * wide, SIZE_FLOOR)
    return float(np.ldexp(centre, exponent)), max(float(np.ldexp(spread, exponent)), 2 * _TINY)


def _axes(points: Floats, variance: float) -> Floats:
    """Components (n, n_channels) that hold the share ``variance`` of the points' spread; at least a channel is left."""
    covariance = product(np.ascontiguousarray(points.T), points) / max(len(points), 1)
    strengths, vectors = np.linalg.eigh(covariance)
    strengths, vectors = np.maximum(strengths[::-1], 0.0), vectors[:, ::-1]
    total = strengths.sum()
    if total <= 0:
        return np.zeros((0, points.shape[1]))
    needed = int(np.searchsorted(np.cumsum(strengths) / total, variance - 1e-12)) + 1
    most = max(1, min(points.shape[1] - 1, len(points) // 3))
    return np.ascontiguousarray(vectors[:, : min(needed, most)].T)


@njit(nogil=True, cache=True)
def components(scaled: Floats, axes: Floats, weights: Floats) -> Floats:
    """Return the components (n_time, n) of points (n_time, n_channels), least squares; a weight of 0 = unknown."""
    n = len(axes)
    result = np.zeros((len(scaled), n))
    system, right = np.empty((n, n)), np.empty(n)
    for t in range(len(scaled)):
        system[:], right[:] = 0.0, 0.0
        for c in range(scaled.shape[1]):
            if weights[t, c] > 0:
                for k in range(n):
                    pull = weights[t, c] * axes[k, c]
                    right[k] += pull * scaled[t, c]
                    for other in range(k + 1):
                        system[k, other] += pull * axes[other, c]
        for k in range(n):
            system[k, k] += RIDGE
        _solve(system, right)
        result[t] = right
    return result


@njit(nogil=True, cache=True)
def _solve(system: Floats, right: Floats) -> None:
    """Turn ``right`` into the solution of a positive definite system given by its lower half (Cholesky; in place)."""
    n = len(right)
    for k in range(n):
        for j in range(k):
            for i in range(k, n):
                system[i, k] -= system[i, j] * system[k, j]
        root = math.sqrt(max(system[k, k], RIDGE))
        for i in range(k, n):
            system[i, k] /= root
    for k in range(n):
        for j in range(k):
            right[k] -= system[k, j] * right[j]
        right[k] /= system[k, k]
    for k in range(n - 1, -1, -1):
        for j in range(k + 1, n):
            right[k] -= system[j, k] * right[j]
        right[k] /= system[k, k]


@njit(nogil=True, cache=True)
def product(a: Floats, b: Floats) -> Floats:
    """Return the matrix product of a (n, m) and b (m, k): the same to the last bit on any number of threads."""
    result = np.zeros((a.shape[0], b.shape[1]))
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            for k in range(b.shape[1]):
                result[i, k] += a[i, j] * b[j, k]
    return result
