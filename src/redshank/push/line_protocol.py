"""The line protocol of InfluxDB: ``measurement,tag=value field=1.5,other=2i 1700000000000000000``.

Source: InfluxData, "Line protocol reference" (OSS v2). A field becomes the measure ``measurement.field``, one named
``value`` just ``measurement``; tags become labels. Integers (``i``, ``u``) and booleans become numbers, texts are left
out. A time without a unit given is read by its size (all of this century's nanoseconds are told apart from seconds).
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator

import numpy as np

from redshank.panel import VALUE
from redshank.push.points import Intake
from redshank.push.times import TimeReader, epoch_ns

_TRUE, _FALSE = ("t", "T", "true", "True", "TRUE"), ("f", "F", "false", "False", "FALSE")
_FLOAT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"([+-]?)(\d+)([iu])", re.ASCII)
_TIME = re.compile(r"-?\d+", re.ASCII)
_LEAST, _GREATEST, _UNSIGNED = -(2**63), 2**63 - 1, 2**64 - 1
_CACHED = 1_000_000
_FIRST, _LAST = frozenset("+-.0123456789"), frozenset(".0123456789")


def read_lines(body: bytes, intake: Intake, times: TimeReader) -> None:
    """Read all lines; blank ones and comments (``#``) are skipped, one that is wrong is rejected."""
    reader = _Reader(intake, times)
    for number, line in _lines(body.removeprefix(b"\xef\xbb\xbf")):
        try:
            reader.read(line.decode())
        except UnicodeDecodeError:
            intake.rows += 1
            intake.reject(number, line, "not UTF-8")
        except ValueError as error:
            intake.reject(number, line, str(error))
    reader.finish()


def _lines(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Lines with the number of their first; a line break inside a quoted text belongs to it."""
    pieces = body.split(b"\n")
    i = 0
    while i < len(pieces):
        line, number = pieces[i], i + 1
        i += 1
        if b'"' in line:
            while i < len(pieces) and _is_open(line):
                line += b"\n" + pieces[i]
                i += 1
        yield number, line


def _is_open(line: bytes) -> bool:
    """Whether a quoted text of the fields goes on after the end of the line."""
    text = line.decode(errors="replace").lstrip(" ")
    if text.startswith("#"):
        return False
    rest = text[_end_of(text, 0, " ") :].lstrip(" ")
    return _end_of_fields(rest) < 0


class _Reader:
    """Reads lines into arrays; a series is looked up by the text it has in the line."""

    def __init__(self, intake: Intake, times: TimeReader) -> None:
        self.intake, self.times = intake, times
        self.series: dict[str, dict[str, int]] = {}  # text of the series -> text of the field -> code
        self.n_known = 0
        self.prefixes: dict[str, int] = {}  # all that stands before the value in a line of one field -> code
        self.codes, self.stamps, self.values = array("i"), array("q"), array("d")

    def read(self, line: str) -> None:
        line = line.strip(" \r")
        if self._is_known(line) or not line or line[0] == "#":
            return
        self.intake.rows += 1
        head, fields, time = _plain_parts(line) if "\\" not in line and '"' not in line else _parts(line)
        stamp = self._time(time)
        known = self.series.get(head)
        if known is None:
            _labels(head)  # names what is wrong before anything is kept
            known = self.series[head] = {}
        found: list[tuple[str, float]] = []
        pairs = _pairs(fields)
        for name, text in pairs:
            value = _number(text, name)
            if value is None:
                self.intake.left_out[_unescaped(name)] = None
            else:
                found.append((name, value))
        if len(pairs) > 1 and len({_unescaped(name) for name, _ in pairs}) < len(pairs):
            raise ValueError("a field must come once")
        if not found:
            raise ValueError("holds no number")
        codes = [known[name] if name in known else self._code(head, name) for name, _ in found]
        if len(pairs) == 1 and line.startswith(f"{head} {fields}") and line.count("=") == head.count("=") + 1:
            self.prefixes[f"{head} {pairs[0][0]}"] = codes[0]
        for code, (_, value) in zip(codes, found, strict=True):
            self.codes.append(code)
            self.stamps.append(stamp)
            self.values.append(value)

    def _is_known(self, line: str) -> bool:
        """Take in a line of one plain field that stood in a line before; False when there is more to do."""
        equals = line.rfind("=")
        code = self.prefixes.get(line[:equals])
        if code is None:
            return False
        text, _, time = line[equals + 1 :].partition(" ")
        if not text.isascii() or text[:1] not in _FIRST or text[-1:] not in _LAST or "_" in text:
            return False
        try:
            value = float(text)
            stamp = self._time(time)
        except ValueError:
            return False
        if value - value != 0:  # infinite
            return False
        self.intake.rows += 1
        self.codes.append(code)
        self.stamps.append(stamp)
        self.values.append(value)
        return True

    def _time(self, text: str) -> int:
        if not text:
            return self.times.now_ns
        if not _TIME.fullmatch(text):
            raise ValueError(f"time must be a whole number, got {text[:60]!r}")
        return epoch_ns(int(text), self.times.unit)

    def _code(self, head: str, field: str) -> int:
        if self.n_known >= _CACHED:
            self.series.clear()
            self.prefixes.clear()
            self.n_known = 0
        measurement, labels = _labels(head)
        name = _unescaped(field)
        code = self.intake.code(measurement if name == VALUE else f"{measurement}.{name}", labels)
        self.series.setdefault(head, {})[field] = code
        self.n_known += 1
        return code

    def finish(self) -> None:
        self.intake.add(
            np.array(self.codes, np.int32), np.array(self.stamps, np.int64), np.array(self.values, np.float64)
        )


def _plain_parts(line: str) -> tuple[str, str, str]:
    """Series, fields and time of a line without escapes and quotes."""
    parts = line.split(" ")
    if len(parts) > 3:
        parts = [part for part in parts if part]
    if len(parts) == 3 and parts[1]:
        return parts[0], parts[1], parts[2]
    parts = [part for part in parts if part]
    if len(parts) == 2:
        return parts[0], parts[1], ""
    raise ValueError("must be: series, fields and time, with a space between" if len(parts) > 2 else "has no fields")


def _parts(line: str) -> tuple[str, str, str]:
    """Series, fields and time of any line."""
    end = _end_of(line, 0, " ")
    rest = line[end:].lstrip(" ")
    if not rest:
        raise ValueError("has no fields")
    end_of_fields = _end_of_fields(rest)
    if end_of_fields < 0:
        raise ValueError("a text in quotes does not end")
    return line[:end], rest[:end_of_fields], rest[end_of_fields:].strip(" ")


def _end_of(text: str, start: int, stops: str) -> int:
    """Index of the first stop that is not escaped, or the end."""
    i = start
    while i < len(text):
        if text[i] == "\\" and i + 1 < len(text) and text[i + 1] in ", =":
            i += 2
            continue
        if text[i] in stops:
            return i
        i += 1
    return len(text)


def _end_of_fields(text: str) -> int:
    """Index of the space behind the fields, or the end; -1 when a text in quotes does not end."""
    i = 0
    while i < len(text):
        i = _end_of(text, i, " =")
        if i < len(text) and text[i] == "=" and text[i + 1 : i + 2] == '"':
            i = _end_of_quotes(text, i + 2)
            if i < 0:
                return -1
        elif i < len(text) and text[i] == " ":
            return i
        else:
            i += 1
    return len(text)


def _end_of_quotes(text: str, start: int) -> int:
    """Index behind the closing quote; -1 when there is none."""
    i = start
    while i < len(text):
        if text[i] == "\\" and text[i + 1 : i + 2] in ('"', "\\"):
            i += 2
        elif text[i] == '"':
            return i + 1
        else:
            i += 1
    return -1


def _pairs(fields: str) -> list[tuple[str, str]]:
    """Names and values of fields as they are written."""
    if "\\" not in fields and '"' not in fields:
        pairs = [field.partition("=") for field in fields.split(",")]
        if all(name and value for name, _, value in pairs):
            return [(name, value) for name, _, value in pairs]
        raise ValueError("a field must be name=value")
    found, i = [], 0
    while i <= len(fields):
        end = _end_of(fields, i, "=,")
        name = fields[i:end]
        if not name or fields[end : end + 1] != "=":
            raise ValueError("a field must be name=value")
        quoted = fields[end + 1 : end + 2] == '"'
        stop = _end_of_quotes(fields, end + 2) if quoted else _end_of(fields, end + 1, ",")
        if stop == end + 1 or fields[stop : stop + 1] not in ("", ","):
            raise ValueError("a field must be name=value")
        found.append((name, fields[end + 1 : stop]))
        i = stop + 1
    return found


def _labels(head: str) -> tuple[str, list[tuple[str, str]]]:
    """Measurement and tags of the text of a series."""
    end = _end_of(head, 0, ",")
    measurement, labels = _unescaped(head[:end], ", "), []
    if not measurement:
        raise ValueError("the measurement must not be empty")
    while end < len(head):
        start = end + 1
        middle = _end_of(head, start, "=,")
        end = _end_of(head, middle + 1, ",=") if head[middle : middle + 1] == "=" else middle
        name, value = head[start:middle], head[middle + 1 : end]
        if not name or not value or head[end : end + 1] == "=":
            raise ValueError("a tag must be name=value")
        labels.append((_unescaped(name), _unescaped(value)))
    if len({name for name, _ in labels}) < len(labels):
        raise ValueError("a tag must come once")
    return measurement, labels


def _unescaped(text: str, escaped: str = ", =") -> str:
    """A name without the backslashes before commas, spaces and equals signs."""
    if "\\" not in text:
        return text
    return re.sub(rf"\\([{re.escape(escaped)}])", r"\1", text)


def _number(text: str, name: str) -> float | None:
    """The number of a field's value; None for a text. ValueError when it is neither."""
    try:
        value = float(text)  # reads more than is allowed, which is looked at below
        if _FLOAT.fullmatch(text):
            if abs(value) == float("inf"):
                raise ValueError(f"field {_unescaped(name)!r} must be finite, got {text[:60]}")
            return value
    except ValueError as error:
        if "must be finite" in str(error):
            raise
    whole = _WHOLE.fullmatch(text)
    if whole:
        number = int(whole[1] + whole[2])
        if (number > _UNSIGNED or whole[1]) if whole[3] == "u" else not _LEAST <= number <= _GREATEST:
            raise ValueError(f"field {_unescaped(name)!r} must be a whole number of 64 bits, got {text[:60]}")
        return float(number)
    if text[0] == '"' and len(text) > 1 and text[-1] == '"':
        return None
    if text in _TRUE or text in _FALSE:
        return 1.0 if text in _TRUE else 0.0
    raise ValueError(
        f"field {_unescaped(name)!r} must be a number, a truth value or a text in quotes, got {text[:60]!r}"
    )
