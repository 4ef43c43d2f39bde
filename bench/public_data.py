"""The public labelled data: where it is looked for, how it is read, and how to make the layout from the originals.

Layout: ``$REDSHANK_BENCH_DATA/nab`` and ``.../skab`` hold one CSV a series with the columns timestamp, value(s) and
label (0/1), and meta.csv with name and train_n; ``nab`` also holds combined_windows.json.

    python bench/public_data.py nab NAB-CHECKOUT OUT/nab      # from the repository numenta/NAB
    python bench/public_data.py skab SKAB-CHECKOUT OUT/skab   # from the repository waico/SKAB
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl

from redshank.evaluate import Labelled
from redshank.panel import Key, Panel

VARIABLE = "REDSHANK_BENCH_DATA"
PROBATION_SHARE, PROBATION_MOST = 0.15, 5000  # NAB: 15 % of the first 5,000 points
SKAB_TRAIN = 400


@dataclass(frozen=True, eq=False)
class Series:
    """A labelled series, and the panel that a detector sees of it."""

    labelled: Labelled
    panel: Panel


def folder(name: str) -> Path:
    """Return the folder of a data set; ends the program with a clear reason when there is none."""
    root = os.environ.get(VARIABLE)
    if not root:
        sys.exit(f"{VARIABLE} is not set; see docs/benchmarks.md for where to get the data and how to lay it out")
    path = Path(root) / name
    if not (path / "meta.csv").exists():
        sys.exit(f"{path}: must hold meta.csv and one CSV a series (python bench/public_data.py {name} ...)")
    return path


def read(name: str, limit: int | None = None) -> list[Series]:
    """Return the series of a data set in order of name; ``limit`` takes the first ones only."""
    path = folder(name)
    train = dict(pl.read_csv(path / "meta.csv").select("name", "train_n").rows())
    return [_series(path / f"{each}.csv", train[each]) for each in sorted(train)[:limit]]


def _series(path: Path, train: int) -> Series:
    table = pl.read_csv(path, infer_schema_length=None)
    times = table["timestamp"].str.replace(" ", "T").str.to_datetime(time_unit="ns").to_numpy()
    channels = [column for column in table.columns if column not in ("timestamp", "label")]
    values = table.select(channels).cast(pl.Float64).to_numpy()
    truth = table["label"].to_numpy() > 0
    panel = Panel.of(values[None], _rising(times), keys=[Key.of(path.stem)], channels=channels)
    return Series(Labelled(path.stem, times, values[:, 0], truth, train), panel)


def _rising(times: np.ndarray) -> np.ndarray:
    """The times, or an even grid of the usual step where the clock was set back: every row stays a point."""
    gaps = np.diff(times.astype(np.int64))
    return times if (gaps > 0).all() else times[0] + np.arange(len(times)) * np.timedelta64(int(np.median(gaps)), "ns")


# ---------------------------------------------------------------- from the originals


def convert_nab(checkout: Path, out: Path) -> int:
    """Turn data/*/*.csv and labels/combined_windows.json into the layout; return the number of series."""
    windows_file = checkout / "labels" / "combined_windows.json"
    windows = json.loads(windows_file.read_text(encoding="utf-8"))
    out.mkdir(parents=True, exist_ok=True)
    meta = []
    for name, spans in sorted(windows.items()):
        rows = list(csv.DictReader((checkout / "data" / name).read_text(encoding="utf-8").splitlines()))
        inside = [(_time(first), _time(last)) for first, last in spans]
        labels = [int(any(a <= _time(row["timestamp"]) <= b for a, b in inside)) for row in rows]
        series = name.removesuffix(".csv").replace("/", "__")
        _write(out / f"{series}.csv", ["timestamp", "value"], rows, labels)
        meta.append((series, len(rows), int(PROBATION_SHARE * min(len(rows), PROBATION_MOST)), sum(labels), len(spans)))
    shutil.copyfile(windows_file, out / windows_file.name)
    _write_meta(out, meta)
    return len(meta)


def convert_skab(checkout: Path, out: Path) -> int:
    """Turn data/{valve1,valve2,other}/*.csv into the layout; return the number of series."""
    out.mkdir(parents=True, exist_ok=True)
    meta = []
    for group in ("other", "valve1", "valve2"):
        for path in sorted((checkout / "data" / group).glob("*.csv")):
            rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines(), delimiter=";"))
            labels = [int(float(row["anomaly"])) for row in rows]
            named = [{name.replace(" ", "_"): value for name, value in row.items()} for row in rows]
            channels = [name for name in named[0] if name not in ("datetime", "anomaly", "changepoint")]
            series = f"{group}_{path.stem}"
            stamped = [{"timestamp": row["datetime"], **row} for row in named]
            _write(out / f"{series}.csv", ["timestamp", *channels], stamped, labels)
            starts = sum(b > a for a, b in zip([0, *labels[:-1]], labels, strict=True))
            meta.append((series, len(rows), SKAB_TRAIN, sum(labels), starts))
    _write_meta(out, meta)
    return len(meta)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _write(path: Path, columns: list[str], rows: list[dict[str, str]], labels: list[int]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*columns, "label"])
        writer.writerows([*(row[column] for column in columns), label] for row, label in zip(rows, labels, strict=True))


def _write_meta(out: Path, meta: list[tuple[str, int, int, int, int]]) -> None:
    with (out / "meta.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["name", "n", "train_n", "anomaly_points", "events"])
        writer.writerows(meta)


def main() -> None:
    """Convert what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["nab", "skab"])
    parser.add_argument("checkout", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    convert = {"nab": convert_nab, "skab": convert_skab}[args.kind]
    print(f"wrote {convert(args.checkout, args.out)} series to {args.out}")


if __name__ == "__main__":
    main()
