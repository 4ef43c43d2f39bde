"""Tell the format of a file by its content (its name only breaks ties), and open it as tables."""

from __future__ import annotations

from redshank.errors import SourceError
from redshank.sources import columnar, nested, pickles, text_tables
from redshank.sources.base import Query
from redshank.sources.content import Content
from redshank.sources.encodings import decode
from redshank.tables.raw import RawTable

_PICKLE, _YAML = (".pkl", ".pickle"), (".yaml", ".yml")


def open_tables(content: Content, query: Query) -> list[RawTable]:
    """Return the tables in a file; SourceError when it is of no known format."""
    head = content.head()
    if head.startswith(b"PAR1"):
        return [columnar.parquet(content)]
    if head.startswith(b"ARROW1") or (head.startswith(b"\xff\xff\xff\xff") and content.suffix in columnar.ARROW):
        return [columnar.arrow(content)]
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return [columnar.excel(content, query)]
    if content.suffix in _PICKLE or (head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")):
        return [pickles.pickled(content, query)]
    if content.suffix in (*columnar.PARQUET, *columnar.ARROW, *columnar.EXCEL):
        raise SourceError(f"{content.name}: is not a {content.suffix.removeprefix('.')} file, or is cut at its start")
    text = decode(content, query.encoding)
    first = text.head.lstrip("\ufeff \t\r\n")
    if not first:
        raise SourceError(f"{content.name}: is empty")
    if content.suffix in _YAML or _is_yaml(first):
        return [nested.yaml_table(text, query)]
    if first[0] in "{[" and (content.suffix not in (".csv", ".tsv") or query.records):
        return nested.json_tables(text, query)
    return [text_tables.separated(text, query)]


def _is_yaml(first: str) -> bool:
    return first.startswith("---\n") or first.startswith("- ")
