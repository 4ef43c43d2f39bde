"""Slow, obvious twins of the readers of pushed bodies: a row at a time, a character at a time.

Each returns the points in the order of the rows as (measure, labels, time, value), the numbers of the rejected rows,
and how many values were missing.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

NaivePoint = tuple[str, tuple[tuple[str, str], ...], int, float]
Naive = tuple[list[NaivePoint], list[int], int]


class WrongError(Exception):
    """A row that must be rejected."""


def epoch(number: int | float) -> int:
    size = abs(number)
    unit = 10**9 if size < 10**11 else 10**6 if size < 10**14 else 10**3 if size < 10**17 else 1
    if isinstance(number, int):
        nanos = number * unit
    elif not math.isfinite(number):
        raise WrongError
    else:
        nanos = round(number * (unit / 1000)) * 1000 if unit > 1 else round(number)
    if abs(nanos) > 2**63 - 1:
        raise WrongError
    return nanos


def moment(text: str) -> int:
    text = text.strip()
    if re.fullmatch(r"[+-]?[0-9]+", text):
        return epoch(int(text))
    if re.fullmatch(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?", text):
        return epoch(float(text))
    found = re.fullmatch(r"(.{10})(?:[Tt ](\d\d:\d\d)(:\d\d)?(?:[.,](\d+))?([Zz]|[+-]\d\d:?\d\d)?)?", text, re.ASCII)
    if not found:
        raise WrongError
    day, clock, second, fraction, zone = found.groups()
    zone = "+00:00" if not zone or zone in "Zz" else zone
    zone = zone if ":" in zone else zone[:3] + ":" + zone[3:]
    if int(zone[4:]) > 59:
        raise WrongError
    try:
        utc = datetime.strptime(f"{day} {clock or '00:00'}{second or ':00'}+0000", "%Y-%m-%d %H:%M:%S%z")
    except ValueError:
        raise WrongError from None
    minutes = int(zone[0] + "1") * (int(zone[1:3]) * 60 + int(zone[4:]))
    seconds = (utc - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() - minutes * 60
    nanos = int(Fraction(int(seconds)) * 10**9) + int((fraction or "0").ljust(9, "0")[:9])
    if abs(nanos) > 2**63 - 1:
        raise WrongError
    return nanos


def time_of(given: Any, now: int) -> int:
    if given is None or given == "":
        return now
    if isinstance(given, str):
        return moment(given)
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise WrongError
    return epoch(given)


def number(given: Any) -> float | None:
    if given is None:
        return None
    if not isinstance(given, bool | int | float):
        raise WrongError
    try:
        value = float(given)
    except OverflowError:
        raise WrongError from None
    if not math.isfinite(value):
        raise WrongError
    return value


def labels_of(given: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    for name, value in given.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, str | int)):
            raise WrongError
        if not name and value not in (None, ""):
            raise WrongError
        if len(name) > 1000 or len(str(value)) > 1000:
            raise WrongError
    return tuple(sorted((name, str(value)) for name, value in given.items() if value not in (None, "")))


def object_points(row: Any, now: int) -> list[tuple[str, tuple[tuple[str, str], ...], int, float | None]]:
    if not isinstance(row, dict):
        raise WrongError
    name = next((name for name in ("time", "timestamp", "ts", "@timestamp") if name in row), None)
    time = time_of(row[name], now) if name else now
    rest = {key: value for key, value in row.items() if key != name}
    if "measure" in rest or "labels" in rest:
        if set(rest) - {"measure", "labels", "time", "value"} or "value" not in rest:
            raise WrongError
        measure, labels = rest.get("measure"), rest.get("labels")
        if measure is not None and (not isinstance(measure, str) or not measure):
            raise WrongError
        if labels is not None and not isinstance(labels, dict):
            raise WrongError
        return [("value" if measure is None else measure, labels_of(labels or {}), time, number(rest["value"]))]
    texts = {key: value for key, value in rest.items() if isinstance(value, str)}
    others = {key: value for key, value in rest.items() if not isinstance(value, str)}
    if not others or (any(not name for name in others if others[name] is not None)):
        raise WrongError
    return [(key, labels_of(texts), time, number(value)) for key, value in others.items()]


def read_ndjson(body: bytes, now: int) -> Naive:
    points: list[NaivePoint] = []
    rejected, missing = [], 0
    for i, line in enumerate(body.split(b"\n"), 1):
        if not line.strip(b" \t\r"):
            continue
        try:
            row = json.loads(line.decode())
        except (ValueError, RecursionError):
            rejected.append(i)
            continue
        try:
            found = object_points(row, now)
        except WrongError:
            rejected.append(i)
            continue
        points += [(one[0], one[1], one[2], one[3]) for one in found if one[3] is not None]
        missing += sum(one[3] is None for one in found)
    return points, rejected, missing


def read_csv(body: str, measures: list[str], labels: list[str], now: int) -> Naive:
    """Wide rows whose columns are known to be measures or labels."""
    points: list[NaivePoint] = []
    rejected, missing = [], 0
    rows = [row for row in csv.reader(io.StringIO(body, newline="")) if row]
    header = rows[0]
    for i, cells in enumerate(rows[1:], 2):
        try:
            if len(cells) != len(header):
                raise WrongError
            row = dict(zip(header, cells, strict=True))
            time = time_of(row.get("time"), now)
            named = tuple(sorted((name, row[name]) for name in labels if row[name]))
            found = []
            for name in measures:
                text = row[name].strip()
                if text and not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text):
                    raise WrongError
                found.append((name, named, time, number(float(text) if text else None)))
        except WrongError:
            rejected.append(i)
            continue
        points += [(one[0], one[1], one[2], one[3]) for one in found if one[3] is not None]
        missing += sum(one[3] is None for one in found)
    return points, rejected, missing


class Line:
    """One line of the line protocol, a character at a time."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def name(self, stops: str, escapes: str) -> str:
        found = ""
        while self.peek() and self.peek() not in stops:
            if self.peek() == "\\" and self.text[self.at + 1 : self.at + 2] in tuple(escapes):
                self.at += 1
            elif self.peek() == "\\" and self.text[self.at + 1 : self.at + 2] == "=":
                found += "\\"  # kept as it is: an equals sign is not escaped here
                self.at += 1
            found += self.peek()
            self.at += 1
        return found

    def take(self, wanted: str) -> None:
        if self.peek() != wanted:
            raise WrongError
        self.at += 1

    def spaces(self) -> None:
        while self.peek() == " ":
            self.at += 1

    def quoted(self) -> None:
        self.take('"')
        while self.peek() != '"':
            if not self.peek():
                raise WrongError
            if self.peek() == "\\" and self.text[self.at + 1 : self.at + 2] in ('"', "\\"):
                self.at += 1
            self.at += 1
        self.take('"')

    def fields(self) -> dict[str, float | None]:
        fields: dict[str, float | None] = {}
        while True:
            name = self.name(",= ", ",= ")
            self.take("=")
            if not name or name in fields:
                raise WrongError
            if self.peek() == '"':
                self.quoted()
                fields[name] = None
            else:
                fields[name] = field_number(self.name(", ", ""))
            if self.peek() != ",":
                return fields
            self.at += 1

    def points(self, now: int) -> list[NaivePoint]:
        measurement, tags = self.name(", ", ", "), {}
        if not measurement:
            raise WrongError
        while self.peek() == ",":
            self.at += 1
            name = self.name(",= ", ",= ")
            self.take("=")
            value = self.name(",= ", ",= ")
            if not name or not value or name in tags:
                raise WrongError
            tags[name] = value
        self.take(" ")
        self.spaces()
        fields = self.fields()
        time = now
        if self.peek():
            self.take(" ")
            rest = self.text[self.at :].strip(" ")
            if rest and not re.fullmatch(r"-?[0-9]+", rest):
                raise WrongError
            time = epoch(int(rest)) if rest else now
        numbers = {name: value for name, value in fields.items() if value is not None}
        if not numbers:
            raise WrongError
        labels = tuple(sorted(tags.items()))
        names = {name: measurement if name == "value" else f"{measurement}.{name}" for name in numbers}
        return [(names[name], labels, time, value) for name, value in numbers.items()]


def field_number(text: str) -> float:
    if text in ("t", "T", "true", "True", "TRUE"):
        return 1.0
    if text in ("f", "F", "false", "False", "FALSE"):
        return 0.0
    if re.fullmatch(r"[+-]?[0-9]+i", text) and -(2**63) <= int(text[:-1]) < 2**63:
        return float(int(text[:-1]))
    if re.fullmatch(r"[0-9]+u", text) and int(text[:-1]) < 2**64:
        return float(int(text[:-1]))
    if re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text) and math.isfinite(float(text)):
        return float(text)
    raise WrongError


def read_line(text: str, now: int) -> Naive:
    """One line without line breaks in it."""
    text = text.strip(" \r")
    if not text or text.startswith("#"):
        return [], [], 0
    try:
        return Line(text).points(now), [], 0
    except WrongError:
        return [], [1], 0
