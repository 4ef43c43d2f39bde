"""Whatever is sent, the server does not break, and answers as its OpenAPI document says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from api_client import asking, keep_something
from redshank.api.app import ALL_ROUTES

load_all_checks()
CONFORMING = [
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
]
CHECKED = [CHECKS.get_one(name) for name in CONFORMING]
ENDLESS = {"/api/v1/stream"}
ROUTES = [(each.method, each.path) for routes in ALL_ROUTES for each in routes if each.path not in ENDLESS]
ALIKE = tuple(f"/api/v1/{kind}" for kind in ("sinks", "schedules", "templates"))  # the same code as monitors
FEW = [route for route in ROUTES if not route[1].startswith(ALIKE)]
LOCAL = {"Host": "localhost"}
QUICK = 3  # examples for each route and way of making them
LONG = int(os.environ.get("REDSHANK_FUZZ_EXAMPLES", "20"))  # 200 take 20 minutes


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with asking(tmp_path_factory.mktemp("data"), no_auth=True, requests_per_minute=0) as client:
        keep_something(client)
        yield schemathesis.openapi.from_asgi("/api/openapi.json", client.app, headers=LOCAL)


def named(route: tuple[str, str]) -> str:
    return " ".join(route)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("route", FEW, ids=named)
def test_nothing_breaks_the_server(document: Any, route: tuple[str, str], mode: GenerationMode) -> None:
    fuzz(document[route[1]][route[0]], mode, QUICK)


@pytest.mark.external_service
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("route", ROUTES, ids=named)
def test_nothing_breaks_the_server_however_long_it_is_tried(
    document: Any, route: tuple[str, str], mode: GenerationMode
) -> None:
    fuzz(document[route[1]][route[0]], mode, LONG)


def fuzz(operation: Any, mode: GenerationMode, examples: int) -> None:
    """Call an operation with as many requests, in (positive) or against its description."""

    @settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def call(case: Any) -> None:
        answer = case.call(headers=LOCAL)

        assert answer.status_code != 500  # 502 is of a source or sink that is away
        case.validate_response(answer, checks=CHECKED)

    # A route that takes nothing has nothing that could be wrong.
    with suppress(Unsatisfiable) if mode is GenerationMode.NEGATIVE else nullcontext():
        call()
