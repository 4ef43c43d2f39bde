"""Which stretches of a series are missing or flat, said slowly and obviously. Twin of engine/absence_kernel.py."""

from __future__ import annotations

import math


def naive_absences(values: list[float], steps: int, points: int, counts: list[bool]) -> list[tuple[str, int, int]]:
    """Return (kind, first index, index of the end) of the stretches that have ended, of one series with one channel."""
    found: list[tuple[str, int, int]] = []
    gap, still = 0.0, 0.0  # what is usual
    seen = moved = 0
    away: list[int] = []
    run: list[int] = []
    last = math.nan
    for i, value in enumerate(values):
        if math.isnan(value):
            if counts[i] and seen:
                away.append(i)
                if seen >= 10 and len(away) == steps + int(4 * gap) + 1000:
                    found.append(("missing", away[0], i))
            continue
        limit = steps + int(4 * gap)
        if seen >= 10 and limit <= len(away) < limit + 1000:
            found.append(("missing", away[0], i))
        if seen:
            gap += 0.05 * (min(len(away), 4 * gap + 4) - gap)
        away = []
        seen += 1
        if value == last:
            run.append(i)
            continue
        if points and moved >= 10 and len(run) >= points + int(4 * still):
            found.append(("flat", run[0], i))
        if moved:
            still += 0.05 * (min(len(run) - 1, 4 * still + 4) - still)
        moved += 1
        run, last = [i], value
    return sorted(found)
