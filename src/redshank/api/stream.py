"""The stream of server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from redshank.api.answers import encode
from redshank.api.hub import Hub, Listener, Message
from redshank.api.render import event
from redshank.api.route import Call, Called, Routes, Shape
from redshank.errors import ConfigError, RedshankError, UnauthorizedError

routes = Routes("stream")
EXAMPLE = """\
id: 1204
event: event
data: {"id":"9b1f0c4d2e7a6b58","monitor":"hosts","kind":"anomaly","is_open":true}

id: 1204
event: run
data: {"id":"01m89mrp1zev98d8eg","verb":"train","state":"running","percent":50.0}

: still here

"""
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@routes.add(
    "GET",
    "/stream",
    role="view",
    answers={200: Shape(schema={"type": "string"}, media_type="text/event-stream", example=EXAMPLE)},
    headers=("Last-Event-ID",),
)
async def stream(
    call: Called,
    topic: Annotated[
        list[Literal["events", "runs", "scores"]] | None,
        Query(description="What to hear of, may be given often; none = events and runs."),
    ] = None,
    monitor: Annotated[
        list[str] | None, Query(description="Name of a monitor to hear of, may be given often; none = all.")
    ] = None,
) -> StreamingResponse:
    """Follow what happens.

    Server-sent events of type `event` (an event was opened, changed, closed or judged), `run` (progress of a run) and
    `score` (points of a monitor were scored). Each has an id; sent back as `Last-Event-ID`, changes of events missed
    meanwhile come first, each event in its newest form. A comment comes now and then as a sign of life. Who reads too
    slowly gets a last message of type `missed` and is let go: come again with the last id.
    """
    hub: Hub = call.request.app.state.hub
    after = _after(call)
    listener = await hub.join(frozenset(topic or ("events", "runs")), frozenset(monitor) if monitor else None)
    return StreamingResponse(_sent(call, hub, listener, after), media_type="text/event-stream", headers=HEADERS)


def _after(call: Call) -> int | None:
    given = call.request.headers.get("last-event-id")
    if given is None or given == "":
        return None
    if not given.isdecimal() or len(given) > 18:
        raise ConfigError(f"Last-Event-ID: must be an id of this stream, got {given[:40]!r}", field="Last-Event-ID")
    return int(given)


async def _sent(call: Call, hub: Hub, listener: Listener, after: int | None) -> AsyncIterator[bytes]:
    """Yield what was missed, then what comes, and signs of life between; the listener leaves in the end."""
    beat = call.request.app.state.settings.heartbeat_seconds
    sequence = after or 0
    try:
        yield b": welcome\n\n"
        if after is not None and "events" in listener.topics:
            async for message in _missed(call, listener, after):
                sequence = message.sequence
                yield message.encoded()
        while not (listener.is_slow and listener.queue.empty()):
            try:
                message = await asyncio.wait_for(listener.queue.get(), beat)
            except TimeoutError:
                if not await _may_go_on(call):
                    return
                yield b": still here\n\n"
                continue
            if message.topic != "events" or message.sequence > sequence:
                yield message.encoded()
        yield b'event: missed\ndata: {"message":"reads too slowly; come again with the last id"}\n\n'
    finally:
        hub.leave(listener)


async def _missed(call: Call, listener: Listener, after: int) -> AsyncIterator[Message]:
    while True:
        found = await run_in_threadpool(call.service.store.events.changes, after, limit=500)
        for each in found:
            after = each.sequence
            if listener.wants("events", each.monitor):
                yield Message("events", each.monitor, each.sequence, encode(event(each)))
        if not found:
            return


async def _may_go_on(call: Call) -> bool:
    """Whether the token is still good: a stream must not outlive it."""
    text = call.request.headers.get("authorization", "").partition(" ")[2].strip()
    if call.request.app.state.settings.no_auth or call.service.tokens.known(text):
        return True
    try:
        await run_in_threadpool(call.service.tokens.authenticate, text)
    except UnauthorizedError:
        return False
    except RedshankError:
        return True  # the store is away for a moment; that is no reason to send everybody away
    return True
