"""Naive twin of ``analog``: the whole history kept, every lag in order, one plain step per value."""

from __future__ import annotations

import math

import numpy as np

SINGLE = np.float32


class Moments:
    """Clipped running mean and variance."""

    def __init__(self):
        self.count, self.mean, self.variance = 0, 0.0, 0.0

    def learn(self, value):
        step = value - self.mean
        if self.count >= 50 and self.variance > 0:
            most = 8 * math.sqrt(self.variance)
            step = max(-most, min(step, most))
        self.count += 1
        memory = min(self.count, 20_000)
        self.mean += step / memory
        self.variance += (step * step * (1 - 1 / memory) - self.variance) / memory


class Scale:
    """First 100 values, then median and 90 % quantile followed by small steps."""

    def __init__(self):
        self.first, self.seen = [], 100

    def calibrated(self, value, floor):
        if len(self.first) < 100:
            self.first.append(value)
            self.median, self.q90 = sorted(self.first)[-50:][0], sorted(self.first)[-10:][0]
            return 0.0
        unit = max((self.q90 - self.median) / 1.28, floor)
        result = max(0.0, min((value - self.median) / unit, 10.0))
        self.seen = min(self.seen + 1, 1000)
        step = 10 * unit / self.seen
        self.median += 0.5 * step if value > self.median else -0.5 * step
        self.q90 += 0.9 * step if value > self.q90 else -0.1 * step
        self.q90 = max(self.q90, self.median)
        return result


class Autoregression:
    """Order 8 with bias, recursive least squares in matrix form."""

    def __init__(self):
        self.values, self.variance = [], 1e-6
        self.weights, self.spread = np.eye(9)[0], 10.0 * np.eye(9)

    def residual(self, value, floor, learns):
        value = max(-1e9, min(value, 1e9))
        result = 0.0 if learns else math.nan
        if learns and len(self.values) >= 8:
            result = self._learned(value, floor)
        self.values.append(value)
        return result

    def _learned(self, value, floor):
        inputs = np.array([*self.values[:-9:-1], 1.0])
        error = value - self.weights @ inputs
        deviation = max(math.sqrt(self.variance), floor)
        settled = len(self.values) >= 60
        bent = max(-4 * deviation, min(error, 4 * deviation)) if settled else error
        turned = self.spread @ inputs
        gain = turned / (0.9995 + inputs @ turned)
        self.weights = self.weights + gain * bent
        self.spread = (self.spread - np.outer(gain, turned)) / 0.9995
        if settled:
            square = min(error**2, 9 * max(self.variance, floor**2))
            self.variance = 0.99 * self.variance + 0.01 * square
        else:
            self.variance = 0.9 * self.variance + 0.1 * error**2
        if (len(self.values) + 1) % 500 == 0 and np.trace(self.spread) > 1e4:
            self.spread = 10.0 * np.eye(9)
        return abs(error) / deviation if deviation > 0 else 0.0


