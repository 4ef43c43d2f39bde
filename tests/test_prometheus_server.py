"""The sink of Prometheus on a real one that takes remote writes."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import numpy as np
import pytest

import sink_contract as contract
from redshank.sinks.base import ScoreBlock, Sink
from redshank.sinks.build import build_sink
from service_world import running
from sink_contract import HOSTILE, Place, block, scored

pytestmark = pytest.mark.external_service
NUMBERS = ("actual", "expected", "lower", "upper", "score")


class Behind:
    """What Prometheus has of one run of the tests, told apart by a label."""

    def __init__(self, url: str) -> None:
        self.url, self.client = url, httpx2.Client(base_url=url, timeout=30)
        self.sinks: list[Sink] = []
        self.empty()

    def empty(self) -> None:
        self.run = uuid.uuid4().hex

    def sink(self, path: str = "/api/v1/write") -> Sink:
        self.sinks.append(build_sink("prometheus", {"url": self.url + path, "labels": {"run": self.run}}))
        return self.sinks[-1]

    def scores(self) -> list[dict[str, Any]]:
        query = f'{{run="{self.run}",__name__!="redshank_anomaly"}}[2h]'
        told = self.client.get("/api/v1/query", params={"query": query, "time": "2026-03-01T01:00:00Z"}).json()
        found: dict[tuple[str, str, datetime], dict[str, Any]] = {}
        for each in told["data"]["result"]:
            labels = each["metric"]
            for seconds, value in each["values"]:
                time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
                same = {"monitor": labels["monitor"], "series": labels["series"], "time": time}
                row = found.setdefault((*same.values(),), {**same, **dict.fromkeys(NUMBERS)})  # type: ignore[arg-type]
                row[labels["__name__"].removeprefix("redshank_")] = float(value)
        return list(found.values())


@pytest.fixture(scope="module")
def server() -> Iterator[Behind]:
    with running("prometheus") as url:
        behind = Behind(url)
        yield behind
        behind.client.close()
        for sink in behind.sinks:
            sink.close()


@pytest.fixture
def behind(server: Behind) -> Behind:
    server.empty()
    return server


def test_scores_of_hostile_names_are_told_apart(behind: Behind) -> None:
    contract.check_scores_of_hostile_names(Place(make=behind.sink, scores=behind.scores))


@pytest.mark.parametrize("path", ["/api/v1/write", ""], ids=["of the write", "of the server"])
def test_scores_that_come_again_or_overlap_are_there_once(behind: Behind, path: str) -> None:
    place = Place(make=lambda: behind.sink(path), scores=behind.scores)

    place.make().check()
    for sink in (place.make(), place.make()):
        sink.record(block(scored()))
        sink.record(block(scored(first=2, points=5)))
        sink.record(block(scored(first=5), scored(("c", *HOSTILE), first=5)))

    contract.assert_points(place, [block(scored(points=9)), block(scored(("c", *HOSTILE), first=5))])


def test_a_block_that_came_only_in_part_is_completed(behind: Behind) -> None:
    place = Place(make=behind.sink, scores=behind.scores)

    place.make().record(block(scored(("a", "b"), points=6)))
    place.make().record(block(scored(("a", "b", "c"), points=9)))

    contract.assert_points(place, [block(scored(("a", "b", "c"), points=9))])


def test_a_large_block_is_sent_in_parts(behind: Behind) -> None:
    names = [f"h{i}" for i in range(200)]
    sink = behind.sink()

    sink.record(ScoreBlock(monitor="m", parts=[scored(names, points=60)]))

    rows = behind.scores()
    assert len(rows) == 200 * 48
    assert np.isclose(max(row["actual"] for row in rows), 199 * 100.0 + 59)
