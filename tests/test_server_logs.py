"""Log lines are JSON or words, and hold no secret."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from redshank.server.logs import set_up_logs


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    handlers, level = logging.root.handlers, logging.root.level
    yield
    structlog.reset_defaults()
    logging.root.handlers = handlers
    logging.root.setLevel(level)


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_lines_are_json_when_nobody_looks_on() -> None:
    out = io.StringIO()
    set_up_logs(stream=out)

    structlog.get_logger("x").info("run ended", run="r1", seconds=1.5)

    (line,) = lines(out)
    assert line["event"] == "run ended"
    assert (line["run"], line["seconds"], line["level"]) == ("r1", 1.5, "info")
    assert line["timestamp"].endswith("Z")


def test_lines_are_words_when_asked_for() -> None:
    out = io.StringIO()
    set_up_logs(as_json=False, stream=out)

    structlog.get_logger("x").info("run ended", run="r1")

    assert "run ended" in out.getvalue()
    assert not out.getvalue().startswith("{")


def test_lines_below_the_level_are_left_out() -> None:
    out = io.StringIO()
    set_up_logs("warning", stream=out)

    structlog.get_logger("x").info("quiet")
    structlog.get_logger("x").warning("loud")

    assert [line["event"] for line in lines(out)] == ["loud"]


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"password": "hunter2"}, id="by name"),
        pytest.param({"detail": {"api_key": "hunter2"}}, id="by name, inside"),
        pytest.param({"error": "cannot reach postgresql://me:hunter2@db/x"}, id="in an address"),
        pytest.param({"parts": ["rsk_hunter2hunter2hunter2"]}, id="a token of ours"),
    ],
)
def test_secrets_are_hidden(fields: dict[str, Any]) -> None:
    out = io.StringIO()
    set_up_logs(stream=out)

    structlog.get_logger("x").info("event", **fields)

    assert "hunter2" not in out.getvalue()
    assert "********" in out.getvalue()


def test_lines_of_libraries_look_alike() -> None:
    out = io.StringIO()
    set_up_logs(stream=out)

    logging.getLogger("uvicorn.error").warning("odd %s", "thing")

    assert [(line["event"], line["level"]) for line in lines(out)] == [("odd thing", "warning")]


def test_an_error_has_its_traceback() -> None:
    out = io.StringIO()
    set_up_logs(stream=out)

    try:
        raise ZeroDivisionError("by us")
    except ZeroDivisionError:
        structlog.get_logger("x").exception("failed")

    assert "ZeroDivisionError: by us" in lines(out)[0]["exception"]
