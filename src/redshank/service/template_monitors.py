"""The monitors of a template: made, changed and deleted together with it, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from redshank.specs.expansion import expand
from redshank.specs.monitor import TemplateSpec
from redshank.store.records import Resource
from redshank.store.resources import Change

ORIGIN = "template:"
Values = Mapping[str, Any]


def monitor_changes(
    template: TemplateSpec | None,
    made_before: Sequence[Resource],
    *,
    clear: Callable[[Resource], Values],
    encrypt: Callable[[Values], Values],
) -> list[Change]:
    """Return what makes the monitors of a template as it is now; ``template`` None: all of them go.

    ``made_before``: the monitors that it made. ``clear`` decrypts what is kept, ``encrypt`` encrypts what is to be. A
    name that another monitor has is refused by the store.
    """
    specs = [] if template is None else expand(template)[0]
    wanted = {spec.name: spec.model_dump(mode="json", exclude_unset=True) for spec in specs}
    origin = "" if template is None else ORIGIN + template.name
    have = {monitor.name: monitor for monitor in made_before}
    changes = [
        Change(action="delete", kind="monitors", name=name, revision=monitor.revision)
        for name, monitor in have.items()
        if name not in wanted
    ]
    for name, spec in wanted.items():
        kept = have.get(name)
        if kept is None:
            changes.append(Change(action="create", kind="monitors", name=name, spec=encrypt(spec), origin=origin))
        elif kept.origin != origin or clear(kept) != spec:
            changes.append(
                Change(
                    action="update",
                    kind="monitors",
                    name=name,
                    spec=encrypt(spec),
                    revision=kept.revision,
                    origin=origin,
                )
            )
    return changes
