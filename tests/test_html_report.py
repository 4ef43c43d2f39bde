"""The page holds the whole truth of the result, reaches nothing outside, and no text of the data becomes code."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import zlib
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import picture_data
from redshank.errors import SinkError
from redshank.notebook import Frame, chart
from redshank.panel import Floats, Key
from redshank.sinks import html
from redshank.sinks.html import bundle, page, script_json, write_html
from redshank.sinks.packing import MISSING, Packer
from redshank.sinks.report_data import Limits, payload
from redshank.thinning import extreme_indices, visible_indices

MODULES = (*html.CHART_SCRIPTS, "report.js", "widget.js")


class Elements(HTMLParser):
    """Collects the tags of a page and the text of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.scripts += [data] * (bool(self.tags) and self.tags[-1][0] == "script")

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def head_of(text: str) -> dict[str, Any]:
    """The JSON in a page."""
    found = re.search(r'<script type="application/json" id="report-data">(.*?)</script>', text, re.DOTALL)
    assert found
    head: dict[str, Any] = json.loads(found[1], parse_constant=lambda name: pytest.fail(f"JSON holds {name}"))
    return head


def unpacked(packed: dict[str, Any], texts: list[str]) -> Floats:
    """Naive twin of codec.js."""
    n, offset = packed["n"], packed.get("offset", 0.0)
    if packed["kind"] == "none":
        return np.full(n, np.nan)
    if packed["kind"] == "grid":
        return offset + np.arange(n) * packed["step"]
    raw = zlib.decompress(base64.b64decode(texts[packed["ref"]]))
    size = len(raw) // n
    joined = bytes(raw[plane * n + i] for i in range(n) for plane in range(size))
    if packed["kind"] != "int":
        return np.frombuffer(joined, "<f8" if packed["kind"] == "f64" else "<f4").astype(np.float64) + offset
    values, k = [], 0
    for difference in np.frombuffer(joined, "<i4").tolist():
        k = (k + difference + 2**31) % 2**32 - 2**31
        scaled = k / packed["per"] if "per" in packed else k * packed["step"]
        values.append(math.nan if k == MISSING else offset + scaled)
    return np.array(values)


def page_of(result: Any, **limits: int) -> str:
    return page(result, title="Title", facts=[("input", "cpu.csv")], limits=Limits(**limits))


def test_the_page_is_one_file_that_names_no_other(tmp_path: Path) -> None:
    path = tmp_path / "report.html"

    write_html(picture_data.small(), path, title="Title", facts=[("input", "cpu.csv")])

    elements = Elements(path.read_text(encoding="utf-8"))
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert not elements.named("link") + elements.named("img") + elements.named("iframe")
    assert [script for script in elements.named("script") if "src" in script] == []