class Lags:
    """Distances of one window at lags 1, 2, 3, ... (``distance[0]`` is lag 1)."""

    def __init__(self, window, reach):
        self.window, self.reach = window, reach
        self.distance = np.zeros(reach, SINGLE)

    def novelty(self, history, value, gap, variance):
        time = len(history)
        count = min(time, self.reach)
        partners = np.array(history[time - count :], SINGLE)[::-1]
        square = (SINGLE(value) - partners) ** 2
        old = self.distance[:count]
        keep = SINGLE((1 - 1 / self.window) ** (1 + gap))
        rise = SINGLE(max(0.1 * variance, 1e-30))
        self.distance[:count] = np.where(np.isnan(square), old + rise, old * keep + square)
        used = self.distance[max(self.window, 4) - 1 : max(0, min(self.reach, time - 2 * self.window))]
        return math.sqrt(used.min() / self.window) if used.size else 0.0

    def analogs(self, time):
        """Lags of the best of the 3 best blocks."""
        lags = np.arange(8, min(self.reach, time - 16) + 1)
        if len(lags) <= 12:
            return []
        length = max(12, len(lags) // 16 + 1)
        best = []
        for begin in range(0, len(lags), length):
            block = lags[begin : begin + length]
            found = self.distance[block - 1]
            best.append((found.min(), begin, block[found == found.min()].max()))
        return [lag for _, _, lag in sorted(best)[:3]]


class Range:
    """Quantiles of the residuals at .5 and 99.5 %: the extremes of the first 100, then followed by steps."""

    def __init__(self):
        self.seen, self.low, self.high = 0, 0.0, 0.0

    def around(self, forecast, centre, scale):
        expected = centre + scale * forecast
        if self.seen < 100 or math.isnan(forecast):
            return expected, math.nan, math.nan
        return expected, expected + scale * self.low, expected + scale * self.high

    def learn(self, residual, scale):
        if math.isnan(residual):
            return
        if self.seen < 100:
            self.seen += 1
            self.low, self.high = min(self.low, residual), max(self.high, residual)
            return
        step = 0.05 * max((scale.q90 - scale.median) / 1.28, 1e-9)
        self.high = max(0.0, self.high + (0.995 * step if residual > self.high else -0.005 * step))
        self.low = min(0.0, self.low - (0.995 * step if residual < self.low else -0.005 * step))


class NaiveAnalog:
    """One series; its scales are known before its first value."""

    def __init__(self, values, windows, trend_windows, reach, trend_reach):
        self.centre, self.scale = np.median(values[:200]), np.std(values[:200])
        if self.scale <= 1e-9 * abs(self.centre):
            self.scale = next((other for other in np.abs(values[200:] - self.centre) if other > 0), 1.0)
        self.ar_centre, self.ar_scale = np.median(values[:60]), np.std(values[:60])
        if self.ar_scale <= 1e-9 * abs(self.ar_centre):
            self.ar_scale = 1.0
        self.moments, self.model, self.range = Moments(), Autoregression(), Range()
        self.lags = [Lags(window, reach) for window in windows]
        self.trend_lags = [Lags(window, trend_reach) for window in trend_windows]
        self.scales = [Scale() for _ in range(len(windows) + len(trend_windows) + 2)]
        self.history, self.trend_history, self.analogs = [], [], []
        self.trend_sum = self.trend_weight = self.last = 0.0
        self.seen = 0

    def forecast(self, gap):
        followed = [self.history[len(self.history) - lag] for lag in self.analogs]
        followed = [value for value in followed if not math.isnan(value)]
        if gap > 64:
            return math.nan
        return float(np.median(followed)) if len(followed) >= 2 else self.last

    def less_trend(self, y):
        less = y - self.trend_sum / self.trend_weight if self.trend_weight else y
        self.trend_sum, self.trend_weight = (1 - 2 / 51) * self.trend_sum + y, (1 - 2 / 51) * self.trend_weight + 1
        return less

    def update(self, value, gap):
        """Return (deviation, expected, lower, upper), then learn."""
        y = float(SINGLE(max(-1e6, min((value - self.centre) / self.scale, 1e6))))
        if 0 < gap <= 64 and self.seen >= 300:
            self.history += [math.nan] * gap
            self.trend_history += [math.nan] * gap
        ar_floor = 0.01 * math.sqrt(self.moments.variance) * self.scale / self.ar_scale
        self.moments.learn(y)
        floor = max(1e-3 * math.sqrt(self.moments.variance), 1e-9)
        trend, forecast = self.less_trend(y), self.forecast(gap)
        parts = [one.novelty(self.history, y, gap, self.moments.variance) for one in self.lags]
        parts += [one.novelty(self.trend_history, trend, gap, self.moments.variance) for one in self.trend_lags]
        parts.append(abs(y - forecast))
        parts.append(self.model.residual((value - self.ar_centre) / self.ar_scale, ar_floor, gap <= 64))
        ranges = self.range.around(forecast, self.centre, self.scale)
        if self.seen >= 200:
            self.range.learn(y - forecast, self.scales[-2])
        deviation = self.summed(parts, floor)
        self.history.append(y)
        self.trend_history.append(trend)
        self.analogs, self.last = self.lags[0].analogs(len(self.history) - 1), y
        self.seen += 1
        return deviation, *ranges

    def summed(self, parts, floor):
        total = 0.0
        for k, (part, scale) in enumerate(zip(parts, self.scales, strict=True)):
            if self.seen < 300 and math.isnan(part):
                part = 0.0
            if self.seen >= 200 and not math.isnan(part):
                total += scale.calibrated(part, 0.2 if k == len(parts) - 1 else floor)
        return total


def naive_analog(values, windows, trend_windows, reach, trend_reach, learn):
    """Return (deviation, expected, lower, upper) of values (n_time,), each (n_time,)."""
    result = np.full((4, len(values)), np.nan)
    places = np.flatnonzero(~np.isnan(values))
    if len(places) < 200:
        return result
    series = NaiveAnalog(values[places], windows, trend_windows, reach, trend_reach)
    gaps = np.diff(places, prepend=-1) - 1
    for k, place in enumerate(places):
        rhythm = k > 0 and 64 < gaps[k] <= 2 * gaps[k - 1]
        answer = series.update(values[place], 0 if rhythm else int(gaps[k]))
        if k >= learn:
            result[:, place] = answer
    return result
