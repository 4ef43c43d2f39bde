"""Which search server answers: Elasticsearch or OpenSearch, and which version."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from redshank.http.client import Http

Product = Literal["elasticsearch", "opensearch"]
_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


@dataclass(frozen=True)
class ElasticServer:
    """A search server; ``version`` is (major, minor, patch) of its own counting."""

    product: Product
    version: tuple[int, int, int]

    @property
    def is_opensearch(self) -> bool:
        """Whether it is OpenSearch."""
        return self.product == "opensearch"

    @property
    def has_types(self) -> bool:
        """Whether documents have a type, which Elasticsearch 7 did away with."""
        return not self.is_opensearch and self.version < (7,)

    def __str__(self) -> str:
        """Return ``OpenSearch 3.8.0``."""
        name = "OpenSearch" if self.is_opensearch else "Elasticsearch"
        return f"{name} {'.'.join(str(part) for part in self.version)}"


def elastic_server(http: Http) -> ElasticServer:
    """Ask which server it is.

    Raises:
        SourceError, SinkError: it cannot be reached, does not let us in, or is something else.
    """
    answer = http.send("GET", "/", ok=(200, 403, 405))
    is_elastic = answer.headers.get("x-elastic-product") == "Elasticsearch"
    if answer.status == 403:  # who may read an index may not always ask this; the least that it can be
        return ElasticServer("elasticsearch", (7, 14, 0)) if is_elastic else ElasticServer("opensearch", (1, 0, 0))
    if answer.status == 405 and is_elastic:  # some builds of Elasticsearch from 8.9 on
        nodes = http.json("GET", "/_nodes/_local", params={"filter_path": "nodes.*.version"}).get("nodes", {})
        told: Any = {"version": {"number": next((node.get("version") for node in nodes.values()), None)}}
    else:
        told = _json(http, answer) if answer.content else {}
    version = _version_of(told)
    number = _VERSION.match(str(version.get("number")))
    if number is None or not (is_elastic or "lucene_version" in version or version.get("distribution") == "opensearch"):
        raise http.fail("answers, but is neither Elasticsearch nor OpenSearch; see that `url` is right")
    major, minor, patch = (int(part or 0) for part in number.groups())
    if version.get("distribution") == "opensearch":
        return ElasticServer("opensearch", (major, minor, patch))
    if "OpenSearch" in str(told.get("tagline")):  # which calls itself 7.10 for the sake of old clients
        return ElasticServer("opensearch", (1, 0, 0))
    return ElasticServer("elasticsearch", (major, minor, patch))


def _json(http: Http, answer: Any) -> Any:
    try:
        return answer.json()
    except ValueError:
        raise http.fail("answers, but not with JSON; see that `url` is right") from None


def _version_of(told: Any) -> dict[str, Any]:
    version = told.get("version") if isinstance(told, dict) else None
    return version if isinstance(version, dict) else {}
