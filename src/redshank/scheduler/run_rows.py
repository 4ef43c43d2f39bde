"""The rows of runs, written by the scheduler; that one of them cannot be written stops nobody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from redshank.errors import LeaseLostError, RedshankError, StaleError
from redshank.scheduler.place import Place
from redshank.scheduler.watch import SECOND
from redshank.store.records import Fence, Run, RunState

log = structlog.get_logger("redshank.scheduler")


def error_of(error: BaseException) -> dict[str, Any]:
    """Return an error as runs keep it."""
    if isinstance(error, RedshankError):
        return {"code": error.code, "message": str(error), "field": error.field}
    return {"code": "internal", "message": f"{type(error).__name__}: {error}", "field": None}


def end_run(
    place: Place,
    run: Run | None,
    state: RunState,
    fence: Fence | None,
    *,
    result: Mapping[str, Any] | None = None,
    error: Mapping[str, Any] | None = None,
) -> bool:
    """End a run that is held; nothing when it is held no more, or was never begun. False: to be done again later."""
    if run is None or fence is None:
        return True
    try:
        place.store.runs.finish(run.id, run.attempt, state, result=result, error=error, fence=fence)
    except (StaleError, LeaseLostError):
        log.debug("run had ended", run=run.id, state=state)
    except RedshankError as failure:
        log.warning("run could not be ended", run=run.id, state=state, error=str(failure))
        return False
    return True


def try_again(place: Place, run: Run, seconds: float, error: Exception, fence: Fence | None) -> bool:
    """Let a run that failed wait for another attempt. False: to be done again later."""
    due_ns = place.clock() + int(seconds * SECOND)
    try:
        place.store.runs.retry(run.id, run.attempt, due_ns, error_of(error), fence)
    except (StaleError, LeaseLostError):
        log.debug("run had ended", run=run.id)
    except RedshankError as failure:
        log.warning("run could not be put back", run=run.id, error=str(failure))
        return False
    return True


def take_back_run(place: Place, run: Run | None, message: str, *, is_canceled: bool) -> None:
    """Make void what a thread given up still holds of a continuous run: it ends, or waits to be claimed anew."""
    if run is None:
        return
    error = {"code": "deadline", "message": message, "field": None}
    try:
        if is_canceled:
            place.store.runs.finish(run.id, run.attempt, "canceled")
        else:
            place.store.runs.retry(run.id, run.attempt, place.clock(), error)
            place.store.runs.log(run.id, [("error", message)])
    except StaleError:
        log.debug("run had ended", run=run.id)
    except RedshankError as failure:
        log.warning("run could not be taken back", run=run.id, error=str(failure))


def failed_run(place: Place, run: Run | None, error: Exception) -> None:
    """Say in the log of a run what went wrong; it goes on."""
    if run is None:
        return
    try:
        place.store.runs.log(run.id, [("error", str(error))])
    except RedshankError as failure:
        log.warning("log of a run could not be written", run=run.id, error=str(failure))
