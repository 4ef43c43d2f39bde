"""What a cluster holds, for a look: indices, aliases and data streams, and the fields of the one that is read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from redshank.errors import DataError
from redshank.sources import elastic_query as dsl
from redshank.sources.elastic_fields import BOOLEAN, TEXT, Field
from redshank.sources.elastic_server import Server
from redshank.sources.survey import TIME, Column, Place, Survey, examples_of, role_of
from redshank.tables.raw import RawTable
from redshank.tables.roles import Roles, find_roles

if TYPE_CHECKING:
    from redshank.sources.base import Query
    from redshank.sources.elastic import ElasticSource

MOST_PLACES = 1_000
MOST_COUNTED = 30  # labels whose different values are counted
PRECISION = 3_000


def survey_of_server(source: ElasticSource, query: Query) -> Survey:
    """Return what is there; without an index only the places, as it is not known which of them to look into."""
    places = places_of(source.server)
    if source.options.index is None:
        return Survey(places=places, notes=["name one of these places by index to see its fields"])
    fields = source.fields()
    notes: list[str] = []
    try:
        time = fields.time(query.time)
    except DataError as error:
        found = tuple(Column(field.name, field.type) for field in fields)
        return Survey(places=places, columns=found, notes=[str(error)])
    rows = source.sample(fields, time)
    roles: Roles | None = None
    try:
        roles = find_roles(RawTable(where=source.where, frame=rows.lazy()), replace(query, time=time.name))
        notes += [*roles.notes, f"of the newest {len(rows):,} documents"]
    except DataError as error:
        notes.append(str(error))
    values = _counted(source, [field for field in fields if _is_counted(field)][:MOST_COUNTED])
    columns = []
    for field in fields:
        role = TIME if field.name == time.name else role_of(field.name, roles)
        examples = examples_of(rows[field.name]) if field.name in rows.columns else ()
        columns.append(Column(field.name, field.type, role, values.get(field.name), examples))
    return Survey(places=places, columns=tuple(columns), time=time.name, notes=notes)


def _is_counted(field: Field) -> bool:
    return field.kind in (TEXT, BOOLEAN) and field.has_values and not field.nested and field.script is None


def places_of(server: Server) -> tuple[Place, ...]:
    """Return the indices, aliases and data streams that can be seen, but for hidden ones."""
    places = [
        Place(str(row["index"]), "index" if row.get("status") == "open" else "closed index", _whole(row["docs.count"]))
        for row in server.rows("/_cat/indices", "index,docs.count,status")
    ]
    places += [Place(str(row["alias"]), "alias") for row in server.rows("/_cat/aliases", "alias")]
    streams = server.listed("/_data_stream", filter_path="data_streams.name").get("data_streams") or []
    places += [Place(str(stream["name"]), "data stream") for stream in streams]
    shown = {(place.name, place.kind): place for place in places if not place.name.startswith(".")}
    return tuple(shown[key] for key in sorted(shown))[:MOST_PLACES]


def _whole(text: Any) -> int | None:
    return int(text) if str(text).isdecimal() else None


def _counted(source: ElasticSource, fields: list[Field]) -> dict[str, int]:
    """How many different values labels have, roughly where there are many."""
    if not fields:
        return {}
    aggs = {
        f"f{i}": {"cardinality": {"field": field.path, "precision_threshold": PRECISION}}
        for i, field in enumerate(fields)
    }
    answer = source.server.search({"size": 0, "query": source.query or dsl.all_of([]), "aggs": aggs}, "aggregations")
    found = answer.get("aggregations") or {}
    return {field.name: int(found[f"f{i}"]["value"]) for i, field in enumerate(fields) if f"f{i}" in found}
