"""Names of detectors, sources and sinks, and parameters given as text."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from redshank import registry
from redshank.errors import ConfigError, MissingExtraError


def test_names_are_those_of_the_entry_points() -> None:
    assert set(registry.names(registry.DETECTORS)) >= {"hindsight", "analog", "seasonal", "gaussian", "percentile"}
    assert "files" in registry.names(registry.SOURCES)
    assert "files" in registry.names(registry.SINKS)


def test_an_unknown_name_suggests_the_near_one() -> None:
    with pytest.raises(ConfigError, match="unknown detector 'gausian'; did you mean 'gaussian'"):
        registry.detector_class("gausian")


def test_parameters_given_as_text_become_their_own_type() -> None:
    kind = registry.detector_class("gaussian")
    spec = next(spec for spec in kind.parameters() if isinstance(spec.default, float))

    detector = registry.build_detector("gaussian", {spec.name: str(spec.default)})

    assert getattr(detector, spec.name) == spec.default


def test_an_unknown_parameter_suggests_the_near_one() -> None:
    name = registry.detector_class("gaussian").parameters()[0].name

    with pytest.raises(ConfigError, match=f"unknown parameter of gaussian .*did you mean '{name}'"):
        registry.build_detector("gaussian", {name + "s": "1"})


def test_a_text_that_is_no_value_is_refused_with_an_example() -> None:
    spec = next(spec for spec in registry.detector_class("gaussian").parameters() if isinstance(spec.default, float))

    with pytest.raises(ConfigError, match=f"gaussian: {spec.name} must be like .*, got 'much'"):
        registry.build_detector("gaussian", {spec.name: "much"})


def test_a_missing_library_names_the_extra_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("kafka", "redshank.no_such_module:Source", registry.SOURCES)
    monkeypatch.setattr(registry, "_entries", lambda group: {"kafka": entry})

    with pytest.raises(MissingExtraError, match=r"pip install 'redshank\[kafka\]'"):
        registry.find(registry.SOURCES, "kafka")
