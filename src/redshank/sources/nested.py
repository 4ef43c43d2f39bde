"""JSON, JSON lines and YAML: find the records, and make a table with dotted names of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from redshank.errors import DataError, SourceError, did_you_mean
from redshank.sources.base import SHOWN_ROWS, Query
from redshank.sources.encodings import Text
from redshank.tables.raw import RawTable

_CHUNK = 20_000
_DEEPEST = 12
_LEAST_ROWS = 2
MOST_UNFOLDED = 1_000_000  # values of a YAML file whose aliases are followed
_KEYS = ("key", "key_as_string", "from", "to")


def json_tables(text: Text, query: Query) -> list[RawTable]:
    """Return the table of a JSON document, or of JSON lines."""
    where = f"json {text.name}"
    lines = _lines_table(text)
    if lines is not None:
        return [lines]
    try:
        document = json.loads(text.path.read_text(encoding="utf-8-sig", errors="replace"))
    except (json.JSONDecodeError, RecursionError) as error:
        whole = _rescued(text)
        if whole is not None:
            return [whole]
        raise SourceError(f"{where}: is not JSON, or is cut in the middle: {error}") from error
    return [_document_table(where, text, document, query)]


def yaml_table(text: Text, query: Query) -> RawTable:
    """Return the table of a YAML document."""
    import yaml

    where = f"yaml {text.name}"
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    source = text.path.read_text(encoding="utf-8-sig", errors="replace")
    try:
        if "*" in source and "&" in source and _unfolded(yaml.compose(source, Loader=loader), {}) > MOST_UNFOLDED:
            raise SourceError(f"{where}: its aliases unfold to more than {MOST_UNFOLDED:,} values")
        document = yaml.load(source, Loader=loader)
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as error:
        reason = " ".join(str(error).split())[:200]
        raise SourceError(f"{where}: is not YAML: {reason}") from error
    return _document_table(where, text, document, query)


def _unfolded(node: Any, known: dict[int, float]) -> float:
    """How many values a YAML node holds once its aliases stand for copies; infinite when it holds itself."""
    if id(node) not in known:
        known[id(node)] = float("inf")
        inside = node.value if node is not None and isinstance(node.value, list) else []
        parts = [part for one in inside for part in (one if isinstance(one, tuple) else (one,))]
        known[id(node)] = 1 + sum(_unfolded(part, known) for part in parts)
    return known[id(node)]


def _document_table(where: str, text: Text, document: Any, query: Query) -> RawTable:
    records, path = _records(where, document, query.records)
    rows = [row for record in records for row in _expanded(record)]
    if not rows:
        raise DataError(f"{where}: must hold records, got none")
    raw = RawTable(where=where, frame=_frame(rows).lazy(), label=text.content.label, notes=list(text.content.notes))
    if path and query.records is None:
        raw.notes.append(f"records read from {path!r} (--records sets it)")
    return raw


def _records(where: str, document: Any, path: str | None) -> tuple[list[Any], str]:
    """The list of records, and where it stands."""
    if path:
        found = _at(where, document, path)
        return (_columns(found) or [found]) if isinstance(found, Mapping) else _as_list(where, found, path), path
    if isinstance(document, list):
        return document, ""
    if isinstance(document, Mapping):
        columns = _columns(document)
        if columns:
            return columns, ""
        found = max(_lists(document, ""), key=lambda one: one[0], default=None)
        if found:
            return found[2], found[1]
        return [document], ""
    raise DataError(f"{where}: must hold a list of records or an object with one, got {type(document).__name__}")


def _as_list(where: str, found: Any, path: str) -> list[Any]:
    if not isinstance(found, list):
        raise DataError(f"{where}: records {path!r} must be a list, got {type(found).__name__}", field="records")
    return found


def _at(where: str, document: Any, path: str) -> Any:
    here = document
    for name in path.split("."):
        if isinstance(here, list) and name.isdecimal() and int(name) < len(here):
            here = here[int(name)]
        elif isinstance(here, Mapping) and name in here:
            here = here[name]
        else:
            choices = map(str, here) if isinstance(here, Mapping) else ()
            raise DataError(f"{where}: records {path!r}: {did_you_mean('field', name, choices)}", field="records")
    return here


def _columns(document: Mapping[Any, Any]) -> list[Any] | None:
    """The records of an object of columns: lists of plain values, all of one length, or objects with the same keys."""
    values = list(document.values())
    if len(values) < 1 or not all(isinstance(value, list) for value in values):
        return _indexed(document)
    if len({len(value) for value in values}) != 1 or any(isinstance(one, list | dict) for v in values for one in v):
        return None
    return [dict(zip(document, row, strict=True)) for row in zip(*values, strict=True)]


def _indexed(document: Mapping[Any, Any]) -> list[Any] | None:
    """The records of columns by row number, as pandas writes them: {"value": {"0": 1, "1": 2}}."""
    values = list(document.values())
    if len(values) < 1 or not all(isinstance(value, Mapping) and len(value) > 1 for value in values):
        return None
    index = list(values[0])
    if any(list(value) != index for value in values) or not all(str(key).isdecimal() for key in index):
        return None
    return [{name: column[key] for name, column in document.items()} for key in index]


def _lists(here: Any, path: str, depth: int = 0) -> Iterator[tuple[int, str, list[Any]]]:
    """Lists of records anywhere inside an object, each with its size in rows."""
    if depth > _DEEPEST or not isinstance(here, Mapping):
        return
    for name, value in here.items():
        place = f"{path}.{name}" if path else str(name)
        if isinstance(value, list) and value and any(isinstance(one, Mapping | list) for one in value):
            yield sum(_size(one) for one in value), place, value
        elif isinstance(value, Mapping):
            yield from _lists(value, place, depth + 1)


def _size(record: Any, depth: int = 0) -> int:
    if depth > _DEEPEST or not isinstance(record, Mapping):
        return 1
    return max((_inner_size(value, depth) for value in record.values()), default=1)


def _inner_size(value: Any, depth: int) -> int:
    if isinstance(value, list):
        return sum(_size(one, depth + 1) for one in value) or 1
    return _size(value, depth + 1) if isinstance(value, Mapping) else 1


def _expanded(record: Any) -> list[dict[str, Any]]:
    """A record as flat rows: fields of inner objects get dotted names, the longest inner list of records its rows."""
    if isinstance(record, list):
        if len(record) == 2 and [_is_epoch(value) for value in record] in ([True, False], [False, True]):
            return [dict(zip(("time", "value") if _is_epoch(record[0]) else ("value", "time"), record, strict=True))]
        return [{f"column_{i}": value for i, value in enumerate(record) if not isinstance(value, list | dict)}]
    if not isinstance(record, Mapping):
        return [{"value": record}]
    flat: dict[str, Any] = {}
    lists: dict[str, list[Any]] = {}
    _flatten(record, "", flat, lists, 0)
    if not lists:
        return [flat]
    if _is_time_bucket(record):
        for name, inner in lists.items():
            _spread_keyed(flat, name, inner)
        return [flat]
    name = max(lists, key=lambda one: sum(_size(inner) for inner in lists[one]))
    rows = [row for inner in lists.pop(name) for row in _expanded(inner)]
    for other, inner in lists.items():
        _spread_keyed(flat, other, inner)
    return [{**flat, **{f"{name}.{key}": value for key, value in row.items()}} for row in rows]


def _is_epoch(value: Any) -> bool:
    """Whether a value is a time of 1990 to 2100 in seconds or milliseconds, as in [time, value] pairs."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and (6.3e8 <= value <= 4.2e9 or 6.3e11 <= value <= 4.2e12)


