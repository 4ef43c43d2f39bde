"""Declarations: sources, sinks, schedules, templates and monitors, checked whole when they are saved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from redshank.errors import ConfigError, NotFoundError
from redshank.service.actor import Actor
from redshank.service.audit import Audit
from redshank.service.config_checks import problems_of
from redshank.service.hiding import decrypt, encrypt, hide, keep
from redshank.service.template_monitors import ORIGIN, monitor_changes
from redshank.specs.base import Spec
from redshank.specs.connection import SinkSpec, SourceSpec
from redshank.specs.monitor import MonitorSpec, TemplateSpec
from redshank.specs.reading import problems_error, read_spec
from redshank.specs.schedule import NamedSchedule
from redshank.store.records import Kind, Page, Resource
from redshank.store.resources import Change
from redshank.store.store import Store

SPECS: Mapping[Kind, type[Spec]] = {
    "sources": SourceSpec,
    "sinks": SinkSpec,
    "schedules": NamedSchedule,
    "templates": TemplateSpec,
    "monitors": MonitorSpec,
}


@dataclass(frozen=True, kw_only=True)
class Saving:
    """How to save. ``is_checked`` False: without reaching the source or estimating the cost.

    ``origin``: what made it, None = as it was, by hand if new. ``revision``: change only this; None = any.
    """

    is_checked: bool = True
    origin: str | None = None
    revision: int | None = None


PLAIN = Saving()
Check = Callable[[Kind, Spec], None]
Changed = Callable[[Kind, str], None]


class Resources:
    """All declarations. Specs go in and come out as plain JSON; those that come out have their secrets hidden."""

    def __init__(self, store: Store, audit: Audit, *, check: Check, changed: Changed) -> None:
        """``check`` raises what is wrong beyond the form; ``changed`` is told kind and id after each change."""
        self._store, self._audit = store, audit
        self._check, self._changed = check, changed

    def get(self, kind: Kind, name: str) -> Resource:
        """Return a declaration; NotFoundError when there is none of that name."""
        return self._shown(self._store.resources.get(kind, name))

    def exists(self, kind: Kind, name: str) -> bool:
        """Whether there is a declaration of that name."""
        try:
            self._store.resources.get(kind, name)
        except NotFoundError:
            return False
        return True

    def list(
        self,
        kind: Kind,
        *,
        limit: int = 100,
        cursor: str | None = None,
        sort: str | None = None,
        text: str | None = None,
        where: Mapping[str, str] | None = None,
    ) -> Page:
        """Return a page of declarations.

        ``text`` occurs in the name. ``where``: fields of the declaration by name; a list must hold the value.
        """
        page = self._store.resources.list(
            kind,
            limit=limit,
            cursor=cursor,
            sort=sort or "name",
            text=text,
            where=None if not where else lambda record: _holds(record, where),
        )
        return replace(page, items=[self._shown(each) for each in page.items])

    def create(self, kind: Kind, given: Mapping[str, Any], *, actor: Actor, saving: Saving = PLAIN) -> Resource:
        """Keep a new declaration; ConflictError when the name is taken, ConfigError when it is wrong."""
        clear = keep(given, {})
        spec = self._checked(kind, clear, saving)
        made = self._done(
            Change(action="create", kind=kind, name=_name(spec), spec=self._kept(spec), origin=saving.origin or ""),
            spec,
        )
        self._tell(actor, "create", made, spec)
        return self._shown(made)

    def replace(
        self, kind: Kind, name: str, given: Mapping[str, Any], *, actor: Actor, saving: Saving = PLAIN
    ) -> Resource:
        """Put a declaration in the place of the one of that name; another name in it renames.

        RevisionError when it is not ``saving.revision`` any more.
        """
        old = self._store.resources.get(kind, name)
        clear = keep({"name": name, **given}, self._clear(old))
        spec = self._checked(kind, clear, saving)
        new_name = _name(spec)
        change = Change(
            action="update",
            kind=kind,
            name=name,
            spec=self._kept(spec),
            revision=saving.revision,
            new_name=new_name if new_name != name else None,
            origin=saving.origin,
        )
        made = self._done(change, spec)
        self._tell(actor, "update", made, spec)
        return self._shown(made)

    def merge(
        self, kind: Kind, name: str, change: Mapping[str, Any], *, actor: Actor, saving: Saving = PLAIN
    ) -> Resource:
        """Change fields of a declaration, null takes one away (RFC 7396)."""
        old = self._store.resources.get(kind, name)
        merged = merge_patch(hide(self._clear(old)), change)
        sure = replace(saving, revision=saving.revision if saving.revision is not None else old.revision)
        return self.replace(kind, name, merged, actor=actor, saving=sure)

    def delete(self, kind: Kind, name: str, *, actor: Actor, revision: int | None = None) -> None:
        """Forget a declaration; ConflictError names the declarations that use it."""
        gone = self._done(Change(action="delete", kind=kind, name=name, revision=revision), None)
        self._audit.note(actor.name, "delete", kind, name, {})
        self._changed(kind, gone.id)

    def spec(self, kind: Kind, name: str) -> Spec:
        """Return a declaration as its class, with its secrets in the clear."""
        return read_spec(SPECS[kind], self._clear(self._store.resources.get(kind, name)), _noun(kind))

    def clear(self, kind: Kind, name: str) -> dict[str, Any]:
        """Return a declaration as plain JSON with its secrets in the clear; never to be shown."""
        return self._clear(self._store.resources.get(kind, name))

    def _checked(self, kind: Kind, clear: Mapping[str, Any], saving: Saving) -> Spec:
        spec = read_spec(SPECS[kind], clear, _noun(kind))
        if kind in ("sources", "sinks") and not getattr(spec, "name", None):
            raise ConfigError(f"{_noun(kind)}: name: must be given", field="name")
        problems = problems_of(kind, spec)
        if problems:
            raise problems_error(problems, _noun(kind))
        if saving.is_checked:
            self._check(kind, spec)
        return spec

    def _done(self, change: Change, spec: Spec | None) -> Resource:
        """Make a change, and those of the monitors that a template makes; all or nothing."""
        if change.kind != "templates":
            return self._store.resources.apply([change])[0]
        origin = ORIGIN + change.name
        changes = monitor_changes(
            spec if isinstance(spec, TemplateSpec) else None,
            [each for each in self._store.resources.all("monitors") if each.origin == origin],
            clear=self._clear,
            encrypt=lambda values: encrypt(values, self._store.secrets.encrypt),
        )
        made = self._store.resources.apply([change, *changes])
        for monitor in made[1:]:
            self._changed("monitors", monitor.id)
        return made[0]

    def _kept(self, spec: Spec) -> dict[str, Any]:
        """Return what the store keeps: plain JSON, only what was said, secrets encrypted."""
        made: dict[str, Any] = encrypt(spec.model_dump(mode="json", exclude_unset=True), self._store.secrets.encrypt)
        return made

    def _clear(self, resource: Resource) -> dict[str, Any]:
        made: dict[str, Any] = decrypt(resource.spec, self._store.secrets.decrypt)
        return made

    def _shown(self, resource: Resource) -> Resource:
        return replace(resource, spec=hide(self._clear(resource)))

    def _tell(self, actor: Actor, action: str, made: Resource, spec: Spec) -> None:
        detail = {"revision": made.revision, "spec": hide(spec.model_dump(mode="json", exclude_unset=True))}
        self._audit.note(actor.name, action, made.kind, made.name, detail)
        self._changed(made.kind, made.id)


def merge_patch(old: Any, change: Any) -> Any:
    """Return ``old`` changed as RFC 7396 (JSON Merge Patch) says: objects merge, null takes away, all else replaces."""
    if not isinstance(change, Mapping):
        return change
    merged = dict(old) if isinstance(old, Mapping) else {}
    for name, value in change.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def _holds(record: Resource, where: Mapping[str, str]) -> bool:
    fields = {"enabled": True, "origin": record.origin, **record.spec}
    return all(_equals(fields.get(name), value) for name, value in where.items())


def _equals(kept: Any, value: str) -> bool:
    if isinstance(kept, list | tuple):
        return value in kept
    return str(kept).lower() == value.lower() if isinstance(kept, bool) else str(kept) == value


def _name(spec: Spec) -> str:
    name: str = spec.name  # type: ignore[attr-defined]
    return name


def _noun(kind: Kind) -> str:
    return kind.removesuffix("s")
