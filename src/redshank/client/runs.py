"""Runs: start them, follow them, cancel them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from redshank.client.answers import Page, Run, RunLine
from redshank.client.lists import PAGE, Moment, all_pages, between, equal, moment_text, page_request
from redshank.client.operations import Group, Mode, operation, script, stream
from redshank.client.request import Flow, Give, Request, Steps, as_json, ask, encode, pause, place
from redshank.errors import UnavailableError

_LOOK_SECONDS, _MOST_LOOK_SECONDS = 0.1, 2.0


class Runs(Group[Mode]):
    """Runs of monitors."""

    @operation
    def list(
        self,
        *,
        monitor: str | Sequence[str] | None = None,
        verb: str | Sequence[str] | None = None,
        state: str | Sequence[str] | None = None,
        start: Moment | None = None,
        end: Moment | None = None,
        limit: int = 100,
        cursor: str | None = None,
        sort: str | None = None,
    ) -> Request[Page[Run]]:
        """Return a page, newest first. Of several values any one will do; start, end: when it was made."""
        where = _where(monitor, verb, state, start, end)
        return page_request(place("runs"), as_json(Page[Run]), limit=limit, cursor=cursor, sort=sort, where=where)

    @stream
    def iterate(
        self,
        *,
        monitor: str | Sequence[str] | None = None,
        verb: str | Sequence[str] | None = None,
        state: str | Sequence[str] | None = None,
        start: Moment | None = None,
        end: Moment | None = None,
        sort: str | None = None,
    ) -> Flow[Run]:
        """Give all, page after page."""
        where = _where(monitor, verb, state, start, end)
        return all_pages(
            lambda cursor: page_request(
                place("runs"), as_json(Page[Run]), limit=PAGE, cursor=cursor, sort=sort, where=where
            )
        )

    @operation
    def start(
        self,
        monitor: str,
        verb: str,
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Request[Run]:
        """Ask for a run: train, detect, backtest, tune or forecast, over start <= t < end (None = as the verb does).

        ``params``: the verb's own, such as what-if settings of a backtest, or the horizon of a forecast.
        """
        given = {
            "monitor": monitor,
            "verb": verb,
            "start": None if start is None else moment_text(start),
            "end": None if end is None else moment_text(end),
            "params": dict(params or {}),
        }
        return Request(method="POST", path=place("runs"), read=as_json(Run), body=encode(given), once=True)

    @operation
    def get(self, run_id: str) -> Request[Run]:
        """Return one."""
        return Request(method="GET", path=place("runs", run_id), read=as_json(Run))

    @operation
    def cancel(self, run_id: str) -> Request[Run]:
        """Cancel one; ConflictError when it has ended."""
        return Request(method="POST", path=place("runs", run_id, "cancel"), read=as_json(Run), once=True)

    @operation
    def lines(self, run_id: str, *, after: int = 0, limit: int = 1000) -> Request[Page[RunLine]]:
        """Return log lines, oldest first; only those with a higher number than ``after``."""
        return _lines(run_id, after, limit)

    @script
    def wait(self, run_id: str, *, timeout_seconds: float | None = None) -> Steps[Run]:
        """Return the run once it has ended, well or not: look at its ``state``.

        Raises:
            UnavailableError: it has not ended after so many seconds.
        """
        seconds, began = _LOOK_SECONDS, (yield from pause(0))
        while True:
            run = yield from ask(Request(method="GET", path=place("runs", run_id), read=as_json(Run)))
            if run.is_finished:
                return run
            now = yield from pause(seconds)
            if timeout_seconds is not None and now - began > timeout_seconds:
                raise UnavailableError(f"run {run_id}: is still {run.state} after {timeout_seconds:g} s")
            seconds = min(seconds * 1.5, _MOST_LOOK_SECONDS)

    @stream
    def follow(self, run_id: str, *, after: int = 0) -> Flow[RunLine]:
        """Give its log lines as they come, until it has ended."""
        seconds = _LOOK_SECONDS
        while True:
            run = yield from ask(Request(method="GET", path=place("runs", run_id), read=as_json(Run)))
            page = yield from ask(_lines(run_id, after, 1000))
            for line in page.items:
                after = line.sequence
                yield Give(line)
            if run.is_finished and not page.items:
                return
            seconds = _LOOK_SECONDS if page.items else min(seconds * 1.5, _MOST_LOOK_SECONDS)
            yield from pause(seconds)


def _lines(run_id: str, after: int, limit: int) -> Request[Page[RunLine]]:
    params = [("after", str(after)), ("limit", str(limit))]
    return Request(method="GET", path=place("runs", run_id, "lines"), read=as_json(Page[RunLine]), params=params)


def _where(
    monitor: str | Sequence[str] | None,
    verb: str | Sequence[str] | None,
    state: str | Sequence[str] | None,
    start: Moment | None,
    end: Moment | None,
) -> list[str]:
    return [
        *equal("monitor", monitor),
        *equal("verb", verb),
        *equal("state", state),
        *between("created", start, end),
    ]
