"""Routes that say what a monitor would do and need, before it is saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from redshank.api.answers import Json
from redshank.api.bodies import JsonBody
from redshank.api.route import Called, Routes, Shape
from redshank.api.schemas import CapacityAnswer, CapacityBody, PreviewBody
from redshank.api.times import datetime_ns
from redshank.specs.reading import read_spec

if TYPE_CHECKING:
    from redshank.service.checks import Fit

routes = Routes("before saving")
MONITOR = {"name": "hosts", "source": "hosts", "by": ["host"], "step": "5m", "policy": {"budget": "1/week"}}
FOUND = {
    "start": "2026-02-22T12:00:00Z",
    "end": "2026-03-01T12:00:00Z",
    "detector": "analog",
    "params": {},
    "why": "few series with long history",
    "series": 3,
    "points": 6048,
    "scored": 6048,
    "scoring_from": "2026-02-22T12:00:00Z",
    "n_events": 1,
    "kinds": {"anomaly": 1},
    "anomalies_per_day": 0.143,
    "labels": {},
    "notes": [],
    "events": [
        {
            "id": "9b1f0c4d2e7a6b58",
            "kind": "anomaly",
            "series": "cpu{host=a}",
            "start": "2026-02-27T02:10:00Z",
            "end": "2026-02-27T02:25:00Z",
            "severity": 83,
            "reason": "96.1 is 61.3 above the expected 34.8",
        }
    ],
}
NEED = {
    "detector": "analog",
    "series": 3,
    "channels": 1,
    "step_seconds": 300.0,
    "points_per_second": 0.01,
    "memory_bytes": 1_234_567,
    "cpu_share": 0.0001,
    "history_bytes_per_day": 34560.0,
}


@routes.add(
    "POST",
    "/preview",
    role="edit",
    body=Shape(schema=PreviewBody, example={"monitor": MONITOR, "days": 7}),
    answers={200: Shape(schema={"type": "object"}, example=FOUND)},
    once=False,
)
def preview(call: Called, body: JsonBody) -> Response:
    """Say which events a monitor would have had.

    It need not be saved, and nothing is kept. The code is that of live detection, so these are the events it would have
    raised; of very many the worst are told. The range is start <= t < end, or so many days before the end; without
    either all history. Takes as long as it takes, two minutes at most; more than two at once are refused with 429.
    """
    given = read_spec(PreviewBody, body, "preview")
    found = call.service.previews.preview(
        given.monitor,
        start_ns=None if given.start is None else datetime_ns(given.start, "start"),
        end_ns=None if given.end is None else datetime_ns(given.end, "end"),
        days=given.days,
    )
    return Json(found.to_json())


@routes.add(
    "POST",
    "/capacity",
    role="edit",
    body=Shape(schema=CapacityBody, example={"monitor": MONITOR}),
    answers={
        200: Shape(
            schema=CapacityAnswer,
            example={
                "need": NEED,
                "fits": True,
                "message": None,
                "limits": {"memory_bytes": 8_000_000_000, "cpu_share": 1.6},
                "taken": {"monitors": 12, "memory_bytes": 52_000_000, "cpu_share": 0.02},
            },
        )
    },
    once=False,
)
def capacity(call: Called, body: JsonBody) -> Response:
    """Say what a monitor would need of the machine, and whether it fits beside the others.

    By a look at the data of a `monitor`; or of so many `series` at a `step` with a `detector`, without any.
    """
    given = read_spec(CapacityBody, body, "capacity")
    if given.monitor is not None:
        return Json(_told(call.service.previews.capacity(given.monitor)))
    return Json(
        _told(
            call.service.previews.capacity_of(
                given.series, step=given.step, detector=given.detector, channels=given.channels
            )
        )
    )


def _told(found: Fit) -> dict[str, Any]:
    memory_bytes, cpu_share = found.taken_total
    return {
        "need": found.need.to_json(),
        "fits": found.problem is None,
        "message": found.problem,
        "limits": {"memory_bytes": found.limits.memory_bytes, "cpu_share": found.limits.cpu_share},
        "taken": {"monitors": found.n_taken, "memory_bytes": memory_bytes, "cpu_share": cpu_share},
    }
