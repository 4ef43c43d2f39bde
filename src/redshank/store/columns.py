"""Column types that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import BigInteger, Integer, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

Big = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows by themselves only in an INTEGER
_ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"))


def dump_json(value: Any) -> str:
    """Return compact JSON in ASCII, so that NUL and lone surrogates of a text survive in any database."""
    return _ENCODER.encode(value)


def clean_text(text: str) -> str:
    """Replace what a database cannot keep in a text: NUL, and surrogates without their partner."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


class JsonText(TypeDecorator[Any]):
    """JSON kept as text; None is NULL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Return what is kept."""
        return None if value is None else dump_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Return what was given."""
        return None if value is None else json.loads(value)


class FreeText(TypeDecorator[str]):
    """A text of anybody's making; what a database cannot keep in it is replaced."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return what is kept."""
        return None if value is None else clean_text(value)
