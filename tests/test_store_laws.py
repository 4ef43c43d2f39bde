"""The laws of the store under many workers, and what goes in comes out."""

from __future__ import annotations

import string
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from redshank.errors import ConfigError, LeaseLostError, RedshankError, StaleError
from redshank.panel import Key
from redshank.store.columns import clean_text
from redshank.store.events import EventFilter
from redshank.store.records import EventKind, Fence, Live, Progress, Run, StoredEvent, TickCommit
from redshank.store.store import Store
from store_data import MINUTE, NOON, Clock, blank_folder, event, live, train

WORKERS = 8
texts = st.text(max_size=20)
numbers = st.integers(-(2**62), 2**62)
reals = st.none() | st.floats(allow_nan=False)
keys = st.builds(Key.of, texts, st.dictionaries(texts, texts, max_size=3))
json_values = st.recursive(
    st.none() | st.booleans() | numbers | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
events = st.builds(
    StoredEvent,
    id=st.text(string.ascii_lowercase, min_size=1, max_size=2),
    monitor_id=st.sampled_from(["m1", "m2"]),
    monitor=st.just("shop"),
    kind=st.sampled_from(get_args(EventKind)),
    key=keys,
    start_ns=numbers,
    end_ns=numbers,
    opened_ns=numbers,
    peak_ns=numbers,
    score=reals,
    severity=st.integers(0, 100),
    direction=st.sampled_from(["up", "down", "unknown"]),
    actual=reals,
    expected=reals,
    lower=reals,
    upper=reals,
    rarity=reals,
    points=st.integers(0, 2**40),
    is_open=st.booleans(),
    share=st.dictionaries(texts, st.floats(0, 1), max_size=2),
    reason=texts,
    backfill=st.booleans(),
)
few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@contextmanager
def blank_store() -> Iterator[Store]:
    """A store of its own in a folder that goes away."""
    with tempfile.TemporaryDirectory() as folder, Store.open(blank_folder(Path(folder)), clock=Clock()) as store:
        yield store


def all_at_once(work: Callable[[int], Any]) -> list[Any]:
    """Do the same in many threads that begin together; return what each answered, or the error it met."""
    begin = Barrier(WORKERS)

    def begun(number: int) -> Any:
        begin.wait()
        try:
            return work(number)
        except RedshankError as error:
            return type(error)

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(begun, range(WORKERS)))


def test_two_workers_never_hold_one_run(store: Store) -> None:
    for i in range(20):
        store.runs.create(f"m{i}", "shop", "train")

    def claims(_: int) -> list[str]:
        return [run.id for run in iter(lambda: store.runs.claim(NOON), None)]

    claimed = [run_id for held in all_at_once(claims) for run_id in held]

    assert len(claimed) == len(set(claimed)) == 20


def test_a_monitor_never_has_more_runs_at_once_than_it_may(store: Store) -> None:
    for _ in range(20):
        store.runs.create("m1", "shop", "train")

    held = all_at_once(lambda _: store.runs.claim(NOON, per_monitor=3))

    assert sum(run is not None for run in held) == 3


def test_of_ticks_from_one_place_just_one_is_kept(store: Store) -> None:
    base = store.live.commit(TickCommit(base=None, live=live()))

    def tick(number: int) -> Live:
        after = live(cursor_ns=NOON + MINUTE, points=number)
        return store.live.commit(TickCommit(base=base, live=after, events=[event(f"e{number}")]))

    answers = all_at_once(tick)

    winner = store.live.get("m1")
    assert Counter(map(type, answers)) == {Live: 1, type: WORKERS - 1}
    assert answers.count(StaleError) == WORKERS - 1
    assert [one.id for one in store.events.changes(0)] == [f"e{winner.points}"]


def test_of_first_ticks_just_one_is_kept(store: Store) -> None:
    answers = all_at_once(lambda number: store.live.commit(TickCommit(base=None, live=live(points=number))))

    assert answers.count(StaleError) == WORKERS - 1


def test_a_lease_is_taken_by_one(store: Store) -> None:
    taken = all_at_once(lambda number: store.leases.take("leader", f"w{number}", 10, NOON))

    assert sum(isinstance(fence, Fence) for fence in taken) == 1


def test_a_name_is_given_to_one(store: Store) -> None:
    made = all_at_once(lambda number: store.resources.create("sources", "shop", {"by": number}))

    assert sum(not isinstance(one, type) for one in made) == 1


