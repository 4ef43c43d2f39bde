"""States as bytes and files: complete, checked, and never unpickled."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redshank.detectors import state as state_module
from redshank.detectors.state import State
from redshank.errors import StateError
from redshank.panel import Key

STATE = State(
    kind="toy",
    version=3,
    params={"window": 5, "name": "æ", "share": 0.1},
    keys=(Key.of("cpu", {"host": "å", "zone": "b"}), Key.of("mem")),
    channels=("value", "other"),
    arrays={
        "mean": np.array([[1.0, np.nan], [-0.0, 1e308]]),
        "seen": np.array([3, 2**62]),
        "is_open": np.array([True, False]),
        "none": np.empty((2, 0, 4)),
        "turned": np.arange(12.0).reshape(2, 6)[:, ::-1],
    },
)


def test_a_state_survives_the_trip_through_bytes() -> None:
    back = State.from_bytes(STATE.to_bytes())

    assert replace(back, arrays={}) == replace(STATE, arrays={})
    assert back.arrays.keys() == STATE.arrays.keys()
    assert all(back.arrays[name].tobytes() == array.tobytes() for name, array in STATE.arrays.items())
    assert all(back.arrays[name].dtype == array.dtype for name, array in STATE.arrays.items())


def test_the_same_state_gives_the_same_bytes() -> None:
    assert STATE.to_bytes() == STATE.to_bytes()


def test_a_state_without_arrays_survives() -> None:
    assert State.from_bytes(replace(STATE, arrays={}).to_bytes()).arrays == {}


def test_a_file_appears_whole(tmp_path: Path) -> None:
    STATE.write(tmp_path / "toy.state")

    assert State.read(tmp_path / "toy.state").params == STATE.params
    assert [path.name for path in tmp_path.iterdir()] == ["toy.state"]


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"redshank-state\n", b"redshank-state\n" + bytes(40)], ids=repr)
def test_what_is_no_state_is_refused(data: bytes) -> None:
    with pytest.raises(StateError):
        State.from_bytes(data)


@settings(max_examples=60)
@given(st.integers(0, len(STATE.to_bytes()) - 1), st.integers(1, 255))
def test_a_changed_byte_is_noticed(position: int, change: int) -> None:
    data = bytearray(STATE.to_bytes())
    data[position] ^= change

    with pytest.raises(StateError):
        State.from_bytes(bytes(data))


@settings(max_examples=30)
@given(st.integers(0, len(STATE.to_bytes()) - 1))
def test_a_cut_state_is_noticed(length: int) -> None:
    with pytest.raises(StateError):
        State.from_bytes(STATE.to_bytes()[:length])


def test_a_newer_schema_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_module, "SCHEMA", 2)
    newer = STATE.to_bytes()
    monkeypatch.setattr(state_module, "SCHEMA", 1)

    with pytest.raises(StateError, match="schema must be <= 1, got 2; upgrade redshank"):
        State.from_bytes(newer)
