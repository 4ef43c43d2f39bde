"""Every error leaves in one shape: ``{"error": {"code", "message", "field"}}``."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from redshank.api.answers import error_answer
from redshank.errors import LimitError, RedshankError, UnauthorizedError
from redshank.specs.problems import Problem, message_of
from redshank.specs.reading import problems_error

CODES = {400: "malformed", 404: "not_found", 405: "method_not_allowed", 413: "too_large", 415: "unsupported_media_type"}


def add_error_answers(app: FastAPI) -> None:
    """Teach the application the shape of errors; what nobody expected is answered by the gate."""
    app.add_exception_handler(RedshankError, _own)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _of_the_framework)


async def _own(request: Request, error: Exception) -> Response:
    assert isinstance(error, RedshankError)
    return own_error_answer(error)


def own_error_answer(error: RedshankError) -> Response:
    """Return what an error of ours is to the one who asked."""
    headers = {}
    if isinstance(error, LimitError) and error.retry_seconds is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_seconds)))
    if isinstance(error, UnauthorizedError):
        headers["WWW-Authenticate"] = "Bearer"
    return error_answer(error.status, error.code, str(error), error.field, headers)


async def _invalid(request: Request, error: Exception) -> Response:
    """Query, path and header parameters; bodies are read elsewhere."""
    assert isinstance(error, RequestValidationError)
    found = [Problem(tuple(each["loc"][1:]), message_of(each, BaseModel)) for each in error.errors()]
    return own_error_answer(problems_error(found))


async def _of_the_framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = CODES.get(error.status_code, "http")
    headers = dict(error.headers or {})
    message = str(error.detail)
    if error.status_code == 404:
        message = f"{request.url.path}: there is nothing here; the routes are listed at /api/docs"
    if error.status_code == 405:
        allowed = sorted(_methods_of(request))
        headers["Allow"] = ", ".join(allowed)
        message = f"{request.method} is not allowed for {request.url.path}; allowed: {', '.join(allowed)}"
    return error_answer(error.status_code, code, message, None, headers)


def _methods_of(request: Request) -> set[str]:
    """Return the methods of all routes whose path is that of the request."""
    scope: dict[str, Any] = dict(request.scope)
    routes: Iterable[Any] = request.app.router.routes
    found = [route.methods or set() for route in routes if route.matches(scope)[0] is not Match.NONE]
    return set().union(*found) | ({"HEAD"} if any("GET" in methods for methods in found) else set())
