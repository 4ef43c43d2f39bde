"""Sources and sinks tried out: reached, looked into, sent a test message."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from redshank.decide import Event
from redshank.errors import ConfigError, RedshankError
from redshank.panel import Key
from redshank.service.actor import Actor
from redshank.service.audit import Audit
from redshank.service.deadline import within
from redshank.service.resources import Resources
from redshank.sinks.base import Notification
from redshank.sinks.build import build_sink
from redshank.sources.base import Source
from redshank.sources.described import describe
from redshank.specs.connection import SinkSpec, SourceSpec
from redshank.specs.monitor import MonitorSpec
from redshank.specs.options import Access
from redshank.specs.reading import read_spec
from redshank.store.store import Store

if TYPE_CHECKING:
    from redshank.engine.setting import OpenSource

LOOK_SECONDS = 30.0
MOST_PREVIEWED = 1000
Place = str | Mapping[str, Any]  # the name of a source, or a source as it would be declared


@dataclass(frozen=True, kw_only=True)
class Checked:
    """Whether a source or sink works; ``message`` says what to mend when it does not."""

    is_ok: bool
    message: str
    code: str | None = None


class Connections:
    """Tries sources and sinks."""

    def __init__(
        self, store: Store, resources: Resources, audit: Audit, *, open_source: OpenSource, access: Access
    ) -> None:
        """``open_source`` and ``access``: as for monitors at work."""
        self._store, self._resources, self._audit = store, resources, audit
        self._open_source, self._access = open_source, access

    def check_source(self, place: Place, target: Mapping[str, Any]) -> Checked:
        """Reach a source and read one row of it. NotFoundError when there is no such source."""
        if isinstance(place, str):
            self._resources.get("sources", place)
        try:
            source = self._source(place, target)
            within(LOOK_SECONDS, source.check, source.cancel, source.describe())
        except RedshankError as error:
            return Checked(is_ok=False, message=str(error), code=error.code)
        return Checked(is_ok=True, message=f"{source.describe()}: can be read")

    def preview_source(self, place: Place, target: Mapping[str, Any], rows: int) -> Sequence[Mapping[str, Any]]:
        """Return the first rows of a source as they stand there."""
        if not 1 <= rows <= MOST_PREVIEWED:
            raise ConfigError(f"rows: must be 1 to {MOST_PREVIEWED:,}, got {rows}", field="rows")
        source = self._source(place, target)
        return within(LOOK_SECONDS, lambda: source.preview(rows), source.cancel, source.describe())

    def describe_source(self, place: Place, target: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what a source holds: what there is to read, and what its last days look like (``describe``)."""
        source = self._source(place, target)
        return within(LOOK_SECONDS, lambda: describe(source), source.cancel, source.describe())

    def check_sink(self, name: str, *, actor: Actor, sends: bool = True) -> Checked:
        """Find out whether a sink can be written, and send it a test event, opened and closed at once."""
        spec = self._resources.spec("sinks", name)
        assert isinstance(spec, SinkSpec)
        self._audit.note(actor.name, "check", "sinks", name, {"sends": sends})
        try:
            sink = build_sink(spec.kind, spec.options, self._access)
            try:
                self._wait(lambda: sink.check(), f"sink {name}")
                if sends:
                    told = [Notification(monitor="test", kind="anomaly", event=test_event(self._store.clock()))]
                    self._wait(lambda: sink.notify(told), f"sink {name}")
            finally:
                sink.close()
        except RedshankError as error:
            return Checked(is_ok=False, message=str(error), code=error.code)
        return Checked(is_ok=True, message="a test event was sent" if sends else "can be written")

    def _source(self, place: Place, target: Mapping[str, Any]) -> Source:
        if isinstance(place, str):
            self._resources.get("sources", place)
        source = place if isinstance(place, str) else read_spec(SourceSpec, place, "source")
        given = {part: value for part, value in target.items() if value is not None}
        return self._open_source(MonitorSpec(name="look", source=source, **given))

    def _wait(self, work: Callable[[], None], what: str) -> None:
        within(LOOK_SECONDS, work, lambda: None, what)


def test_event(now_ns: int) -> Event:
    """Return an event that says that it is a test, over already."""
    now = datetime.fromtimestamp(now_ns // 1_000_000_000, UTC)
    return Event(
        id="redshank-test",
        key=Key.of("test", {"by": "redshank"}),
        start=now - timedelta(minutes=1),
        end=now,
        opened=now - timedelta(minutes=1),
        peak=now - timedelta(minutes=1),
        score=1.0,
        severity=1,
        direction="up",
        actual=1.0,
        expected=0.0,
        lower=-0.5,
        upper=0.5,
        rarity=1000.0,
        points=1,
        reason="This is a test of the sink; nothing is wrong.",
    )
