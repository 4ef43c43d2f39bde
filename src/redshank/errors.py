"""The one tree of errors. Message: *where: what must hold, got what*.

Each class carries the HTTP status it becomes at the API's edge and the exit code at the command line's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches


class RedshankError(Exception):
    """Base of all errors a user or caller can act on."""

    status = 500
    code = "internal"
    exit_code = 1

    def __init__(self, message: str, *, field: str | None = None) -> None:
        """Keep the message, and the name of the input field at fault when there is one."""
        super().__init__(message)
        self.field = field


class ConfigError(RedshankError):
    """A parameter, option or configuration value is wrong."""

    status, code, exit_code = 422, "invalid", 2


class DataError(RedshankError):
    """The data itself cannot be used as asked: no time column, no numbers, nothing in range."""

    status, code, exit_code = 422, "bad_data", 2


class NoPointsError(DataError):
    """There are no points in the range asked for, or none yet; nothing else is wrong."""

    status, code, exit_code = 422, "no_points", 2


class SourceError(RedshankError):
    """A source cannot be reached or read."""

    status, code, exit_code = 502, "source_failed", 2


class SinkError(RedshankError):
    """A sink cannot be written.

    ``permanent``: what was given will never be taken, however often it is tried. ``refused``: why, by id of an event,
    only these were not taken, for good. ``delivered``: so many, from the first on, were taken for sure, and are not to
    come again. ``retry_seconds``: how long the other side asked to be left alone, None = it did not say.
    """

    status, code, exit_code = 502, "sink_failed", 2

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        permanent: bool = False,
        refused: Mapping[str, str] | None = None,
        delivered: int = 0,
        retry_seconds: float | None = None,
    ) -> None:
        """Keep the message, the field at fault, and what is to become of the delivery."""
        super().__init__(message, field=field)
        self.permanent = permanent or bool(refused)
        self.refused = dict(refused or {})
        self.delivered = delivered
        self.retry_seconds = retry_seconds


class StateError(RedshankError):
    """A saved state is damaged, or from a newer version."""

    status, code, exit_code = 409, "bad_state", 2


class MissingExtraError(RedshankError):
    """An optional library is not installed; the message holds the command that installs it."""

    status, code, exit_code = 501, "missing_extra", 2


class NotFoundError(RedshankError):
    """There is nothing of that name or id."""

    status, code, exit_code = 404, "not_found", 2


class ConflictError(RedshankError):
    """What is asked for does not go with what is there: a name is taken, a thing is in use, a run has ended."""

    status, code, exit_code = 409, "conflict", 2


class RevisionError(ConflictError):
    """It was changed since it was read; read it again, then change it."""

    status, code, exit_code = 412, "changed", 2


class UnauthorizedError(RedshankError):
    """No token was given, or one that is unknown or has expired."""

    status, code, exit_code = 401, "unauthorized", 2


class ForbiddenError(RedshankError):
    """The token's role does not allow this."""

    status, code, exit_code = 403, "forbidden", 2


class TooLargeError(RedshankError):
    """More was sent, asked for or declared than the settings allow."""

    status, code, exit_code = 413, "too_large", 2


class MediaTypeError(RedshankError):
    """The content type or encoding of a body is none that is read here."""

    status, code, exit_code = 415, "unsupported_media_type", 2


class LimitError(RedshankError):
    """Too many requests or runs at once; try again later (``retry_seconds``; None = unknown)."""

    status, code, exit_code = 429, "too_many", 2

    def __init__(self, message: str, *, field: str | None = None, retry_seconds: float | None = None) -> None:
        """Keep the message, the field at fault, and when to try again."""
        super().__init__(message, field=field)
        self.retry_seconds = retry_seconds


class UnavailableError(RedshankError):
    """The service cannot do this now: it starts, stops, or its database is away."""

    status, code, exit_code = 503, "unavailable", 1


class StaleError(RedshankError):
    """Somebody else went on from the same place; what was made of it is thrown away."""

    status, code, exit_code = 409, "stale", 1


class LeaseLostError(RedshankError):
    """Another process leads now; nothing of this one may be kept."""

    status, code, exit_code = 503, "lease_lost", 1


class StoppedError(RedshankError):
    """The work was asked to stop, by a cancel, its deadline or the end of the process; nothing more of it is kept."""

    status, code, exit_code = 503, "stopped", 1


def did_you_mean(what: str, name: str, choices: Iterable[str]) -> str:
    """Return "unknown WHAT 'NAME'; did you mean ...?" with the near choices, or all of them if none is near."""
    known = sorted(choices)
    lowered = {choice.lower(): choice for choice in known}
    close = [lowered[key] for key in get_close_matches(name.lower(), lowered, n=3)]
    if close:
        return f"unknown {what} {name!r}; did you mean {' or '.join(repr(c) for c in close)}?"
    listed = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
    return f"unknown {what} {name!r}; choices are {listed or 'none'}"
