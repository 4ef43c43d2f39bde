"""Reads of Elasticsearch and OpenSearch: every bucket of very many series, exact, and the memory that takes.

Two shapes of documents. ``packed``: each minute has a document for every hundred names, which holds all hundred in its
field ``name``, so that the server has a bucket for every name and minute while few documents have to be written.
``plain``: a document for every name and minute, read as buckets and as documents that are aggregated here.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import numpy as np

from printing import Row
from redshank.sources.base import Query, Reading
from redshank.sources.build import build_source

PACKED, PLAIN = "redshank-bench-packed", "redshank-bench-plain"
NAMES = 100  # of a document
MINUTES = 1_440
START = datetime(2024, 1, 1, tzinfo=UTC)
LINES = 4_000  # documents of one bulk


def add_options(parser: argparse.ArgumentParser) -> None:
    """Say where the server is, and how much to read."""
    parser.add_argument("--url", required=True, help="of a server where indices may be made and deleted")
    parser.add_argument("--names", type=int, default=20_000)
    parser.add_argument("--plain-names", type=int, default=500)


def measure(options: argparse.Namespace) -> dict[str, list[Row]]:
    """Fill two indices, read them, and delete them."""
    with httpx2.Client(base_url=options.url, timeout=120) as client:
        try:
            packed, plain = options.names // NAMES, options.plain_names
            seconds = [_fill(client, PACKED, packed, NAMES), _fill(client, PLAIN, plain, 1)]
            found = [_read(options, PACKED, options.names), _read(options, PLAIN, plain)]
            raw = _read(options, PLAIN, plain, "--raw")
        finally:
            for index in (PACKED, PLAIN):
                client.delete(f"/{index}")
    for row, written in zip(found, seconds, strict=True):
        row["written in s"] = round(written, 1)
    return {"buckets of the server": found, "documents aggregated here": [raw]}


def value(group: np.ndarray | int, minute: np.ndarray | int) -> Any:
    """Return the value of a document: exact in binary."""
    return (group * 7919 + minute * 31) % 1000 / 8


def _fill(client: httpx2.Client, index: str, groups: int, names: int) -> float:
    client.delete(f"/{index}")
    properties = {"time": {"type": "date"}, "name": {"type": "keyword"}, "value": {"type": "double"}}
    number = client.get("/").json().get("version", {}).get("number", "8")
    kind = "_doc" if number.startswith("6") else ""
    mapping: dict[str, Any] = {"_source": {"enabled": False}, "properties": properties}
    settings = {"number_of_shards": 2, "number_of_replicas": 0, "refresh_interval": "-1"}
    answer = client.put(f"/{index}", json={"settings": settings, "mappings": {kind: mapping} if kind else mapping})
    answer.raise_for_status()
    begun, path = time.perf_counter(), f"/{index}/{kind}/_bulk" if kind else f"/{index}/_bulk"
    room = threading.Semaphore(8)

    def send(body: str) -> None:
        try:
            answer = client.post(path, content=body, headers={"Content-Type": "application/x-ndjson"})
            assert not answer.json()["errors"]
        finally:
            room.release()

    with ThreadPoolExecutor(4) as threads:
        sent = []
        for body in _bodies(groups, names):
            room.acquire()
            sent.append(threads.submit(send, body))
        for each in sent:
            each.result()
    client.post(f"/{index}/_refresh").raise_for_status()
    client.post(f"/{index}/_forcemerge", params={"max_num_segments": 1}, timeout=600)
    return time.perf_counter() - begun


def _bodies(groups: int, names: int) -> Iterator[str]:
    named = [json.dumps([name_of(group * names + i) for i in range(names)]) for group in range(groups)]
    lines: list[str] = []
    for minute in range(MINUTES):
        at = (START + timedelta(minutes=minute)).isoformat()
        for group in range(groups):
            lines.append(f'{{"index":{{}}}}\n{{"time":"{at}","name":{named[group]},"value":{value(group, minute)}}}\n')
            if len(lines) == LINES:
                yield "".join(lines)
                lines = []
    if lines:
        yield "".join(lines)


def name_of(number: int) -> str:
    """Return the label of a series."""
    return f"host-{number:05d}"


def _read(options: argparse.Namespace, index: str, names: int, *more: str) -> Row:
    """What a process of its own found."""
    command = [sys.executable, __file__, options.url, index, str(names), *more]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: Row = json.loads(done.stdout.splitlines()[-1])
    return found


def _read_here(url: str, index: str, names: int, is_raw: bool) -> Row:
    options = {"url": url, "index": index, "timeout": "1h"}
    source = build_source("elasticsearch", options)
    asked = Query(
        measures=("value",), by=("name",), time="time", step=timedelta(minutes=1), start=START,
        end=START + timedelta(minutes=MINUTES), closed=True, agg="median" if is_raw else "sum",
    )  # fmt: skip
    begun, cpu = time.perf_counter(), time.process_time()
    reading = source.read(asked)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "index": index,
        "series": sum(panel.n_series for panel in reading.panels),
        "buckets": names * MINUTES,
        "different": _different(reading, names, NAMES if index == PACKED else 1),
        "seconds": round(seconds, 1),
        "our cpu s": round(cpu, 1),
        "peak MB": round(peak),
        "calls": source.counts.requests,
        "MB read": round(source.counts.bytes / 1e6),
    }


def _different(reading: Reading, names: int, of_group: int) -> int:
    """How many buckets are missing or have another value than what was written makes."""
    minutes, right = np.arange(MINUTES), 0
    for panel in reading.panels:
        for key, values in zip(panel.keys, panel.values[:, :, 0], strict=True):
            group = int(dict(key.labels)["name"].rpartition("-")[2]) // of_group
            right += int((values == value(group, minutes)).sum())
    return names * MINUTES - right


if __name__ == "__main__":
    _, url, index, names, *more = sys.argv
    print(json.dumps(_read_here(url, index, int(names), bool(more))))
