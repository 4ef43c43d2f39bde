"""A search server looked at from behind: what a sink has left there."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import httpx2

from redshank.sinks.base import Sink
from redshank.sinks.build import build_sink

EVENTS, SCORES = ".redshank-anomalies", "redshank-scores"
KEPT = ("id", "monitor", "kind", "measure", "series", "severity", "direction", "rarity", "points", "is_open", "reason")
NUMBERS = ("score", "actual", "expected", "lower", "upper")


class Behind:
    """A search server looked at from behind."""

    def __init__(self, url: str, name: str) -> None:
        self.url, self.name = url, name
        self.client = httpx2.Client(base_url=url, timeout=60)
        self.sinks: list[Sink] = []

    def empty(self) -> None:
        self.client.delete(f"/_data_stream/{SCORES}")
        for index in (EVENTS, ".loudml-anomalies", *self.months()):
            self.client.delete(f"/{index}")
        for kind in ("_index_template", "_template"):
            self.client.delete(f"/{kind}/redshank-*")

    def months(self) -> list[str]:
        found = self.client.get(f"/_cat/indices/{SCORES}-*", params={"format": "json", "h": "index"}).json()
        return [each["index"] for each in found]

    def hits(self, index: str) -> list[dict[str, Any]]:
        self.client.post(f"/{index}/_refresh")
        found: list[dict[str, Any]] = []
        query: dict[str, Any] = {"size": 5000, "sort": ["_doc"]}
        told = self.client.post(f"/{index}/_search", json=query, params={"scroll": "1m"}).json()
        while hits := told.get("hits", {}).get("hits", []):
            found += hits
            told = self.client.post("/_search/scroll", json={"scroll": "1m", "scroll_id": told["_scroll_id"]}).json()
        return found

    def events(self) -> list[dict[str, Any]]:
        return [_event(hit["_source"]) for hit in self.hits(EVENTS)]

    def scores(self) -> list[dict[str, Any]]:
        return [_point(hit["_source"]) for hit in self.hits(f"{SCORES}*")]

    def sink(self, **options: Any) -> Sink:
        self.sinks.append(build_sink("elasticsearch", {"url": self.url, **options}))
        return self.sinks[-1]

    def close(self) -> None:
        self.client.close()
        for sink in self.sinks:
            sink.close()


def _event(source: dict[str, Any]) -> dict[str, Any]:
    times = {name: moment(source[name]) for name in ("start", "end", "opened", "peak")}
    return {**{name: source[name] for name in (*KEPT, *NUMBERS)}, **times}


def _point(source: dict[str, Any]) -> dict[str, Any]:
    same = {name: source[name] for name in ("monitor", "series", "measure", *NUMBERS)}
    return {**same, "time": moment(source["@timestamp"])}


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
