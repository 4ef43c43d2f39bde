"""What the source of Elasticsearch and OpenSearch may be told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from pydantic import Field, field_validator

from redshank.errors import ConfigError
from redshank.http.options import HttpOptions
from redshank.sources.base import url_options
from redshank.specs.base import Spec

MOST_ROWS = 50_000_000
PAGE_ROWS = 10_000  # documents of a page; no server gives more unless told to
SCHEMES = ("es", "es+http", "es+https", "elasticsearch", "opensearch")
_FORBIDDEN = frozenset('\\/?"<>| #')


class Script(Spec):
    """A value made by a script for each document: its source, language (Painless) and parameters."""

    source: str = Field(min_length=1, max_length=20_000)
    lang: str = "painless"
    params: dict[str, Any] = Field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """Return it as the server takes it."""
        return {"source": self.source, "lang": self.lang, **({"params": self.params} if self.params else {})}


class RuntimeField(Spec):
    """A field that is there while searching only: its type, and the script that emits it (none: of the document)."""

    type: str
    script: Script | None = None

    @field_validator("script", mode="before")
    @classmethod
    def _of_text(cls, given: Any) -> Any:
        return {"source": given} if isinstance(given, str) else given

    def body(self) -> dict[str, Any]:
        """Return it as the server takes it."""
        return {"type": self.type, **({"script": self.script.body()} if self.script else {})}


class ElasticOptions(HttpOptions):
    """Which server, which index of it and which documents.

    ``index``: a name, a pattern, an alias or a data stream, or several with commas between. ``query``: of the
    query DSL, as such or as JSON, or a text such as ``status:500``. ``nested``: path of inner documents, the rows then.
    ``scripts``: names of values that are made by scripts. ``partial``: go on without shards that fail. ``approximate``:
    take percentiles as the server estimates them. ``page_rows``: documents or buckets of one answer.
    """

    index: str | None = None
    query: str | dict[str, Any] | None = None
    nested: str | None = Field(default=None, min_length=1)
    scripts: dict[str, Script] = Field(default_factory=dict)
    runtime: dict[str, RuntimeField] = Field(default_factory=dict)
    routing: str | None = None
    partial: bool = False
    approximate: bool = False
    parallel: int = Field(default=2, ge=1, le=16)
    page_rows: int = Field(default=PAGE_ROWS, ge=10, le=60_000)
    max_rows: int = Field(default=MOST_ROWS, ge=1)

    @field_validator("index")
    @classmethod
    def _named(cls, given: str | None) -> str | None:
        return None if given is None else ",".join(_checked(name.strip()) for name in given.split(","))

    @field_validator("scripts", mode="before")
    @classmethod
    def _of_texts(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        return {name: {"source": one} if isinstance(one, str) else one for name, one in given.items()}


def _checked(name: str) -> str:
    """A name or pattern of an index that can stand in an address and means nothing else."""
    is_wrong = (
        not name
        or name in (".", "..", "_all")
        or name[0] in "-+_"
        or any(char in _FORBIDDEN or ord(char) < 32 for char in name)
        or len(name.encode()) > 255
    )
    if is_wrong:
        raise ValueError(f"must be a name or pattern of an index such as logs-*, got {name[:80]!r}")
    return name


def options_of_url(url: str, names: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that ``es://host:9200/logs-*?query=status:500`` stands for; its last part is an index."""
    given = url_options(url, names)
    parts = urlsplit(given["url"])
    scheme = parts.scheme
    if scheme in SCHEMES:
        scheme = "https" if scheme.endswith("https") else "http"
    head, _, last = parts.path.rpartition("/")
    path = parts.path
    if last and "index" not in given:
        given["index"], path = unquote(last), head
    if not parts.hostname:
        raise ConfigError(f"url: must name a host, such as es://localhost:9200/logs-*, got {url[:60]!r}", field="url")
    return {**given, "url": urlunsplit((scheme, parts.netloc, path, parts.query, ""))}