def _is_time_bucket(record: Mapping[Any, Any]) -> bool:
    """Whether a record is one bucket of time of an aggregation; its own buckets then belong to that time."""
    return "key_as_string" in record and isinstance(record.get("key"), int | float)


def _is_keyed(inner: list[Any]) -> bool:
    return all(isinstance(one, Mapping) and "key" in one for one in inner)


def _spread_keyed(flat: dict[str, Any], name: str, inner: list[Any]) -> None:
    """Put the entries of a list of {"key": ..., fields} beside the fields of their record, named by key."""
    if not _is_keyed(inner):
        return
    for one in inner:
        fields: dict[str, Any] = {}
        _flatten({k: v for k, v in one.items() if k not in _KEYS}, "", fields, {}, 0)
        for field, value in fields.items():
            flat[f"{name}.{one.get('key_as_string', one['key'])}.{field}"] = value


def _flatten(
    record: Mapping[Any, Any], path: str, flat: dict[str, Any], lists: dict[str, list[Any]], depth: int
) -> None:
    for name, value in record.items():
        place = f"{path}.{name}" if path else str(name)
        if isinstance(value, Mapping) and depth < _DEEPEST:
            _flatten(value, place, flat, lists, depth + 1)
        elif isinstance(value, list):
            if value and (
                all(isinstance(one, Mapping) for one in value) or all(isinstance(one, list) for one in value)
            ):
                lists[place] = value
        elif not isinstance(value, Mapping) and not (name == "key" and _is_time_bucket(record)):
            flat[place] = value


