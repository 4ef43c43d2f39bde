"""Where scores are kept on a search server: a data stream, or an index for each month, and for how long."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from redshank.http.client import Http
from redshank.http.elastic_server import ElasticServer
from redshank.sinks.elastic_bulk import Write
from redshank.sinks.elastic_templates import (
    SCORES,
    has_data_streams,
    life_cycle,
    put_ilm_policy,
    put_ism_policy,
    put_template,
)

MONTH = timedelta(days=31)
CLEANING_SECONDS = 3600.0
ASKED = 1000  # ids looked for at once
Point = tuple[int, str, Any]  # time (UTC ns), id, document


class ScorePlace(ABC):
    """Where points go."""

    @abstractmethod
    def writes(self, points: Iterable[Point]) -> Iterator[Write]:
        """Yield what is to be written; a point that is there already stays one."""

    def clean(self) -> None:  # noqa: B027 - where the server drops old indices itself there is nothing to do
        """Drop what is older than it is to be kept, now and then."""


class DataStream(ScorePlace):
    """A data stream: points are added, never changed."""

    def __init__(self, http: Http, name: str) -> None:
        """Write to the stream of that name."""
        self._http, self._name = http, name

    def writes(self, points: Iterable[Point]) -> Iterator[Write]:
        """Yield all points that are not in an older index of the stream; the newest one knows its own by their id."""
        is_rolled = self._is_rolled_over()
        points = iter(points)
        while some := list(islice(points, ASKED)):
            known = self._known([each for _, each, _ in some]) if is_rolled else frozenset()
            for _, point_id, document in some:
                if point_id not in known:
                    yield Write(index=self._name, id=point_id, document=document, is_new=True)

    def _is_rolled_over(self) -> bool:
        answer = self._http.send("GET", f"/_data_stream/{self._name}", ok=(200, 404))
        return answer.status == 200 and any(len(each["indices"]) > 1 for each in answer.json()["data_streams"])

    def _known(self, ids: Sequence[str]) -> frozenset[str]:
        body = {"query": {"ids": {"values": ids}}, "size": len(ids), "_source": False}
        told = self._http.json("POST", f"/{self._name}/_search", body=body, retry=True)
        return frozenset(hit["_id"] for hit in told["hits"]["hits"])


class MonthlyIndices(ScorePlace):
    """An index for each month of the points' times: ``NAME-2026.03``; a point again takes the place of itself."""

    def __init__(
        self,
        http: Http,
        name: str,
        retention: timedelta | None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """``retention``: how long we are to keep indices; None = for ever, or somebody else drops them."""
        self._http, self._name, self._retention, self._clock = http, name, retention, clock
        self._cleaned: datetime | None = None
        self._months: dict[int, str] = {}  # by day since 1970

    def writes(self, points: Iterable[Point]) -> Iterator[Write]:
        """Yield all points."""
        for time_ns, point_id, document in points:
            day = time_ns // 86_400_000_000_000
            month = self._months.get(day)
            if month is None:
                month = self._months[day] = f"{datetime.fromtimestamp(day * 86_400, UTC):%Y.%m}"
            yield Write(index=f"{self._name}-{month}", id=point_id, document=document)

    def clean(self) -> None:
        """Drop the indices whose month ended longer ago than points are kept; at most once an hour."""
        now = self._clock()
        if self._retention is None or (self._cleaned and (now - self._cleaned).total_seconds() < CLEANING_SECONDS):
            return
        self._cleaned = now
        listed = self._http.json("GET", f"/_cat/indices/{self._name}-*", params={"format": "json", "h": "index"})
        for index in [each["index"] for each in listed]:
            end = self._end_of(index)
            if end is not None and end <= now - self._retention:
                self._http.send("DELETE", f"/{index}", ok=(200, 404))

    def _end_of(self, index: str) -> datetime | None:
        """When the month of an index ended; None for one that is not of ours."""
        found = re.fullmatch(re.escape(self._name) + r"-(\d{4})\.(0[1-9]|1[0-2])", index)
        if found is None:
            return None
        return (datetime(int(found[1]), int(found[2]), 1, tzinfo=UTC) + MONTH).replace(day=1)


def score_place(
    http: Http,
    server: ElasticServer,
    name: str,
    retention: timedelta | None,
    settings: dict[str, Any],
    *,
    type_name: str | None,
    templates: bool,
) -> ScorePlace:
    """Make ready, and return, where scores go on this server; without ``templates`` as it was made ready by others.

    A data stream where the server has them and, if points are not kept for ever, something that drops old indices;
    else an index for each month, old ones dropped by the server or by us.
    """
    if not templates:
        is_stream = http.send("GET", f"/_data_stream/{name}", ok=(200, 400, 404, 405)).status == 200
        return DataStream(http, name) if is_stream else MonthlyIndices(http, name, retention)
    manager = life_cycle(http, server) if retention is not None else None
    is_stream = has_data_streams(http) and (retention is None or manager is not None)
    if retention is not None and manager is not None:
        kept = retention if is_stream else retention + MONTH  # counted from the first point of the month
        if manager == "ilm":
            put_ilm_policy(http, name, kept, rolls_over=is_stream)
            settings = {**settings, "index.lifecycle.name": name}
        else:
            put_ism_policy(http, name, f"{name}*", kept, rolls_over=is_stream)
    pattern = name if is_stream else f"{name}-*"
    put_template(http, server, pattern, SCORES, settings, type_name=type_name, data_stream=is_stream)
    return DataStream(http, name) if is_stream else MonthlyIndices(http, name, None if manager else retention)
