"""Routes of events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from starlette.responses import Response

from redshank.api.answers import Json
from redshank.api.bodies import JsonBody
from redshank.api.listing import Condition, Listed, check_condition, flag, whole
from redshank.api.render import comment, event
from redshank.api.route import Called, Routes, Shape, page_of
from redshank.api.schemas import CommentAnswer, CommentBody, EventAnswer, JudgementBody, LabelBody
from redshank.api.times import parse_time
from redshank.errors import ConfigError, NotFoundError, did_you_mean
from redshank.service.events import Judgement, label_of
from redshank.service.service import Service
from redshank.specs.reading import read_spec
from redshank.store.events import EventFilter
from redshank.store.records import EventKind

routes = Routes("events")
EXAMPLE = {
    "id": "9b1f0c4d2e7a6b58",
    "monitor": "hosts",
    "kind": "anomaly",
    "series": "cpu{host=a}",
    "measure": "cpu",
    "labels": {"host": "a"},
    "start": "2026-03-01T12:00:00Z",
    "end": "2026-03-01T12:20:00Z",
    "opened": "2026-03-01T12:00:00Z",
    "peak": "2026-03-01T12:05:00Z",
    "is_open": False,
    "severity": 83,
    "score": 2.4,
    "rarity": 50000.0,
    "direction": "up",
    "actual": 96.1,
    "expected": 34.8,
    "lower": 21.5,
    "upper": 48.0,
    "points": 4,
    "share": {},
    "reason": "96.1 is 61.3 above the expected 34.8; 1 in 50,000 for this series",
    "backfill": False,
    "label": None,
    "acknowledged_by": None,
    "acknowledged": None,
    "created": "2026-03-01T12:05:07Z",
    "updated": "2026-03-01T12:25:06Z",
    "sequence": 1204,
}
COMMENT = {"id": 1, "at": "2026-03-01T13:00:00Z", "author": "ann", "text": "The nightly backup ran late."}
ONE = Shape(schema=EventAnswer, example=EXAMPLE)
OPERATORS: dict[str, Sequence[str]] = {
    "monitor": ("=",),
    "kind": ("=",),
    "open": ("=",),
    "label": ("=",),
    "acknowledged": ("=",),
    "severity": (">=",),
    "time": (">=", "<"),
    "series": ("~",),
    "backfill": ("=",),
}


@routes.add("GET", "/events", role="view", answers={200: page_of(EventAnswer, EXAMPLE)})
def list_all(call: Called, listing: Listed) -> Response:
    """List events.

    Newest first. Filter fields: monitor, kind, open, label (true, false, expected, none, any), acknowledged, backfill
    (all with =), severity (>=), time (>=, <: events that touch that range), series (~: occurs in it). Given more than
    once, monitor and kind mean any of them. Sort: start, updated.
    """
    wanted = event_filter(call.service, listing.conditions)
    page = call.service.events.list(wanted, limit=listing.limit, cursor=listing.cursor, sort=listing.sort)
    return listing.answer(call.request, page, event)


def event_filter(service: Service, conditions: Sequence[Condition]) -> EventFilter:
    """Return which events conditions ask for; ConfigError when one is none of ours."""
    found: dict[str, Any] = {}
    for each in conditions:
        check_condition(each, OPERATORS, OPERATORS.get(each.field, ()))
        if each.field == "monitor":
            found.setdefault("monitor_ids", []).append(monitor_id(service, each.value))
        elif each.field == "kind":
            found.setdefault("kinds", []).append(choice("kind", each.value, get_args(EventKind)))
        elif each.field == "time":
            found["start_ns" if each.operator == ">=" else "end_ns"] = parse_time(each.value, "filter")
        else:
            name, read = _READERS[each.field]
            found[name] = read(each.value)
    return EventFilter(**found)


def monitor_id(service: Service, name: str) -> str:
    """Return the id of a monitor named in a filter; ConfigError with near names when there is none."""
    try:
        return service.resources.get("monitors", name).id
    except NotFoundError as error:
        raise ConfigError(f"filter: {error}", field="filter") from None


def choice(what: str, given: str, choices: Sequence[str]) -> str:
    """Return what was given in a filter; ConfigError with near ones when it is none of the choices."""
    if given not in choices:
        raise ConfigError(f"filter: {did_you_mean(what, given, choices)}", field="filter")
    return given


_READERS: dict[str, tuple[str, Any]] = {
    "open": ("is_open", flag),
    "label": ("label", lambda text: choice("label", text, ("true", "false", "expected", "none", "any"))),
    "acknowledged": ("acknowledged", flag),
    "severity": ("least_severity", whole),
    "series": ("text", str),
    "backfill": ("backfill", flag),
}


@routes.add("GET", "/events/{event_id}", role="view", answers={200: ONE})
def get(call: Called, event_id: str) -> Response:
    """Get an event."""
    return Json(event(call.service.events.get(event_id)))


@routes.add(
    "POST",
    "/events/judge",
    role="edit",
    body=Shape(schema=JudgementBody, example={"ids": [EXAMPLE["id"]], "acknowledged": True, "label": "false"}),
    answers={
        200: Shape(
            schema={
                "type": "object",
                "required": ["done", "failed"],
                "properties": {
                    "done": {"type": "array", "items": {"$ref": "#/components/schemas/EventAnswer"}},
                    "failed": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["id", "error"],
                            "properties": {
                                "id": {"type": "string"},
                                "error": {"$ref": "#/components/schemas/ErrorBody"},
                            },
                        },
                    },
                },
            },
            example={"done": [EXAMPLE], "failed": []},
        )
    },
)
def judge(call: Called, body: JsonBody) -> Response:
    """Acknowledge, label or comment many events.

    Those that cannot be judged are named, the others are.
    """
    given = read_spec(JudgementBody, body, "judgement")
    judgement = Judgement(acknowledged=given.acknowledged, label=given.label, comment=given.comment)
    done, failed = call.service.events.judge(given.ids, judgement, actor=call.actor)
    wrong = [
        {"id": each.id, "error": {"code": each.error.code, "message": str(each.error), "field": each.error.field}}
        for each in failed
    ]
    return Json({"done": [event(each) for each in done], "failed": wrong})


@routes.add("PUT", "/events/{event_id}/acknowledgement", role="edit", answers={200: ONE})
def acknowledge(call: Called, event_id: str) -> Response:
    """Acknowledge an event.

    Says that the one who asks has seen it.
    """
    return Json(event(call.service.events.acknowledge(event_id, True, actor=call.actor)))


@routes.add("DELETE", "/events/{event_id}/acknowledgement", role="edit", answers={200: ONE})
def unacknowledge(call: Called, event_id: str) -> Response:
    """Take an acknowledgement back."""
    return Json(event(call.service.events.acknowledge(event_id, False, actor=call.actor)))


@routes.add(
    "PUT",
    "/events/{event_id}/label",
    role="edit",
    body=Shape(schema=LabelBody, example={"label": "false"}),
    answers={200: ONE},
)
def label(call: Called, event_id: str, body: JsonBody) -> Response:
    """Label an event.

    Says what it really was: "true", "false" or "expected". The monitor goes by it at once; "none" undoes that.
    """
    given = read_spec(LabelBody, body, "label")
    return Json(event(call.service.events.label(event_id, label_of(given.label), actor=call.actor)))


@routes.add("DELETE", "/events/{event_id}/label", role="edit", answers={200: ONE})
def unlabel(call: Called, event_id: str) -> Response:
    """Take a label back.

    What the monitor learned from it is undone.
    """
    return Json(event(call.service.events.label(event_id, None, actor=call.actor)))


@routes.add("GET", "/events/{event_id}/comments", role="view", answers={200: page_of(CommentAnswer, COMMENT)})
def comments(call: Called, event_id: str) -> Response:
    """List the comments on an event.

    All of them, oldest first.
    """
    return Json({"items": [comment(each) for each in call.service.events.comments(event_id)], "next_cursor": None})


@routes.add(
    "POST",
    "/events/{event_id}/comments",
    role="edit",
    body=Shape(schema=CommentBody, example={"text": COMMENT["text"]}),
    answers={201: Shape(schema=CommentAnswer, example=COMMENT)},
)
def add_comment(call: Called, event_id: str, body: JsonBody) -> Response:
    """Comment an event.

    The author is the name of the token.
    """
    given = read_spec(CommentBody, body, "comment")
    return Json(comment(call.service.events.comment(event_id, given.text, actor=call.actor)), status_code=201)
