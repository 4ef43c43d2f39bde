"""hindsight and hindsight_light beyond the laws that all detectors keep."""

from __future__ import annotations

import csv
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from redshank.detectors.hindsight import Hindsight, HindsightLight, Retrospective
from redshank.panel import Panel

GOLDEN = Path(__file__).parent / "golden" / "hindsight_nab.csv"
both = pytest.mark.parametrize("kind", [Hindsight, HindsightLight], ids=lambda kind: kind.kind)


def deviation(kind: type[Retrospective], values: np.ndarray) -> np.ndarray:
    return kind().score(Panel.of(values)).deviation[0]


@pytest.mark.bench_data
@both
def test_it_gives_the_golden_numbers(kind: type[Retrospective], bench_data: Path) -> None:
    with GOLDEN.open(newline="") as file:
        golden = list(csv.DictReader(file))
    worst = 0.0
    for name, rows in groupby(golden, key=lambda row: row["series"]):
        values = np.genfromtxt(bench_data / "nab" / f"{name}.csv", delimiter=",", skip_header=1, usecols=1)
        found = deviation(kind, values)
        worst = max(worst, *(abs(found[int(row["index"])] - float(row[kind.kind])) for row in rows))

    assert worst < 5e-4  # of 38
