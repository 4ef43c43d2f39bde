"""Write events and scores to CSV, JSON, JSON lines or Parquet files; a file appears whole or not at all."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from redshank.decide import Event
from redshank.errors import ConfigError, SinkError
from redshank.result import Scored
from redshank.sinks.base import Sink
from redshank.specs.options import Access, Options

if TYPE_CHECKING:
    import polars as pl

FORMATS = (".csv", ".json", ".jsonl", ".parquet")


class FileSinkOptions(Options):
    """Files for events and for scores; the suffix says the format."""

    events: str | None = None
    scores: str | None = None


@dataclass(frozen=True, kw_only=True)
class FileSink(Sink):
    """Files for events and for scores; None writes none. The suffix says the format."""

    kind: ClassVar[str] = "files"
    Options: ClassVar[type[Options]] = FileSinkOptions
    events: Path | None = None
    scores: Path | None = None

    @classmethod
    def build(cls, options: FileSinkOptions, access: Access) -> Self:
        """Return the sink; ConfigError when no file is given or one lies outside of the folders allowed."""
        if options.events is None and options.scores is None:
            raise ConfigError("sink of kind 'files': events or scores must name a file, got neither", field="events")
        paths = [None if path is None else Path(access.path(path)) for path in (options.events, options.scores)]
        return cls(events=paths[0], scores=paths[1])

    def check(self) -> None:
        """Raise SinkError for an unknown suffix or a place that cannot be written."""
        for path in (self.events, self.scores):
            if path is not None:
                check_suffix(path, FORMATS)
                check_writable(path)

    def write_events(self, events: Sequence[Event]) -> None:
        """Write all events, in the order given."""
        if self.events is None:
            return
        if self.events.suffix == ".json":
            text = json.dumps([event_json(event) for event in events], indent=2, ensure_ascii=False)
            write_whole(self.events, lambda partial: partial.write_text(text + "\n", encoding="utf-8"))
        else:
            write_frame(events_frame(events), self.events)

    def write_scores(self, parts: Sequence[Scored]) -> None:
        """Write one row per point: time, labels, value, score, expected, lower, upper, anomaly."""
        if self.scores is None:
            return
        import polars as pl

        from redshank.tables import scores_table

        frames = [scores_table(part.panel, part.scores) for part in parts]
        write_frame(pl.concat(frames, how="diagonal_relaxed"), self.scores)


def check_suffix(path: Path, formats: Sequence[str]) -> None:
    """Raise SinkError unless the path ends in one of the formats."""
    if path.suffix not in formats:
        raise SinkError(f"{path}: must end in {', '.join(formats)}, got {path.suffix or 'no ending'!r}")


def check_writable(path: Path) -> None:
    """Raise SinkError when the file could not be written, without creating it."""
    folder = path.parent
    if path.is_dir():
        raise SinkError(f"{path}: must be a file, got a folder")
    if not folder.is_dir():
        raise SinkError(f"{path}: the folder {folder} does not exist; create it first")
    if not os.access(folder, os.W_OK | os.X_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise SinkError(f"{path}: no permission to write there")


def write_whole(path: Path, write: Callable[[Path], Any]) -> None:
    """Let ``write`` fill a file beside ``path``, then put it in its place; SinkError when the disk refuses."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        write(partial)
        partial.replace(path)
    except OSError as error:
        raise SinkError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)


def write_frame(frame: pl.DataFrame, path: Path) -> None:
    """Write a table in the format of the path's suffix; missing numbers are null or empty, never NaN."""
    frame = frame.fill_nan(None)
    if path.suffix == ".parquet":
        write_whole(path, frame.write_parquet)
    elif path.suffix == ".csv":
        write_whole(path, lambda partial: frame.write_csv(partial, datetime_format="%Y-%m-%dT%H:%M:%S%.fZ"))
    elif path.suffix == ".jsonl":
        write_whole(path, frame.write_ndjson)
    else:
        write_whole(path, frame.write_json)


def events_frame(events: Sequence[Event]) -> pl.DataFrame:
    """Return one row per event, labels as columns of their own."""
    import polars as pl

    rows = [_event_row(event) for event in events]
    if not rows:
        return pl.DataFrame(schema=_schema())
    frame = pl.DataFrame(rows, infer_schema_length=None)
    return frame.select([*_COLUMNS, *(name for name in frame.columns if name not in _COLUMNS)])


_COLUMNS = (
    "severity",
    "series",
    "start",
    "end",
    "actual",
    "expected",
    "lower",
    "upper",
    "direction",
    "score",
    "rarity",
    "points",
    "opened",
    "peak",
    "is_open",
    "reason",
    "id",
    "measure",
)


def _schema() -> dict[str, Any]:
    """Types of the columns, the same with events and without."""
    import polars as pl

    time = pl.Datetime("us", "UTC")
    kinds = {
        **dict.fromkeys(("start", "end", "opened", "peak"), time),
        **dict.fromkeys(("actual", "expected", "lower", "upper", "score", "rarity"), pl.Float64()),
        **dict.fromkeys(("severity", "points"), pl.Int64()),
        "is_open": pl.Boolean(),
    }
    return {name: kinds.get(name, pl.String()) for name in _COLUMNS}


def _event_row(event: Event) -> dict[str, Any]:
    row = {name: getattr(event, name) for name in _COLUMNS if name not in ("series", "measure")}
    labels = {f"label_{name}" if name in row else name: value for name, value in event.key.labels}
    return {**row, "series": str(event.key), "measure": event.key.measure, **labels}


def event_json(event: Event) -> dict[str, Any]:
    """Return an event as JSON values: RFC 3339 times in UTC, null for unknown numbers."""
    row = {name: plain(getattr(event, name)) for name in _COLUMNS if name not in ("series", "measure")}
    return {
        **row,
        "series": str(event.key),
        "measure": event.key.measure,
        "labels": event.key.label_map,
        "share": event.share,
    }


def plain(value: Any) -> Any:
    """Return a value as JSON has it: a time as RFC 3339 in UTC, NaN and infinite as null."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
