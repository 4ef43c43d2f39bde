"""Read what a user wrote as SQL: is it one query, does it only read, and which values does it leave open."""

from __future__ import annotations

import re

from redshank.errors import ConfigError
from redshank.sources.sql_quotes import is_comment, pieces

START, END = "start", "end"  # values that a query may leave open, as :start and :end
_READS = ("select", "with", "values", "table")
_WRITES = re.compile(
    r"insert|update|delete|merge|upsert|drop|alter|create|truncate|grant|revoke|attach|detach|copy|vacuum|pragma|into",
    re.IGNORECASE,
)
_AWAY = re.compile(r"\b(?:openrowset|openquery|opendatasource|openxml)\b", re.IGNORECASE)  # what may write elsewhere
_OPEN_VALUE = re.compile(rf"(?<![:\w\\]):({START}|{END})\b")


def checked_query(sql: str, dialect: str) -> str:
    """Return a query without a semicolon behind it.

    Raises:
        ConfigError: it is empty, more than one statement, does more than read, or its brackets or quotes do not match.
    """
    sql = _without_semicolon(sql, dialect)
    code = " ".join(text if is_code else _blank(text) for is_code, text in pieces(sql, dialect))
    words = re.findall(r"(?<![\w.$])[A-Za-z_]\w*(?!\s*\()(?!\w)", code)
    first = re.search(r"[A-Za-z_]\w*", code)
    if not first:
        raise _wrong(f"must be a query such as SELECT time, value FROM points, got {sql.strip()[:40]!r}")
    if first[0].lower() not in _READS:
        raise _wrong(f"must read, beginning with SELECT or WITH, got {first[0]!r}")
    if ";" in code:
        raise _wrong("must be one statement, got a semicolon within")
    writes = [word for word in words if _WRITES.fullmatch(word)]
    if writes:
        raise _wrong(f"must only read, got {writes[0]!r} (a column of that name is written in quotes)")
    away = _AWAY.search(code) if dialect == "mssql" else None
    if away:
        raise _wrong(f"must read this database only, got {away[0]!r}")
    _check_brackets(code)
    return sql


def _without_semicolon(sql: str, dialect: str) -> str:
    parts = list(pieces(sql, dialect))
    for i in range(len(parts) - 1, -1, -1):
        is_code, text = parts[i]
        if is_code and text.strip():
            parts[i] = (True, text.rstrip().rstrip(";"))
            break
        if not is_code and not is_comment(text):
            break
    return "".join(text for _, text in parts).strip()


def _blank(text: str) -> str:
    return " " if is_comment(text) else "''"


def _check_brackets(code: str) -> None:
    if re.search(r"['\"`\u2018\u201c]", code.replace("''", "")):
        raise _wrong("has a quote that is not closed")
    if "/*" in code:
        raise _wrong("has a comment that is not closed, or that the database runs")
    depth = 0
    for sign in re.findall(r"[()]", code):
        depth += 1 if sign == "(" else -1
        if depth < 0:
            break
    if depth:
        raise _wrong(f"has {'an opening' if depth > 0 else 'a closing'} bracket too many")


def _wrong(text: str) -> ConfigError:
    return ConfigError(f"query: {text}", field="query")


def open_values(sql: str, dialect: str) -> set[str]:
    """Return which of ``start`` and ``end`` a query leaves open."""
    return {name for is_code, text in pieces(sql, dialect) if is_code for name in _OPEN_VALUE.findall(text)}


def bindable(sql: str, dialect: str) -> str:
    """Return the query as SQLAlchemy reads it: ``:start`` and ``:end`` are open values, every other colon is text.

    A line comment at the end would hide what is put behind the query, so a new line follows.
    """
    parts = []
    for is_code, text in pieces(sql, dialect):
        if not is_code:
            parts.append(text.replace(":", r"\:"))
            continue
        at = 0
        for found in _OPEN_VALUE.finditer(text):
            parts += [text[at : found.start()].replace(":", r"\:"), found[0]]
            at = found.end()
        parts.append(text[at:].replace(":", r"\:"))
    return "".join(parts) + "\n"
