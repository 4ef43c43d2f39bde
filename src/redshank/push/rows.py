"""Rows as JSON, one object each: ``{"measure", "labels", "time", "value"}`` or ``{"time", "host": "a", "cpu": 1}``.

Rows of one shape are turned to columns together, so that the cost of a row is that of decoding it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from redshank.errors import DataError
from redshank.panel import VALUE, Floats
from redshank.push.points import Codes, Intake, Integers
from redshank.push.times import TimeReader

TIME_NAMES = ("time", "timestamp", "ts", "@timestamp")
FIELDS = ("measure", "labels", "time", "value")
_CHUNK = 10_000  # rows decoded together, to bound memory
_NUMBERS = {int, float, bool}
_CONSTANT = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b', re.DOTALL)
_BLANK = b" \t\r"
_decode = msgspec.json.Decoder().decode


class _Point(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A row that holds one point, its labels still as text."""

    value: int | float | None
    time: int | float | str | None = None
    measure: str | None = None
    labels: msgspec.Raw = msgspec.Raw(b"")


_decode_point = msgspec.json.Decoder(_Point).decode


@dataclass
class _Rows:
    """Rows of one shape: their numbers, their texts, and the values of each field."""

    numbers: list[int]
    texts: list[Any]
    columns: dict[str, tuple[Any, ...]]
    bad: dict[int, str] = field(default_factory=dict)  # position -> what is wrong

    def kept(self) -> np.ndarray | None:
        """The positions of the good rows; None = all."""
        return np.setdiff1d(np.arange(len(self.numbers)), list(self.bad)) if self.bad else None


@dataclass(frozen=True, eq=False)
class _Part:
    """Points of rows of one shape: the number of the row, series, time and value of each."""

    numbers: Integers
    series: Codes
    times: Integers
    values: Floats


def read_ndjson(body: bytes, intake: Intake, times: TimeReader) -> None:
    """Read one object a line; blank lines are skipped."""
    lines = body.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip(_BLANK)]
    _read(numbered, intake, times)


def read_json(body: bytes, intake: Intake, times: TimeReader) -> None:
    """Read a list of objects, ``{"points": [...]}``, or one object. DataError when it is no JSON at all."""
    body = body.removeprefix(b"\xef\xbb\xbf").strip()
    _read(list(enumerate(_elements(body), 1)), intake, times)


def _elements(body: bytes) -> Sequence[Any]:
    """The rows of a JSON body, each as its text."""
    try:
        return _split(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        mended = _CONSTANT.sub(lambda found: found[0] if found[0].startswith(b'"') else b"1e999", body)
        if mended == body:
            raise DataError(f"push: the body must be JSON: {error}") from error
    try:
        return _split(mended)  # each such row is named as it is read
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise DataError(f"push: the body must be JSON: {error}") from error


def _split(body: bytes) -> Sequence[Any]:
    if body.startswith(b"["):
        return msgspec.json.decode(body, type=list[msgspec.Raw])
    top = msgspec.json.decode(body, type=dict[str, msgspec.Raw]) if body.startswith(b"{") else None
    if top is None:
        msgspec.json.decode(body)
        raise DataError("push: the body must be a list of rows, {'points': [...]} or one row")
    if "points" in top and bytes(top["points"]).startswith(b"["):
        if len(top) > 1:
            unknown = next(name for name in top if name != "points")
            raise DataError(f"push: unknown field {unknown!r} beside 'points'", field=unknown)
        return msgspec.json.decode(top["points"], type=list[msgspec.Raw])
    return [body]


def _read(numbered: Sequence[tuple[int, Any]], intake: Intake, times: TimeReader) -> None:
    intake.rows += len(numbered)
    for first in range(0, len(numbered), _CHUNK):
        numbers, texts = zip(*numbered[first : first + _CHUNK], strict=True)
        if _took_points(texts, intake, times):
            continue
        shapes = list(_shapes(numbers, texts, intake))
        parts = [part for rows in shapes for part in _parts(rows, intake, times)]
        for part in parts if len(shapes) == 1 else _in_order(parts):
            intake.add(part.series, part.times, part.values)


def _in_order(parts: list[_Part]) -> list[_Part]:
    """The points of rows of several shapes in the order of the rows, so that of two alike the later one wins."""
    if not parts:
        return []
    numbers = np.concatenate([part.numbers for part in parts])
    order = np.argsort(numbers, kind="stable")
    series, times = np.concatenate([p.series for p in parts]), np.concatenate([p.times for p in parts])
    values = np.concatenate([part.values for part in parts])
    return [_Part(numbers[order], series[order], times[order], values[order])]


def _took_points(texts: Sequence[Any], intake: Intake, times: TimeReader) -> bool:
    """Take in rows of one point each, in order; False, and nothing taken, when any is not as it should be."""
    try:
        points = list(map(_decode_point, texts))
        values = np.array([point.value for point in points], np.float64)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, OverflowError):
        return False
    stamps, bad = times.column([point.time for point in points])
    if bad or np.isinf(values).any():
        return False
    known: dict[tuple[str | None, bytes], int] = {}
    codes = np.zeros(len(points), np.int32)
    for i, point in enumerate(points):
        key = (point.measure, bytes(point.labels))
        code = known.get(key)
        if code is None:
            found = _narrow_code(point.measure, msgspec.json.decode(key[1]) if key[1] else None, intake)
            if isinstance(found, str):
                return False
            code = known[key] = found
        codes[i] = code
    intake.add(codes, stamps, values)
    return True


