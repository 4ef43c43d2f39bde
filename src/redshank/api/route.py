"""A route of the API: who may use it, how often, with which query, at most once; and how it is described."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from redshank.api.doorkeeper import Doorkeeper
from redshank.errors import ConfigError, did_you_mean
from redshank.service.actor import Actor
from redshank.service.service import Service
from redshank.store.records import Role

Handle = Callable[[Request], Coroutine[Any, Any, Response]]


class GuardedRoute(APIRoute):
    """Asks the doorkeeper before the body is read, and refuses query parameters that nobody reads."""

    def get_route_handler(self) -> Handle:
        """Return what answers a request."""
        handle = super().get_route_handler()
        known = _query_names(self.dependant)
        role: Role | None = (self.openapi_extra or {}).get("x-role")
        is_done_once = bool((self.openapi_extra or {}).get("x-once"))

        async def guarded(request: Request) -> Response:
            doorkeeper: Doorkeeper = request.app.state.doorkeeper
            request.state.actor = await doorkeeper.admit(request, role)
            _refuse_unknown(request, known)
            if "idempotency-key" not in request.headers or request.method != "POST":
                return await handle(request)
            if not is_done_once:
                raise ConfigError("Idempotency-Key: is not taken here, since the answer may not be kept")
            return await doorkeeper.answer_once(request, handle)

        return guarded


def _query_names(dependant: Any) -> set[str]:
    """Return the query parameters that a handler and what it depends on read."""
    names = {field.alias for field in dependant.query_params}
    return names.union(*(_query_names(each) for each in dependant.dependencies))


def _refuse_unknown(request: Request, known: set[str]) -> None:
    for name in request.query_params:
        if name not in known:
            raise ConfigError(f"query: {did_you_mean('parameter', name, known)}", field=name)


@dataclass(frozen=True)
class Call:
    """What a handler is given: the request, the service, and who asks."""

    request: Request
    service: Service
    actor: Actor


async def _call(request: Request) -> Call:
    return Call(request, request.app.state.service, request.state.actor)


Called = Annotated[Call, Depends(_call)]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The content of a body or an answer: a model of schemas.py or a JSON schema, with an example."""

    schema: Any = None
    example: Any = None
    media_type: str = "application/json"
    more: Sequence[Shape] = ()

    def content(self) -> dict[str, Any]:
        """Return the OpenAPI media types."""
        one: dict[str, Any] = {"schema": schema_of(self.schema)}
        if self.example is not None:
            one["example"] = self.example
        found = {self.media_type: one}
        for other in self.more:
            found |= other.content()
        return found


def page_of(item: Any, example: Any) -> Shape:
    """Return the content of a list; with ``fields`` its items are smaller."""
    smaller = {"type": "object", "description": "When `fields` are chosen: only those."}
    schema = {
        "type": "object",
        "required": ["items", "next_cursor"],
        "properties": {
            "items": {"type": "array", "items": {"anyOf": [schema_of(item), smaller]}},
            "next_cursor": {"type": ["string", "null"]},
        },
        "additionalProperties": False,
    }
    return Shape(schema=schema, example={"items": [example], "next_cursor": None})


def schema_of(given: Any) -> dict[str, Any]:
    """Return a JSON schema: a reference for a model, what was given for a schema, anything for None."""
    if given is None:
        return {}
    return {"$ref": f"#/components/schemas/{given.__name__}"} if inspect.isclass(given) else dict(given)


@dataclass(frozen=True, kw_only=True)
class Declared:
    """A route before it is part of an application."""

    path: str
    method: str
    role: Role | None
    handler: Callable[..., Any]
    options: Mapping[str, Any]


class Routes:
    """Collects handlers; ``add_to`` makes routes of them. The docstring of a handler is its description."""

    def __init__(self, tag: str, prefix: str = "/api/v1") -> None:
        """Start empty; ``tag`` is the heading in the documentation."""
        self.tag, self._prefix = tag, prefix
        self._declared: list[Declared] = []

    def add(
        self,
        method: str,
        path: str,
        *,
        role: Role | None,
        answers: Mapping[int, Shape | str],
        body: Shape | None = None,
        body_required: bool = True,
        once: bool = True,
        summary: str | None = None,
        description: str | None = None,
        headers: Sequence[str] = (),
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declare a route.

        ``role`` None: open to all. ``answers``: by status, what is sent or why nothing is. ``once``: a POST takes an
        Idempotency-Key.
        """
        extra: dict[str, Any] = {"responses": _responses(answers), "x-role": role, "x-once": once and method == "POST"}
        if role is not None:
            extra["security"] = [{"token": []}]
        if body is not None:
            extra["requestBody"] = {"required": body_required, "content": body.content()}
        extra["parameters"] = [HEADER_PARAMETERS[name] for name in headers]
        if extra["x-once"]:
            extra["parameters"].append(HEADER_PARAMETERS["Idempotency-Key"])

        def keep(handler: Callable[..., Any]) -> Callable[..., Any]:
            about = inspect.cleandoc(handler.__doc__ or "")
            first, _, rest = ("", "", about) if summary else about.partition("\n")
            options = {
                "summary": summary or first.rstrip("."),
                "description": description or rest.strip(),
                "openapi_extra": extra,
            }
            declared = Declared(path=self._prefix + path, method=method, role=role, handler=handler, options=options)
            self._declared.append(declared)
            return handler

        return keep

    def __iter__(self) -> Iterator[Declared]:
        """Yield what was declared."""
        return iter(self._declared)

    def add_to(self, app: FastAPI) -> None:
        """Make the routes of an application."""
        for each in self._declared:
            app.router.add_api_route(
                each.path,
                each.handler,
                methods=[each.method],
                tags=[self.tag],
                response_model=None,
                response_class=Response,
                status_code=min(each.options["openapi_extra"]["responses"], key=int),
                responses={"default": {"$ref": "#/components/responses/Error"}},
                operation_id=f"{each.handler.__name__}_{self.tag}".replace(" ", "_"),
                **each.options,
            )


def _responses(answers: Mapping[int, Shape | str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status, given in answers.items():
        if isinstance(given, str):
            found[str(status)] = {"description": given}
        else:
            found[str(status)] = {"description": STATUS_TEXTS.get(status, "Done"), "content": given.content()}
    return found


STATUS_TEXTS = {200: "Done", 201: "Made", 202: "Taken, will be done", 207: "Done in part", 304: "Not changed"}


def _header(name: str, about: str, example: str) -> dict[str, Any]:
    schema = {"type": "string", "maxLength": 255}
    return {"name": name, "in": "header", "required": False, "description": about, "schema": schema, "example": example}


HEADER_PARAMETERS = {
    "Idempotency-Key": _header(
        "Idempotency-Key",
        "Any text; a second post with the same key within 24 hours gets the first answer and does nothing.",
        "4f1c0f3e-import-1",
    ),
    "If-Match": _header("If-Match", "Change only if this is still the ETag; else 412.", '"r1.3"'),
    "Last-Event-ID": _header(
        "Last-Event-ID", "The id of the last message that came; what was missed comes first.", "1204"
    ),
    "If-None-Match": _header("If-None-Match", "As an answer is wanted only if this is no longer the ETag.", '"r1.3"'),
}
