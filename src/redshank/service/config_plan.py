"""What a configuration would change: compared with all declarations there are, in the order it would be done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from redshank.service.config_references import ORDER
from redshank.service.hiding import hide
from redshank.specs.problems import path_text
from redshank.store.records import Kind
from redshank.store.references import references

Action = Literal["create", "change", "adopt", "rename", "delete", "unchanged"]
HAND, FILE, TEMPLATE = "", "file:", "template:"
Name = tuple[Kind, str]


@dataclass(frozen=True, kw_only=True)
class Declared:
    """A declaration in the clear. ``spec``: as it was said; ``full``: with all defaults, for comparing."""

    kind: Kind
    name: str
    origin: str
    spec: Mapping[str, Any]
    full: Mapping[str, Any]
    revision: int | None = None  # None: not kept yet


@dataclass(frozen=True)
class FieldChange:
    """One field, before and after; None = not there. Secrets are hidden, so both sides may look the same."""

    path: str
    before: Any
    after: Any


@dataclass(frozen=True, kw_only=True)
class Counted:
    """Events of the days looked at: as the monitor is, as it would be, and what is the same in both."""

    before: int | None
    after: int | None
    same: int | None = None
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing to do. ``name``: what it is called now; ``wanted``: what is declared, None when it is deleted."""

    action: Action
    kind: Kind
    name: str
    wanted: Declared | None
    current: Declared | None
    fields: tuple[FieldChange, ...] = ()
    events: Counted | None = None

    @property
    def new_name(self) -> str | None:
        """The name it gets; None when it keeps its name, or is deleted."""
        return self.wanted.name if self.wanted is not None and self.wanted.name != self.name else None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that is to be done, in order. With ``problems`` nothing can be done."""

    origin: str
    steps: tuple[Step, ...]
    problems: tuple[str, ...] = ()
    unchanged: int = 0
    fingerprint: str = field(default="")

    @property
    def is_empty(self) -> bool:
        """Whether everything is as it should be."""
        return not self.steps

    def counts(self) -> dict[str, int]:
        """Return how many steps of each action there are."""
        actions = [step.action for step in self.steps]
        return {action: actions.count(action) for action in ("create", "change", "adopt", "rename", "delete")}


def make_plan(origin: str, wanted: Sequence[Declared], current: Sequence[Declared], *, take_over: bool) -> Plan:
    """Return what leads from the current declarations to the wanted ones.

    ``origin``: whose declarations these are; only what has it (or comes from a template that has it) is deleted. What
    was made by hand is adopted when it is declared. What another origin declares is a problem, unless ``take_over``.
    """
    have: dict[Name, Declared] = {(each.kind, each.name): each for each in current}
    want: dict[Name, Declared] = {(each.kind, each.name): each for each in wanted}
    owned = _owned(origin, wanted, current)
    gone = [each for key, each in have.items() if each.origin in owned and key not in want]
    steps = list(_renames(gone, [each for key, each in want.items() if key not in have]))
    done = {step.name for step in steps} | {str(step.new_name) for step in steps}
    for key, each in want.items():
        if not (each.kind == "monitors" and each.name in done):
            steps.append(_step(each, have.get(key)))
    steps += [
        Step(action="delete", kind=each.kind, name=each.name, wanted=None, current=each)
        for each in gone
        if not (each.kind == "monitors" and each.name in done)
    ]
    changes = tuple(sorted((step for step in steps if step.action != "unchanged"), key=_turn))
    problems = [*(() if take_over else _of_others(changes, owned)), *_dangling(want, have, changes)]
    return Plan(
        origin=origin,
        steps=changes,
        problems=tuple(problems),
        unchanged=len(steps) - len(changes),
        fingerprint=_fingerprint(origin, changes),
    )


def _owned(origin: str, wanted: Sequence[Declared], current: Sequence[Declared]) -> set[str]:
    templates = [each for each in (*wanted, *current) if each.kind == "templates" and each.origin == origin]
    return {origin, *(TEMPLATE + each.name for each in templates)}


def _renames(gone: Sequence[Declared], new: Sequence[Declared]) -> Iterator[Step]:
    """A monitor that goes and one that comes are the same when nothing but the name differs, and no other looks so.

    It keeps its history, events and state. Of other kinds nothing is lost when they are made anew.
    """
    leaving, coming = _by_content(gone), _by_content(new)
    for content, old in leaving.items():
        match = coming.get(content)
        if match is not None and len(old) == len(match) == 1:
            fields = (FieldChange("name", old[0].name, match[0].name),)
            yield Step(
                action="rename", kind="monitors", name=old[0].name, wanted=match[0], current=old[0], fields=fields
            )


def _by_content(declared: Sequence[Declared]) -> dict[str, list[Declared]]:
    found: dict[str, list[Declared]] = {}
    for each in declared:
        if each.kind == "monitors":
            content = json.dumps({**each.full, "name": ""}, sort_keys=True, default=str)
            found.setdefault(content, []).append(each)
    return found


def _step(wanted: Declared, current: Declared | None) -> Step:
    if current is None:
        return Step(action="create", kind=wanted.kind, name=wanted.name, wanted=wanted, current=None)
    fields = tuple(differences(current.full, wanted.full))
    action: Action = "change" if fields else "adopt" if current.origin != wanted.origin else "unchanged"
    if current.origin != wanted.origin:
        fields = (*fields, FieldChange("origin", current.origin or None, wanted.origin or None))
    return Step(action=action, kind=wanted.kind, name=wanted.name, wanted=wanted, current=current, fields=fields)


def differences(before: Any, after: Any) -> Iterator[FieldChange]:
    """Yield the fields in which two values differ, with secrets hidden."""
    if before != after:
        yield from _differences(before, after, hide(before), hide(after), ())


def _differences(before: Any, after: Any, shown: Any, shown_after: Any, path: tuple[str | int, ...]) -> Iterator[Any]:
    if before == after and type(before) is type(after):
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys((*before, *after)):
            yield from _differences(before.get(key), after.get(key), shown.get(key), shown_after.get(key), (*path, key))
    elif before != after:
        yield FieldChange(path_text(path), shown, shown_after)


def _turn(step: Step) -> tuple[int, int]:
    """Renames make room, then what is referred to comes before what refers to it; deletes go the other way."""
    place = ORDER.index(step.kind)
    if step.action == "rename":
        return (0, place)
    return (2, -place) if step.action == "delete" else (1, place)


def _of_others(steps: Sequence[Step], owned: set[str]) -> Iterator[str]:
    for step in steps:
        if step.current is not None and step.current.origin not in (HAND, *owned):
            owner = step.current.origin
            yield f"{noun(step.kind)} {step.name!r}: belongs to {owner!r}; take it over, or give it another name"


def _dangling(want: Mapping[Name, Declared], have: Mapping[Name, Declared], steps: Sequence[Step]) -> Iterator[str]:
    """What would refer to something that is not there in the end."""
    gone = {(step.kind, step.name) for step in steps if step.action in ("delete", "rename")}
    final = {**{key: each for key, each in have.items() if key not in gone}, **want}
    for (kind, name), each in final.items():
        for other in references(kind, each.spec):
            if other not in final:
                why = "would be deleted" if other in gone else "is not declared"
                yield f"{noun(kind)} {name!r}: refers to {noun(other[0])} {other[1]!r}, which {why}"


def noun(kind: Kind) -> str:
    """Return the word for one of a kind."""
    return kind.removesuffix("s")


def _fingerprint(origin: str, steps: Sequence[Step]) -> str:
    """Tell one plan from another: what would be done, and from which revisions."""
    parts = [
        [
            step.action,
            step.kind,
            step.name,
            step.current.revision if step.current else None,
            [step.wanted.name, step.wanted.origin, step.wanted.full] if step.wanted else None,
        ]
        for step in steps
    ]
    text = json.dumps([origin, parts], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def with_events(plan: Plan, counted: Mapping[str, Counted]) -> Plan:
    """Return the plan with the events counted of monitors, by name."""
    steps = [
        replace(step, events=counted[step.name]) if step.kind == "monitors" and step.name in counted else step
        for step in plan.steps
    ]
    return replace(plan, steps=tuple(steps))


def plan_json(plan: Plan) -> dict[str, Any]:
    """Return a plan as JSON values, secrets hidden; what is unchanged is counted only."""
    return {
        "origin": plan.origin.removeprefix(FILE),
        "fingerprint": plan.fingerprint,
        "counts": {**plan.counts(), "unchanged": plan.unchanged},
        "steps": [_step_json(step) for step in plan.steps],
        "problems": list(plan.problems),
    }


def _step_json(step: Step) -> dict[str, Any]:
    events = step.events
    return {
        "action": step.action,
        "kind": step.kind,
        "name": step.name,
        "new_name": step.new_name,
        "fields": [{"path": each.path, "before": each.before, "after": each.after} for each in step.fields],
        "spec": hide(step.wanted.spec) if step.wanted is not None and step.action == "create" else None,
        "events": None
        if events is None
        else {"before": events.before, "after": events.after, "same": events.same, "error": events.error},
    }
