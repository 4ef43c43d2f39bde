"""What a source did so far, in plain numbers, for the metrics of the server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redshank.http.client import Counts as Calls


@dataclass
class Counts:
    """Readings, what they brought, and what went wrong; safe to add to from several threads.

    ``requests``: calls or statements sent. ``retries``: those among them that were repeats. ``seconds``: spent reading.
    """

    reads: int = 0
    rows: int = 0
    bytes: int = 0
    requests: int = 0
    retries: int = 0
    seconds: float = 0.0
    errors: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add(
        self,
        *,
        reads: int = 0,
        rows: int = 0,
        bytes: int = 0,
        requests: int = 0,
        retries: int = 0,
        seconds: float = 0.0,
        errors: int = 0,
    ) -> None:
        """Add to the numbers."""
        with self._lock:
            self.reads += reads
            self.rows += rows
            self.bytes += bytes
            self.requests += requests
            self.retries += retries
            self.seconds += seconds
            self.errors += errors

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Count one reading: its time, and whether it failed."""
        begun = time.monotonic()
        try:
            yield
        except Exception:
            self.add(reads=1, errors=1, seconds=time.monotonic() - begun)
            raise
        self.add(reads=1, seconds=time.monotonic() - begun)


@contextmanager
def calls_counted(calls: Calls, counts: Counts) -> Iterator[None]:
    """Count what is called within, as the client counts it, in the numbers of a source too."""
    before = replace(calls)
    try:
        yield
    finally:
        counts.add(
            requests=calls.requests - before.requests,
            retries=calls.retries - before.retries,
            bytes=calls.bytes_in - before.bytes_in,
        )
