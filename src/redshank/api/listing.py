"""The one list convention: ``limit``, ``cursor``, ``sort``, ``filter``, ``fields``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import Depends, Query
from starlette.requests import Request

from redshank.api.answers import Json
from redshank.errors import ConfigError, did_you_mean
from redshank.store.records import Page

MOST = 1000
_FILTER = re.compile(r"\s*(label\.[^=<>!~]+|[a-z_]+)\s*(>=|<=|!=|=|<|>|~)(.*)", re.DOTALL)
Operator = Literal["=", "!=", ">=", "<=", "<", ">", "~"]


@dataclass(frozen=True)
class Condition:
    """One ``filter``: a field, an operator, and the text to compare with."""

    field: str
    operator: Operator
    value: str


@dataclass(frozen=True)
class Listing:
    """What was asked of a list."""

    limit: int
    cursor: str | None
    sort: str | None
    conditions: tuple[Condition, ...]
    fields: tuple[str, ...]

    def answer(self, request: Request, page: Page, render: Callable[[Any], Mapping[str, Any]]) -> Json:
        """Return a page as ``{"items", "next_cursor"}``, with the address of the next page as a Link header."""
        items = [self._chosen(render(item)) for item in page.items]
        headers = {}
        if page.next_cursor is not None:
            query = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
            headers["Link"] = f'<{request.url.path}?{urlencode([*query, ("cursor", page.next_cursor)])}>; rel="next"'
        return Json({"items": items, "next_cursor": page.next_cursor}, headers=headers)

    def _chosen(self, item: Mapping[str, Any]) -> Mapping[str, Any]:
        if not self.fields:
            return item
        for name in self.fields:
            if name not in item:
                raise ConfigError(f"fields: {did_you_mean('field', name, item)}", field="fields")
        return {name: item[name] for name in self.fields}

    def only(self, *fields: str) -> Mapping[str, str]:
        """Return the value of each condition by field, where ``=`` is the only operator; ConfigError for others."""
        found: dict[str, str] = {}
        for each in self.conditions:
            check_condition(each, fields, ("=",))
            found[each.field] = each.value
        return found


def check_condition(condition: Condition, fields: Iterable[str], operators: Sequence[str]) -> None:
    """ConfigError when the field or the operator is none of those that a list knows."""
    known = list(fields)
    if condition.field not in known:
        raise ConfigError(f"filter: {did_you_mean('field', condition.field, known)}", field="filter")
    if condition.operator not in operators:
        said = " or ".join(operators)
        raise ConfigError(f"filter: {condition.field} takes {said} here, got {condition.operator}", field="filter")


def flag(text: str) -> bool:
    """Read true or false of a filter."""
    if text not in ("true", "false"):
        raise ConfigError(f"filter: must be true or false, got {text!r}", field="filter")
    return text == "true"


def whole(text: str) -> int:
    """Read a whole number of a filter."""
    if not re.fullmatch(r"-?[0-9]{1,18}", text):
        raise ConfigError(f"filter: must be a whole number, got {text[:40]!r}", field="filter")
    return int(text)


async def _listing(
    limit: Annotated[int, Query(ge=1, le=MOST, description="Items on a page.", examples=[100])] = 100,
    cursor: Annotated[
        str | None, Query(max_length=1000, description="`next_cursor` of the page before; none = the first page.")
    ] = None,
    sort: Annotated[
        str | None, Query(max_length=50, description="A field to order by; with `-` before it from the highest down.")
    ] = None,
    filter: Annotated[
        list[str] | None,
        Query(description="`FIELD=VALUE`, may be given often, all must hold. Each list says which fields it knows."),
    ] = None,
    fields: Annotated[
        str | None, Query(max_length=1000, description="Names with commas between: only these fields of each item.")
    ] = None,
) -> Listing:
    names = tuple(name.strip() for name in fields.split(",") if name.strip()) if fields else ()
    return Listing(limit, cursor, sort, tuple(_condition(text) for text in filter or ()), names)


def _condition(text: str) -> Condition:
    parts = _FILTER.fullmatch(text)
    if not parts:
        raise ConfigError(f"filter: must be such as monitor=cpu or severity>=50, got {text[:60]!r}", field="filter")
    operator: Any = parts[2]
    return Condition(parts[1], operator, parts[3].strip())


Listed = Annotated[Listing, Depends(_listing)]