def test_the_policy_allows_only_the_script_and_style_of_the_page() -> None:
    text = page_of(picture_data.small())
    policy = next(meta["content"] for meta in Elements(text).named("meta") if "http-equiv" in meta)
    script = re.search(r'<script type="module">(.*?)</script>', text, re.DOTALL)
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)

    hashes = [
        f"'sha256-{base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode()}'"
        for found in (script, style)
        if found
    ]

    assert policy == (
        f"default-src 'none'; script-src {hashes[0]}; style-src {hashes[1]}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    assert ' style="' not in text.partition("<body>")[2].partition('<script type="module">')[0]


def test_no_text_of_the_data_becomes_an_element() -> None:
    hostile = picture_data.HOSTILE
    result = picture_data.small(hostile, {hostile: hostile})
    result.events[0] = picture_data.event(result.events[0].key, 200, 205, reason=hostile)
    plain = Elements(page(picture_data.small(), title="a", facts=[("b", "c")])).tags

    elements = Elements(page(result, title=hostile, facts=[(hostile, hostile)]))

    assert [tag for tag, _ in elements.tags] == [tag for tag, _ in plain]


def test_hostile_text_arrives_as_it_was() -> None:
    hostile = picture_data.HOSTILE
    result = picture_data.small(hostile, {hostile: hostile})

    head = head_of(page_of(result))

    assert head["charts"][0]["measure"] == hostile
    assert head["charts"][0]["labels"] == [[hostile, hostile]]
    assert head["events"][0]["series"] == str(Key.of(hostile, {hostile: hostile}))


def test_json_in_a_script_holds_null_and_never_nan() -> None:
    result = picture_data.small()
    result.events[0] = picture_data.event(result.events[0].key, 1, 2, expected=math.nan, rarity=math.inf)

    event = head_of(page_of(result))["events"][0]

    assert event["expected"] is None
    assert event["rarity"] is None


def test_nan_in_the_json_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        script_json({"value": math.nan})


def test_events_are_worst_first_and_know_their_chart() -> None:
    keys = [Key.of("cpu", {"host": name}) for name in "abc"]
    part = picture_data.scored(np.full((3, 100), 10.0), keys)
    events = [picture_data.event(keys[2], 5, 7), picture_data.event(keys[0], 9, 12, severity=60)]

    head = head_of(page_of(picture_data.result([part], events)))

    assert [chart["labels"] for chart in head["charts"]] == [[["host", "c"]], [["host", "a"]], [["host", "b"]]]
    assert [(event["severity"], event["chart"]) for event in head["events"]] == [(97, 0), (60, 1)]


def test_series_beyond_the_limit_are_counted_and_their_events_have_no_chart() -> None:
    keys = [Key.of("cpu", {"host": str(i)}) for i in range(5)]
    part = picture_data.scored(np.full((5, 100), 10.0), keys)
    events = [picture_data.event(key, 5, 7) for key in keys]

    head = head_of(page_of(picture_data.result([part], events), series=2, events=4))

    assert (len(head["charts"]), head["seriesTotal"]) == (2, 5)
    assert (len(head["events"]), head["eventsTotal"]) == (4, 5)
    assert [event["chart"] for event in head["events"]] == [0, 1, None, None]


def test_charts_stop_when_their_values_are_too_many_for_a_page() -> None:
    part = picture_data.scored(np.full((5, 100), 10.0), [Key.of(f"m{i}") for i in range(5)])

    data = payload(picture_data.result([part], []), Limits(values=250))

    assert len(data.head["charts"]) == 2


def test_a_series_too_long_for_a_page_is_thinned_and_says_so() -> None:
    values = np.random.default_rng(1).normal(size=20_000)
    values[12_345] = 99.0

    data = payload(picture_data.result([picture_data.scored(values, [Key.of("cpu")])], []), Limits(values=4000))

    chart = data.head["charts"][0]
    assert chart["thinned"] is True
    assert chart["points"] == 20_000
    assert chart["time"]["n"] <= 4000
    assert unpacked(chart["channels"][0]["value"], data.arrays).max() == pytest.approx(99.0, rel=1e-6)


def test_channels_with_the_largest_share_come_first() -> None:
    head = head_of(page_of(picture_data.many_channels()))

    assert [channel["name"] for channel in head["charts"][0]["channels"]] == ["flow", "heat", "load"]


def test_channels_beyond_the_limit_are_counted() -> None:
    chart = head_of(page_of(picture_data.many_channels(), channels=2))["charts"][0]

    assert [channel["name"] for channel in chart["channels"]] == ["flow", "heat"]
    assert chart["channelsTotal"] == 3


def test_a_result_without_series_is_a_page_too() -> None:
    head = head_of(page_of(picture_data.result([], [])))

    assert (head["charts"], head["events"]) == ([], [])


def test_a_series_without_points_is_a_page_too() -> None:
    part = picture_data.scored(np.zeros((1, 0)), [Key.of("cpu")])

    head = head_of(page_of(picture_data.result([part], [])))

    assert head["charts"][0]["time"] == {"kind": "none", "n": 0}


def test_an_interrupted_result_says_so() -> None:
    text = page_of(picture_data.result([], [], complete=False))

    assert "Interrupted: not all series are scored." in text


def test_a_page_that_cannot_be_written_is_a_sink_error(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"missing/report\.html: cannot be written"):
        write_html(picture_data.small(), tmp_path / "missing" / "report.html", title="", facts=[])


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([1.5, math.nan, -2.25, 1e6], id="decimals"),
        pytest.param([0.1, 0.2, 0.3, 12.7], id="tenths"),
        pytest.param([math.pi, math.e, 100 * math.pi, math.nan], id="all digits"),
        pytest.param([1e9 + math.pi, 1e9 + math.e, 1e9 + 7.1], id="small changes far from zero"),
        pytest.param([1e308, -1e308, 1.0, math.pi], id="the largest numbers"),
        pytest.param([1e-300, 2e-300, 5e-320], id="the smallest numbers"),
        pytest.param([3.0, 3.0, 3.0], id="constant"),
        pytest.param([2**31 - 1, 0, -(2**31) + 5], id="the largest integers"),
        pytest.param([math.nan, math.nan], id="no value"),
    ],
)
def test_packed_values_look_the_same(values: list[float]) -> None:
    packer = Packer()

    packed = packer.pack_exact(np.array(values))

    assert_allclose(unpacked(packed, packer.texts), values, rtol=1e-6, atol=0)


def test_packed_decimals_are_exact() -> None:
    values = np.round(np.random.default_rng(2).normal(size=1000) * 100, 3)
    packer = Packer()

    packed = packer.pack_exact(values)

    assert_array_equal(unpacked(packed, packer.texts), values)


@pytest.mark.parametrize(
    "times",
    [
        pytest.param(["2020-01-01", "2020-01-02", "2020-01-03"], id="grid"),
        pytest.param(["2020-01-01", "2020-01-02", "2020-01-09"], id="with a hole"),
        pytest.param(["1970-01-01T00:00:00.000001", "2020-01-02", "2250-01-09"], id="far apart"),
        pytest.param(["2020-01-01"], id="one"),
    ],
)
def test_packed_times_are_exact_to_the_microsecond(times: list[str]) -> None:
    moments = np.array(times, dtype="datetime64[ns]")
    packer = Packer()

    packed = packer.pack_times(moments)

    milliseconds = unpacked(packed, packer.texts)
    assert_allclose(milliseconds, moments.astype(np.int64) / 1e6, rtol=0, atol=1e-3)


