"""What each kind of database takes as a quoted text, a quoted name or a comment.

A query is only as safe as it is read here the way the database reads it: what is a comment here and code there would
hide a statement. So each kind has its own list; where versions differ, what one of them takes as code is code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from redshank.errors import ConfigError

_TEXT, _NAME = r"'(?:[^']|'')*'", r'"(?:[^"]|"")*"'
_TEXT_ESCAPED, _NAME_ESCAPED = r"'(?:[^'\\]|\\.|'')*'", r'"(?:[^"\\]|\\.|"")*"'
_ESCAPED_AFTER_E = r"(?<![\w$])[eE]'(?:[^'\\]|\\.|'')*'"
_TICKS, _TICKS_ESCAPED, _BRACKETS = r"`(?:[^`]|``)*`", r"`(?:[^`\\]|\\.|``)*`", r"\[(?:[^\]]|\]\])*\]"
_TEXT_BACKSLASH, _NAME_BACKSLASH = r"'(?:[^'\\\n]|\\.)*'", r'"(?:[^"\\\n]|\\.)*"'  # a doubled quote ends one
_TICKS_BACKSLASH = r"`(?:[^`\\]|\\.)*`"
_DOLLARS = r"(?<![\w$])(?P<tag>\$(?:[^\W\d]\w*)?\$).*?(?P=tag)"
_DASHES, _HASH, _SLASHES = r"--[^\n]*", r"\#[^\n]*", r"//[^\n]*"
_DASHES_SPACED = r"--(?=[\s\x00-\x1f]|\Z)[^\n]*"  # of MySQL; 1--1 is 2 there
_COMMENT = r"/\*(?![!M]).*?\*/"
_TEXT_EITHER_WAY = r"'(?:[^'\\]|''|\\[^'])*'"  # with no backslash before a quote
_CURLY = r"\u2018[^\u2019]*\u2019|\u201c[^\u201d]*\u201d"  # typographic quotes
_NESTED = r"/\*"  # whose end is found by counting

_KINDS: dict[str, tuple[str, ...]] = {  # "" for those not named
    "": (_TEXT, _NAME, _DASHES, _COMMENT),
    "sqlite": (_TEXT, _NAME, r"`(?:[^`]|``)*`", r"\[[^\]]*\]", _DASHES, _COMMENT),
    "postgresql": (_ESCAPED_AFTER_E, _TEXT, _NAME, _DOLLARS, _DASHES, _NESTED),
    "mysql": (_TEXT_ESCAPED, _NAME_ESCAPED, _TICKS, _DASHES_SPACED, _HASH, _COMMENT),
    "mssql": (_TEXT, _NAME, _BRACKETS, _DASHES, _NESTED),
    "clickhouse": (
        _TEXT_ESCAPED,
        _NAME_ESCAPED,
        _TICKS_ESCAPED,
        _CURLY,
        r"\$(?P<tag>\w*)\$.*?\$(?P=tag)\$",
        _DASHES,
        r"\#[ !][^\n]*",
        _COMMENT,
    ),
    "redshift": (_ESCAPED_AFTER_E, _TEXT_EITHER_WAY, _NAME, _DOLLARS, _DASHES, _NESTED),
    "snowflake": (_TEXT_ESCAPED, _NAME, r"\$\$.*?\$\$", _DASHES, _SLASHES, _COMMENT),
    "bigquery": (
        r"'''(?:[^\\]|\\.)*?'''",
        r'"""(?:[^\\]|\\.)*?"""',
        _TEXT_BACKSLASH,
        _NAME_BACKSLASH,
        _TICKS_BACKSLASH,
        _DASHES,
        _HASH,
        _COMMENT,
    ),
    "trino": (_TEXT, _NAME, _DASHES, _COMMENT),
}
_KINDS["duckdb"] = _KINDS["postgresql"]


@cache
def _pattern(dialect: str) -> re.Pattern[str]:
    return re.compile("|".join(_KINDS.get(dialect, _KINDS[""])), re.DOTALL)


def pieces(sql: str, dialect: str) -> Iterator[tuple[bool, str]]:
    """Yield the text in order, each piece with whether it is code: not a quoted text, quoted name or comment."""
    pattern, at = _pattern(dialect), 0
    while found := pattern.search(sql, at):
        end = _comment_end(sql, found.start()) if found[0] == "/*" else found.end()
        if found.start() > at:
            yield True, sql[at : found.start()]
        yield False, sql[found.start() : end]
        at = end
    if at < len(sql):
        yield True, sql[at:]


def _comment_end(sql: str, start: int) -> int:
    """Where a comment ends that may hold others."""
    depth = 0
    for found in re.finditer(r"/\*|\*/", sql[start:]):
        depth += 1 if found[0] == "/*" else -1
        if not depth:
            return start + found.end()
    raise ConfigError("query: has a comment that is not closed", field="query")


def is_comment(piece: str) -> bool:
    """Whether a piece that is no code is a comment."""
    return piece.startswith(("--", "/*", "//", "#"))
