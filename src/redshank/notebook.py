"""Charts in a notebook: a widget where anywidget is installed, else a page in a frame of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from redshank.sinks.html import CHART_SCRIPTS, STYLES, bundle, page, stylesheet
from redshank.sinks.report_data import Limits, payload

if TYPE_CHECKING:
    from redshank.result import Result

FRAME_HEIGHT = 720


@dataclass(frozen=True)
class Frame:
    """A page that notebooks show in place; it holds its scripts and data and reaches nothing outside."""

    html: str
    height: int = FRAME_HEIGHT

    def _repr_html_(self) -> str:
        return (
            f'<iframe srcdoc="{escape(self.html)}" sandbox="allow-scripts" title="Redshank: charts and events" '
            f'style="width:100%;height:{self.height}px;border:0"></iframe>'
        )


def chart(result: Result, *, series: int = 12) -> Any:
    """Return the worst series of a result as an object that a notebook shows."""
    limits = Limits(series=series)
    if find_spec("anywidget") is None:
        facts = [("detector", f"{result.detector} ({result.why})"), *(("note", note) for note in result.notes)]
        return Frame(page(result, title="Redshank", facts=facts, limits=limits))
    return _widget(result, limits)


def _widget(result: Result, limits: Limits) -> Any:
    import anywidget

    traitlets: Any = import_module("traitlets")  # comes with anywidget
    data = payload(result, limits)
    traits = {
        "__module__": __name__,
        "_esm": bundle((*CHART_SCRIPTS, "widget.js")),
        "head": traitlets.Unicode().tag(sync=True),
        "arrays": traitlets.List().tag(sync=True),
        "style": traitlets.Unicode().tag(sync=True),
    }
    kind = type("Charts", (anywidget.AnyWidget,), traits)
    return kind(head=json.dumps(data.head, allow_nan=False), arrays=data.arrays, style=stylesheet(STYLES[:2]))
