"""Naive twin of ``seasonal``: one dict a cycle, calendar slots by datetime, one plain step per value."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np


def naive_slot(cycle: str, nanoseconds: int, tz: str):
    """Return the slot that a time falls in, by the clocks of a zone."""
    moment = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=nanoseconds // 10**9)).astimezone(ZoneInfo(tz))
    if cycle == "day":
        return moment.hour, moment.minute // 15
    return (moment.weekday(), moment.hour) if cycle == "week" else moment.day


class Cycle:
    """A level and a profile: a dict of slots, each a list of the profile's value and the visits so far."""

    def __init__(self, name, first):
        self.name, self.level, self.since = name, first, None
        self.error = 0.0 if name == "none" else math.inf
        self.profile, self.slot, self.inside = {}, None, []

    def base(self):
        if self.name == "none":
            return 0.0
        return float(self.profile[self.slot][0]) if self.slot in self.profile else None

    def enter(self, slot, scale):
        """Move to a slot; return whether the one that was left had been visited before."""
        again = False
        if self.name != "none" and slot != self.slot:
            if self.inside:
                again = self._learn_slot(sum(self.inside) / len(self.inside), scale)
            self.slot, self.inside = slot, []
        return again

    def _learn_slot(self, mean, scale):
        if self.slot not in self.profile:
            self.profile[self.slot] = [np.float32(mean), 1]
            return False
        value, visits = self.profile[self.slot]
        step = max(-6 * scale, min(mean - float(value), 6 * scale))
        self.profile[self.slot] = [np.float32(float(value) + max(1 / (visits + 1), 0.3) * step), visits + 1]
        return True


class Row:
    """Everything known of one series."""

    def __init__(self, first):
        self.cycles = [Cycle(name, first) for name in ("none", "day", "week", "month")]
        self.chosen, self.seen, self.scale, self.recent = self.cycles[0], 0, 0.0, 0.0
        self.up = self.down = 2.58
        self.outside, self.low, self.high = False, first, first
        self.shift, self.day_points = [], None

    def floor(self, value):
        return 0.01 * (self.high - self.low) + 1e-13 * abs(value) + 1e-300

    def advance(self, value, time, tz):
        for cycle in self.cycles:
            slot = None if cycle.name == "none" else naive_slot(cycle.name, time, tz)
            if cycle.enter(slot, self.scale) and self.day_points is None:
                self.day_points = self.seen
        bases = {cycle.name: cycle.base() for cycle in self.cycles}
        chosen = self.chosen if bases[self.chosen.name] is not None else self.cycles[0]
        expected = bases[chosen.name] + chosen.level
        wider = 1 + 5 / max(self.seen, 1) if self.seen < 5000 else 1.0
        floor = self.floor(value)
        bare = max(self.scale, floor)
        answer = self.judge(value - expected, expected, bare, wider)
        self.learn(value, value - expected, bare, wider, floor, bases)
        return answer

    def judge(self, residual, expected, bare, wider):
        up, down = max(self.up, 2.58) * bare * wider, max(self.down, 2.58) * bare * wider
        point = 2.58 * (residual / up if residual > 0 else -residual / down)
        if point > 10:
            point = min(10 + (point - 10) / 8, 20)
        self.recent += 0.02 * (min(abs(residual) / (bare * wider), 20) - self.recent)
        return point + 8 * self.recent, expected, expected - down, expected + up

    def learn(self, value, residual, bare, wider, floor, bases):
        if self.seen >= 20:
            self.follow_tails(residual, bare)
        most = math.inf if self.seen < 5 else 6 * bare * wider
        self.seen += 1
        memory = min(self.seen, 500)
        self.scale += (1.25 * min(abs(residual), most) - self.scale) / memory
        best = self.cycles[0]
        for cycle in self.cycles:
            if bases[cycle.name] is not None:
                own = value - bases[cycle.name] - cycle.level
                if cycle.since is None:
                    cycle.since, cycle.error = self.seen, self.cycles[0].error
                limit = math.inf if self.seen <= 5 else 6 * max(1.25 * cycle.error, floor) * wider
                step = max(-limit, min(own, limit))
                cycle.error += (abs(step) - cycle.error) / memory
                cycle.level += step / min(self.seen, self.level_memory(cycle))
            if cycle.since is not None and self.seen - cycle.since >= 20 and cycle.error < 0.9 * best.error:
                best = cycle
            cycle.inside.append(value - cycle.level)
        self.chosen = best
        self.low = min(self.low + 1e-4 * (value - self.low), value)
        self.high = max(self.high + 1e-4 * (value - self.high), value)
        self.follow_shift(residual, abs(residual) > 3 * bare)

    def level_memory(self, cycle):
        return 300 if cycle.name == "none" else max(300, self.seen if self.day_points is None else self.day_points)

    def follow_tails(self, residual, bare):
        above, below = residual > self.up * bare, -residual > self.down * bare
        grow = 1.0 if self.outside else 1 + 0.2 * 0.99
        self.up = max(self.up * (grow if above else 1 - 0.2 * 0.01), 0.5)
        self.down = max(self.down * (grow if below else 1 - 0.2 * 0.01), 0.5)
        self.outside = above or below

    def follow_shift(self, residual, is_far):
        if not is_far or (self.shift and self.shift[0] * residual < 0):
            self.shift = []
        if is_far:
            self.shift.append(residual)
        if len(self.shift) == 200:
            for cycle in self.cycles:
                cycle.level += sum(self.shift) / 200
            self.shift = []


def naive_seasonal(values, times, tz="UTC", learn=30):
    """Return (4, n_time) deviation, expected, lower, upper of one series; ``times`` in nanoseconds."""
    row, out = None, np.full((4, len(values)), np.nan)
    for t, value in enumerate(values):
        if math.isnan(value):
            continue
        row = row or Row(value)
        answer = row.advance(value, int(times[t]), tz)
        if row.seen > learn:
            out[:, t] = answer
    return out
