"""Record the telemetry that `redshank demo` analyses: a small host at 1 s, while real faults are caused.

A small TCP service and its client make steady traffic with a daily-like rhythm (a "day" of four minutes). At
times drawn from a seed, faults are caused for real: processor burn, memory growth, a flood of disk writes, a
network stall (the service is stopped by SIGSTOP). The host is what a container would be: these processes and their
own network, measured by psutil, so that other work of the machine is not in the record.

    nice -n -5 unshare --net python bench/record_demo.py --minutes 44 --out src/redshank/demo/data

writes host.csv.gz (time, cpu_percent, load_1m, memory_mb, disk_write_kb, network_kb) and faults.csv (start, end,
fault, measure). Times are UTC. Needs root, for a network of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import gzip
import hashlib
import math
import multiprocessing
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil

DAY_SECONDS = 240
FIRST_FAULT_SECONDS = 600
COLUMNS = ["time", "cpu_percent", "load_1m", "memory_mb", "disk_write_kb", "network_kb"]
PLAN = [  # (fault, seconds, the measure that shows it)
    ("cpu_burn", 40, "cpu_percent"),
    ("memory_growth", 60, "memory_mb"),
    ("network_stall", 25, "network_kb"),
    ("disk_flood", 30, "disk_write_kb"),
    ("cpu_burn", 15, "cpu_percent"),
    ("network_stall", 12, "network_kb"),
    ("memory_growth", 40, "memory_mb"),
    ("disk_flood", 12, "disk_write_kb"),
]


def serve(port: multiprocessing.Value) -> None:
    """Answer each request of 8 bytes (a size) with so many bytes, after hashing in proportion to the size."""
    server = socket.create_server(("127.0.0.1", 0))
    port.value = server.getsockname()[1]
    connection, _ = server.accept()
    block = os.urandom(1 << 16)
    while request := connection.recv(8, socket.MSG_WAITALL):
        left = int.from_bytes(request, "big")
        hashlib.pbkdf2_hmac("sha256", block[:64], b"salt", left // 4)
        while left > 0:
            sent = block[: min(left, len(block))]
            connection.sendall(sent)
            left -= len(sent)


def drive(port: int, stop: threading.Event, started: float) -> None:
    """Ask for data ten times a second, more by "day" than by "night", and write a journal every second."""
    connection = socket.create_connection(("127.0.0.1", port))
    chance = random.Random(1)
    with tempfile.TemporaryFile() as journal:
        beats = 0
        while not stop.is_set():
            phase = 2 * math.pi * (time.time() - started) / DAY_SECONDS
            size = int(120_000 * (1.4 + math.sin(phase)) * chance.uniform(0.9, 1.1))
            connection.sendall(size.to_bytes(8, "big"))
            left = size
            while left > 0:
                left -= len(connection.recv(min(left, 1 << 16)))
            beats += 1
            if beats % 10 == 0:
                journal.seek(0)
                journal.write(os.urandom(size // 2))
                journal.flush()
                os.fsync(journal.fileno())
            time.sleep(0.1)


def burn(seconds: float) -> None:
    end = time.time() + seconds
    while time.time() < end:
        math.sqrt(2.0)


def cause(fault: str, seconds: int, server: multiprocessing.Process) -> None:
    """Cause one fault for so many seconds."""
    if fault == "cpu_burn":
        burners = [multiprocessing.Process(target=burn, args=(seconds,)) for _ in range(2 if seconds > 20 else 1)]
        for burner in burners:
            burner.start()
        for burner in burners:
            burner.join()
    elif fault == "memory_growth":
        held = []
        for _ in range(seconds):
            held.append(bytearray(os.urandom(1 << 20) * 48))
            time.sleep(1)
    elif fault == "network_stall":
        os.kill(server.pid or 0, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(server.pid or 0, signal.SIGCONT)
    elif fault == "disk_flood":
        end = time.time() + seconds
        block = os.urandom(1 << 20)
        with tempfile.TemporaryFile() as file:
            while time.time() < end:
                file.seek(0)
                for _ in range(64):
                    file.write(block)
                file.flush()
                os.fsync(file.fileno())


class Meter:
    """Sums over this process and its children: seconds of processor and bytes written never go back."""

    def __init__(self) -> None:
        self.root = psutil.Process()
        self.totals = {"cpu": 0.0, "written": 0.0}
        self.last: dict[tuple[int, str], float] = {}
        self.load = 0.0

    def read(self) -> tuple[float, float, float, float]:
        """Return seconds of processor so far, bytes written so far, bytes resident, bytes sent so far."""
        resident, running = 0, 0
        for process in [self.root, *self.root.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                self._add(process.pid, "cpu", times.user + times.system)
                self._add(process.pid, "written", process.io_counters().write_bytes)
                resident += process.memory_info().rss
                running += process.status() in (psutil.STATUS_RUNNING, psutil.STATUS_DISK_SLEEP)
        self.load += (running - self.load) * (1 - math.exp(-1 / 60))
        sent = psutil.net_io_counters(pernic=True)["lo"].bytes_sent
        return self.totals["cpu"], self.totals["written"], resident, sent

    def _add(self, pid: int, name: str, now: float) -> None:
        self.totals[name] += max(0.0, now - self.last.get((pid, name), 0.0))
        self.last[pid, name] = now


def sample(stop: threading.Event, rows: list[list[object]]) -> None:
    """Append one row a second, on the second."""
    meter = Meter()
    before, moment = meter.read(), time.monotonic()
    due = math.floor(time.time()) + 1
    while not stop.is_set():
        time.sleep(max(0.0, due - time.time()))
        now, elapsed = meter.read(), time.monotonic() - moment
        moment += elapsed
        rows.append(
            [
                datetime.fromtimestamp(due, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                round(min(100 * (now[0] - before[0]) / elapsed / (os.cpu_count() or 1), 100.0), 1),
                round(meter.load, 2),
                round(now[2] / 2**20, 1),
                round((now[1] - before[1]) / elapsed / 1024, 1),
                round((now[3] - before[3]) / elapsed / 1024, 1),
            ]
        )
        before, due = now, due + 1


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def record(minutes: float, seed: int) -> tuple[list[list[object]], list[list[str]]]:
    """Run service, sampler and faults for so many minutes; return telemetry rows and fault rows."""
    port = multiprocessing.Value("i", 0)
    server = multiprocessing.Process(target=serve, args=(port,), daemon=True)
    server.start()
    while not port.value:
        time.sleep(0.05)
    started, stop, rows, faults = time.time(), threading.Event(), [], []
    threads = [
        threading.Thread(target=drive, args=(port.value, stop, started), daemon=True),
        threading.Thread(target=sample, args=(stop, rows)),
    ]
    for thread in threads:
        thread.start()
    chance = random.Random(seed)
    plan = PLAN if minutes > 20 else PLAN[:2]
    slot = (minutes * 60 - min(FIRST_FAULT_SECONDS, minutes * 20)) / len(plan)
    for k, (fault, seconds, measure) in enumerate(plan):
        begin = started + minutes * 60 - slot * (len(plan) - k) + chance.uniform(0.1, 0.5) * slot
        time.sleep(max(0.0, begin - time.time()))
        begin = time.time()
        cause(fault, seconds, server)
        faults.append([iso(begin), iso(time.time() + 1), fault, measure])
        print(f"{iso(begin)} {fault} {seconds} s", flush=True)
    time.sleep(max(0.0, started + minutes * 60 - time.time()))
    stop.set()
    threads[1].join()
    return rows, faults


def main() -> int:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=44)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("src/redshank/demo/data"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    rows, faults = record(arguments.minutes, arguments.seed)
    with gzip.open(arguments.out / "host.csv.gz", "wt", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    with (arguments.out / "faults.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["start", "end", "fault", "measure"], *faults])
    return subprocess.call(["ls", "-l", str(arguments.out)])


if __name__ == "__main__":
    sys.exit(main())
