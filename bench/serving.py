"""A real ``redshank serve`` in a process of its own, on 127.0.0.1 and a folder that is gone afterwards."""

from __future__ import annotations

import contextlib
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psutil

SECOND = 1_000_000_000


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """A running server: its address, its folder, its process, and how long it took until it was ready."""

    url: str
    data: Path
    process: psutil.Process
    ready_seconds: float
    http: httpx2.Client

    def processor_seconds(self) -> float:
        """Processor time it has used so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def resident_mb(self) -> float:
        """Memory it holds now."""
        return float(self.process.memory_info().rss) / 2**20

    def peak_mb(self) -> float:
        """Most memory it held so far."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
        return self.resident_mb()

    def call(self, method: str, path: str, **given: Any) -> Any:
        """Ask under ``/api/v1``; return the JSON of the answer, or end the program with what the server said."""
        answer = self.http.request(method, f"/api/v1{path}", **given)
        if answer.status_code >= 400:
            sys.exit(f"{method} {path}: {answer.status_code} {answer.text[:1000]}")
        return answer.json() if answer.content else None

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Look into the database beside the server, without asking it anything."""
        with contextlib.closing(sqlite3.connect(f"file:{self.data / 'redshank.db'}?mode=ro", uri=True)) as database:
            return database.execute(query).fetchall()


@contextlib.contextmanager
def serving(data: Path, *, limit_seconds: float = 120.0, **settings: Any) -> Iterator[Server]:
    """Start a server on a folder, wait until it is ready, and stop it afterwards; ``settings`` as REDSHANK_*."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    given = {f"REDSHANK_{name.upper()}": str(value) for name, value in settings.items()}
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    env.update({"REDSHANK_NO_AUTH": "1", "REDSHANK_REQUESTS_PER_MINUTE": "0", **given})
    log = data.parent / f"{data.name}.log"
    command = [sys.executable, "-m", "redshank.cli.main", "serve", "--data", str(data), "--port", str(port)]
    started = time.perf_counter()
    with log.open("ab") as output:
        child = subprocess.Popen(command, stdout=output, stderr=output, env=env)
    try:
        with httpx2.Client(base_url=url, timeout=120, trust_env=False) as http:
            _wait_until_ready(http, child, log, started + limit_seconds)
            yield Server(url, data, psutil.Process(child.pid), time.perf_counter() - started, http)
    finally:
        child.terminate()
        try:
            child.wait(60)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _wait_until_ready(http: httpx2.Client, child: subprocess.Popen[bytes], log: Path, until: float) -> None:
    while time.perf_counter() < until:
        with contextlib.suppress(httpx2.TransportError):
            if http.get("/readyz").status_code == 200:
                return
        if child.poll() is not None:
            break
        time.sleep(0.02)
    sys.exit(f"the server did not become ready:\n{log.read_text(errors='replace')[-3000:]}")
