"""The live state of a monitor: series come in, points move it on, scores and events come out. Pure; no clock, no store.

Laws (tests run them on every causal detector): any split of the points into calls of ``advance`` gives the same scores
and events bit for bit; saving and loading in between is invisible; a replay from a saved state ends where the one that
was never stopped is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from redshank.engine.absence_kernel import (
    ABSENT,
    AWAY_SINCE,
    FLAT,
    FLAT_OPENED,
    LEAST_SEEN,
    MISSING,
    MISSING_OPENED,
    RUN_SINCE,
    SEEN,
    missing_after,
    stay_away,
)
from redshank.engine.siblings import Sibling, find_siblings
from redshank.engine.watch_answer import Absence, Admitted, Advance, Piece, joined, last_of_each
from redshank.engine.watch_shard import ADOPTED, Integers, Lesson, Rules, Shard, ShardAnswer
from redshank.errors import StateError
from redshank.panel import Floats, Key, Panel, Times

Flags = NDArray[np.bool_]

SHARD_BYTES = 32 << 20
Work = TypeVar("Work")
Done = TypeVar("Done")


class RunShards(Protocol):
    """How the shards are worked on: in turn, or by threads; answers come in the order of the work."""

    def __call__(self, work: Callable[[Work], Done], shards: Sequence[Work], /) -> list[Done]:
        """Return the answer of each shard."""


def in_turn(work: Callable[[Work], Done], shards: Sequence[Work], /) -> list[Done]:
    """Work on one shard after the other."""
    return [work(shard) for shard in shards]


class Watch:
    """All series of a monitor, in shards of about SHARD_BYTES of state; rows count through the shards.

    ``columns``: steps since the first series joined. ``blank_since``, ``blank_steps``: of the steps without any value
    that came last.
    """

    def __init__(self, rules: Rules, *, most_series: int = 100_000, shard_rows: int | None = None) -> None:
        """Start with no series. ``shard_rows``: series of a shard, None = as many as SHARD_BYTES hold."""
        self.rules = rules
        self.most_series = most_series
        self.shards: list[Shard] = []
        self.index: dict[Key, int] = {}
        self.keys: tuple[Key, ...] = ()
        self.lessons: tuple[Lesson, ...] = ()
        self.columns = 0
        self.blank_since = 0
        self.blank_steps = 0
        probe = Shard.blank(rules, [Key("")])
        self.warmup = probe.detector.warmup
        self.shard_rows = shard_rows or max(1, SHARD_BYTES // max(1, probe.bytes_per_series))
        self._placed: tuple[tuple[Key, ...], Integers] | None = None

    @property
    def n_series(self) -> int:
        """Number of known series."""
        return len(self.keys)

    def place(self, row: int) -> tuple[Shard, int]:
        """Return the shard of a series, and its row there."""
        number, at = divmod(row, self.shard_rows)
        return self.shards[number], at

    def know(self, keys: Sequence[Key]) -> None:
        """Let series join before their first value, with nothing known of them."""
        for first in range(0, len(keys), self.shard_rows):
            self._append(Shard.blank(self.rules, keys[first : first + self.shard_rows]))
        self.index.update((key, row) for row, key in enumerate(keys, self.n_series))
        self.keys = (*self.keys, *keys)

    def adopt(self, old: Watch) -> None:
        """Take over what another watch of the same series knows of their events and absences."""
        n_known = min(self.n_series, old.n_series)
        for name in ADOPTED:
            theirs = np.concatenate([old_shard.array(name) for old_shard in old.shards] or [np.empty(0)])[:n_known]
            for number, shard in enumerate(self.shards):
                part = theirs[number * self.shard_rows : (number + 1) * self.shard_rows]
                shard.array(name)[: len(part)] = part
        self.columns, self.blank_since, self.blank_steps = old.columns, old.blank_since, old.blank_steps

    # ------------------------------------------------------------------ moving on

    def advance(self, panel: Panel, run: RunShards = in_turn) -> Advance:
        """Score, then learn, each point; series that are not known join with their first value.

        ``panel``: any series in any order, at times after all before; known ones that are not in it have no value.
        """
        if panel.channels != self.rules.channels:
            raise StateError(f"watch: must get the channels {', '.join(self.rules.channels)}; train again")
        places, joins, refused = self._places(panel)
        n_series = self.n_series + sum(len(rows) for _, rows in joins)
        values = np.full((n_series, panel.n_time, panel.n_channels), np.nan)
        placed = places >= 0
        values[places[placed]] = panel.values if placed.all() else panel.values[placed]
        pieces, admitted = [], []
        edges = [column for column, _ in joins if column > 0]
        for first, last in zip([0, *edges], [*edges, panel.n_time], strict=True):
            if joins and joins[0][0] == first:
                _, rows = joins.pop(0)
                admitted += self._admit(panel, rows, first)
            pieces.append(self._move(panel.times[first:last], values[: self.n_series, first:last], run))
        return self._answer(pieces, panel.times, values, admitted, refused)

    def skip(self, steps: int, since_ns: int) -> None:
        """Jump over so many steps, from ``since_ns`` on, in which no series has a value."""
        if steps <= 0 or not self.shards:
            return
        if self.blank_steps == 0:
            self.blank_since = since_ns
        self.blank_steps += steps
        if self.n_series > 1:
            return
        for shard in self.shards:
            stay_away(shard.marks[0], shard.usual[0], since_ns, steps, self.rules.missing_steps, self.rules.step_ns)

    def _places(self, panel: Panel) -> tuple[Integers, list[tuple[int, Integers]], int]:
        """The row of each series of a panel (-1 = left out), who joins in which column, and how many are refused."""
        if self._placed is not None and self._placed[0] is panel.keys:
            return self._placed[1], [], 0
        index = self.index
        places = np.array([index.get(key, -1) for key in panel.keys], np.int64)
        strangers = np.flatnonzero(places < 0)
        there: Flags = np.asarray(np.isfinite(panel.values[strangers]).any(axis=2))
        comes = there.any(axis=1)
        if not np.any(comes):
            if not len(strangers):
                self._placed = (panel.keys, places)
            return places, [], 0
        firsts = there.argmax(axis=1)
        order = sorted(np.flatnonzero(comes).tolist(), key=lambda i: (firsts[i], panel.keys[strangers[i]]))
        room = max(0, self.most_series - self.n_series)
        joins: dict[int, list[int]] = defaultdict(list)
        for place, i in enumerate(order[:room], self.n_series):
            places[strangers[i]] = place
            joins[int(firsts[i])].append(int(strangers[i]))
        return places, [(column, np.array(rows)) for column, rows in joins.items()], len(order) - len(order[:room])

    def _admit(self, panel: Panel, rows: Integers, column: int) -> list[Admitted]:
        """Let series join with their first value, each as its sibling if one explains that value."""
        keys = [panel.keys[row] for row in rows]
        newest = panel.slice(column, column + 1).take(rows)
        siblings = find_siblings(self.shards, self.shard_rows, newest, self.warmup)
        is_late = self.columns > self.warmup
        time = int(panel.times[column].view(np.int64))
        admitted = []
        for first in range(0, len(keys), self.shard_rows):
            part = keys[first : first + self.shard_rows]
            self._append(self._newcomers(part, siblings, first))
        for place, (key, sibling) in enumerate(zip(keys, siblings, strict=True), self.n_series):
            self.index[key] = place
            admitted.append(Admitted(place, key, time, sibling.key if sibling else None, is_late))
        self.keys = (*self.keys, *keys)
        return admitted

    def _newcomers(self, keys: Sequence[Key], siblings: Sequence[Sibling | None], first: int) -> Shard:
        """A shard of new series, those with a sibling knowing what that knows."""
        new = Shard.blank(self.rules, keys)
        for i, sibling in enumerate(siblings[first : first + len(keys)]):
            if sibling is not None:
                new.start_from(i, sibling.shard, sibling.row, self.warmup)
        return new

    def _append(self, new: Shard) -> None:
        """Fill the last shard up, then begin another."""
        n_new = len(new.keys)
        room = self.shard_rows - len(self.shards[-1].keys) if self.shards else 0
        if room > 0:
            self.shards[-1].append(new if n_new <= room else new.take(np.arange(room)))
        if n_new > room:
            self.shards.append(new.take(np.arange(room, n_new)) if room > 0 else new)

    def _move(self, times: Times, values: Floats, run: RunShards) -> Piece:
        """Move all shards on over columns in which nobody joins."""
        is_blank: Flags = np.asarray(~np.isfinite(values).any(axis=(0, 2)))
        counts = ~is_blank if self.n_series > 1 else np.ones(len(times), np.bool_)
        firsts = [i * self.shard_rows for i in range(len(self.shards))]
        lessons = self._lessons_of_shards()

        def work(first: int) -> ShardAnswer:
            number = first // self.shard_rows
            shard = self.shards[number]
            return shard.advance(times, values[first : first + len(shard.keys)], counts, lessons.get(number, ()))

        answers = run(work, firsts)
        if not self.shards:
            return Piece(times, 0, answers, [])
        self.columns += len(times)
        return Piece(times, self.n_series, answers, self._follow_blank(times, is_blank))

    def _lessons_of_shards(self) -> dict[int, list[Lesson]]:
        found: dict[int, list[Lesson]] = defaultdict(list)
        for lesson in self.lessons:
            number, row = divmod(lesson.row, self.shard_rows)
            found[number].append(replace(lesson, row=row))
        return found

    def _follow_blank(self, times: Times, is_blank: Flags) -> list[tuple[int, int, int]]:
        """Follow the stretches without any value; return (start, end, steps) of those that ended."""
        ended = []
        edges = np.flatnonzero(np.diff(is_blank.astype(np.int8), prepend=0 if self.blank_steps == 0 else 1))
        at = 0
        for edge in edges.tolist():
            if is_blank[edge]:
                self.blank_since = int(times[edge].view(np.int64))
            else:
                steps = self.blank_steps + (edge - at)
                ended.append((self.blank_since, int(times[edge].view(np.int64)), steps))
                self.blank_steps = 0
            at = edge
        if len(is_blank) and is_blank[-1]:
            self.blank_steps += len(is_blank) - at
        return ended

    def _answer(
        self, pieces: list[Piece], times: Times, values: Floats, admitted: list[Admitted], refused: int
    ) -> Advance:
        scores = joined([piece.scores(self.rules.channels) for piece in pieces], self.keys, times, self.rules.channels)
        return Advance(
            scores=scores,
            values=values,
            events=last_of_each(event for piece in pieces for answer in piece.answers for event in answer.events),
            absences=[absence for piece in pieces for absence in piece.absences(self.shard_rows)],
            admitted=admitted,
            blank=[stretch for piece in pieces for stretch in piece.blank],
            refused=refused,
        )

    # ------------------------------------------------------------------ what is open

    def open_absences(self, end_ns: int, pending: int = 0) -> list[Absence]:
        """Return the stretches that are open now; ``pending``: steps up to ``end_ns`` that nothing came in yet.

        In pending steps all are away; where there are several series that is no matter of any one of them.
        """
        found = []
        for number, shard in enumerate(self.shards):
            first = number * self.shard_rows
            found += _open_in(shard, first, end_ns, pending if self.n_series == 1 else 0, self.rules)
        return found

    # ------------------------------------------------------------------ state

    def save(self) -> Iterator[dict[str, bytes]]:
        """Yield the state shard by shard as named parts."""
        common = {
            "columns": self.columns,
            "blank_since": self.blank_since,
            "blank_steps": self.blank_steps,
            "shard_rows": self.shard_rows,
        }
        for shard in self.shards:
            yield shard.save(common)

    @classmethod
    def load(cls, rules: Rules, shards: Iterable[Mapping[str, bytes]], *, most_series: int = 100_000) -> Watch:
        """Return the watch that was saved; without shards a new one.

        Raises:
            StateError: a part is damaged, missing, or of another detector, parameters, budget or channels.
        """
        watch = cls(rules, most_series=most_series)
        for parts in shards:
            shard, common = Shard.load(rules, parts)
            watch.shards.append(shard)
            watch.keys += shard.keys
            for name, value in common.items():
                setattr(watch, name, value)
        full = [len(shard.keys) == watch.shard_rows for shard in watch.shards[:-1]]
        if not all(full):
            raise StateError("state: a shard in the middle is not full; train again")
        watch.index = {key: row for row, key in enumerate(watch.keys)}
        return watch


def _open_in(shard: Shard, first: int, end_ns: int, pending: int, rules: Rules) -> list[Absence]:
    marks = shard.marks
    found = []
    for row in np.flatnonzero(marks[:, FLAT] == 1).tolist():
        since, opened = int(marks[row, RUN_SINCE]), int(marks[row, FLAT_OPENED])
        found.append(Absence(first + row, "flat", since, end_ns, opened, True))
    if rules.missing_steps == 0:
        return found
    for row in np.flatnonzero((marks[:, MISSING] == 1) | (pending > 0)).tolist():
        mark = marks[row]
        due = missing_after(shard.usual[row], rules.missing_steps)
        away = int(mark[ABSENT]) + pending
        since = int(mark[AWAY_SINCE]) if mark[ABSENT] > 0 else end_ns - pending * rules.step_ns
        if mark[MISSING] == 1:
            found.append(Absence(first + row, "missing", since, end_ns, int(mark[MISSING_OPENED]), True))
        elif mark[MISSING] == 0 and mark[SEEN] >= LEAST_SEEN and away >= due:
            opened = since + (due - 1) * rules.step_ns
            found.append(Absence(first + row, "missing", since, end_ns, opened, True))
    return found
