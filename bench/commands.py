"""Whole commands, as a user starts them: time, peak memory, and what the second core gives.

python bench/commands.py
python bench/commands.py --points 100000 --series 1000   # smaller, for a quick look
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from printing import Row, machine, show, told, write_json

ENV = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
REDSHANK = [sys.executable, "-m", "redshank.cli.main"]
PEER = """
import sys, pandas as pd
table = pd.read_csv(sys.argv[1], parse_dates=["time"]).set_index("time")["value"]
rolling = table.rolling(288)
deviation = ((table - rolling.mean()) / rolling.std()).abs()
deviation[deviation > 3].to_csv(sys.argv[2])
"""


@dataclass(frozen=True)
class Spent:
    """What a process took: wall-clock seconds, processor seconds, and most memory at a time."""

    seconds: float
    processor_seconds: float
    peak_mb: float


def spent(command: Sequence[str], *, cores: int | None = None, repeats: int = 2) -> Spent:
    """Run a command and return the best of its times; ends the program with its output when it fails.

    Python may keep its compiled modules, as it does for everybody who installs it without saying otherwise.
    """
    best = Spent(math.inf, math.inf, math.inf)
    for _ in range(repeats):
        best = min(best, _once(command, cores), key=lambda each: each.seconds)
    return best


def _once(command: Sequence[str], cores: int | None) -> Spent:
    def limit() -> None:
        os.sched_setaffinity(0, set(list(os.sched_getaffinity(0))[:cores]))

    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        child = subprocess.Popen(command, stdout=output, stderr=output, env=ENV, preexec_fn=limit if cores else None)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode not in (0, 3):
            output.seek(0)
            sys.exit(f"{' '.join(command)} failed:\n{output.read().decode(errors='replace')[-2000:]}")
    return Spent(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def row(what: str, took: Spent, aim: str) -> Row:
    """One line of the table."""
    return {
        "command": what,
        "seconds": took.seconds,
        "processor s": took.processor_seconds,
        "peak MB": took.peak_mb,
        "aim": aim,
    }


def long_csv(folder: Path, points: int) -> list[Row]:
    """One long series in CSV, beside reading it and a rolling z-score with pandas."""
    data = str(folder / "long.csv")
    spent([*REDSHANK, "sample", "--points", str(points), "--step", "1m", "--out", data], repeats=1)
    named = [*REDSHANK, "detect", data, "--measure", "value", "--quiet", "--out", str(folder / "events.csv")]
    what = f"{points:,}-row CSV"
    peer = spent([sys.executable, "-c", PEER, data, str(folder / "peer.csv")], repeats=3)
    rows = [
        row(f"{what}, seasonal", spent([*named, "--detector", "seasonal"], repeats=3), "<= 3 s"),
        row(f"{what}, default", spent(named), "<= 60 s"),
        row(f"{what}, pandas read + rolling z-score", peer, "(peer)"),
    ]
    for each in rows:
        each["x pandas"] = each["seconds"] / peer.seconds
    return rows


def many_series(folder: Path, series: int, points: int) -> list[Row]:
    """Many short series in Parquet, on one core and on two."""
    data = str(folder / "many.parquet")
    spent(
        [*REDSHANK, "sample", "--series", str(series), "--points", str(points), "--step", "1m", "--out", data],
        repeats=1,
    )
    command = [*REDSHANK, "detect", data, "--measure", "value", "--detector", "hindsight_light", "--quiet"]
    command += ["--out", str(folder / "events.parquet")]
    what = f"{series:,} series x {points:,} points Parquet, hindsight_light"
    two, one = spent(command, cores=2), spent(command, cores=1)
    rows = [row(f"{what}, 2 cores", two, "<= 45 s, < 2,000 MB"), row(f"{what}, 1 core", one, "")]
    rows[0]["x one core"] = one.seconds / two.seconds
    return rows


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=1_000_000, help="rows of the long CSV")
    parser.add_argument("--series", type=int, default=10_000, help="series of 1,440 points in the Parquet file")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for what in told("commands", ("help", "long CSV", "many series")):
            if what == "help":
                rows.append(row("redshank --help", spent([*REDSHANK, "--help"], repeats=5), "<= 0.4 s"))
            elif what == "long CSV":
                rows += long_csv(folder, args.points)
            else:
                rows += many_series(folder, args.series, 1440)
    print(machine())
    show("Whole commands", rows)
    write_json(args.json, {"Whole commands": rows})


if __name__ == "__main__":
    main()
