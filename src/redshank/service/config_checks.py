"""What is wrong with a declaration that is well-formed: its detector, policy, and the options of its kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from redshank.errors import ConfigError
from redshank.specs.connection import ConnectionSpec, SinkSpec, SourceSpec
from redshank.specs.expansion import expand
from redshank.specs.monitor import MonitorSpec, TemplateSpec
from redshank.specs.problems import Path, Problem
from redshank.store.records import Kind


def problems_of(kind: Kind, spec: Any) -> list[Problem]:
    """Return all that is wrong with a declaration; nothing is read and nobody is asked."""
    if kind == "monitors":
        return list(_of_monitor(spec))
    if kind in ("sources", "sinks"):
        return list(_of_connection(spec, ()))
    if kind == "templates":
        return list(_of_template(spec))
    return []


def _of_template(spec: TemplateSpec) -> Iterator[Problem]:
    made, problems = expand(spec)
    yield from problems
    found = {problem for monitor in made for problem in _of_monitor(monitor)}
    yield from sorted((Problem(("monitor", *each.path), each.message) for each in found), key=str)


def _of_monitor(spec: MonitorSpec) -> Iterator[Problem]:
    yield from _of_target(spec)
    yield from _of_detector(spec)
    try:
        spec.policy.policy()
    except ConfigError as error:
        yield _problem(error, ("policy",))
    if isinstance(spec.source, SourceSpec):
        yield from _of_connection(spec.source, ("source",))
    for i, sink in enumerate(spec.sinks):
        if isinstance(sink, SinkSpec):
            yield from _of_connection(sink, ("sinks", i))


def _of_target(spec: MonitorSpec) -> Iterator[Problem]:
    if spec.source is None and spec.path is None:
        yield Problem(("source",), "must be given, or a path for files")
    given = [name for name in ("path", "query", "table") if getattr(spec, name) is not None]
    if len(given) > 1:
        yield Problem((given[1],), f"must be left out beside {given[0]}: a monitor reads one thing")


def _of_detector(spec: MonitorSpec) -> Iterator[Problem]:
    from redshank import registry

    if spec.detector == "auto":
        return
    try:
        kind = registry.detector_class(spec.detector)
    except ConfigError as error:
        yield Problem(("detector",), str(error))
        return
    if not kind.causal:
        live = [name for name in registry.names(registry.DETECTORS) if registry.detector_class(name).causal]
        message = f"must be one that works live ({', '.join(live)} or auto), got {spec.detector!r}, which looks back"
        yield Problem(("detector",), message)
    try:
        registry.build_detector(spec.detector, spec.params)
    except ConfigError as error:
        yield _problem(error, ("params",))


def _of_connection(spec: ConnectionSpec, path: Path) -> Iterator[Problem]:
    try:
        if isinstance(spec, SourceSpec):
            from redshank.sources.build import check_source_options

            check_source_options(spec.kind, spec.options)
        else:
            from redshank.sinks.build import check_sink_options

            check_sink_options(spec.kind, spec.options)
    except ConfigError as error:
        field = "kind" if error.field == spec.kind else error.field
        yield Problem((*path, field) if field else path, str(error))


def _problem(error: ConfigError, path: Path) -> Problem:
    return Problem((*path, error.field) if error.field else path, str(error))
