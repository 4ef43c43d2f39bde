"""Who leads: one process at a time, by a lease that it renews; another takes over when it does not."""

from __future__ import annotations

import structlog

from redshank.errors import LeaseLostError, UnavailableError
from redshank.scheduler.place import Place
from redshank.store.records import Fence

log = structlog.get_logger("redshank.scheduler")

LEASE = "scheduler"
RENEWALS = 3  # within the time of a lease
TRY_SECONDS = 1.0


class Leadership:
    """The lease of the scheduler, as seen from one process."""

    def __init__(self, place: Place, owner: str) -> None:
        """``owner`` names this process; one that is the only one that can be names itself always alike."""
        self._place = place
        self._owner = owner
        self._seconds = place.limits.lease_seconds
        self._held_until = 0.0
        self._next = 0.0
        self.fence: Fence | None = None

    def step(self, *, has_lost: bool = False) -> float:
        """Take or renew the lease when it is time; return after how many seconds to come again.

        ``has_lost``: something of ours was refused, so that it is time to look.
        """
        now = self._place.monotonic()
        if now >= self._next or has_lost:
            (self._take if self.fence is None else self._renew)(now)
        return max(0.0, self._next - now)

    def give_up(self) -> None:
        """Let another lead at once."""
        if self.fence is not None:
            try:
                self._place.store.leases.release(self.fence)
            except UnavailableError as error:
                log.warning("lease could not be released", error=str(error))
            self.fence = None

    def _take(self, now: float) -> None:
        self._next = now + TRY_SECONDS
        try:
            self.fence = self._place.store.leases.take(LEASE, self._owner, self._seconds, self._place.clock())
        except UnavailableError as error:
            log.warning("cannot lead", error=str(error))
            return
        if self.fence is not None:
            self._held_until, self._next = now + self._seconds, now + self._seconds / RENEWALS
            log.info("leads", owner=self._owner, token=self.fence.token)

    def _renew(self, now: float) -> None:
        assert self.fence is not None
        self._next = now + self._seconds / RENEWALS
        try:
            self._place.store.leases.renew(self.fence, self._seconds, self._place.clock())
            self._held_until = now + self._seconds
        except LeaseLostError:
            log.warning("leads no more: another process took over", owner=self._owner)
            self.fence = None
        except UnavailableError as error:
            self._next = now + TRY_SECONDS
            if now >= self._held_until:
                log.warning("leads no more: the lease could not be renewed", error=str(error))
                self.fence = None