def _frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows as columns: numbers, booleans and times keep their type, mixed columns become text."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pl.DataFrame([_column(name, [row.get(name) for row in rows]) for name in names])


def _column(name: str, values: list[Any]) -> pl.Series:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float} and kinds:
        return _numbers(name, values, kinds)
    if len(kinds) == 1 and kinds != {str}:
        return pl.Series(name, values, strict=False)
    return pl.Series(name, [None if value is None else _text(value) for value in values], dtype=pl.String)


def _numbers(name: str, values: list[Any], kinds: set[type]) -> pl.Series:
    if kinds == {int} and all(value is None or -(2**63) <= value < 2**63 for value in values):
        return pl.Series(name, values, dtype=pl.Int64)
    return pl.Series(name, [None if value is None else _float(value) for value in values], dtype=pl.Float64)


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def _lines_table(text: Text) -> RawTable | None:
    """The table of JSON lines; None when the file is one document."""
    heads = [line for line in text.head.splitlines()[:3] if line.strip()]
    if len(heads) < 2 or not any(_is_record(line) for line in heads[:2]):
        return None
    raw = RawTable(
        where=f"jsonl {text.name}", frame=pl.LazyFrame(), label=text.content.label, notes=list(text.content.notes)
    )
    parts = list(_line_frames(text.path, raw))
    raw.frame = pl.concat(parts, how="diagonal_relaxed").lazy() if parts else pl.LazyFrame()
    return raw


def _is_record(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict | list)
    except (json.JSONDecodeError, RecursionError):
        return False


def _line_frames(path: Path, raw: RawTable) -> Iterator[pl.DataFrame]:
    """Frames of some thousand lines each; lines that are no JSON are counted in ``raw``."""
    rows: list[dict[str, Any]] = []
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                rows += _expanded(json.loads(line))
            except (json.JSONDecodeError, RecursionError) as error:
                raw.bad_count += 1
                if len(raw.bad) < SHOWN_ROWS:
                    raw.bad.append((number, line.strip()[:200], f"not JSON: {error}"))
            if len(rows) >= _CHUNK:
                yield _frame(rows)
                rows = []
    if rows:
        yield _frame(rows)


def _rescued(text: Text) -> RawTable | None:
    """The whole records of a JSON array that is cut in the middle; None when there are none."""
    source = text.path.read_text(encoding="utf-8-sig", errors="replace")
    if not source.lstrip().startswith("["):
        return None
    decoder, position, records = json.JSONDecoder(), source.index("[") + 1, []
    try:
        while True:
            while source[position] in " \t\r\n,":
                position += 1
            record, position = decoder.raw_decode(source, position)
            records.append(record)
    except (json.JSONDecodeError, IndexError, RecursionError):
        pass
    rows = [row for record in records for row in _expanded(record)]
    if len(rows) < _LEAST_ROWS:
        return None
    raw = RawTable(where=f"json {text.name}", frame=_frame(rows).lazy(), label=text.content.label)
    raw.bad_count, raw.bad = 1, [(len(records) + 1, source[position : position + 100], "the file is cut here")]
    raw.notes = [*text.content.notes, "the file is cut in the middle; the whole records before the cut were read"]
    return raw
