"""Cells in any order, kept in 16 bytes each until all have come, and then laid out on grids without sorting them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from redshank.errors import DataError
from redshank.panel import Floats
from redshank.sources.base import Findings
from redshank.tables.bucketed import check_span, say_left_out
from redshank.tables.grid import Block, Line, overlapping

BUCKET = "bucket"
MERGED = ("count", "sum", "min", "max")
_CODE = "\x00code"
_NARROW = (1 << 31) - 1


class CellsError(DataError):
    """A bucket of one series came in parts that its aggregate cannot be made of."""


@dataclass
class _Portion:
    """Cells: their series, their bucket counted from that of the first cell of all, and a column of values each."""

    codes: NDArray[np.int32]
    index: NDArray[np.int32] | NDArray[np.int64]
    values: list[Floats]

    def keep(self, kept: NDArray[np.bool_]) -> None:
        self.codes, self.index = self.codes[kept], self.index[kept]
        self.values = [values[kept] for values in self.values]


class Heap:
    """Cells of series by labels ``l0`` .. and number of bucket ``bucket``, with values ``m0`` .. (NaN = none)."""

    def __init__(self, n_labels: int, n_measures: int) -> None:
        """Begin with nothing."""
        self.n_measures = n_measures
        self._names = [f"l{i}" for i in range(n_labels)]
        self._codes: dict[tuple[str, ...], int] = {}
        self._portions: list[_Portion] = []
        self._origin = 0

    @property
    def n_cells(self) -> int:
        """How many there are."""
        return sum(len(portion.codes) for portion in self._portions)

    def add(self, frame: pl.DataFrame) -> None:
        """Add cells: labels as text, buckets as Int64, values as Float64, none of them null."""
        if frame.is_empty():
            return
        index = frame[BUCKET].to_numpy()
        if not self._portions:
            self._origin = int(index[0])
        index = index - self._origin
        is_narrow = int(index.min()) > -_NARROW and int(index.max()) < _NARROW
        values = [frame[f"m{i}"].to_numpy() for i in range(self.n_measures)]
        self._portions.append(_Portion(self._coded(frame), index.astype(np.int32) if is_narrow else index, values))

    def _coded(self, frame: pl.DataFrame) -> NDArray[np.int32]:
        if not self._names:
            self._codes.setdefault((), 0)
            return np.zeros(len(frame), np.int32)
        keys = frame.select(self._names).unique()
        codes = [self._codes.setdefault(key, len(self._codes)) for key in keys.iter_rows()]
        numbered = keys.with_columns(pl.Series(_CODE, codes, pl.Int32))
        joined = frame.select(self._names).join(numbered, on=self._names, how="left", maintain_order="left")
        return joined[_CODE].to_numpy()

    def leave_out_last(self, findings: Findings) -> None:
        """Drop the cells of the last bucket; DataError when there is no other."""
        last = max(int(portion.index.max()) for portion in self._portions)
        for portion in self._portions:
            portion.keep(portion.index < last)
        self._portions = [portion for portion in self._portions if len(portion.codes)]
        say_left_out(findings, is_all=not self._portions)

    def laid_out(self, agg: str, where: str) -> tuple[list[tuple[str, ...]], list[Block]]:
        """Return the labels of the series in order, and blocks whose times are numbers of buckets; it is empty after.

        Raises:
            CellsError: cells share series and bucket, and ``agg`` is none of ``MERGED``.
            DataError: there are too many steps.
        """
        labels, blocks, places = self._room()
        size = sum(len(block.series) * len(block.times) for block in blocks)
        seen = np.zeros(size, np.bool_)
        for portion in self._portions:
            seen[places[portion.codes] + portion.index] = True
        is_whole = int(seen.sum()) == self.n_cells
        if not is_whole and agg not in MERGED:
            raise CellsError(f"{where}: gave a bucket of the same series twice, which {agg} cannot be made of")
        room = [np.full(size, np.nan) for _ in range(self.n_measures)]
        if not is_whole and agg in ("count", "sum"):
            for cells in room:
                cells[seen] = 0.0
        put = None if is_whole else {"min": np.fmin, "max": np.fmax}.get(agg, np.add)
        while self._portions:
            portion = self._portions.pop()
            at = places[portion.codes] + portion.index
            for cells, values in zip(room, portion.values, strict=True):
                if put is None:
                    cells[at] = values
                else:
                    put.at(cells, at, values)
        return labels, _cut(blocks, room)

    def _room(self) -> tuple[list[tuple[str, ...]], list[Block], NDArray[np.int64]]:
        """Labels in order, empty blocks, and for each series the place of bucket 0 among the cells of all blocks."""
        n = len(self._codes)
        first, last = np.full(n, np.iinfo(np.int64).max), np.full(n, np.iinfo(np.int64).min)
        for portion in self._portions:
            np.minimum.at(first, portion.codes, portion.index)
            np.maximum.at(last, portion.codes, portion.index)
        there = np.flatnonzero(first <= last)
        check_span(int(last[there].max()) - int(first[there].min()) + 1)
        named = list(self._codes)
        order = sorted(there.tolist(), key=lambda code: named[code])
        lines = [
            Line(number, 0, 0, int(first[code]), 1, int(last[code] - first[code]) + 1)
            for number, code in enumerate(order)
        ]
        places = np.zeros(n, np.int64)
        blocks, begun = [], 0
        for group in overlapping(lines):
            members = sorted(group, key=lambda line: line.code)
            start, end = min(line.start for line in members), max(line.end for line in members)
            length = end - start + 1
            for row, line in enumerate(members):
                places[order[line.code]] = begun + row * length - start
            series = np.array([line.code for line in members], np.int32)
            times = self._origin + np.arange(start, end + 1, dtype=np.int64)
            blocks.append(Block(series, times, [], 1))
            begun += len(members) * length
        return [named[code] for code in order], blocks, places


def _cut(blocks: list[Block], room: list[Floats]) -> list[Block]:
    """The blocks with their share of the cells."""
    found, begun = [], 0
    for block in blocks:
        shape = len(block.series), len(block.times)
        end = begun + shape[0] * shape[1]
        found.append(Block(block.series, block.times, [cells[begun:end].reshape(shape) for cells in room], block.step))
        begun = end
    return found
