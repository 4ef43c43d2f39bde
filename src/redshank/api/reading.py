"""Walk through an OpenAPI document, for the page and for the reference in docs/."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One route of the document."""

    method: str
    path: str
    tag: str
    summary: str
    description: str
    parameters: Sequence[Mapping[str, Any]]
    body: Mapping[str, Any]
    answers: Mapping[str, Mapping[str, Any]]


def operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    """Yield each route, in the order of the document; answers that are errors are left out, for all look the same."""
    for path, methods in document["paths"].items():
        for method, given in methods.items():
            yield Operation(
                method=method.upper(),
                path=path,
                tag=given["tags"][0],
                summary=given.get("summary", ""),
                description=given.get("description", ""),
                parameters=given.get("parameters", []),
                body=given.get("requestBody", {}).get("content", {}),
                answers={status: each for status, each in given["responses"].items() if status != "default"},
            )


def schema_text(schema: Mapping[str, Any]) -> str:
    """Return a schema in a few words: ``integer, 1 to 1000``, ``list of EventAnswer``."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema:
        return " or ".join(str(value) for value in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(schema_text(each) for each in schema["anyOf"] if each.get("type") != "null"))
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {schema_text(schema.get('items', {}))}"
    items = schema.get("properties", {}).get("items")
    if kind == "object" and items:
        return f"page of {schema_text(items.get('items', {})).partition(' or ')[0]}"
    return (kind if isinstance(kind, str) else " or ".join(kind)) + _range_text(schema)


def _range_text(schema: Mapping[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is None and high is None:
        return ""
    return f", {low} to {high}" if low is not None and high is not None else f", at least {low}" if high is None else ""
