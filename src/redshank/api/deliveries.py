"""Routes of deliveries: what waits for a sink, and its dead letters."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import Field
from starlette.responses import Response

from redshank.api.answers import Json
from redshank.api.bodies import OptionalJsonBody
from redshank.api.events import EXAMPLE as EVENT
from redshank.api.events import choice
from redshank.api.listing import Listed
from redshank.api.render import event
from redshank.api.route import Called, Routes, Shape, page_of
from redshank.api.schemas import Answer, Body, EventAnswer, Time
from redshank.api.times import time_text
from redshank.errors import ConfigError
from redshank.service.events import MOST_AT_ONCE
from redshank.specs.reading import read_spec
from redshank.store.records import Delivery

routes = Routes("deliveries")
STATES = ("waiting", "dead")


class DeliveryAnswer(Answer):
    """An event that a sink has not taken."""

    state: Literal["waiting", "dead"] = Field(description="dead: it is tried no more, until it is replayed.")
    attempts: int = Field(description="How often it failed in this form.")
    error: str | None = Field(description="Why it failed last.")
    since: Time | None = Field(description="When the sink was to have it.")
    failed: Time | None = Field(description="When it failed first in this form.")
    due: Time | None = Field(description="When it is tried next; null for a dead one.")
    dead: Time | None = Field(description="When it was given up.")
    event: EventAnswer


class ReplayBody(Body):
    """Which dead letters to deliver again; without a body, or without ``events``, all."""

    events: list[str] | None = Field(default=None, min_length=1, max_length=MOST_AT_ONCE)


class ReplayedAnswer(Answer):
    """How many were put back."""

    replayed: int


class DroppedAnswer(Answer):
    """How many are no more."""

    dropped: int


EXAMPLE: dict[str, Any] = {
    "state": "dead",
    "attempts": 1,
    "error": "mail: 552 message too large",
    "since": "2026-03-01T12:05:07Z",
    "failed": "2026-03-01T12:05:08Z",
    "due": None,
    "dead": "2026-03-01T12:05:08Z",
    "event": EVENT,
}


@routes.add("GET", "/sinks/{name}/deliveries", role="view", answers={200: page_of(DeliveryAnswer, EXAMPLE)})
def list_all(call: Called, name: str, listing: Listed) -> Response:
    """List what a sink has not taken.

    Events that wait to be delivered, and dead letters, in the order in which they were put in. Filter field: state
    (waiting or dead). A sink that is written inside a monitor is called MONITOR#0, #1 and so on.
    """
    if listing.sort is not None:
        raise ConfigError(f"sort: deliveries have one order only, got {listing.sort[:40]!r}", field="sort")
    given = listing.only("state").get("state")
    state: Any = None if given is None else choice("state", given, STATES)
    page = call.service.deliveries.list(name, state=state, limit=listing.limit, cursor=listing.cursor)
    return listing.answer(call.request, page, _delivery)


@routes.add(
    "POST",
    "/sinks/{name}/replay",
    role="edit",
    body=Shape(schema=ReplayBody, example={"events": [EVENT["id"]]}),
    answers={200: Shape(schema=ReplayedAnswer, example={"replayed": 1})},
)
def replay(call: Called, name: str, body: OptionalJsonBody) -> Response:
    """Deliver dead letters again.

    Those of the events named, or all. They are tried at once, and as long as new ones are.
    """
    given = read_spec(ReplayBody, {} if body is None else body, "replay")
    return Json({"replayed": call.service.deliveries.replay(name, given.events, actor=call.actor)})


@routes.add(
    "DELETE",
    "/sinks/{name}/deliveries",
    role="edit",
    answers={200: Shape(schema=DroppedAnswer, example={"dropped": 1})},
)
def drop(
    call: Called,
    name: str,
    event: Annotated[
        list[str] | None, Query(max_length=MOST_AT_ONCE, description="Id of an event; may be given often.")
    ] = None,
) -> Response:
    """Drop dead letters.

    Those of the events named, or all. What waits stays.
    """
    return Json({"dropped": call.service.deliveries.discard(name, event, actor=call.actor)})


def _delivery(record: Delivery) -> dict[str, Any]:
    is_dead = record.dead_ns is not None
    return {
        "state": "dead" if is_dead else "waiting",
        "attempts": record.attempts,
        "error": record.error,
        "since": time_text(record.put_ns),
        "failed": time_text(record.failed_ns),
        "due": None if is_dead else time_text(record.due_ns),
        "dead": time_text(record.dead_ns),
        "event": event(record.event),
    }
