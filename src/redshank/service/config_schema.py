"""The JSON Schema of configuration files, for editors: what may stand where, and what it means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from redshank import registry
from redshank.service.config_document import KEPT_FOR_ANCHORS
from redshank.sinks.build import sinks_schema
from redshank.sources.build import sources_schema
from redshank.specs.document import Document

Schema = dict[str, Any]
_ONE_OR_MANY = {"measures", "by", "sinks", "tags", "path"}  # one may be written without a list around it
_VARIABLE: Schema = {"type": "string", "pattern": r"\$\{"}
_NOT_TEXT = {"integer", "number", "boolean"}


def config_schema() -> Schema:
    """Return the schema of ``redshank.yaml`` with the sources, sinks and detectors that are installed."""
    schema = Document.model_json_schema()
    definitions = schema["$defs"]
    definitions["SourceSpec"] = _any_kind(sources_schema(), definitions)
    definitions["SinkSpec"] = _any_kind(sinks_schema(), definitions)
    definitions["MeasureSpec"] = {"anyOf": [{"type": "string"}, definitions["MeasureSpec"]]}
    detector = definitions["MonitorSpec"]["properties"]["detector"]
    detector["examples"] = ["auto", *registry.names(registry.DETECTORS)]
    made: Schema = _walked(schema, _eased)
    made["patternProperties"] = {f"^{KEPT_FOR_ANCHORS}": {"description": "Kept for anchors; not read."}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of Redshank",
        **{key: made[key] for key in made if key != "title"},
    }


def _any_kind(schema: Schema, definitions: Schema) -> Schema:
    """A source or sink of any kind; what its options refer to is moved to where all definitions are."""
    for kind in schema["oneOf"]:
        definitions.update(kind.pop("$defs", {}))
        kind["required"] = [name for name in kind["required"] if name != "path"]  # a monitor may give it
    return schema


def _walked(schema: Any, change: Callable[[Schema], Schema]) -> Any:
    """The schema with each part of it changed, from the inside out."""
    if isinstance(schema, list):
        return [_walked(part, change) for part in schema]
    if not isinstance(schema, dict):
        return schema
    walked = {key: value if key in ("default", "examples") else _walked(value, change) for key, value in schema.items()}
    return change(walked)


def _eased(schema: Schema) -> Schema:
    """One part as people may write it: a variable for a number, one thing for a list of one; no empty words."""
    about = {key: schema[key] for key in ("description", "default") if schema.get(key) is not None}
    kept = {key: value for key, value in schema.items() if key not in ("title", "default")}
    if kept.get("type") in _NOT_TEXT:
        return {**about, "anyOf": [{key: value for key, value in kept.items() if key not in about}, _VARIABLE]}
    if isinstance(kept.get("properties"), dict):
        kept["properties"] = {name: _property(name, each) for name, each in kept["properties"].items()}
    return {**kept, **about}


def _property(name: str, schema: Schema) -> Schema:
    """A field; ``anyOf`` of a field that may be left out has its list in one of its members."""
    if name not in _ONE_OR_MANY:
        return schema
    if schema.get("type") == "array":
        return {**{key: schema[key] for key in ("description", "default") if key in schema}, **_one_or_many(schema)}
    if "anyOf" in schema:
        members = [_one_or_many(each)["anyOf"] if each.get("type") == "array" else [each] for each in schema["anyOf"]]
        return {**schema, "anyOf": [each for group in members for each in group]}
    return schema


def _one_or_many(schema: Schema) -> Schema:
    array = {key: value for key, value in schema.items() if key not in ("description", "default")}
    return {"anyOf": [array, schema["items"]]}
