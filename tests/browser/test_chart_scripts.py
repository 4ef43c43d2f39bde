"""The scripts behind the charts, run in a real browser beside what Python says."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

import picture_data
from redshank.panel import Key
from redshank.sinks import html
from redshank.sinks.html import bundle, stylesheet
from redshank.sinks.report_data import Limits, payload

if TYPE_CHECKING:
    from playwright.sync_api import Page

EXPOSE_TIME = """
globalThis.labels = (zone, start, end, step) => {
  setZone(zone);
  return timeLabels(timeTicks(start, end, step), step);
};"""

pytestmark = [
    pytest.mark.external_service,
    pytest.mark.filterwarnings("default"),  # those of playwright's own event loop
]


def test_the_axis_of_time_follows_the_clock_on_the_wall(page: Page) -> None:
    page.goto("about:blank")
    page.add_script_tag(content=f"{bundle(('format.js', 'timeaxis.js'))}\n{EXPOSE_TIME}", type="module")
    page.wait_for_function("() => !!globalThis.labels")
    night = 1711843200.0  # 2024-03-31 00:00 UTC; in Oslo the clock goes from 2:00 to 3:00 an hour later

    hours = page.evaluate(
        "([zone, start, end, step]) => labels(zone, start, end, step)", ["Europe/Oslo", night, night + 10800, 3600]
    )
    days = page.evaluate(
        "([zone, start, end, step]) => labels(zone, start, end, step)",
        ["Europe/Oslo", night - 86400, night + 2 * 86400, 86400],
    )

    assert hours == ["01:00\n31 Mar 2024", "03:00", "04:00", "05:00"]
    assert days == ["31 Mar\n2024", "1 Apr", "2 Apr"]


@pytest.mark.parametrize(
    ("start", "end", "step", "expected"),
    [
        pytest.param(0.2, 0.9, 0.2, ["00.2 s\n00:00 1 Jan 1970", "00.4 s", "00.6 s", "00.8 s"], id="parts of a second"),
        pytest.param(86395, 86406, 5, ["23:59:55\n1 Jan 1970", "00:00:00\n2 Jan", "00:00:05"], id="seconds"),
        pytest.param(0, 15e6, 60 * 86400, ["Jan\n1970", "Mar", "May"], id="months"),
        pytest.param(-1e9, 1e9, 20 * 365 * 86400, ["1940", "1960", "1980", "2000"], id="decades"),
    ],
)
def test_labels_of_time_say_the_larger_unit_where_it_begins(
    page: Page, start: float, end: float, step: float, expected: list[str]
) -> None:
    page.goto("about:blank")
    page.add_script_tag(content=f"{bundle(('format.js', 'timeaxis.js'))}\n{EXPOSE_TIME}", type="module")
    page.wait_for_function("() => !!globalThis.labels")

    labels = page.evaluate("([start, end, step]) => labels('UTC', start, end, step)", [start, end, step])

    assert labels == expected


def test_the_browser_unpacks_what_python_packed(page: Page) -> None:
    values = np.random.default_rng(3).normal(size=500)
    values[7] = np.nan
    data = payload(picture_data.result([picture_data.scored(values, [Key.of("cpu")])], []), Limits())
    packed = data.head["charts"][0]["channels"][0]["value"]
    page.goto("about:blank")
    page.add_script_tag(content=f"{bundle(('codec.js',))}\nglobalThis.unpack = unpack;", type="module")
    page.wait_for_function("() => !!globalThis.unpack")

    unpacked = page.evaluate(
        "async ([packed, texts]) => [...await unpack(packed, (ref) => texts[ref])].map((x) => x === x ? x : null)",
        [packed, data.arrays],
    )

    np.testing.assert_allclose(np.array(unpacked, dtype=float), values, rtol=1e-6)


def test_thinning_finds_the_extremes_a_scan_of_all_points_finds(page: Page) -> None:
    values = np.random.default_rng(8).normal(size=9000).round(6)
    values[3000:4200] = np.nan
    page.goto("about:blank")
    page.add_script_tag(content=f"{bundle(('thin.js',))}\nglobalThis.Pyramid = Pyramid;", type="module")
    page.wait_for_function("() => !!globalThis.Pyramid")
    spans = [[0, 9000], [0, 1], [15, 17], [16, 4096], [2990, 4210], [3100, 4100], [255, 8999], [8999, 9000]]

    found = page.evaluate(
        """([values, spans]) => {
            const pyramid = new Pyramid(Float64Array.from(values, (x) => x ?? NaN));
            return spans.map(([from, to]) => pyramid.extremes(from, to));
        }""",
        [json.loads(json.dumps(values.tolist()).replace("NaN", "null")), spans],
    )

    stretches = [values[first:last] for first, last in spans]
    scanned = [
        {"low": first + int(np.nanargmin(stretch)), "high": first + int(np.nanargmax(stretch))}
        for (first, _), stretch in zip(spans, stretches, strict=True)
        if not np.isnan(stretch).all()
    ]
    assert found[5] == {"low": -1, "high": -1}
    assert found[:5] + found[6:] == scanned


@pytest.mark.parametrize(
    ("n_points", "drawn", "has_expected"),
    [
        pytest.param(300, 300, True, id="room for every point"),
        pytest.param(1000, 200, True, id="the extremes of every pixel"),
        pytest.param(10000, 200, False, id="too dense for an expected value"),
    ],
)
def test_points_are_thinned_only_where_there_is_no_room(
    page: Page, n_points: int, drawn: int, has_expected: bool
) -> None:
    page.goto("about:blank")
    page.add_script_tag(
        content=f"{bundle(('thin.js',))}\nObject.assign(globalThis, {{ Pyramid, thinChannel }});", type="module"
    )
    page.wait_for_function("() => !!globalThis.thinChannel")

    positions, values, expected = page.evaluate(
        """(n) => {
            const array = Float64Array.from({ length: n }, (_, i) => Math.sin(i * i));
            const times = Float64Array.from({ length: n }, (_, i) => i);
            const tree = new Pyramid(array);
            const channel = { value: tree, expected: array, lower: tree, upper: tree };
            const { at, columns } = thinChannel(channel, times, -0.5, n - 0.5, 100);
            const isExact = columns[0].every((value, i) => value === array[at[i]]);
            return [at, isExact, columns[1].some((value) => value !== null)];
        }""",
        n_points,
    )

    assert values
    assert len(positions) == drawn
    assert expected is has_expected


def test_a_widget_draws_the_same_charts(page: Page) -> None:
    data = payload(picture_data.small(), Limits())
    script = bundle((*html.CHART_SCRIPTS, "widget.js")).replace("export default { render };", "")
    model = json.dumps({"head": json.dumps(data.head), "arrays": data.arrays, "style": stylesheet(html.STYLES[:2])})
    page.goto("about:blank")

    start = "render({model: {get: (name) => traits[name]}, el: document.body});"
    page.add_script_tag(content=f"{script}\nconst traits = {model};\n{start}", type="module")

    page.wait_for_selector(".card.ready")
    assert page.locator(".pane canvas").count() == 2
