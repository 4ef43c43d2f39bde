"""What the source of Elasticsearch and OpenSearch may be told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from redshank.errors import ConfigError
from redshank.http.aws import AwsOptions
from redshank.sources.base import url_options
from redshank.specs.base import Spec

MOST_ROWS = 50_000_000
SCHEMES = ("es", "es+http", "es+https", "elasticsearch", "opensearch")
_FORBIDDEN = frozenset('\\/?"<>| #')


class Script(Spec):
    """A value made by a script for each document: its source, language (Painless) and parameters."""

    source: str = Field(min_length=1, max_length=20_000)
    lang: str = "painless"
    params: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def read(cls, given: str | Mapping[str, Any]) -> dict[str, Any]:
        """Return a script, given as its source or with more, as the server takes it."""
        one = cls.model_validate({"source": given} if isinstance(given, str) else given)
        return {"source": one.source, "lang": one.lang, **({"params": one.params} if one.params else {})}


class RuntimeField(Spec):
    """A field that is there while searching only: its type, and the script that emits it (none: of the document)."""

    type: str
    script: str | dict[str, Any] | None = None

    @classmethod
    def read(cls, given: str | Mapping[str, Any]) -> dict[str, Any]:
        """Return a field, given as its type or with a script, as the server takes it."""
        one = cls.model_validate({"type": given} if isinstance(given, str) else given)
        return {"type": one.type, **({} if one.script is None else {"script": Script.read(one.script)})}


class ElasticOptions(AwsOptions):
    """Which server, which index of it and which documents.

    ``index``: a name, a pattern, an alias or a data stream, or several with commas between. ``query``: of the
    query DSL, as such or as JSON, or a text such as ``status:500``. ``nested``: path of inner documents, the rows then.
    ``scripts``: names of values that are made by scripts. ``partial``: go on without shards that fail. ``approximate``:
    take percentiles as the server estimates them. ``page_rows``: documents or buckets of one answer, None = as
    many as the server gives.
    """

    index: str | None = None
    query: str | dict[str, Any] | None = None
    nested: str | None = Field(default=None, min_length=1)
    scripts: dict[str, str | dict[str, Any]] = Field(default_factory=dict)
    runtime: dict[str, str | dict[str, Any]] = Field(default_factory=dict)
    routing: str | None = None
    partial: bool = False
    approximate: bool = False
    parallel: int = Field(default=2, ge=1, le=16)
    page_rows: int | None = Field(default=None, ge=10, le=60_000)
    max_rows: int = Field(default=MOST_ROWS, ge=1)

    @field_validator("index")
    @classmethod
    def _named(cls, given: str | None) -> str | None:
        return None if given is None else ",".join(_checked(name.strip()) for name in given.split(","))

    @field_validator("scripts", "runtime")
    @classmethod
    def _readable(
        cls, given: dict[str, str | dict[str, Any]], about: ValidationInfo
    ) -> dict[str, str | dict[str, Any]]:
        read = Script.read if about.field_name == "scripts" else RuntimeField.read
        for name, one in given.items():
            try:
                read(one)
            except ValidationError as error:
                first = error.errors(include_url=False, include_input=False)[0]
                place = ".".join(map(str, (name, *first["loc"])))
                raise ValueError(f"{place}: {first['msg']}") from None
        return given


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
