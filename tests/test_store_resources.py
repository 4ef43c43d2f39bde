"""Declarations have unique names and revisions, and what one refers to is there."""

from __future__ import annotations

import pytest

from redshank.errors import ConfigError, ConflictError, NotFoundError, RevisionError
from redshank.store.store import Store


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


def test_a_reference_to_nothing_is_refused(store: Store) -> None:
    store.resources.create("sources", "shop", {})

    with pytest.raises(ConfigError, match="did you mean 'shop'") as caught:
        store.resources.create("monitors", "orders", {"source": "shpo"})

    assert caught.value.field == "source"
