"""What is to be done from time to time by the one who leads: compaction, retention, and the like."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from redshank.errors import LeaseLostError, RedshankError
from redshank.store.records import Fence

log = structlog.get_logger("redshank.upkeep")

IDLE_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Chore:
    """Work to be done every ``seconds``; it returns what it did, in words, "" when there was nothing to do.

    ``is_stopped``, its second argument, is to be asked between parts of the work.
    """

    name: str
    seconds: float
    work: Callable[[Fence, Callable[[], bool]], str]


class Upkeep:
    """Does chores one after the other, in a thread of its own; one that fails is done again when it is due again."""

    def __init__(
        self,
        chores: Sequence[Chore],
        fence: Callable[[], Fence | None],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``fence``: of the lease while this process leads, None while it does not. All chores are due at first."""
        self._chores = chores
        self._fence = fence
        self._monotonic = monotonic
        self._due = {chore.name: monotonic() for chore in chores}
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._loop, name="redshank-upkeep", daemon=True)
        self._thread.start()

    def stop(self, seconds: float = 2.0) -> None:
        """End; what is under way is left behind after so many seconds, and done at the next start."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def step(self) -> float:
        """Do what is due; return after how many seconds to come again."""
        for chore in self._chores:
            fence = self._fence()
            if fence is None:
                return IDLE_SECONDS
            if self._monotonic() >= self._due[chore.name] and not self._ended.is_set():
                self._do(chore, fence)
        return max(0.0, min([IDLE_SECONDS, *(due - self._monotonic() for due in self._due.values())]))

    def _do(self, chore: Chore, fence: Fence) -> None:
        begun = self._monotonic()
        try:
            did = chore.work(fence, self._ended.is_set)
            if did:
                log.info(chore.name, did=did, seconds=round(self._monotonic() - begun, 3))
        except LeaseLostError:
            log.info("left to another process", chore=chore.name)
        except RedshankError as error:
            log.warning("chore failed", chore=chore.name, error=str(error))
        except Exception:  # a worker loop: a chore that fails must not keep the others from being done
            log.exception("chore failed", chore=chore.name)
        self._due[chore.name] = self._monotonic() + chore.seconds

    def _loop(self) -> None:
        while not self._ended.is_set():
            self._ended.wait(self.step())
