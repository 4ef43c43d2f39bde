"""What a source holds, for a look before anything is declared: its places, columns and time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from redshank.errors import DataError
from redshank.tables.raw import RawTable
from redshank.tables.roles import Roles, find_roles

TIME, MEASURE, LABEL = "time", "measure", "label"
EXAMPLES = 3
LOOKED_AT = 200  # rows of a preview that a survey is made of


@dataclass(frozen=True)
class Place:
    """Something that can be read: its name, its kind (table, view, index, datasource, metric, file), its rows.

    ``rows``: roughly, as the system knows without counting; None when it does not.
    """

    name: str
    kind: str
    rows: int | None = None


@dataclass(frozen=True)
class Column:
    """A column: its type as the system says it, and its role: ``time``, ``measure``, ``label`` or "".

    ``values``: how many different ones there are; None = not known. ``examples``: some of them, as text.
    """

    name: str
    type: str
    role: str = ""
    values: int | None = None
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What is there. ``time``: the column that holds it, None when there is none or no place is chosen."""

    places: tuple[Place, ...] = ()
    columns: tuple[Column, ...] = ()
    time: str | None = None
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the same as JSON values."""
        return {
            "places": [{"name": one.name, "kind": one.kind, "rows": one.rows} for one in self.places],
            "columns": [
                {
                    "name": one.name,
                    "type": one.type,
                    "role": one.role,
                    "values": one.values,
                    "examples": list(one.examples),
                }
                for one in self.columns
            ],
            "time": self.time,
            "notes": list(self.notes),
        }


def survey_of(where: str, rows: pl.DataFrame, query: Any, places: Sequence[Place] = ()) -> Survey:
    """Return what some rows of a place show; ``query`` (a Query) may name the roles of columns."""
    raw = RawTable(where=where, frame=rows.lazy())
    try:
        roles = find_roles(raw, query)
    except DataError as error:
        return Survey(places=tuple(places), columns=_columns(rows, None), notes=[str(error)])
    notes = [*roles.notes, f"of the first {len(rows):,} rows"]
    return Survey(places=tuple(places), columns=_columns(rows, roles), time=roles.clock.name, notes=notes)


def role_of(name: str, roles: Roles | None) -> str:
    """Return the role that a column was found to have."""
    if roles is None:
        return ""
    if name in roles.clock.columns:
        return TIME
    if any(measure.name == name for measure in roles.measures):
        return MEASURE
    return LABEL if name in roles.labels else ""


def examples_of(values: pl.Series) -> tuple[str, ...]:
    """Return some different values as text, in the order in which they stand."""
    shown = values.drop_nulls().unique(maintain_order=True).head(EXAMPLES)
    return tuple(str(value)[:80] for value in shown.to_list())


def _columns(rows: pl.DataFrame, roles: Roles | None) -> tuple[Column, ...]:
    return tuple(
        Column(
            name,
            str(rows[name].dtype),
            role_of(name, roles),
            rows[name].drop_nulls().n_unique(),
            examples_of(rows[name]),
        )
        for name in rows.columns
    )
