"""The same saved objects as Kibana 6 imports them: one list, in which objects name each other by id."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

Object = dict[str, Any]


def kibana_six(objects: Iterable[Object]) -> str:
    """Return objects, made for Kibana 7, as a file to import into Kibana 6.3 to 6.8."""
    return json.dumps([_older(each) for each in objects], ensure_ascii=False, indent=1) + "\n"


def _older(given: Object) -> Object:
    ids = {each["name"]: each for each in given["references"]}
    attributes = dict(given["attributes"])
    meta = attributes.get("kibanaSavedObjectMeta")
    if meta is not None:
        source = _named(json.loads(meta["searchSourceJSON"]), ids)
        attributes["kibanaSavedObjectMeta"] = {"searchSourceJSON": json.dumps(source, ensure_ascii=False)}
    if "panelsJSON" in attributes:
        attributes["panelsJSON"] = json.dumps([_panel(each, ids) for each in json.loads(attributes["panelsJSON"])])
    if given["type"] == "search":
        attributes["sort"] = attributes["sort"][0]
    return {"_id": given["id"], "_type": given["type"], "_source": attributes, "_meta": {"savedObjectVersion": 2}}


def _named(part: Any, ids: Mapping[str, Any]) -> Any:
    """A search with the id of an index in the place of the name of a reference, however deep."""
    if isinstance(part, list):
        return [_named(each, ids) for each in part]
    if not isinstance(part, dict):
        return part
    found = {name: _named(value, ids) for name, value in part.items() if name != "indexRefName"}
    return {**found, "index": ids[part["indexRefName"]]["id"]} if "indexRefName" in part else found


def _panel(given: Mapping[str, Any], ids: Mapping[str, Any]) -> dict[str, Any]:
    shown = ids[given["panelRefName"]]
    plain = {name: value for name, value in given.items() if name != "panelRefName"}
    return {**plain, "version": "6.3.0", "type": shown["type"], "id": shown["id"]}
