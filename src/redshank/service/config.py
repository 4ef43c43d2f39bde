"""Configuration as code: plan, apply and export everything that is declared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from redshank.errors import ConfigError, ConflictError, RedshankError, RevisionError, StateError
from redshank.service.actor import Actor
from redshank.service.audit import Audit
from redshank.service.config_events import Preview, count_events, declared_sources, with_source
from redshank.service.config_export import Secrecy, export_values
from redshank.service.config_plan import (
    FILE,
    HAND,
    TEMPLATE,
    Declared,
    Plan,
    Step,
    make_plan,
    noun,
)
from redshank.service.hiding import decrypt, encrypt, keep
from redshank.service.resources import SPECS, Changed, Check
from redshank.sinks.build import check_sink_options
from redshank.sources.build import check_source_options
from redshank.specs.base import Spec
from redshank.specs.document import Document
from redshank.specs.expansion import expand
from redshank.specs.monitor import MonitorSpec, TemplateSpec
from redshank.specs.problems import checked
from redshank.store.records import Kind, Resource
from redshank.store.resources import Change
from redshank.store.store import Store

_SHOWN = 20
_AUDITED = 1000


class Config:
    """All declarations at once."""

    def __init__(
        self, store: Store, audit: Audit, *, check: Check, changed: Changed, preview: Preview | None = None
    ) -> None:
        """``check`` raises what is wrong beyond the form; ``changed`` is told kind and id after each change.

        ``preview`` tells which events a monitor would have had; None = nobody can tell here.
        """
        self._store, self._audit = store, audit
        self._check, self._changed, self._preview = check, changed, preview

    def plan(self, document: Document, origin: str, *, take_over: bool = False, days: int = 0) -> Plan:
        """Return what ``apply`` would do; nothing is changed.

        ``origin``: whose declarations these are, such as the name of a file or of a team. ``days``: count the events
        of that long for the monitors that change, before and after; 0 = do not.
        """
        kept = {(each.kind, each.name): each for each in self._store.resources.all()}
        current = [self._declared(each) for each in kept.values()]
        clear = {(each.kind, each.name): each.spec for each in current}
        wanted = list(_wanted(document, FILE + origin, clear))
        plan = make_plan(FILE + origin, wanted, current, take_over=take_over)
        if not days or self._preview is None:
            return plan
        ids = {each.name: each.id for each in kept.values() if each.kind == "monitors"}
        return count_events(plan, days, self._preview, lambda name: self._cursor_ns(ids.get(name)))

    def apply(
        self,
        document: Document,
        origin: str,
        *,
        actor: Actor,
        take_over: bool = False,
        is_checked: bool = True,
        fingerprint: str | None = None,
    ) -> Plan:
        """Make everything as the document says, or nothing; return what was done.

        ``fingerprint``: of the plan that somebody agreed to. ``is_checked`` False: sources are not reached.

        Raises:
            RevisionError: the plan would now be another one.
            ConflictError: something belongs to another origin, or is referred to and would be gone.
            ConfigError: a declaration is wrong beyond its form; the message holds all of them.
        """
        plan = self.plan(document, origin, take_over=take_over)
        if fingerprint is not None and fingerprint != plan.fingerprint:
            raise RevisionError("configuration: something was changed since this was planned; plan it again")
        if plan.problems:
            raise ConflictError(_lines(plan.problems))
        if is_checked:
            self._check_all(plan)
        made = self._store.resources.apply([self._change(step) for step in plan.steps])
        if plan.steps:
            self._audit.note(actor.name, "apply", "config", origin, _detail(plan))
        for resource in made:
            self._changed(resource.kind, resource.id)
        return plan

    def export(self, origin: str | None = None, secrets: Secrecy = "keep") -> dict[str, Any]:
        """Return what is declared as the values of a configuration file, in a stable order.

        ``origin`` None = everything, "" = made by hand. What templates made is left out, for they make it again.
        ``secrets``: kept ones are written as ``***`` (the server keeps them) or as ``env:NAME``.
        """
        wanted = None if origin is None else (FILE + origin if origin else HAND)
        found = [
            self._declared(each)
            for each in self._store.resources.all()
            if not each.origin.startswith(TEMPLATE) and wanted in (None, each.origin)
        ]
        return export_values(found, secrets)

    def _declared(self, resource: Resource) -> Declared:
        try:
            clear = decrypt(resource.spec, self._store.secrets.decrypt)
        except StateError:  # kept with another key: what is declared anew differs from it, and takes its place
            clear = dict(resource.spec)
        clear = {**clear, "name": resource.name}
        spec, _ = checked(SPECS[resource.kind], clear)
        return Declared(
            kind=resource.kind,
            name=resource.name,
            origin=resource.origin,
            spec=clear,
            full=clear if spec is None else full_values(resource.kind, spec),
            revision=resource.revision,
        )

    def _cursor_ns(self, monitor_id: str | None) -> int | None:
        live = None if monitor_id is None else self._store.live.get(monitor_id)
        return None if live is None else live.cursor_ns

    def _check_all(self, plan: Plan) -> None:
        sources = declared_sources(plan)
        wrong = []
        for step in plan.steps:
            if step.wanted is not None and step.action in ("create", "change"):
                spec, _ = checked(SPECS[step.kind], step.wanted.spec)
                try:
                    if spec is not None:
                        self._check(step.kind, with_source(spec, sources) if isinstance(spec, MonitorSpec) else spec)
                except RedshankError as error:
                    wrong.append(f"{noun(step.kind)} {step.name!r}: {error}")
        if wrong:
            raise ConfigError(_lines(wrong))

    def _change(self, step: Step) -> Change:
        revision = None if step.current is None else step.current.revision
        if step.wanted is None:
            return Change(action="delete", kind=step.kind, name=step.name, revision=revision)
        return Change(
            action="create" if step.action == "create" else "update",
            kind=step.kind,
            name=step.name,
            spec=encrypt(step.wanted.spec, self._store.secrets.encrypt),
            revision=revision,
            new_name=step.new_name,
            origin=step.wanted.origin,
        )


def _detail(plan: Plan) -> dict[str, Any]:
    """What the audit log keeps of a plan: one line for all of it, the first steps by name."""
    steps = [
        {"action": step.action, "kind": step.kind, "name": step.name, "fields": [each.path for each in step.fields]}
        for step in plan.steps[:_AUDITED]
    ]
    return {"counts": plan.counts(), "steps": steps}


def _wanted(document: Document, origin: str, kept: Mapping[tuple[Kind, str], Any]) -> Iterator[Declared]:
    """All that a document declares, and what its templates make."""
    for kind in SPECS:
        for spec in getattr(document, kind):
            yield _one(kind, spec, origin, kept)
            if isinstance(spec, TemplateSpec):
                made, problems = expand(spec)
                if problems:
                    raise ConfigError(_lines([f"template {spec.name!r}: {problem}" for problem in problems]))
                for monitor in made:
                    yield _one("monitors", monitor, TEMPLATE + spec.name, kept)


def _one(kind: Kind, spec: Any, origin: str, kept: Mapping[tuple[Kind, str], Any]) -> Declared:
    """A declaration; where it says ``***``, the secret that is kept."""
    given = spec.model_dump(mode="json", exclude_unset=True)
    try:
        clear = keep(given, kept.get((kind, spec.name), {}))
    except ConfigError as error:
        raise ConfigError(f"{noun(kind)} {spec.name!r}: {error}", field=error.field) from None
    if clear != given:
        spec = SPECS[kind].model_validate(clear)
    return Declared(kind=kind, name=spec.name, origin=origin, spec=clear, full=full_values(kind, spec))


def full_values(kind: Kind, spec: Spec) -> dict[str, Any]:
    """Return a declaration with all its defaults, and options as their kind writes them."""
    values: dict[str, Any] = spec.model_dump(mode="json")
    if kind in ("sources", "sinks"):
        made: dict[str, Any] = _canonical(values, kind)
        return made
    if kind == "monitors":
        values["source"] = _canonical(values["source"], "sources")
        values["sinks"] = [_canonical(sink, "sinks") for sink in values["sinks"]]
    return values


def _canonical(given: Any, kind: str) -> Any:
    """A source or sink with its options as its kind writes them; as it is when its kind cannot say."""
    if not isinstance(given, dict):
        return given
    options = {name: value for name, value in given.items() if name not in ("name", "kind")}
    check: Callable[[str, Mapping[str, Any]], dict[str, Any]]
    check = check_source_options if kind == "sources" else check_sink_options
    try:
        made = check(given["kind"], options)
    except RedshankError:
        return given
    return {name: given[name] for name in ("name", "kind") if name in given} | made


def _lines(problems: Sequence[str]) -> str:
    more = len(problems) - _SHOWN
    return "\n".join([*problems[:_SHOWN], *([f"and {more:,} more"] if more > 0 else [])])
