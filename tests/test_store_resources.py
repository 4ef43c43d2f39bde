"""Declarations have unique names and revisions, and what one refers to is there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import insert

from redshank.errors import ConfigError, ConflictError, NotFoundError, RevisionError, StaleError
from redshank.store.records import TickCommit
from redshank.store.resources import Change
from redshank.store.store import Store
from redshank.store.tables import point_series
from store_data import event, live


def test_a_declaration_is_made_read_changed_and_removed(store: Store) -> None:
    made = store.resources.create("sources", "shop", {"kind": "sql"})
    changed = store.resources.update("sources", "shop", {"kind": "files"}, made.revision, "store")

    assert store.resources.get("sources", "store") == changed
    assert (changed.id, changed.revision, changed.spec) == (made.id, 2, {"kind": "files"})
    assert store.resources.delete("sources", "store") == changed
    with pytest.raises(NotFoundError):
        store.resources.get("sources", "store")


def test_a_name_is_given_once(store: Store) -> None:
    store.resources.create("sources", "shop", {})

    with pytest.raises(ConflictError, match="name is taken"):
        store.resources.create("sources", "shop", {})


def test_a_change_of_what_was_changed_meanwhile_is_refused(store: Store) -> None:
    store.resources.create("sources", "shop", {})
    store.resources.update("sources", "shop", {"kind": "sql"}, 1)

    with pytest.raises(RevisionError):
        store.resources.update("sources", "shop", {}, 1)


def test_what_is_in_use_is_not_removed_and_its_users_are_named(store: Store) -> None:
    store.resources.create("sources", "shop", {})
    store.resources.create("monitors", "orders", {"source": "shop"})

    with pytest.raises(ConflictError, match="used by monitor 'orders'"):
        store.resources.delete("sources", "shop")


def test_a_source_that_holds_pushed_points_keeps_its_name(store: Store) -> None:
    store.resources.create("sources", "shop", {})
    with store.database.write() as connection:
        connection.execute(insert(point_series), {"owner": "shop", "id": 0, "identity": "{}"})

    with pytest.raises(ConflictError, match="must hold no pushed points"):
        store.resources.update("sources", "shop", {}, new_name="store")


def test_all_changes_are_made_or_none(store: Store) -> None:
    good = Change(action="create", kind="sources", name="shop", spec={})
    bad = Change(action="create", kind="monitors", name="orders", spec={"source": "none"})

    with pytest.raises(ConfigError):
        store.resources.apply([good, bad])

    assert store.resources.all() == []
    made = store.resources.apply([good, replace(bad, spec={"source": "shop"})])
    assert [one.name for one in made] == ["shop", "orders"]


def test_declarations_are_listed_in_pages(store: Store) -> None:
    for name in "bca":
        store.resources.create("sinks", name * 2, {"n": name}, origin="file" if name == "a" else "")
        store.clock.move(1)

    def names(**wanted: object) -> list[str]:
        return [one.name for one in store.resources.list("sinks", **wanted).items]

    first = store.resources.list("sinks", limit=2)
    assert [one.name for one in first.items] == ["aa", "bb"]
    assert names(limit=2, cursor=first.next_cursor) == ["cc"]
    assert names(sort="-created") == ["aa", "cc", "bb"]
    assert names(text="B") == ["bb"]
    assert names(origin="file") == ["aa"]
    assert names(limit=1, where=lambda one: one.spec["n"] == "c") == ["cc"]


@pytest.mark.parametrize("text", ["%", "_", "\\", "'", "/"])
def test_odd_characters_are_searched_as_they_are(store: Store, text: str) -> None:
    store.resources.create("sinks", f"a{text}b", {})
    store.resources.create("sinks", "axb", {})

    assert [one.name for one in store.resources.list("sinks", text=text).items] == [f"a{text}b"]


def test_users_are_known_of_every_kind(store: Store) -> None:
    store.resources.create("sources", "shop", {})
    store.resources.create("sinks", "mail", {})
    store.resources.create("schedules", "nightly", {})
    store.resources.create("monitors", "orders", {"source": "shop", "sinks": ["mail"], "train": "nightly"})
    store.resources.create("templates", "many", {"monitor": {"source": "shop", "sinks": ["{{sink}}", "mail"]}})

    assert [one.name for one in store.resources.users("sources", "shop")] == ["orders", "many"]
    assert [one.name for one in store.resources.users("sinks", "mail")] == ["orders", "many"]
    assert [one.name for one in store.resources.users("schedules", "nightly")] == ["orders"]


def test_a_monitor_that_is_removed_cannot_be_brought_back_by_a_tick(store: Store) -> None:
    monitor = store.resources.create("monitors", "orders", {})
    base = store.live.commit(TickCommit(base=None, live=live(monitor.id)))
    store.resources.delete("monitors", "orders")

    with pytest.raises(StaleError):
        store.live.commit(TickCommit(base=base, live=live(monitor.id), events=[event()]))


def test_a_reference_to_nothing_is_refused(store: Store) -> None:
    store.resources.create("sources", "shop", {})

    with pytest.raises(ConfigError, match="did you mean 'shop'") as caught:
        store.resources.create("monitors", "orders", {"source": "shpo"})

    assert caught.value.field == "source"
