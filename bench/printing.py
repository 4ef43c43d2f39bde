"""What all benchmarks print: a table, a line about the machine, and JSON when asked."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from redshank.cli.bench import machine

Row = dict[str, Any]


def show(title: str, rows: Sequence[Row]) -> None:
    """Print rows as a Markdown table."""
    print(f"\n### {title}\n", flush=True)
    if not rows:
        print("(nothing)")
        return
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [names, *([_text(row.get(name)) for name in names] for row in rows)]
    width = [max(len(line[i]) for line in cells) for i in range(len(names))]
    for number, line in enumerate(cells):
        print("| " + " | ".join(text.ljust(w) for text, w in zip(line, width, strict=True)) + " |")
        if number == 0:
            print("|" + "|".join("-" * (w + 2) for w in width) + "|")
    sys.stdout.flush()


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) >= 100 else f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def write_json(path: Path | None, tables: dict[str, Sequence[Row]]) -> None:
    """Write all tables, NaN as null, with the machine; None writes nothing."""
    if path is None:
        return
    plain = {
        name: [{key: _plain(value) for key, value in row.items()} for row in rows] for name, rows in tables.items()
    }
    path.write_text(json.dumps({"machine": machine(), **plain}, indent=1) + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def seconds_of(work: Callable[[], object], repeats: int = 3) -> float:
    """Return the least processor time of several runs, of all threads together: what one core takes, undisturbed."""
    best = math.inf
    for _ in range(repeats):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best


def told(what: str, items: Iterable[Any]) -> Iterable[Any]:
    """Yield the items, saying on stderr which is being worked on."""
    for item in items:
        print(f"  {what}: {item}", file=sys.stderr, flush=True)
        yield item