def test_a_change_from_one_revision_is_made_once(store: Store) -> None:
    store.resources.create("sources", "shop", {})

    changed = all_at_once(lambda number: store.resources.update("sources", "shop", {"by": number}, 1))

    assert sum(not isinstance(one, type) for one in changed) == 1


def test_a_key_of_a_request_is_given_to_one(store: Store) -> None:
    assert all_at_once(lambda _: store.idempotency.begin("ci", "k", "f")).count(None) == 1


def test_series_are_numbered_by_one(store: Store) -> None:
    keys = [Key.of("cpu", {"host": str(i)}) for i in range(20)]

    admitted = all_at_once(lambda _: store.series.admit("m1", keys, first_ns=0, shard_series=7))

    assert {tuple(one) for one in admitted if one is not StaleError} == {tuple(store.series.all_of("m1"))}


def test_a_version_gets_its_number_once(store: Store) -> None:
    train(store, "m1", 1)

    with pytest.raises(StaleError):
        train(store, "m1", 1)


def test_sequences_rise_in_the_order_in_which_changes_can_be_seen(store: Store) -> None:
    seen: list[int] = []

    def write(number: int) -> None:
        for i in range(10):
            store.events.upsert([event(f"e{number}-{i}")])
            seen.extend(one.sequence for one in store.events.changes(max(seen, default=0)))

    all_at_once(write)

    assert {one.sequence for one in store.events.changes(0)} == set(range(1, 81))
    assert set(seen) >= set(range(1, max(seen) + 1))


@few
@given(given_events=st.lists(events, max_size=8, unique_by=lambda one: one.id))
def test_events_come_out_as_they_went_in(given_events: list[StoredEvent]) -> None:
    with blank_store() as store:
        store.events.upsert(given_events)

        for i, one in enumerate(given_events, 1):
            kept = store.events.get(one.id)
            assert kept == replace(one, sequence=i, created_ns=NOON, updated_ns=NOON, reason=clean_text(one.reason))


@few
@given(
    given_events=st.lists(events, max_size=30, unique_by=lambda one: one.id),
    start_ns=st.none() | numbers,
    end_ns=st.none() | numbers,
    is_open=st.none() | st.booleans(),
    limit=st.integers(1, 7),
    sort=st.sampled_from(["start", "-start", "updated", "-updated"]),
)
def test_pages_hold_each_wanted_event_once_in_order(
    given_events: list[StoredEvent],
    start_ns: int | None,
    end_ns: int | None,
    is_open: bool | None,
    limit: int,
    sort: str,
) -> None:
    with blank_store() as store:
        store.events.upsert(given_events)
        wanted = EventFilter(start_ns=start_ns, end_ns=end_ns, is_open=is_open)
        found, cursor = [], None
        while cursor is not None or not found:
            page = store.events.list(wanted, limit=limit, cursor=cursor, sort=sort)
            found += [one.id for one in page.items] or ["nothing"]
            cursor = page.next_cursor
        sequence = {one.id: i for i, one in enumerate(given_events)}

    expected = [
        one
        for one in given_events
        if (start_ns is None or one.end_ns > start_ns or one.is_open)
        and (end_ns is None or one.start_ns < end_ns)
        and is_open in (None, one.is_open)
    ]
    expected.sort(
        key=lambda one: (one.start_ns, one.id) if "start" in sort else (sequence[one.id],), reverse=sort[0] == "-"
    )
    assert found == ([one.id for one in expected] or ["nothing"])


@few
@given(spec=st.dictionaries(texts, json_values, max_size=4), name=texts.filter(lambda text: clean_text(text) == text))
def test_declarations_come_out_as_they_went_in(spec: dict[str, Any], name: str) -> None:
    with blank_store() as store:
        made = store.resources.create("sinks", name, spec)

        assert store.resources.get("sinks", name) == made
        assert store.resources.by_id(made.id).spec == spec


