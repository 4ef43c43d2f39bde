"""What the monitors of configuration files will need, by a look at their sources."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from redshank.engine.capacity import Need
from redshank.engine.validation import examine
from redshank.errors import ConfigError, RedshankError, did_you_mean
from redshank.service.config_document import read_configuration
from redshank.sources.base import Source
from redshank.sources.build import build_source
from redshank.specs.connection import SourceSpec
from redshank.specs.document import Document
from redshank.specs.expansion import expand
from redshank.specs.monitor import MonitorSpec
from redshank.specs.schedule import ScheduleSpec


@dataclass(frozen=True)
class Row:
    """One monitor; ``need`` None = it is not known, and ``notes`` say why."""

    name: str
    need: Need | None
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the same as JSON values."""
        return {
            "monitor": self.name,
            "need": None if self.need is None else self.need.to_json(),
            "notes": list(self.notes),
        }


def rows_of(files: Sequence[str]) -> list[Row]:
    """Return what each monitor of the files needs, those of templates included; resting ones are left out.

    Raises:
        ConfigError: the files are wrong; the message holds all that is.
    """
    document = read_configuration(files).checked_document()
    return [_row(document, spec) for spec in _monitors(document) if spec.enabled]


def _monitors(document: Document) -> Iterator[MonitorSpec]:
    yield from document.monitors
    for template in document.templates:
        made, _ = expand(template)
        yield from made


def _row(document: Document, spec: MonitorSpec) -> Row:
    schedules = {each.name: each for each in document.schedules}

    def schedule_of(name: str) -> ScheduleSpec:
        return schedules[name]

    try:
        found = examine(spec, _source(document, spec), now_ns=time.time_ns(), schedule_of=schedule_of)
    except RedshankError as error:
        return Row(spec.name, None, (str(error),))
    return Row(spec.name, found.need, found.warnings)


def _source(document: Document, spec: MonitorSpec) -> Source:
    target = {name: getattr(spec, name) for name in ("path", "query", "table", "index")}
    declared = spec.source or SourceSpec(kind="files")
    if isinstance(declared, str):
        known = {each.name: each for each in document.sources if each.name is not None}
        if declared not in known:
            raise ConfigError(did_you_mean("source", declared, known), field="source")
        declared = known[declared]
    return build_source(declared.kind, declared.options, target)
