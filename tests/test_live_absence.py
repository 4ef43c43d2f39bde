"""Series that stay away or freeze: the compiled loop says what its slow twin does, in any split."""

from __future__ import annotations

import itertools
import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from naive_absence import naive_absences
from redshank.engine.absence_kernel import MARKS, USUAL, follow

readings = st.lists(st.tuples(st.sampled_from([1.0, 2.0, 3.0, math.nan]), st.integers(1, 40)), max_size=60)


def unfolded(runs: list[tuple[float, int]]) -> list[float]:
    """Ten values that move, then runs of equal ones."""
    return [float(i) for i in range(30)] + [value for value, length in runs for _ in range(length)]


def absences(
    values: list[float], steps: int, points: int, counts: list[bool], cuts: list[int]
) -> list[tuple[str, int, int]]:
    marks, usual, last = np.zeros((1, MARKS), np.int64), np.zeros((1, USUAL)), np.full((1, 1), np.nan)
    array = np.array(values).reshape(1, -1, 1)
    times, counted = np.arange(len(values)), np.array(counts)
    edges = [0, *sorted(set(cuts)), len(values)]
    found = []
    for first, end in itertools.pairwise(edges):
        part = slice(first, end)
        closed = follow(times[part], array[:, part], counted[part], steps, points, marks, usual, last)
        found += [(("missing", "flat")[kind], int(start), int(end)) for _, kind, start, end, _, _ in closed]
    return sorted(found)


@settings(max_examples=200, deadline=None)
@given(readings, st.integers(1, 6), st.sampled_from([0, 2, 5]), st.data())
def test_it_finds_what_its_twin_finds_in_any_split(
    runs: list[tuple[float, int]], steps: int, points: int, data: st.DataObject
) -> None:
    values = unfolded(runs)
    counts = data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)))
    cuts = data.draw(st.lists(st.integers(0, len(values)), max_size=5))

    found = absences(values, steps, points, counts, cuts)

    assert found == naive_absences(values, steps, points, counts)


def test_a_series_that_is_gone_for_good_is_given_up() -> None:
    values = unfolded([(math.nan, 2000)])

    (given_up,) = absences(values, 3, 0, [True] * len(values), [])

    assert given_up == ("missing", 30, 30 + 3 + 1000 - 1)
