"""From the name of a sink in the outbox to the sink: made once, and anew when its declaration has changed."""

from __future__ import annotations

import threading

from redshank.errors import NotFoundError
from redshank.sinks.base import Sink
from redshank.sinks.build import build_sink
from redshank.specs.connection import SinkSpec
from redshank.specs.monitor import MonitorSpec
from redshank.specs.options import Access
from redshank.store.resources import Resources


class NamedSinks:
    """Sinks by name: a declared one, or ``MONITOR#0`` for the first that is written inside a monitor."""

    def __init__(self, resources: Resources, access: Access) -> None:
        """``access``: folders and secrets that sinks may use."""
        self._resources, self._access = resources, access
        self._made: dict[str, tuple[str, int, Sink]] = {}  # id and revision of the declaration, and its sink
        self._turn = threading.Lock()

    def __call__(self, name: str) -> Sink:
        """Return the sink of a name.

        Raises:
            NotFoundError: there is no such sink any more.
            ConfigError: its declaration is wrong, or a secret of it is not there.
        """
        monitor, hash_sign, place = name.rpartition("#")
        is_inside = bool(hash_sign) and place.isdecimal() and not self._is_declared(name)
        declaration = self._resources.get("monitors", monitor) if is_inside else self._resources.get("sinks", name)
        with self._turn:
            made = self._made.get(name)
            if made is None or made[:2] != (declaration.id, declaration.revision):
                spec = _inside(declaration.spec, int(place), name) if is_inside else declaration.spec
                sink = SinkSpec.model_validate(spec)
                before = made
                made = (declaration.id, declaration.revision, build_sink(sink.kind, sink.options, self._access))
                self._made[name] = made
                if before is not None:
                    before[2].close()
        return made[2]

    def close(self) -> None:
        """Let go of all sinks; they are made anew when they are needed again."""
        with self._turn:
            made, self._made = self._made, {}
        for _, _, sink in made.values():
            sink.close()

    def _is_declared(self, name: str) -> bool:
        try:
            self._resources.get("sinks", name)
        except NotFoundError:
            return False
        return True


def _inside(monitor: object, place: int, name: str) -> SinkSpec:
    sinks = MonitorSpec.model_validate(monitor).sinks
    found = sinks[place] if place < len(sinks) else None
    if not isinstance(found, SinkSpec):
        raise NotFoundError(f"sink {name!r}: its monitor has no such sink any more")
    return found
