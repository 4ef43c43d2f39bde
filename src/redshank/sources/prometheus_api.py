"""The HTTP API of Prometheus, and of what answers alike: Thanos, Mimir, VictoriaMetrics.

Source: Prometheus, "HTTP API". Forms are posted, so that no address gets too long.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec
import numpy as np
import polars as pl

from redshank.http.client import Http
from redshank.sources.prometheus_text import NAME

MILLISECOND = 1_000_000
IDENTITY = "\x00series"
MOST_STEPS = 10_000  # of one call; servers refuse more than 11,000
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_NO_SUCH_METHOD = 405
Content = TypeVar("Content")


class Found(msgspec.Struct):
    """One series of an answer: labels, and points as (seconds, number as text)."""

    metric: dict[str, str] = {}
    value: tuple[float, str] | None = None
    values: list[tuple[float, str]] = []
    histogram: msgspec.Raw = msgspec.Raw(b"")
    histograms: msgspec.Raw = msgspec.Raw(b"")

    @property
    def points(self) -> Sequence[tuple[float, str]]:
        """The points, of which an instant has one."""
        return self.values if self.value is None else [self.value]


class _Data(msgspec.Struct):
    result: list[Found] = []


class _Answer(msgspec.Struct):
    status: str = ""
    data: msgspec.Raw = msgspec.Raw(b"{}")
    error: str = ""
    warnings: list[str] = []
    isPartial: bool = False  # noqa: N815 - as it is written in the answer


class Api:
    """Calls for one reading. ``warnings``: what the server said beside its answers, each once.

    ``partial``: take answers that miss the part of a store that is away.
    """

    def __init__(self, http: Http, *, partial: bool) -> None:
        """Ask nothing yet."""
        self.http, self._partial = http, partial
        self.warnings: dict[str, None] = {}
        self._lock = threading.Lock()
        self._takes_forms = True
        self._takes_first: bool | None = None

    def instant(self, expression: str, time_ms: int) -> list[Found]:
        """Return the value of an expression at a moment; of a range in square brackets all points."""
        return self._found("api/v1/query", {"query": expression, "time": _seconds(time_ms)})

    def steps(self, expression: str, first_ms: int, step_ms: int, n: int) -> list[Found]:
        """Return the values of an expression at ``n`` moments."""
        return self._found(
            "api/v1/query_range",
            {
                "query": expression,
                "start": _seconds(first_ms),
                "end": _seconds(first_ms + (n - 1) * step_ms),
                "step": _seconds(step_ms),
            },
        )

    def takes_first(self) -> bool:
        """Whether a range in square brackets takes its first moment in."""
        if self._takes_first is None:
            answer = self.instant("count_over_time(vector(1)[2s:1s])", 1_700_000_000_000)
            self._takes_first = not answer or float(answer[0].points[0][1]) >= 3
        return self._takes_first

    def labels(self, selectors: Sequence[str], bounds_ms: tuple[int, int] | None = None) -> list[str]:
        """Return the names of labels that these series have, without that of the metric."""
        names = self._content("api/v1/labels", {"match[]": list(selectors), **_bounds(bounds_ms)}, list[str])
        return sorted(name for name in names if name != NAME)

    def values(self, label: str, selectors: Sequence[str], bounds_ms: tuple[int, int] | None = None) -> list[str]:
        """Return the different values of a label."""
        asked = {"match[]": list(selectors), **_bounds(bounds_ms)}
        return self._content(f"api/v1/label/{quote(label, safe='')}/values", asked, list[str], forms=False)

    def types(self) -> dict[str, str]:
        """Return the types of metrics as far as the server knows them."""
        answer = self.http.send("GET", "api/v1/metadata", params={"limit_per_metric": 1}, ok=range(200, 500))
        if answer.status != 200:
            return {}
        found: dict[str, Any] = answer.json().get("data") or {}
        return {name: str(each[0].get("type", "")) for name, each in found.items() if each}

    # ---------------------------------------------------------------------- calls

    def _found(self, path: str, asked: Mapping[str, Any]) -> list[Found]:
        timeout = f"{self.http.options.timeout.total_seconds():g}s"
        found = self._content(path, {**asked, "timeout": timeout, "nocache": "1"}, _Data).result
        if any(bytes(each.histogram) or bytes(each.histograms) for each in found):
            self._say("native histograms are left out; write histogram_quantile(...) or the like as query")
        return found

    def _content(self, path: str, asked: Mapping[str, Any], kind: type[Content], *, forms: bool = True) -> Content:
        """What the server answers, which must be whole."""
        allowed = {"partial_response": str(self._partial).lower(), "deny_partial_response": str(int(not self._partial))}
        content = self._sent(path, {**asked, **allowed}, forms)
        try:
            answer = msgspec.json.decode(content, type=_Answer)
            if answer.status == "success":
                self._look(answer)
                return msgspec.json.decode(answer.data, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self.http.fail(f"answered what is none of Prometheus: {error}; see that `url` is right") from error
        raise self.http.fail(f"refuses what it is asked: {answer.error[:300]}")

    def _sent(self, path: str, asked: Mapping[str, Any], forms: bool) -> bytes:
        form = urlencode(asked, doseq=True)
        if forms and self._takes_forms:
            ok = (200, _NO_SUCH_METHOD)
            answer = self.http.send("POST", path, content=form.encode(), headers=_FORM, ok=ok, retry=True)
            if answer.status == 200:
                return answer.content
            self._takes_forms = False
        return self.http.send("GET", path, params=asked).content

    def _look(self, answer: _Answer) -> None:
        for warning in answer.warnings:
            self._say(f"the server says: {warning[:300]}")
        if answer.isPartial:
            if not self._partial:
                raise self.http.fail("answered in part, as a store behind it is away; try later, or allow `partial`")
            self._say("the answer is partial: a store behind the server is away")

    def _say(self, text: str) -> None:
        with self._lock:
            self.warnings[text] = None


def _seconds(milliseconds: int) -> str:
    sign = "-" if milliseconds < 0 else ""
    return f"{sign}{abs(milliseconds) // 1000}.{abs(milliseconds) % 1000:03d}"


def _bounds(bounds_ms: tuple[int, int] | None) -> dict[str, str]:
    return {} if bounds_ms is None else {"start": _seconds(bounds_ms[0]), "end": _seconds(bounds_ms[1])}


def frame_of(
    found: Sequence[Found],
    labels: Sequence[str],
    time: str,
    value: str,
    *,
    label_names: Sequence[str],
    identity: bool = False,
) -> pl.DataFrame:
    """Return the points of series as rows: times in ns of UTC, the number, and of each label its text, null = none.

    ``label_names``: of the columns of labels. ``identity``: with a column ``IDENTITY`` that tells series apart.
    """
    n = np.array([len(each.points) for each in found], np.int64)
    pairs = list(chain.from_iterable(each.points for each in found))
    milliseconds = np.rint(np.array([pair[0] for pair in pairs], np.float64) * 1000).astype(np.int64)
    rows = np.repeat(np.arange(len(found)), n)
    texts = {
        shown: [each.metric.get(name) or None for each in found]
        for name, shown in zip(labels, label_names, strict=True)
    }
    if identity:
        texts[IDENTITY] = [str(sorted({**each.metric, NAME: ""}.items())) for each in found]
    columns = [pl.Series(shown, given, dtype=pl.String)[rows] for shown, given in texts.items()]
    values = np.array([float(pair[1]) for pair in pairs], np.float64)
    return pl.DataFrame(
        [pl.Series(time, milliseconds * MILLISECOND, dtype=pl.Int64), pl.Series(value, values), *columns]
    )
