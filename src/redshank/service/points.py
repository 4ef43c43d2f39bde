"""Points pushed to a source: read in whatever format they come, kept, and the monitors of the source told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from redshank.errors import ConfigError, DataError
from redshank.service.opening import PUSH
from redshank.service.worker import Worker
from redshank.store.store import Store

if TYPE_CHECKING:
    from redshank.push.points import Pushed, Rejected


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A body as it was sent, of at most ``most_bytes`` when unpacked.

    ``request``: the sender's name for it, so that sending again does nothing.
    """

    body: bytes
    content_type: str | None
    content_encoding: str | None
    most_bytes: int
    precision: str | None = None
    request: str | None = None


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What became of a push.

    ``rows`` = ``accepted`` + ``rejected_count``; ``rejected``: the first of them. ``points``: kept; ``missing``: values
    that said "no value"; ``refused``: points of new series of a source that has as many as it may have. ``left_out``:
    fields that hold text where only numbers are kept. ``is_repeat``: the request was kept before.
    """

    rows: int
    accepted: int
    rejected_count: int
    rejected: Sequence[Rejected]
    points: int
    missing: int
    refused: int
    new_series: int
    left_out: Sequence[str]
    is_repeat: bool


class Points:
    """Pushed points."""

    def __init__(
        self, store: Store, worker: Worker, clock: Callable[[], int], counted: Callable[[str, int], None]
    ) -> None:
        """``clock`` gives nanoseconds since 1970; ``counted`` is told how many points a source got."""
        self._store, self._worker, self._clock = store, worker, clock
        self._counted = counted

    def push(self, source: str, sent: Sent) -> Taken:
        """Keep the points of a body; when this returns they survive a crash.

        Raises:
            NotFoundError: there is no such source.
            ConfigError: it is not of the kind push.
            MediaTypeError, TooLargeError, DataError: the body cannot be read, or no row of it.
        """
        from redshank.push.decode import decode
        from redshank.push.points import Limits

        declared = self._store.resources.get("sources", source)
        if declared.spec.get("kind") != PUSH:
            raise ConfigError(
                f"source {source!r}: must be of kind 'push' to be sent points, it is {declared.spec.get('kind')!r}",
                field="source",
            )
        pushed = decode(
            sent.body,
            sent.content_type,
            sent.content_encoding,
            Limits(body_bytes=sent.most_bytes),
            now_ns=self._clock(),
            precision=sent.precision,
        )
        if pushed.rejected_count and not pushed.accepted:
            raise DataError(_none_taken(pushed))
        kept = self._store.points.append(declared.id, pushed.points, sent.request)
        if kept.points and not kept.is_repeat:
            self._worker.news_of(source)
            self._counted(source, kept.points)
        return Taken(
            rows=pushed.rows,
            accepted=pushed.accepted,
            rejected_count=pushed.rejected_count,
            rejected=pushed.rejected,
            points=kept.points,
            missing=pushed.missing,
            refused=kept.refused,
            new_series=kept.new_series,
            left_out=pushed.left_out,
            is_repeat=kept.is_repeat,
        )


def _none_taken(pushed: Pushed) -> str:
    shown = "; ".join(f"row {each.row}: {each.reason}" for each in pushed.rejected[:5])
    return f"push: none of {pushed.rows:,} rows could be taken: {shown}"
