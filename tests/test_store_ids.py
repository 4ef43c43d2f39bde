"""Names of things that never change."""

from __future__ import annotations

from redshank.store.ids import IdMaker

NOON = 1_772_366_400_000_000_000


def test_ids_of_one_moment_sort_as_they_were_made() -> None:
    new_id = IdMaker()

    made = [new_id(NOON) for _ in range(5000)]

    assert made == sorted(set(made))
    assert {len(each) for each in made} == {18}


def test_ids_of_later_milliseconds_sort_behind() -> None:
    first, second = IdMaker(), IdMaker()

    made = [(first if i % 2 else second)(NOON + i * 1_000_000) for i in range(1000)]

    assert made == sorted(made)


def test_two_processes_at_one_moment_make_other_ids() -> None:
    first, second = IdMaker(), IdMaker()

    assert not {first(NOON) for _ in range(1000)} & {second(NOON) for _ in range(1000)}
