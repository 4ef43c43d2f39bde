"""Talk to a server, and wait for each answer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx2

from redshank.client.request import Close, Flow, Give, Line, Open, Pause, Received, Request, Step, Steps
from redshank.client.transport import Manner, error_of, read_answer, stream_timeout
from redshank.client.walk import Walk
from redshank.errors import RedshankError

Answer = TypeVar("Answer")


@dataclass
class Lines:
    """An open stream: what closes it, and its lines."""

    context: Any
    lines: Iterator[str]


class Blocking:
    """Talks to the server, and waits for each answer. Safe to be used by several threads."""

    def __init__(self, manner: Manner, transport: httpx2.BaseTransport | None = None) -> None:
        """``transport``: in the place of the network."""
        self._manner = manner
        self._http = httpx2.Client(transport=transport)

    @property
    def url(self) -> str:
        """Where the server is."""
        return self._manner.url

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def ask(self, request: Request[Answer]) -> Answer:
        """Send a request and return what its answer says."""
        sent, attempt = self._manner.sent(request), 1
        while True:
            got = self._once(sent)
            wait = self._manner.wait_seconds(request, attempt, got)
            if wait is None:
                break
            time.sleep(wait)
            attempt += 1
        if isinstance(got, httpx2.HTTPError):
            raise self._manner.trouble(got) from got
        return read_answer(request, got, attempt)

    def _once(self, sent: dict[str, Any]) -> Received | httpx2.HTTPError:
        try:
            answer = self._http.request(**sent)
        except httpx2.HTTPError as error:
            return error
        return Received(answer.status_code, answer.headers, answer.content)

    def follow(self, steps: Steps[Answer]) -> Answer:
        """Go through the steps of a longer method; return what it returns."""
        walk: Walk[Any] = Walk(steps)
        for _ in self._walked(walk):
            pass
        answer: Answer = walk.result
        return answer

    def items(self, flow: Flow[Answer]) -> Iterator[Answer]:
        """Go through the steps of a longer method, and yield the items that it gives."""
        walk: Walk[Answer] = Walk(flow)
        yield from self._walked(walk)

    def _walked(self, walk: Walk[Answer]) -> Iterator[Answer]:
        try:
            while (step := walk.next()) is not None:
                if isinstance(step, Give):
                    yield step.item
                    continue
                try:
                    walk.tell(self._done(step, walk))
                except RedshankError as error:
                    walk.fail(error)
        finally:
            walk.steps.close()
            for handle in walk.open:
                handle.context.__exit__(None, None, None)

    def _done(self, step: Step, walk: Walk[Answer]) -> Any:
        if isinstance(step, Request):
            return self.ask(step)
        if isinstance(step, Pause):
            time.sleep(step.seconds)
            return time.monotonic()
        try:
            return self._streamed(step, walk)
        except httpx2.HTTPError as error:
            raise self._manner.trouble(error) from error

    def _streamed(self, step: Open | Line | Close, walk: Walk[Answer]) -> Any:
        if isinstance(step, Line):
            return next(step.handle.lines, None)
        if isinstance(step, Close):
            walk.open.remove(step.handle)
            return step.handle.context.__exit__(None, None, None)
        sent = self._manner.sent(step.request)
        context = self._http.stream(**{**sent, "timeout": stream_timeout(sent["timeout"])})
        answer = context.__enter__()
        handle = Lines(context, answer.iter_lines())
        walk.open.append(handle)
        if answer.status_code != 200:
            raise error_of(Received(answer.status_code, answer.headers, answer.read()))
        return handle
