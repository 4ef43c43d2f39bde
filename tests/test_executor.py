"""The local executor."""

from __future__ import annotations

import threading

import pytest

from redshank.executors import local


def test_every_shard_is_answered_once_with_its_index() -> None:
    answers = dict(local.run(lambda shard: shard * 10, range(50), threads=4))

    assert answers == {i: i * 10 for i in range(50)}


def test_the_error_of_a_shard_reaches_the_caller() -> None:
    def work(shard: int) -> int:
        return 1 // shard

    with pytest.raises(ZeroDivisionError):
        list(local.run(work, [0], threads=1))


def test_no_shard_is_begun_after_an_error() -> None:
    begun: list[int] = []

    def work(shard: int) -> int:
        begun.append(shard)
        raise ValueError(shard)

    with pytest.raises(ValueError, match="0"):
        list(local.run(work, range(1000), threads=1))

    assert begun == [0]


def test_shards_run_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=10)

    assert len(list(local.run(lambda _: meeting.wait(), range(2), threads=2))) == 2


def test_no_shards_are_no_answers() -> None:
    assert list(local.run(lambda shard: shard, [])) == []


@pytest.mark.parametrize("count", [0, 1, 2, 17])
def test_answers_come_in_the_order_of_the_shards(count: int) -> None:
    assert local.in_order(lambda shard: shard * 2, range(count)) == [2 * i for i in range(count)]


def test_the_error_of_a_shard_in_order_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        local.in_order(lambda shard: 1 // shard, [1, 0, 2])
