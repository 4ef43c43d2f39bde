"""Dashboards for Kibana 7 to 9 and OpenSearch Dashboards, as the saved objects that both import.

They read what the sink ``elasticsearch`` writes: scores of points, and events. Objects are of the form of Kibana 7.0,
which all later ones bring up to date themselves; ids are the same each time, so importing again replaces.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from redshank.dashboards.kibana_charts import band_chart, label_chart, markdown

COLUMNS = 48  # of the grid of a dashboard
HEIGHT = 12
SPLIT = 10  # series in one chart of a label
REFRESH_MS = 60_000
FORM = {"index-pattern": "6.5.0", "visualization": "7.0.0", "search": "7.0.0", "dashboard": "7.0.0"}
INDEX_NAME = "kibanaSavedObjectMeta.searchSourceJSON.index"
Object = dict[str, Any]


@dataclass(frozen=True)
class Watched:
    """A series of a monitor that is to be drawn."""

    series: str
    labels: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Indices:
    """Where scores and events are; patterns such as ``redshank-scores*``."""

    scores: str = "redshank-scores*"
    events: str = ".redshank-anomalies"


def kibana_objects(
    monitors: Mapping[str, Sequence[Watched]], indices: Indices, *, by: str | None = None
) -> list[Object]:
    """Return the objects: a dashboard for each monitor, a chart for each series, or for each value of a label.

    ``by``: the name of the label; series without it are drawn by themselves.
    """
    scores, events = _index_pattern(indices.scores), _index_pattern(indices.events)
    objects = {each["id"]: each for each in (scores, events)}
    for monitor, watched in monitors.items():
        charts = list(_charts(monitor, watched, scores, by))
        found = _events_of(monitor, events)
        about = _summary(monitor, len(watched), len(charts), indices)
        made = [about, *charts, found]
        for each in [*made, _dashboard(monitor, made)]:
            objects[each["id"]] = each
    return list(objects.values())


def ndjson(objects: Iterable[Object]) -> str:
    """Return objects as a file to import: one JSON object a line."""
    return "".join(json.dumps(each, ensure_ascii=False, sort_keys=True) + "\n" for each in objects)


def _charts(monitor: str, watched: Sequence[Watched], scores: Object, by: str | None) -> Iterator[Object]:
    values = sorted({each.labels[by] for each in watched if by in each.labels}) if by else []
    for value in values:
        title = f"{monitor}: {by}={value}"
        wanted = {"monitor": monitor, f"labels.{(by or '').replace('.', '_')}": value}
        yield _visualization(title, label_chart(title, SPLIT), scores, wanted)
    for each in watched:
        if by is None or by not in each.labels:
            title = f"{monitor}: {each.series}"
            yield _visualization(title, band_chart(title), scores, {"monitor": monitor, "series": each.series})


def _summary(monitor: str, series: int, charts: int, indices: Indices) -> Object:
    text = (
        f"### {_plain(monitor)}\n\n{series:,} series, {charts:,} charts. Lines: the actual value, the expected one and "
        "its range. Bars, on the right axis, and the size of dots: the score, from 1 on not normal.\n\n"
        f"Scores are in `{indices.scores}`, events in `{indices.events}`, written by Redshank."
    )
    title = f"{monitor}: about"
    return _object("visualization", title, _visual(title, markdown(title, text), {"query": _query(), "filter": []}), [])


def _plain(text: str) -> str:
    """A name in Markdown that means nothing there."""
    return "".join(f"\\{char}" if char in "\\`*_{}[]()<>#+-.!|" else char for char in " ".join(text.split()))


def _visualization(title: str, state: Mapping[str, Any], scores: Object, wanted: Mapping[str, str]) -> Object:
    source, references = _search(scores, wanted)
    return _object("visualization", title, _visual(title, state, source), references)


def _visual(title: str, state: Mapping[str, Any], source: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "title": title,
        "visState": json.dumps(state, ensure_ascii=False),
        "uiStateJSON": "{}",
        "description": "Made by Redshank.",
        "version": 1,
        "kibanaSavedObjectMeta": {"searchSourceJSON": json.dumps(source, ensure_ascii=False)},
    }


def _events_of(monitor: str, events: Object) -> Object:
    title = f"{monitor}: events"
    source, references = _search(events, {"monitor": monitor})
    attributes = {
        "title": title,
        "description": "Made by Redshank.",
        "hits": 0,
        "columns": ["series", "kind", "severity", "actual", "expected", "reason"],
        "sort": [["@timestamp", "desc"]],
        "version": 1,
        "kibanaSavedObjectMeta": {"searchSourceJSON": json.dumps(source, ensure_ascii=False)},
    }
    return _object("search", title, attributes, references)


def _search(index: Object, wanted: Mapping[str, str]) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """What is looked for, fields with just these values, and the references that it makes."""
    names = [f"kibanaSavedObjectMeta.searchSourceJSON.filter[{i}].meta.index" for i in range(len(wanted))]
    filters = [_phrase(name, *pair) for name, pair in zip(names, wanted.items(), strict=True)]
    source = {"query": _query(), "filter": filters, "indexRefName": INDEX_NAME}
    references = [{"name": name, "type": "index-pattern", "id": index["id"]} for name in (INDEX_NAME, *names)]
    return source, references


def _phrase(reference: str, field: str, value: str) -> dict[str, Any]:
    return {
        "$state": {"store": "appState"},
        "meta": {
            "alias": None,
            "disabled": False,
            "negate": False,
            "type": "phrase",
            "key": field,
            "params": {"query": value},
            "indexRefName": reference,
        },
        "query": {"match_phrase": {field: value}},
    }


def _query() -> dict[str, str]:
    return {"language": "kuery", "query": ""}


def _dashboard(monitor: str, parts: Sequence[Object]) -> Object:
    title = f"Redshank: {monitor}"
    panels, references = [], []
    for i, (part, place) in enumerate(zip(parts, _places(len(parts)), strict=True)):
        name = f"panel_{i}"
        panels.append(
            {
                "version": "7.0.0",
                "panelIndex": str(i + 1),
                "gridData": {**place, "i": str(i + 1)},
                "embeddableConfig": {},
                "panelRefName": name,
            }
        )
        references.append({"name": name, "type": part["type"], "id": part["id"]})
    attributes = {
        "title": title,
        "description": "Made by Redshank.",
        "hits": 0,
        "panelsJSON": json.dumps(panels),
        "optionsJSON": json.dumps({"useMargins": True, "hidePanelTitles": False}),
        "version": 1,
        "timeRestore": True,
        "timeFrom": "now-24h",
        "timeTo": "now",
        "refreshInterval": {"pause": False, "value": REFRESH_MS},
        "kibanaSavedObjectMeta": {"searchSourceJSON": json.dumps({"query": _query(), "filter": []})},
    }
    return _object("dashboard", title, attributes, references)


def _places(count: int) -> Iterator[dict[str, int]]:
    """Places in the grid: the first, and the last, over the whole width; the others two in a row."""
    half = COLUMNS // 2
    yield {"x": 0, "y": 0, "w": COLUMNS, "h": HEIGHT // 2}
    for i in range(count - 2):
        yield {"x": i % 2 * half, "y": HEIGHT // 2 + i // 2 * HEIGHT, "w": half, "h": HEIGHT}
    yield {"x": 0, "y": HEIGHT // 2 + -(-(count - 2) // 2) * HEIGHT, "w": COLUMNS, "h": HEIGHT}


def _index_pattern(pattern: str) -> Object:
    return _object("index-pattern", pattern, {"title": pattern, "timeFieldName": "@timestamp"}, [])


def _object(kind: str, name: str, attributes: Mapping[str, Any], references: Sequence[Mapping[str, str]]) -> Object:
    return {
        "id": str(uuid5(NAMESPACE_URL, f"redshank:{kind}:{name}")),
        "type": kind,
        "attributes": dict(attributes),
        "references": list(references),
        "migrationVersion": {kind: FORM[kind]},
    }
