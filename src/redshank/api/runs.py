"""Routes of runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, get_args

from fastapi import Query
from starlette.responses import Response

from redshank.api.answers import Json
from redshank.api.bodies import JsonBody
from redshank.api.events import choice, monitor_id
from redshank.api.listing import Condition, Listed, check_condition
from redshank.api.render import run, run_line
from redshank.api.route import Called, Routes, Shape, page_of
from redshank.api.schemas import RunAnswer, RunBody, RunLineAnswer
from redshank.api.times import datetime_ns, parse_time
from redshank.service.service import Service
from redshank.specs.reading import read_spec
from redshank.store.records import RunState, Verb
from redshank.store.runs import RunFilter

routes = Routes("runs")
EXAMPLE = {
    "id": "01m89mrp1zev98d8eg",
    "monitor": "hosts",
    "verb": "backtest",
    "state": "running",
    "start": "2026-02-01T00:00:00Z",
    "end": "2026-03-01T00:00:00Z",
    "params": {"policy": {"budget": "1 a day"}},
    "due": "2026-03-01T12:00:00Z",
    "created": "2026-03-01T12:00:00Z",
    "started": "2026-03-01T12:00:01Z",
    "finished": None,
    "deadline": "2026-03-01T13:00:01Z",
    "seconds": None,
    "attempt": 1,
    "done": 20160,
    "total": 40320,
    "percent": 50.0,
    "remaining_seconds": 4.2,
    "result": None,
    "error": None,
}
LINE = {"sequence": 1, "at": "2026-03-01T12:00:01Z", "level": "info", "text": "reads 3 series from hosts"}
ONE = Shape(schema=RunAnswer, example=EXAMPLE)
OPERATORS: dict[str, Sequence[str]] = {"monitor": ("=",), "verb": ("=",), "state": ("=",), "created": (">=", "<")}


@routes.add("GET", "/runs", role="view", answers={200: page_of(RunAnswer, EXAMPLE)})
def list_all(call: Called, listing: Listed) -> Response:
    """List runs.

    Newest first. Filter fields: monitor, verb, state (=; given more than once: any of them), created (>=, <). Sort:
    created.
    """
    wanted = _filter(call.service, listing.conditions)
    page = call.service.runs.list(wanted, limit=listing.limit, cursor=listing.cursor, sort=listing.sort)
    return listing.answer(call.request, page, run)


def _filter(service: Service, conditions: Sequence[Condition]) -> RunFilter:
    found: dict[str, Any] = {}
    for each in conditions:
        check_condition(each, OPERATORS, OPERATORS.get(each.field, ()))
        if each.field == "monitor":
            found.setdefault("monitor_ids", []).append(monitor_id(service, each.value))
        elif each.field == "verb":
            found.setdefault("verbs", []).append(choice("verb", each.value, get_args(Verb)))
        elif each.field == "state":
            found.setdefault("states", []).append(choice("state", each.value, get_args(RunState)))
        else:
            found["start_ns" if each.operator == ">=" else "end_ns"] = parse_time(each.value, "filter")
    return RunFilter(**found)


@routes.add(
    "POST",
    "/runs",
    role="edit",
    body=Shape(
        schema=RunBody,
        example={name: EXAMPLE[name] for name in ("monitor", "verb", "start", "end", "params")},
    ),
    answers={202: Shape(schema=RunAnswer, example={**EXAMPLE, "state": "waiting", "started": None})},
)
def start(call: Called, body: JsonBody) -> Response:
    """Start a run.

    It waits for its turn; its Location tells how far it is. `params` are the verb's: what-if settings of a backtest,
    the horizon of a forecast.
    """
    given = read_spec(RunBody, body, "run")
    made = call.service.runs.start(
        given.monitor,
        given.verb,
        actor=call.actor,
        start_ns=None if given.start is None else datetime_ns(given.start, "start"),
        end_ns=None if given.end is None else datetime_ns(given.end, "end"),
        params=given.params,
    )
    return Json(run(made), status_code=202, headers={"Location": f"/api/v1/runs/{made.id}"})


@routes.add("GET", "/runs/{run_id}", role="view", answers={200: ONE})
def get(call: Called, run_id: str) -> Response:
    """Get a run."""
    return Json(run(call.service.runs.get(run_id)))


@routes.add("POST", "/runs/{run_id}/cancel", role="edit", answers={202: ONE})
def cancel(call: Called, run_id: str) -> Response:
    """Cancel a run.

    One that waits is canceled at once, one that runs within two seconds; 409 when it has ended.
    """
    return Json(run(call.service.runs.cancel(run_id, actor=call.actor)), status_code=202)


@routes.add("GET", "/runs/{run_id}/lines", role="view", answers={200: page_of(RunLineAnswer, LINE)})
def lines(
    call: Called,
    run_id: str,
    after: Annotated[int, Query(ge=0, le=2**53, description="Only lines with a higher number.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000, description="Lines at most.")] = 1000,
) -> Response:
    """List the log lines of a run.

    Oldest first; ask again with the last number as `after`, or follow them in the stream.
    """
    found = call.service.runs.lines(run_id, after=after, limit=limit)
    return Json({"items": [run_line(each) for each in found], "next_cursor": None})
