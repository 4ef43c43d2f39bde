"""A process that keeps and compacts history is killed at any instant; nothing is lost, doubled or left behind."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from redshank.store.store import Store

EVER = (-(2**62), 2**62)
WRITER = """
import sys
from pathlib import Path
import polars as pl
from redshank.store.history import encode_block
from redshank.store.history_compact import Sizes
from redshank.store.store import Store
sizes = Sizes(block_fan=2, flush_rows=20, flush_bytes=1 << 30, day_rows=10**9, fan=2, most_rows=200, part_rows=50)
with Store.open(Path(sys.argv[1])) as store:
    last = store.history.range_of("m1")
    number = 0 if last is None else last[1]
    while True:
        rows = pl.DataFrame({"series": [0, 1, 2], "time": [number] * 3, "score": [float(number)] * 3})
        with store.database.write() as connection:
            store.history.archive.add(connection, "m1", encode_block(rows))
        print(number, flush=True)
        number += 1
        store.history.compact("m1", sizes)
"""


MORE = [pytest.param(seed, marks=pytest.mark.external_service) for seed in range(1, 8)]


@pytest.mark.parametrize("seed", [0, *MORE])
def test_killing_the_process_at_any_instant_loses_and_doubles_nothing(tmp_path: Path, seed: int) -> None:
    chosen, newest = random.Random(seed), -1

    for _ in range(2):
        child = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        for _ in range(chosen.randint(1, 60)):
            newest = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        newest = max([newest, *map(int, child.stdout.read().split())])
        child.stdout.close()
        child.wait()

        with Store.open(tmp_path) as store:
            times = store.history.read("m1", None, *EVER)["time"].to_list()
            count = len(times) // 3
            assert times == list(range(count)) * 3
            assert count in (newest + 1, newest + 2)
            assert set(store.history.archive.files.all_paths()) == {one.path for one in store.history.segments()}
