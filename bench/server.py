"""What the server takes: a real `redshank serve` in a process of its own, loaded from this one.

python bench/server.py start          # from start to ready with 1,000 monitors
python bench/server.py many           # 1,000 monitors of one series each, a point a minute
python bench/server.py wide           # one monitor of 100,000 series, a point a minute
python bench/server.py push           # points a second through HTTP
python bench/server.py api            # waiting times under 100 requests a second
python bench/server.py all --json server.json
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import numpy as np

from printing import Row, machine, show, told, write_json
from server_points import BODIES, Points, body, push, send
from serving import SECOND, Server, serving

MINUTE = 60 * SECOND
SOURCE = "pushed"
CHARTED = "long"


def declare(server: Server, monitors: int, *, prefix: str = "m", **spec: Any) -> None:
    """Make monitors of one measure each, or one of all (``monitors`` = 1)."""
    declared = []
    for i in range(monitors):
        only = {"measures": [f"{prefix}{i:04d}"]} if monitors > 1 else {}
        declared.append({"name": f"{prefix}{i:04d}", "source": SOURCE, "step": "1m", "delay": "0s", **only, **spec})
    document = {"monitors": declared}
    server.call("POST", "/config/apply", json={"document": document, "origin": prefix, "validate": False})


@contextlib.contextmanager
def serving_pushed(data: Path) -> Iterator[Server]:
    """Start a server that has a source of pushed points."""
    with serving(data) as server:
        server.call("POST", "/sources", json={"name": SOURCE, "kind": "push"})
        yield server


def start(folder: Path, args: argparse.Namespace) -> list[Row]:
    """From the start of the process to `/readyz`, monitors declared beforehand."""
    data = folder / "start"
    with serving_pushed(data) as server:
        declare(server, args.monitors, detector="seasonal")
    rows = []
    for times in range(3):
        with serving(data) as server:
            rows.append((server.ready_seconds, server.processor_seconds(), server.resident_mb(), times))
    seconds, processor, memory, _ = min(rows)
    return [
        {
            "what": f"start to ready, {args.monitors:,} monitors",
            "seconds": seconds,
            "processor s": processor,
            "MB": memory,
            "aim": "<= 2 s",
        }
    ]


def many(folder: Path, args: argparse.Namespace) -> list[Row]:
    """1,000 monitors: from the minute until the last of them has scored it, and the share of the processor."""
    with serving_pushed(folder / "many") as server:
        points = Points.of_measures([f"m{i:04d}" for i in range(args.monitors)])
        end = history(server, points, minutes=args.history)
        declare(server, args.monitors, detector="seasonal")
        _wait_for(lambda: cursors(server, args.monitors) >= end, 600)
        waits, share, lags = watched(server, points, args.minutes, args.monitors)
    return [
        {
            "what": f"{args.monitors:,} monitors x 1 series, {args.minutes} minutes",
            "all detected after s (best)": min(waits),
            "(median)": float(np.median(waits)),
            "(worst)": max(waits),
            "processor, % of one core": 100 * share,
            "% of two cores": 50 * share,
            "MB": lags["resident"],
            "aim": "<= 10 s, < 30 %",
        }
    ]


def wide(folder: Path, args: argparse.Namespace) -> list[Row]:
    """One monitor of 100,000 series: time from the first byte pushed until all is scored and stored, and memory."""
    with serving_pushed(folder / "wide") as server:
        points = Points.of_labels("load", args.series)
        end = history(server, points, minutes=args.wide_history)
        declare(server, 1, prefix="wide", detector="seasonal", max_series=args.series, by=["host"])
        _wait_for(lambda: cursors(server, 1) >= end, 1200)
        waits, share, memory = watched(server, points, args.minutes, 1)
    return [
        {
            "what": f"1 monitor x {args.series:,} series, seasonal, {args.minutes} minutes",
            "push to stored s (median)": float(np.median(waits)),
            "(worst)": max(waits),
            "processor, % of one core": 100 * share,
            "MB": memory["resident"],
            "peak MB": memory["peak"],
            "aim": "<= 5 s, <= 2,048 MB",
        }
    ]


def history(server: Server, points: Points, *, minutes: int) -> int:
    """Push the past, up to the minute that is running now; return its end."""
    end = time.time_ns() // MINUTE * MINUTE
    per_push = max(1, 500_000 // points.n_series)
    for first in range(0, minutes, per_push):
        count = min(per_push, minutes - first)
        push(server, SOURCE, "arrow", points.at(end - (minutes - first) * MINUTE, count))
    return end


def cursors(server: Server, monitors: int) -> int:
    """The time up to which all monitors have scored; 0 when one has not begun."""
    (count, least), *_ = server.rows("SELECT count(*), min(cursor_ns) FROM live")
    return int(least) if count == monitors and least else 0


def watched(server: Server, points: Points, minutes: int, monitors: int) -> tuple[list[float], float, dict[str, float]]:
    """Push each minute as it ends; return seconds until all had scored it, processor share, and memory."""
    waits: list[float] = []
    began, spent = 0.0, 0.0
    for _ in range(minutes + 1):
        minute = (time.time_ns() // MINUTE + 1) * MINUTE
        time.sleep(max(0.0, (minute - time.time_ns()) / SECOND))
        if not waits and not began:  # the first one only sets the watches
            began, spent = time.monotonic(), server.processor_seconds()
        push(server, SOURCE, "arrow", points.at(minute - MINUTE, 1))
        while cursors(server, monitors) < minute and time.time_ns() < minute + 55 * SECOND:
            time.sleep(0.1)
        waits.append((time.time_ns() - minute) / SECOND)
    share = (server.processor_seconds() - spent) / (time.monotonic() - began)
    return waits[1:], share, {"resident": server.resident_mb(), "peak": server.peak_mb()}


def pushes(folder: Path, args: argparse.Namespace) -> list[Row]:
    """Points a second that are taken and stored, by body, in requests of 100,000 points."""
    rows = []
    for name in told("push", BODIES):
        with serving_pushed(folder / f"push-{name}") as server:
            points = Points.of_labels("load", 1000)
            first = time.time_ns() // MINUTE * MINUTE - args.points // 1000 * MINUTE
            contents = [body(name, points.at(first + i * 100 * MINUTE, 100)) for i in range(args.points // 100_000)]
            send(server, SOURCE, name, body(name, points.at(first - 100 * MINUTE, 100)))
            started, spent = time.perf_counter(), server.processor_seconds()
            for content in contents:
                send(server, SOURCE, name, content)
            seconds, processor = time.perf_counter() - started, server.processor_seconds() - spent
            aim = {"arrow": ">= 200,000", "ndjson": ">= 50,000"}.get(name, "")
        rows.append(
            {
                "body": name,
                "points": args.points,
                "points/s": args.points / seconds,
                "points per processor s of the server": args.points / processor,
                "aim": aim,
            }
        )
    return rows


def api(folder: Path, args: argparse.Namespace) -> list[Row]:
    """Waiting times of lists and of a thinned chart of a long series, asked for at a steady rate."""
    with serving_pushed(folder / "api") as server:
        asked = prepared(server, args)
        spent = server.processor_seconds()
        waits = asyncio.run(_steady(server.url, list(asked.values()), args.rate, args.seconds))
        share = (server.processor_seconds() - spent) / args.seconds
    rows: list[Row] = []
    for name, path in asked.items():
        of_path = np.array([wait for asked_path, wait in waits if asked_path == path]) * 1000
        rows.append(
            {
                "request": name,
                "requests": len(of_path),
                "median ms": float(np.median(of_path)),
                "p99 ms": float(np.quantile(of_path, 0.99)),
                "worst ms": float(of_path.max()),
                "aim": "p99 <= 50 ms",
            }
        )
    rows.append({"request": "all together", "requests": len(waits), "processor, % of one core": 100 * share})
    return rows


def prepared(server: Server, args: argparse.Namespace) -> dict[str, str]:
    """Fill the server: 100 monitors, one of them with a long series; return what is asked for, by name."""
    points = Points.of_measures([CHARTED])
    end = time.time_ns() // MINUTE * MINUTE
    for first in range(0, args.charted, 500_000):
        push(
            server,
            SOURCE,
            "arrow",
            points.at(end - (args.charted - first) * MINUTE, min(500_000, args.charted - first)),
        )
    history(server, Points.of_measures([f"m{i:04d}" for i in range(100)]), minutes=300)
    declare(server, 100, detector="seasonal")
    body = {"name": CHARTED, "source": SOURCE, "measures": [CHARTED], "step": "1m", "detector": "seasonal"}
    server.call("POST", "/monitors", json={**body, "history": f"{args.charted}m"})
    _wait_for(lambda: cursors(server, 101) >= end, 600)
    compacted = "SELECT count(*) FROM segments WHERE content = 'scores' AND rows > 100000"
    _wait_for(lambda: server.rows(compacted)[0][0] > 0, 300)  # as a history is that has grown for years
    key = server.call("GET", f"/monitors/{CHARTED}/series")["items"][0]["id"]
    window = f"start={_text(end - args.charted * MINUTE)}&end={_text(end)}"
    return {
        "list of monitors": "/monitors?limit=50",
        "list of events": "/events?limit=50",
        "list of runs": "/runs?limit=50",
        "series of a monitor": f"/monitors/{CHARTED}/series?limit=50",
        f"chart of {args.charted:,} points": f"/series/{key}/points?{window}&points=1000",
    }


def _text(time_ns: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_ns // 1000)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _wait_for(holds: Callable[[], bool], limit_seconds: float) -> None:
    until = time.monotonic() + limit_seconds
    while not holds():
        if time.monotonic() > until:
            raise SystemExit(f"waited {limit_seconds:.0f} s in vain")
        time.sleep(0.5)


async def _steady(url: str, paths: list[str], rate: float, seconds: float) -> list[tuple[str, float]]:
    """Ask in turn at a steady rate; a wait counts from when the request was due."""
    waits: list[tuple[str, float]] = []
    async with httpx2.AsyncClient(base_url=f"{url}/api/v1", timeout=60, trust_env=False) as http:

        async def ask(path: str, due: float) -> None:
            answer = await http.get(path)
            answer.raise_for_status()
            waits.append((path, time.perf_counter() - due))

        for path in paths:
            await ask(path, time.perf_counter())
        waits.clear()
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for i in range(int(rate * seconds)):
                due = began + i / rate
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                group.create_task(ask(paths[i % len(paths)], due))
    return waits


PARTS: dict[str, Callable[[Path, argparse.Namespace], list[Row]]] = {
    "start": start,
    "many": many,
    "wide": wide,
    "push": pushes,
    "api": api,
}


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="+", choices=[*PARTS, "all"])
    parser.add_argument("--monitors", type=int, default=1000)
    parser.add_argument("--series", type=int, default=100_000, help="of the wide monitor")
    parser.add_argument("--minutes", type=int, default=5, help="how long live detection is watched")
    parser.add_argument("--history", type=int, default=1440, help="minutes of history of each of the many monitors")
    parser.add_argument("--wide-history", type=int, default=120, help="minutes of history of the wide monitor")
    parser.add_argument("--points", type=int, default=2_000_000, help="to push with each body")
    parser.add_argument("--charted", type=int, default=1_000_000, help="points of the charted series")
    parser.add_argument("--rate", type=float, default=100, help="requests a second")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    tables: dict[str, list[Row]] = {}
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        for part in told("server", list(PARTS) if "all" in args.parts else args.parts):
            tables[part] = PARTS[part](Path(name), args)
            show(f"The server: {part}", tables[part])
    write_json(args.json, tables)


if __name__ == "__main__":
    main()
