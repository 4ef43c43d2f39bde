"""The tree of errors and its suggestions."""

from __future__ import annotations

import pytest

from redshank import errors
from redshank.errors import ConfigError, RedshankError, did_you_mean

CLASSES = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, RedshankError)]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_knows_its_status_code_and_exit_code(kind: type[RedshankError]) -> None:
    assert 400 <= kind.status < 600
    assert kind.code.islower()
    assert kind.exit_code in (1, 2)
    assert kind.__doc__


def test_codes_tell_errors_apart() -> None:
    assert len({kind.code for kind in CLASSES}) == len(CLASSES)


def test_an_error_keeps_message_and_field() -> None:
    error = ConfigError("step: must be above zero, got '0s'", field="step")

    assert str(error) == "step: must be above zero, got '0s'"
    assert error.field == "step"


def test_the_near_name_is_suggested() -> None:
    assert did_you_mean("detector", "hindsigth", ["analog", "hindsight"]) == (
        "unknown detector 'hindsigth'; did you mean 'hindsight'?"
    )


def test_case_does_not_keep_a_name_from_being_near() -> None:
    assert "did you mean 'Time'?" in did_you_mean("column", "TIME", ["Time", "cpu"])


def test_all_names_are_listed_when_none_is_near() -> None:
    assert did_you_mean("column", "zzz", ["mem", "cpu"]) == "unknown column 'zzz'; choices are cpu, mem"


def test_a_long_list_of_names_is_cut() -> None:
    message = did_you_mean("column", "?", [f"column_{i:03}" for i in range(500)])

    assert message.endswith("column_019, ...")


def test_no_choices_are_said_to_be_none() -> None:
    assert did_you_mean("column", "cpu", []) == "unknown column 'cpu'; choices are none"
