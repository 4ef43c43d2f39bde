"""From the name of a source in a monitor to the source, with the secrets that the store keeps."""

from __future__ import annotations

from redshank.errors import ConfigError
from redshank.sources.base import Source
from redshank.sources.build import build_source
from redshank.specs.connection import SourceSpec
from redshank.specs.monitor import MonitorSpec
from redshank.specs.options import Access, read_secret
from redshank.store.store import Store

ENCRYPTED = "enc:"


def access_of(store: Store) -> Access:
    """Return what sources and sinks of a server may reach: any folder, secrets of the store included."""

    def secret(text: str) -> str:
        return store.secrets.decrypt(text) if text.startswith(ENCRYPTED) else read_secret(text)

    return Access(secret=secret)


class Sources:
    """Makes the source of a monitor."""

    def __init__(self, store: Store, access: Access) -> None:
        """``access``: folders and secrets that sources may use."""
        self._store, self._access = store, access

    def __call__(self, monitor: MonitorSpec) -> Source:
        """Return the source of a monitor; nothing is read yet.

        Raises:
            NotFoundError: it names one that is not there.
            ConfigError: its declaration is wrong, or a secret of it is not there.
        """
        spec = self._spec(monitor)
        target = {name: getattr(monitor, name) for name in ("path", "query", "table", "index")}
        return build_source(spec.kind, spec.options, target, self._access)

    def _spec(self, monitor: MonitorSpec) -> SourceSpec:
        if isinstance(monitor.source, SourceSpec):
            return monitor.source
        if isinstance(monitor.source, str):
            return SourceSpec.model_validate(self._store.resources.get("sources", monitor.source).spec)
        if monitor.path is None:
            raise ConfigError(f"monitor {monitor.name}: must have a source or a path", field="source")
        return SourceSpec(kind="files")