@few
@given(given_keys=st.lists(keys, unique=True, max_size=12), shard_series=st.integers(1, 5))
def test_series_come_out_as_they_went_in(given_keys: list[Key], shard_series: int) -> None:
    with blank_store() as store:
        store.series.admit("m1", given_keys[::2], first_ns=1, shard_series=shard_series)
        admitted = store.series.admit("m1", given_keys, first_ns=2, shard_series=shard_series)

        assert [one.key for one in admitted] == given_keys
        assert sorted(one.id for one in admitted) == list(range(len(given_keys)))
        assert len({(one.shard, one.row) for one in admitted}) == len(given_keys)
        assert all(one.row < shard_series for one in admitted)
        assert set(store.series.all_of("m1")) == set(admitted)
        for one in admitted:
            found = store.series.list("m1", labels=one.key.label_map, measure=one.key.measure).items
            assert one in found
            assert all(one.key.label_map.items() <= other.key.label_map.items() for other in found)


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "W10", "WzFd", "WyJhIiwgImIiLCAiYyJd", "bnVsbA", "é"])
def test_a_cursor_of_nothing_is_refused(store: Store, cursor: str) -> None:
    with pytest.raises(ConfigError, match="cursor"):
        store.events.list(cursor=cursor)


class Workers(RuleBasedStateMachine):
    """Two processes lead by turns, claim, work, crash and come back; a list of what must hold is kept beside."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store.open(blank_folder(Path(self.folder.name)), clock=Clock())
        self.fences: dict[str, Fence] = {}
        self.leader: Fence | None = None
        self.held: dict[str, Run] = {}
        self.kept: Live | None = None
        self.bases: dict[str, Live | None] = {"a": None, "b": None}
        self.expected: list[str] = []

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    @rule(worker=st.sampled_from("ab"), seconds=st.integers(0, 20))
    def take(self, worker: str, seconds: int) -> None:
        self.store.clock.move(seconds)
        fence = self.store.leases.take("leader", worker, 10, self.store.clock())
        if fence is not None:
            assert self.leader is None or fence.token > self.leader.token
            self.fences[worker] = self.leader = fence

    @rule(worker=st.sampled_from("ab"))
    def renew(self, worker: str) -> None:
        if worker in self.fences:
            self.fenced(worker, lambda fence: self.store.leases.renew(fence, 10, self.store.clock()))

    @rule(worker=st.sampled_from("ab"))
    def ask_and_claim(self, worker: str) -> None:
        self.store.runs.create("m1", "shop", "train")
        run = self.fenced(worker, lambda fence: self.store.runs.claim(self.store.clock(), fence, per_monitor=100))
        if run is not None:
            assert run.id not in self.held
            self.held[run.id] = run

    @rule(worker=st.sampled_from("ab"))
    def recover(self, worker: str) -> None:
        for run in self.fenced(worker, self.store.runs.recover) or ():
            assert self.held.pop(run.id).attempt == run.attempt

    @rule(worker=st.sampled_from("ab"), index=st.integers(0, 3))
    def finish(self, worker: str, index: int) -> None:
        for run in list(self.held.values())[index : index + 1]:
            if self.fences.get(worker) == self.leader:
                self.store.runs.finish(run.id, run.attempt, "done", fence=self.leader)
                del self.held[run.id]
                with pytest.raises(StaleError):
                    self.store.runs.progress(Progress(run_id=run.id, attempt=run.attempt, done=1))

    @rule(worker=st.sampled_from("ab"))
    def look(self, worker: str) -> None:
        self.bases[worker] = self.store.live.get("m1")

    @rule(worker=st.sampled_from("ab"))
    def tick(self, worker: str) -> None:
        base, name = self.bases[worker], f"e{len(self.expected)}"
        after = live(cursor_ns=NOON + len(self.expected))
        commit = TickCommit(base=base, live=after, events=[event(name)])
        try:
            kept = self.fenced(worker, lambda fence: self.store.live.commit(commit, fence))
        except StaleError:
            assert base != self.kept
            return
        if kept is not None:
            assert base == self.kept
            self.bases[worker] = self.kept = kept
            self.expected.append(name)

    def fenced(self, worker: str, work: Callable[[Fence], Any]) -> Any:
        """Do work as a worker; it must be refused unless the worker leads."""
        fence = self.fences.get(worker)
        if fence is None:
            return None
        if fence == self.leader:
            return work(fence)
        with pytest.raises(LeaseLostError):
            work(fence)
        return None

    @invariant()
    def what_was_kept_is_there_once(self) -> None:
        if hasattr(self, "store"):
            assert self.store.live.get("m1") == self.kept
            assert [one.id for one in self.store.events.changes(0)] == self.expected


Workers.TestCase.settings = settings(max_examples=20, stateful_step_count=30, deadline=None)
test_two_leaders_by_turns_keep_everything_once = Workers.TestCase
