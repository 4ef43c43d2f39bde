"""Search servers of all versions for tests: the server behind, and an index with rows in it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import httpx2
import polars as pl

from redshank.sources.build import build_source
from redshank.sources.elastic import ElasticSource

SERVERS: dict[str, tuple[str, dict[str, str]]] = {
    "opensearch3": ("opensearch", {"OPENSEARCH_VERSION": "3.8.0"}),
    "elasticsearch6": ("elasticsearch6", {}),
    "opensearch2": ("opensearch", {"OPENSEARCH_VERSION": "2.19.6"}),
    "elasticsearch7": ("elasticsearch7", {}),
    "elasticsearch8": ("elasticsearch", {"ELASTICSEARCH_VERSION": "8.7.1"}),
    "elasticsearch9": ("elasticsearch", {"ELASTICSEARCH_VERSION": "9.5.3"}),
}
CONTRACT = {
    "time": {"type": "date"},
    "host": {"type": "keyword"},
    "city": {"type": "text", "fields": {"keyword": {"type": "keyword"}}},
    "load": {"type": "double"},
    "requests": {"type": "long"},
    "latency": {"type": "double"},
}


class Behind:
    """A search server looked at from behind."""

    def __init__(self, url: str, name: str) -> None:
        self.url, self.name = url, name
        self.client = httpx2.Client(base_url=url, timeout=60)
        self.has_types = name == "elasticsearch6"
        self.has_painless = name not in ("elasticsearch8", "elasticsearch9")

    def call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        answer = self.client.request(method, path, json=body)
        assert answer.status_code < 400, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def create(self, index: str, properties: Mapping[str, Any], **settings: Any) -> None:
        self.client.delete(f"/{index}")
        mapping = {"properties": dict(properties)}
        settings = {"number_of_shards": 2, "number_of_replicas": 0, **settings}
        body = {"settings": settings, "mappings": {"_doc": mapping} if self.has_types else mapping}
        self.call("PUT", f"/{index}", body)

    def load(self, index: str, documents: Iterable[Mapping[str, Any]]) -> None:
        about = {"_index": index, **({"_type": "_doc"} if self.has_types else {})}
        lines: list[str] = []
        for document in documents:
            lines += [json.dumps({"index": about}), json.dumps(document, default=_written, allow_nan=False)]
        for i in range(0, len(lines), 20_000):
            body = "\n".join(lines[i : i + 20_000]) + "\n"
            answer = self.client.post("/_bulk", content=body, headers={"Content-Type": "application/x-ndjson"}).json()
            assert not answer["errors"], str(answer)[:2000]
        self.call("POST", f"/{index}/_refresh")

    def load_rows(self, index: str, rows: pl.DataFrame) -> None:
        """Load rows; NaN, which no document can hold, is left out as null is."""
        floats = [name for name in rows.columns if rows[name].dtype.is_float()]
        self.load(index, rows.with_columns(pl.col(floats).fill_nan(None)).to_dicts())

    def source(self, index: str, **options: Any) -> ElasticSource:
        built = build_source("elasticsearch", {"url": self.url, "index": index, **options})
        assert isinstance(built, ElasticSource)
        return built


def _written(value: Any) -> str:
    assert isinstance(value, datetime)
    return value.isoformat(timespec="milliseconds")
