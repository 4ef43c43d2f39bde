"""Log lines of the server: one JSON object each, or words for people at a terminal; never a secret."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

HIDDEN = "********"
_SECRET_NAMES = re.compile(r"token|password|passwd|secret|authorization|api_?key|cookie", re.IGNORECASE)
_IN_ADDRESS = re.compile(r"(?<=://)([^/@\s:]*):[^/@\s]+(?=@)")
_OWN_TOKEN = re.compile(r"\brsk?_[A-Za-z0-9_.-]{16,}")
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def set_up_logs(level: str = "info", *, as_json: bool | None = None, stream: TextIO | None = None) -> None:
    """Write log lines from ``level`` on to ``stream`` (None = stderr).

    ``as_json`` None: words when the stream is a terminal, JSON otherwise.
    """
    out = stream or sys.stderr
    is_json = not out.isatty() if as_json is None else as_json
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        hide_secrets,
    ]
    last = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    words = [
        structlog.dev.ConsoleRenderer(
            colors=out.isatty() and not os.environ.get("NO_COLOR"),
            pad_event_to=0,
            exception_formatter=structlog.dev.plain_traceback,  # the default shows local variables, secrets among them
        )
    ]
    structlog.configure(
        processors=[*shared, *(last if is_json else words)],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    logging.root.handlers = [_Forward()]
    logging.root.setLevel(max(_LEVELS[level], logging.WARNING))


def hide_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide values whose names or forms are those of secrets."""
    for name, value in event.items():
        event[name] = HIDDEN if _is_secret(name, value) else _without_secrets(value)
    return event


def _is_secret(name: str, value: Any) -> bool:
    return isinstance(value, str) and _SECRET_NAMES.search(name) is not None


def _without_secrets(value: Any) -> Any:
    if isinstance(value, str):
        return _OWN_TOKEN.sub(HIDDEN, _IN_ADDRESS.sub(rf"\1:{HIDDEN}", value))
    if isinstance(value, dict):
        return {name: HIDDEN if _is_secret(str(name), part) else _without_secrets(part) for name, part in value.items()}
    return [_without_secrets(part) for part in value] if isinstance(value, list | tuple) else value


class _Forward(logging.Handler):
    """Lets lines of libraries be written like our own."""

    def emit(self, record: logging.LogRecord) -> None:
        level = record.levelname.lower() if record.levelname.lower() in _LEVELS else "error"
        getattr(structlog.get_logger(record.name), level)(record.getMessage(), exc_info=record.exc_info)
