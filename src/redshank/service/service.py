"""The one facade: every use case of the server as a method, without HTTP in it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from redshank.errors import RedshankError
from redshank.service.audit import Audit
from redshank.service.charts import Charts
from redshank.service.config import Config
from redshank.service.connections import Connections
from redshank.service.deliveries import Deliveries
from redshank.service.events import Events
from redshank.service.metrics import Metrics
from redshank.service.monitors import Monitors
from redshank.service.opening import Sources, access_of
from redshank.service.points import Points
from redshank.service.resources import Resources
from redshank.service.runs import Runs
from redshank.service.score_metrics import ScoreMetrics
from redshank.service.series import Series
from redshank.service.source_counts import SourceCounts
from redshank.service.tokens import Tokens
from redshank.service.worker import Nobody, Worker
from redshank.specs.base import Spec
from redshank.specs.options import Access
from redshank.store.records import Kind, StoredEvent
from redshank.store.store import Store

if TYPE_CHECKING:
    from redshank.scheduler.delivery import Courier
    from redshank.service.checks import SaveChecks
    from redshank.service.config_watch import ConfigWatch
    from redshank.service.previews import Previews

NOBODY = Nobody()


class Service:
    """All use cases over one store, grouped: ``service.resources.create(...)``, ``service.tokens.first()``."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], int] = time.time_ns,
        worker: Worker = NOBODY,
        access: Access | None = None,
        source_counts: SourceCounts | None = None,
    ) -> None:
        """``clock`` gives nanoseconds since 1970; ``worker``: the scheduler, where there is one.

        ``access``: what sources and sinks may reach; None = as ``access_of`` has it. ``source_counts``: where what the
        sources of this process do is added up; None = here.
        """
        self.store, self.clock, self.worker = store, clock, worker
        self.config_watch: ConfigWatch | None = None  # of the files that this process follows
        self.audit = Audit(store)
        self.tokens = Tokens(store, self.audit, clock)
        self.idempotency = store.idempotency
        self.resources = Resources(store, self.audit, check=self._check, changed=self._changed)
        self.events = Events(store, self.audit, labeled=self._labeled)
        self.runs = Runs(store, self.audit, worker)
        self.monitors = Monitors(store, self.resources, self.audit, worker, clock)
        self.config = Config(store, self.audit, check=self._check, changed=self._changed, preview=self._preview)
        self.series = Series(store)
        self.charts = Charts(store, self.series)
        access = access or access_of(store)
        self.open_source = Sources(store, access, source_counts)
        self.connections = Connections(store, self.resources, self.audit, open_source=self.open_source, access=access)
        self.deliveries = Deliveries(store, self.audit)
        self.courier: Courier | None = None  # of this process, where it delivers
        self.metrics = Metrics(self)
        self.score_metrics = ScoreMetrics(store)
        self.points = Points(store, worker, clock, self.metrics.pushed)

    @cached_property
    def checks(self) -> SaveChecks:
        """What is found out about a declaration when it is saved; loads the engine when first used."""
        from redshank.service.checks import SaveChecks

        return SaveChecks(self.store, self.open_source, self.clock)

    @cached_property
    def previews(self) -> Previews:
        """What a monitor would do and need; loads the engine when first used."""
        from redshank.engine.engine import Engine
        from redshank.service.previews import Previews

        return Previews(Engine(self.store, self.open_source), self.resources, self.checks, self.clock)

    def ready(self) -> tuple[bool, dict[str, str]]:
        """Return whether all that is needed works, and what each part says."""
        try:
            self.store.tokens.count()
        except RedshankError as error:
            return False, {"store": str(error)}
        files = {} if self.config_watch is None else {"configuration": self.config_watch.status.word()}
        return True, {"store": "ok", "scheduler": "leads" if self.worker.is_leading() else "stands by", **files}

    def observe_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self.metrics.request(method, route, status, seconds)

    def _check(self, kind: Kind, spec: Spec) -> None:
        """Raise what is wrong with a declaration beyond its form."""
        if kind in ("monitors", "schedules"):
            self.checks(kind, spec)

    def _preview(self, given: Mapping[str, Any], **asked: Any) -> Any:
        return self.previews.preview(given, **asked)

    def _labeled(self, event: StoredEvent) -> None:
        """Let the monitor of an event learn from its label."""
        self.worker.changed()

    def _changed(self, kind: Kind, resource_id: str) -> None:
        """Wake whoever works by that declaration."""
        self.worker.changed()
