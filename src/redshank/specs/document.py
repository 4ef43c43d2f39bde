"""The file ``redshank.yaml`` as a whole."""

from __future__ import annotations

from redshank.specs.base import Spec
from redshank.specs.connection import SinkSpec, SourceSpec
from redshank.specs.monitor import MonitorSpec, TemplateSpec
from redshank.specs.schedule import NamedSchedule


class Document(Spec):
    """Everything that is declared; each list may be left out."""

    sources: tuple[SourceSpec, ...] = ()
    sinks: tuple[SinkSpec, ...] = ()
    schedules: tuple[NamedSchedule, ...] = ()
    templates: tuple[TemplateSpec, ...] = ()
    monitors: tuple[MonitorSpec, ...] = ()
