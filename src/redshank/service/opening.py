"""From the name of a source in a monitor to the source, with the secrets that the store keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from redshank.errors import ConfigError, NotFoundError
from redshank.service.source_counts import SourceCounts
from redshank.sources.base import Source
from redshank.sources.build import build_source
from redshank.specs.connection import SourceSpec
from redshank.specs.monitor import MonitorSpec
from redshank.specs.options import Access, read_secret
from redshank.store.records import Resource
from redshank.store.store import Store

ENCRYPTED, IN_FILE = "enc:", "file:"
PUSH = "push"
OF_ITS_OWN = "of its own"  # name, in figures, of all sources that are written inside a monitor


def access_of(store: Store, roots: Sequence[Path] = (), *, private: bool = True) -> Access:
    """Return what sources and sinks of a server may reach.

    That is any folder but the server's own, or only those below ``roots`` where there are some, files that secrets are
    kept in included; and the secrets of the store. ``private``: addresses of this machine and of private networks too.
    """
    allowed = Access(roots=tuple(roots), closed=(store.data,), private=private)

    def secret(text: str) -> str:
        if text.startswith(ENCRYPTED):
            return store.secrets.decrypt(text)
        if text.startswith(IN_FILE):
            allowed.check(Path(text.removeprefix(IN_FILE).strip()).expanduser())
        return read_secret(text)

    return replace(allowed, secret=secret)


class Sources:
    """Makes the source of a monitor."""

    def __init__(self, store: Store, access: Access, counts: SourceCounts | None = None) -> None:
        """``access``: folders and secrets that sources may use; ``counts``: where what they do is added up."""
        self._store, self._access = store, access
        self.counts = counts or SourceCounts()

    def __call__(self, monitor: MonitorSpec) -> Source:
        """Return the source of a monitor; nothing is read yet.

        Raises:
            NotFoundError: it names one that is not there.
            ConfigError: its declaration is wrong, or a secret of it is not there.
        """
        name = monitor.source if isinstance(monitor.source, str) else OF_ITS_OWN
        return self.counts.watch(name, self._made(monitor))

    def _made(self, monitor: MonitorSpec) -> Source:
        if isinstance(monitor.source, str):
            declared = self._store.resources.get("sources", monitor.source)
            spec = SourceSpec.model_validate(declared.spec)
            if spec.kind == PUSH:
                return self._pushed(declared, monitor)
        else:
            spec = monitor.source or _files(monitor)
            if spec.kind == PUSH and spec.name is not None:
                return self._pushed_by_name(spec.name, monitor)
        return build_source(spec.kind, spec.options, _target(monitor), self._access)

    def _pushed_by_name(self, name: str, monitor: MonitorSpec) -> Source:
        """Return the points pushed to a source as it will be; there are none while it is not there yet."""
        from redshank.engine.pushed import PushedSource

        try:
            return self._pushed(self._store.resources.get("sources", name), monitor)
        except NotFoundError:
            return PushedSource(self._store.points, "", name)

    def _pushed(self, source: Resource, monitor: MonitorSpec) -> Source:
        """Return the points pushed to a source; they are kept under its id, which a new name does not change."""
        from redshank.engine.pushed import PushedSource

        given = [name for name, value in _target(monitor).items() if value is not None]
        if given:
            raise ConfigError(f"source {source.name!r}: of kind 'push' has no {given[0]}", field=given[0])
        return PushedSource(self._store.points, source.id, source.name)


def _target(monitor: MonitorSpec) -> dict[str, str | None]:
    return {name: getattr(monitor, name) for name in ("path", "query", "table", "index")}


def _files(monitor: MonitorSpec) -> SourceSpec:
    if monitor.path is None:
        raise ConfigError(f"monitor {monitor.name}: must have a source or a path", field="source")
    return SourceSpec(kind="files")