def _shapes(numbers: Sequence[int], texts: Sequence[Any], intake: Intake) -> Iterator[_Rows]:
    """Rows grouped by the names and kinds of their fields."""
    numbers, texts, objects = _objects(numbers, texts, intake)
    groups: dict[tuple[str, ...], list[int]] = {}
    for i, row in enumerate(objects):
        groups.setdefault(tuple(row), []).append(i)
    for shape, members in groups.items():
        columns = dict(zip(shape, zip(*[objects[i].values() for i in members], strict=True), strict=True))
        rows = _Rows([numbers[i] for i in members], [texts[i] for i in members], columns)
        yield from [rows] if _is_narrow(shape) else _kinds(rows)


def _objects(
    numbers: Sequence[int], texts: Sequence[Any], intake: Intake
) -> tuple[Sequence[int], Sequence[Any], list[dict[str, Any]]]:
    try:
        objects = list(map(_decode, texts))
        if set(map(type, objects)) == {dict}:
            return numbers, texts, objects
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        pass
    kept: list[tuple[int, Any, dict[str, Any]]] = []
    for number, text in zip(numbers, texts, strict=True):
        try:
            row = _decode(text)
            if isinstance(row, dict):
                kept.append((number, text, row))
            else:
                intake.reject(number, text, "a row must be an object such as {'time': ..., 'cpu': 1}")
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            intake.reject(number, text, _why(bytes(text), error))
    return [one[0] for one in kept], [one[1] for one in kept], [one[2] for one in kept]


def _why(text: bytes, error: Exception) -> str:
    constants = [found for found in _CONSTANT.findall(text) if not found.startswith(b'"')]
    if constants or isinstance(error, msgspec.ValidationError):
        return "numbers must be finite; null says that there is no value"
    return f"not JSON: {error}".replace("JSON is malformed: ", "")


def _is_narrow(shape: Sequence[str]) -> bool:
    return "measure" in shape or "labels" in shape


def _kind(value: Any) -> str:
    kind = type(value)
    if kind in _NUMBERS:
        return "number"
    return "text" if kind is str else "none" if value is None else "other"


def _kinds(rows: _Rows) -> Iterator[_Rows]:
    """Wide rows whose fields are all of one kind: numbers or texts."""
    named = [values for name, values in rows.columns.items() if name not in TIME_NAMES]
    kinds = [{_kind_of[one] for one in set(map(type, values))} - {"none"} for values in named]
    if not named or ({"number"} in kinds and all(len(found) <= 1 for found in kinds)):
        yield rows
        return
    groups: dict[tuple[str, ...], list[int]] = {}
    for i, row in enumerate(zip(*named, strict=True)):
        groups.setdefault(tuple(map(_kind, row)), []).append(i)
    for members in groups.values():
        columns = {name: tuple(values[i] for i in members) for name, values in rows.columns.items()}
        yield _Rows([rows.numbers[i] for i in members], [rows.texts[i] for i in members], columns)


class _Kinds(dict[type, str]):
    """Kind of a value by its type."""

    def __missing__(self, kind: type) -> str:
        return "other"


_kind_of = _Kinds({int: "number", float: "number", bool: "number", str: "text", type(None): "none"})


def _parts(rows: _Rows, intake: Intake, times: TimeReader) -> list[_Part]:
    """The points of rows of one shape; those that are wrong are rejected."""
    time_name = next((name for name in TIME_NAMES if name in rows.columns), None)
    stamps = np.full(len(rows.numbers), times.now_ns, np.int64)
    if time_name is not None:
        stamps, rows.bad = times.column(rows.columns.pop(time_name))
    found = _narrow(rows, intake) if _is_narrow(tuple(rows.columns)) else _wide(rows, intake)
    numbers, keep = np.array(rows.numbers, np.int64), rows.kept()
    for i, reason in rows.bad.items():
        intake.reject(rows.numbers[i], rows.texts[i], reason)
    if keep is None:
        return [_Part(numbers, codes, stamps, values) for codes, values in found]
    return [_Part(numbers[keep], codes[keep], stamps[keep], values[keep]) for codes, values in found]