def test_packed_scores_stay_on_their_side_of_the_edge() -> None:
    scores = np.array([0.0, 0.9999999, 1.0, 1.0000001, math.nan, 2.5, 7.123456])
    packer = Packer()

    restored = unpacked(packer.pack_scores(scores), packer.texts)

    assert_array_equal(restored >= 1, scores >= 1)
    assert_allclose(restored, scores, atol=1.001e-3)


def test_huge_scores_are_packed_whole() -> None:
    packer = Packer()

    assert_array_equal(unpacked(packer.pack_scores(np.array([1e300, 0.5])), packer.texts), [1e300, 0.5])


def test_predictions_differ_by_less_than_can_be_seen() -> None:
    rng = np.random.default_rng(4)
    values = rng.normal(size=500).cumsum()
    expected = values + rng.normal(size=500)
    packer = Packer()

    restored = unpacked(packer.pack_like(expected, values), packer.texts)

    assert np.abs(restored - expected).max() < np.median(np.abs(np.diff(values))) / 64


def test_edges_of_the_range_are_packed_by_their_distance_from_the_expected_value() -> None:
    rng = np.random.default_rng(4)
    values = rng.normal(size=500).cumsum()
    expected = np.where(np.arange(500) < 50, np.nan, values + rng.normal(size=500))
    packer = Packer()

    packed = packer.pack_edge(expected - 3, expected, values)

    restored = unpacked(packer.pack_like(expected, values), packer.texts) + unpacked(packed, packer.texts)
    assert packed["relative"]
    assert_allclose(restored, expected - 3, atol=np.median(np.abs(np.diff(values))) / 32)
    assert len(packer.texts[0]) < 200


@pytest.mark.parametrize(
    ("edge", "expected"),
    [
        pytest.param([1.0, 2.0, math.nan], [math.nan] * 3, id="no expected value"),
        pytest.param([-1.7e308, 2.0, 1.0], [1.7e308, 2.0, 3.0], id="further apart than numbers reach"),
    ],
)
def test_an_edge_without_such_a_distance_is_packed_itself(edge: list[float], expected: list[float]) -> None:
    packer = Packer()

    packed = packer.pack_edge(np.array(edge), np.array(expected), np.array([1.0, 2.0, 3.0]))

    assert "relative" not in packed
    assert_allclose(unpacked(packed, packer.texts), edge, rtol=1e-6, atol=0.1)


def test_thinning_keeps_the_extremes_of_every_bucket() -> None:
    values = np.random.default_rng(6).normal(size=1003)
    values[100:300] = np.nan

    kept = extreme_indices([values], 17)

    edges = np.linspace(0, 1003, 18).astype(int)
    for first, last in pairwise(edges):
        there = [value for value in values[first:last] if not math.isnan(value)]
        chosen = values[kept[(kept >= first) & (kept < last)]]
        assert not there or (min(there) in chosen and max(there) in chosen)


def test_a_high_score_is_kept_where_the_value_is_ordinary() -> None:
    part = picture_data.scored(np.zeros(5000), [Key.of("cpu")])
    part.scores.score[0, 3210] = 9.0

    kept = visible_indices(part.panel.values[0], part.scores, 0, 50)

    assert 3210 in kept
    assert len(kept) < 400


def test_modules_joined_into_one_script_have_no_name_twice() -> None:
    texts = [(html.WEB / "static" / name).read_text(encoding="utf-8") for name in MODULES]
    names = [
        name
        for text in texts
        for name in re.findall(r"^(?:export )?(?:async )?(?:const|let|function|class) (\w+)", text, re.MULTILINE)
    ]

    assert sorted(names) == sorted(set(names))


def test_no_import_or_export_is_left_in_the_script_of_a_page() -> None:
    script = bundle(html.SCRIPTS)
    ours = script.rpartition("return uPlot;")[2]

    assert re.findall(r"^(?:import|export)\b.*", ours, re.MULTILINE) == []
    assert "</script" not in script


@pytest.mark.parametrize("name", MODULES)
def test_every_module_is_under_400_lines(name: str) -> None:
    assert (html.WEB / "static" / name).read_text(encoding="utf-8").count("\n") < 400


def test_a_notebook_without_widgets_shows_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("redshank.notebook.find_spec", lambda _name: None)

    shown = chart(picture_data.small(picture_data.HOSTILE))

    assert isinstance(shown, Frame)
    frames = Elements(shown._repr_html_())
    assert [tag for tag, _ in frames.tags] == ["iframe"]
    assert frames.named("iframe")[0]["srcdoc"] == shown.html
