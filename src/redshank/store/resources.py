"""Declarations: sources, sinks, schedules, templates, monitors. What one refers to is there, always."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from redshank.errors import ConfigError, ConflictError, NotFoundError, RevisionError, did_you_mean
from redshank.store.columns import clean_text
from redshank.store.database import Database
from redshank.store.ids import new_id
from redshank.store.pages import page_of
from redshank.store.records import Kind, Page, Resource
from redshank.store.references import references
from redshank.store.rows import as_record
from redshank.store.tables import live, point_series, resource_uses, resources

COLUMNS = [column.name for column in resources.columns]
ORDERS: dict[str, tuple[ColumnElement[Any], ...]] = {
    "name": (resources.c.name,),
    "created": (resources.c.created_ns, resources.c.id),
    "updated": (resources.c.updated_ns, resources.c.id),
}


@dataclass(frozen=True, kw_only=True)
class Change:
    """One step of ``apply``; fields as the arguments of the method of that name. ``spec``: not used by delete."""

    action: Literal["create", "update", "delete"]
    kind: Kind
    name: str
    spec: Mapping[str, Any] | None = None
    revision: int | None = None
    new_name: str | None = None
    origin: str | None = None


class Resources:
    """All declarations. Names are unique within a kind."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock

    def create(self, kind: Kind, name: str, spec: Mapping[str, Any], origin: str = "") -> Resource:
        """Add a declaration; return it.

        Raises:
            ConflictError: the name is taken.
            ConfigError: it refers to something that is not there.
        """
        return self._do(Change(action="create", kind=kind, name=name, spec=spec, origin=origin))

    def update(
        self,
        kind: Kind,
        name: str,
        spec: Mapping[str, Any],
        revision: int | None = None,
        new_name: str | None = None,
        origin: str | None = None,
    ) -> Resource:
        """Replace a declaration; return it. ``revision``: it must still be this one. ``origin`` None: as it was.

        Raises:
            NotFoundError: there is none of that name.
            RevisionError: it was changed since.
            ConflictError: the new name is taken, or others refer to the old one.
            ConfigError: it refers to something that is not there.
        """
        change = Change(
            action="update", kind=kind, name=name, spec=spec, revision=revision, new_name=new_name, origin=origin
        )
        return self._do(change)

    def delete(self, kind: Kind, name: str, revision: int | None = None) -> Resource:
        """Remove a declaration; return what it was.

        Raises:
            NotFoundError: there is none of that name.
            RevisionError: it was changed since.
            ConflictError: others refer to it; the message names them.
        """
        return self._do(Change(action="delete", kind=kind, name=name, revision=revision))

    def apply(self, changes: Sequence[Change]) -> Sequence[Resource]:
        """Make all changes in their order, or none; return what each made (of a delete: what was)."""
        with self._database.write() as connection:
            return [self._change(connection, change) for change in changes]

    def get(self, kind: Kind, name: str) -> Resource:
        """Return the declaration of a name; NotFoundError when there is none."""
        with self._database.read() as connection:
            return self._one(connection, kind, name)

    def by_id(self, resource_id: str) -> Resource:
        """Return the declaration of an id; NotFoundError when there is none (any more)."""
        with self._database.read() as connection:
            row = connection.execute(select(resources).where(resources.c.id == clean_text(resource_id))).first()
        if row is None:
            raise NotFoundError(f"id {resource_id!r}: not found")
        return as_record(Resource, row)

    def fingerprint(self) -> tuple[int, int, int]:
        """Return numbers of which one differs after every change of any declaration; cheap."""
        revisions = func.coalesce(func.sum(resources.c.revision), 0)
        figures = select(func.count(), revisions, func.coalesce(func.max(resources.c.updated_ns), 0))
        with self._database.read() as connection:
            count, total, updated_ns = connection.execute(figures).one()
        return count, int(total), updated_ns

    def all(self, kind: Kind | None = None) -> Sequence[Resource]:
        """Return all declarations, of one kind or of all, by kind and name, in one query."""
        query = select(resources).order_by(resources.c.kind, resources.c.name)
        if kind is not None:
            query = query.where(resources.c.kind == kind)
        with self._database.read() as connection:
            return [as_record(Resource, row) for row in connection.execute(query)]

    def list(
        self,
        kind: Kind,
        *,
        limit: int = 100,
        cursor: str | None = None,
        sort: str = "name",
        text: str | None = None,
        origin: str | None = None,
        where: Callable[[Resource], bool] | None = None,
    ) -> Page:
        """Return a page of the declarations of a kind.

        ``sort``: name, created or updated, with - in front the other way round. ``text``: occurs in the name, whatever
        the case. ``where``: any further condition; it makes the store read on until the page is full.
        """
        order = ORDERS.get(sort.removeprefix("-"))
        if order is None:
            raise ConfigError(f"{did_you_mean('sort', sort.removeprefix('-'), ORDERS)}", field="sort")
        query = select(resources).where(resources.c.kind == kind)
        if text:
            query = query.where(func.lower(resources.c.name).contains(clean_text(text.lower()), autoescape=True))
        if origin is not None:
            query = query.where(resources.c.origin == origin)
        down = sort.startswith("-")
        with self._database.read() as connection:
            return page_of(
                connection, [query], order, _resource, limit=limit, cursor=cursor, descending=down, where=where
            )

    def count(self, kind: Kind) -> int:
        """Return how many declarations of a kind there are."""
        with self._database.read() as connection:
            query = select(func.count()).select_from(resources).where(resources.c.kind == kind)
            return connection.execute(query).scalar_one()

    def users(self, kind: Kind, name: str) -> Sequence[Resource]:
        """Return the declarations that refer to one, by kind and name."""
        with self._database.read() as connection:
            return [as_record(Resource, row) for row in connection.execute(_users(kind, name))]

    def _do(self, change: Change) -> Resource:
        with self._database.write() as connection:
            return self._change(connection, change)

    def _change(self, connection: Connection, change: Change) -> Resource:
        if change.action == "create":
            return self._create(connection, change)
        return (self._update if change.action == "update" else self._delete)(connection, change)

    def _create(self, connection: Connection, change: Change) -> Resource:
        now_ns = self._clock()
        made = Resource(
            id=new_id(now_ns),
            kind=change.kind,
            name=change.name,
            spec=change.spec or {},
            revision=1,
            created_ns=now_ns,
            updated_ns=now_ns,
            origin=change.origin or "",
        )
        if self._find(connection, change.kind, change.name) is not None:
            raise _taken(change.kind, change.name)
        try:
            connection.execute(insert(resources), {name: getattr(made, name) for name in COLUMNS})
        except IntegrityError as error:  # another process was first
            raise _taken(change.kind, change.name) from error
        self._refer(connection, made)
        return made

    def _update(self, connection: Connection, change: Change) -> Resource:
        before = self._checked(connection, change)
        name = change.new_name or before.name
        if name != before.name:
            self._must_be_unused(connection, before, "be renamed")
            _must_hold_no_points(connection, before)
            if self._find(connection, change.kind, name) is not None:
                raise _taken(change.kind, name)
        values = {
            "name": name,
            "spec": change.spec or {},
            "revision": before.revision + 1,
            "updated_ns": self._clock(),
            "origin": before.origin if change.origin is None else change.origin,
        }
        same = (resources.c.id == before.id) & (resources.c.revision == before.revision)
        try:
            changed = connection.execute(update(resources).where(same).values(values).returning(resources)).first()
        except IntegrityError as error:
            raise _taken(change.kind, name) from error
        if changed is None:
            raise RevisionError(f"{change.kind} {change.name!r}: changed just now; read it again")
        after = as_record(Resource, changed)
        self._refer(connection, after)
        return after

    def _delete(self, connection: Connection, change: Change) -> Resource:
        before = self._checked(connection, change)
        self._must_be_unused(connection, before, "be deleted")
        connection.execute(delete(resource_uses).where(resource_uses.c.user_id == before.id))
        connection.execute(delete(resources).where(resources.c.id == before.id))
        if before.kind == "monitors":  # a tick under way must not bring it back
            connection.execute(delete(live).where(live.c.monitor_id == before.id))
        return before

    def _refer(self, connection: Connection, user: Resource) -> None:
        wanted = references(user.kind, user.spec)
        for kind, name in wanted:
            if self._find(connection, kind, name, lock=True) is None:
                known = connection.execute(select(resources.c.name).where(resources.c.kind == kind)).scalars()
                what = did_you_mean(kind.removesuffix("s"), name, known)
                raise ConfigError(
                    f"{user.kind.removesuffix('s')} {user.name!r}: {what}", field=_field(user, kind, name)
                )
        connection.execute(delete(resource_uses).where(resource_uses.c.user_id == user.id))
        rows = [{"user_id": user.id, "kind": kind, "name": name} for kind, name in wanted]
        if rows:
            connection.execute(insert(resource_uses), rows)

    def _must_be_unused(self, connection: Connection, resource: Resource, what: str) -> None:
        users = [
            f"{row.kind.removesuffix('s')} {row.name!r}"
            for row in connection.execute(_users(resource.kind, resource.name))
        ]
        if users:
            named = ", ".join(users[:10]) + (f" and {len(users) - 10} more" if len(users) > 10 else "")
            raise ConflictError(
                f"{resource.kind.removesuffix('s')} {resource.name!r}: must not be in use to {what}; used by {named}"
            )

    def _checked(self, connection: Connection, change: Change) -> Resource:
        before = self._one(connection, change.kind, change.name, lock=True)
        if change.revision is not None and before.revision != change.revision:
            raise RevisionError(
                f"{change.kind.removesuffix('s')} {change.name!r}: must be at revision {change.revision}, "
                f"got {before.revision}; read it again"
            )
        return before

    def _one(self, connection: Connection, kind: Kind, name: str, *, lock: bool = False) -> Resource:
        found = self._find(connection, kind, name, lock=lock)
        if found is None:
            known = connection.execute(select(resources.c.name).where(resources.c.kind == kind)).scalars()
            raise NotFoundError(did_you_mean(kind.removesuffix("s"), name, known))
        return found

    def _find(self, connection: Connection, kind: Kind, name: str, *, lock: bool = False) -> Resource | None:
        if kind not in get_args(Kind):
            raise NotFoundError(did_you_mean("kind", kind, get_args(Kind)))
        query = select(resources).where(resources.c.kind == kind, resources.c.name == clean_text(name))
        row = connection.execute(query.with_for_update() if lock else query).first()
        return None if row is None else as_record(Resource, row)


def _users(kind: Kind, name: str) -> Any:
    used = (resource_uses.c.kind == kind) & (resource_uses.c.name == name)
    joined = select(resources).join(resource_uses, resource_uses.c.user_id == resources.c.id).where(used)
    return joined.order_by(resources.c.kind, resources.c.name)


def _must_hold_no_points(connection: Connection, resource: Resource) -> None:
    """Pushed points are kept under the name of their source, in files too."""
    pushed = select(point_series.c.id).where(point_series.c.owner == resource.name).limit(1)
    if resource.kind == "sources" and connection.execute(pushed).first() is not None:
        raise ConflictError(f"source {resource.name!r}: must hold no pushed points to be renamed", field="name")


def _taken(kind: Kind, name: str) -> ConflictError:
    return ConflictError(f"{kind.removesuffix('s')} {name!r}: the name is taken", field="name")


def _field(user: Resource, kind: Kind, name: str) -> str:
    if kind != "schedules":
        return "source" if kind == "sources" else "sinks"
    spec = user.spec.get("monitor") or {} if user.kind == "templates" else user.spec
    return next((verb for verb in ("train", "detect", "tune") if spec.get(verb) == name), "train")


def _resource(row: Row[Any]) -> Resource:
    return as_record(Resource, row)
