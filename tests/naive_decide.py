"""The event rule of ``decide`` once more, slow and obvious, for one series."""

from __future__ import annotations

import math


def naive_events(
    score: list[float], *, open_above: float, close_below: float, open_points: int, quiet_points: int
) -> list[tuple[int, int, int, bool]]:
    """Return (start, last hot point, peak, is open) of each event as indices."""
    scored = [i for i, s in enumerate(score) if not math.isnan(s)]
    events = []
    position = 0
    while position < len(scored):
        if score[scored[position]] < close_below:
            position += 1
            continue
        run = []
        while position < len(scored) and score[scored[position]] >= close_below:
            run.append(scored[position])
            position += 1
        if sum(score[i] >= open_above for i in run) < open_points:
            continue
        hot, quiet = run, 0
        while position < len(scored) and quiet < quiet_points:
            if score[scored[position]] >= close_below:
                hot.append(scored[position])
                quiet = 0
            else:
                quiet += 1
            position += 1
        peak = max(hot, key=lambda i: (score[i], -i))
        events.append((hot[0], hot[-1], peak, quiet < quiet_points))
    return events