def _narrow(rows: _Rows, intake: Intake) -> list[tuple[Codes, Floats]]:
    unknown = [name for name in rows.columns if name not in FIELDS]
    if unknown or "value" not in rows.columns:
        reason = (
            f"unknown field {unknown[0]!r}; fields are {', '.join(FIELDS)}" if unknown else "field 'value' is missing"
        )
        rows.bad = dict.fromkeys(range(len(rows.numbers)), reason)
        return []
    values = _numbers("value", rows)
    nothing: tuple[Any, ...] = (None,) * len(rows.numbers)
    measures, labels = rows.columns.get("measure", nothing), rows.columns.get("labels", nothing)
    codes = np.zeros(len(rows.numbers), np.int32)
    known: dict[Any, int | str] = {}
    for i, (measure, named) in enumerate(zip(measures, labels, strict=True)):
        try:
            key = (measure, tuple(named.items())) if named else (measure, named)
            found = known.get(key)
            if found is None:
                found = known[key] = _narrow_code(measure, named, intake)
        except (TypeError, AttributeError):
            found = _narrow_code(measure, named, intake)
        if isinstance(found, str):
            rows.bad.setdefault(i, found)
        else:
            codes[i] = found
    return [(codes, values)]


def _narrow_code(measure: Any, labels: Any, intake: Intake) -> int | str:
    """The number of a series, or what is wrong with it."""
    if measure is not None and not isinstance(measure, str):
        return f"measure must be a text, got {str(measure)[:60]}"
    if labels is not None and not isinstance(labels, dict):
        return f"labels must be an object of texts, got {str(labels)[:60]}"
    pairs = []
    for name, value in (labels or {}).items():
        if value is None or value == "":
            continue
        if isinstance(value, bool) or not isinstance(value, str | int):
            return f"label {name!r} must be a text, got {str(value)[:60]}"
        pairs.append((name, str(value)))
    try:
        return intake.code(VALUE if measure is None else measure, pairs)
    except ValueError as error:
        return str(error)


def _wide(rows: _Rows, intake: Intake) -> list[tuple[Codes, Floats]]:
    kinds = {
        name: next((k for k in map(_kind, values) if k != "none"), "none") for name, values in rows.columns.items()
    }
    n_rows = len(rows.numbers)
    reason = _misfit(kinds, intake)
    if reason:
        rows.bad = dict.fromkeys(range(n_rows), reason)
        return []
    names = [name for name, kind in kinds.items() if kind == "text"]
    groups: dict[tuple[Any, ...], int] = {}
    columns = [rows.columns[name] for name in names]
    combined = zip(*columns, strict=True) if columns else [()] * n_rows
    group = np.array([groups.setdefault(values, len(groups)) for values in combined], np.intp)
    parts = [(np.zeros(n_rows, np.int32), np.full(n_rows, np.nan)) for kind in kinds.values() if kind == "none"]
    for measure in (name for name, kind in kinds.items() if kind == "number"):
        values = _numbers(measure, rows)
        codes = _wide_codes(measure, names, list(groups), intake)
        wrong = [at for at, code in enumerate(codes) if isinstance(code, str)]
        for i in np.flatnonzero(np.isin(group, wrong)) if wrong else ():
            rows.bad.setdefault(int(i), str(codes[group[i]]))
        numbers = np.array([code if isinstance(code, int) else 0 for code in codes], np.int32)
        parts.append((numbers[group], values))
    return parts


def _misfit(kinds: dict[str, str], intake: Intake) -> str | None:
    """What is wrong with wide rows whose fields are of these kinds; the first rows decide what a field is."""
    other = next((name for name, kind in kinds.items() if kind == "other"), None)
    if other is not None:
        return f"field {other!r} must be a number or a text"
    if not {"number", "none"} & set(kinds.values()):
        return "holds no number"
    for name, kind in kinds.items():
        if kind != "none" and intake.kinds.setdefault(name, kind) != kind:
            return f"field {name!r} must be a {intake.kinds[name]} as in other rows, got a {kind}"
    return None


def _wide_codes(
    measure: str, names: Sequence[str], groups: Sequence[tuple[Any, ...]], intake: Intake
) -> list[int | str]:
    codes: list[int | str] = []
    for group in groups:
        labels = [(name, value) for name, value in zip(names, group, strict=True) if value]
        try:
            codes.append(intake.code(measure, labels))
        except ValueError as error:
            codes.append(str(error))
    return codes


def _numbers(name: str, rows: _Rows) -> Floats:
    """The values of a field, NaN for null; what is no number is noted as bad."""
    given = rows.columns[name]
    if set(map(type, given)) <= {int, float, bool, type(None)}:
        try:
            values = np.array(given, np.float64)
            if not np.isinf(values).any():
                return values
        except OverflowError:
            pass
    values = np.full(len(given), np.nan)
    for i, one in enumerate(given):
        if type(one) in _NUMBERS:
            try:
                values[i] = one
                if np.isfinite(values[i]):
                    continue
            except OverflowError:
                pass
            rows.bad.setdefault(i, f"{name} must be finite, got {str(one)[:60]}")
        elif one is not None:
            rows.bad.setdefault(i, f"{name} must be a number, got {_shown(one)}")
    return values


def _shown(value: Any) -> str:
    return (repr(value) if isinstance(value, str) else type(value).__name__)[:60]
