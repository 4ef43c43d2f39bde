"""What the commands print with: tables to stdout, progress to stderr."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from redshank.app import Progress

PIPE_WIDTH = 200  # columns when stdout is no terminal, so that nothing is cut for scripts and logs
SHOWN_NOTES = 8
PATIENCE_SECONDS = 0.7  # work that ends sooner shows no progress bar


def console() -> Console:
    """Return the console for results; it honours NO_COLOR, and has no colours in a pipe."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False, soft_wrap=False)


def print_notes(out: Console, notes: Sequence[str]) -> None:
    """Print what a careful reader should know, the first few in full."""
    for note in notes[:SHOWN_NOTES]:
        out.print(f"note: {note}", style="yellow", markup=False)
    if len(notes) > SHOWN_NOTES:
        out.print(f"note: and {len(notes) - SHOWN_NOTES:,} more; --json has them all", style="yellow", markup=False)


@contextmanager
def progress_bar(quiet: bool) -> Iterator[Progress]:
    """Yield a function to report progress to; a bar appears on stderr when the work takes long and someone watches."""
    if quiet or not sys.stderr.isatty():
        yield lambda what, share: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task("starting", total=None)
    timer = threading.Timer(PATIENCE_SECONDS, bar.start)
    timer.daemon = True
    timer.start()

    def heard(what: str, share: float | None) -> None:
        bar.update(task, description=what, total=None if share is None else 1.0, completed=share or 0.0)

    try:
        yield heard
    finally:
        timer.cancel()
        timer.join()
        bar.stop()
