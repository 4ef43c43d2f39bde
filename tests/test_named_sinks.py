"""Sinks by their names in the outbox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from redshank.engine.named_sinks import NamedSinks
from redshank.errors import ConfigError, NotFoundError
from redshank.specs.options import Access
from redshank.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with a sink, and a monitor with one of its own."""
    with Store.open(tmp_path / "data") as opened:
        opened.resources.create("sinks", "log", {"name": "log", "kind": "event_log", "path": "log.jsonl"})
        inside = [{"kind": "event_log", "path": "own.jsonl"}, "log"]
        opened.resources.create("monitors", "cpu", {"name": "cpu", "path": "cpu.csv", "sinks": inside})
        yield opened


def test_a_sink_is_found_by_its_name(store: Store, tmp_path: Path) -> None:
    sinks = NamedSinks(store.resources, Access(base=tmp_path))

    assert sinks("log").path == tmp_path / "log.jsonl"  # type: ignore[attr-defined]
    assert sinks("cpu#0").path == tmp_path / "own.jsonl"  # type: ignore[attr-defined]


def test_a_sink_is_made_once_until_its_declaration_changes(store: Store, tmp_path: Path) -> None:
    sinks = NamedSinks(store.resources, Access(base=tmp_path))
    first = sinks("log")

    again = sinks("log")
    store.resources.update("sinks", "log", {"name": "log", "kind": "event_log", "path": "other.jsonl"})

    assert again is first
    assert sinks("log").path == tmp_path / "other.jsonl"  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["gone", "cpu#1", "cpu#7", "gone#0", "cpu#x", "#0"])
def test_a_sink_that_is_no_more_is_not_found(store: Store, name: str) -> None:
    with pytest.raises(NotFoundError):
        NamedSinks(store.resources, Access())(name)


def test_a_declared_sink_whose_name_looks_like_one_inside_a_monitor_is_found(store: Store) -> None:
    store.resources.create("sinks", "cpu#0", {"name": "cpu#0", "kind": "event_log", "path": "declared.jsonl"})

    assert NamedSinks(store.resources, Access())("cpu#0").path == Path("declared.jsonl")  # type: ignore[attr-defined]


def test_a_path_out_of_the_folders_allowed_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="must lie in"):
        NamedSinks(store.resources, Access(base=Path("/"), roots=(tmp_path,)))("log")
