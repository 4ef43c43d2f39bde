"""The report in a real browser: it opens from a file, offline, and does what its help says."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

import picture_data
from redshank.panel import Key
from redshank.result import Result
from redshank.sinks.html import write_html

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [
    pytest.mark.external_service,
    pytest.mark.filterwarnings("default"),  # those of playwright's own event loop
]


def shown(page: Page, result: Result, folder: Path, **changes: Any) -> None:
    path = folder / "report.html"
    write_html(result, path, **{"title": "Title", "facts": [("input", "cpu.csv")], **changes})
    page.goto(path.as_uri())
    page.wait_for_selector("body")


def view(page: Page) -> str:
    """What of the chart is painted, as something to compare."""
    page.wait_for_timeout(120)
    painted: str = page.evaluate("document.querySelector('.pane canvas').toDataURL()")
    return painted


def two_events() -> Result:
    values = 10 + np.random.default_rng(3).normal(size=2000)
    values[200:205], values[1500:1520] = 30, -30
    key = Key.of("cpu", {"host": "a"})
    events = [
        picture_data.event(key, 1500, 1520, severity=99, actual=-30.0, reason="the lowest of all"),
        picture_data.event(key, 200, 205, severity=80),
    ]
    return picture_data.result([picture_data.scored(values, [key])], events)


def test_the_page_opens_offline_and_draws_its_chart(page: Page, tmp_path: Path) -> None:
    shown(page, picture_data.small(), tmp_path)

    page.wait_for_selector(".card.ready")

    assert page.locator(".events tbody tr").count() == 1
    assert page.locator(".pane canvas").count() == 2


def test_hostile_names_are_shown_as_text(page: Page, tmp_path: Path) -> None:
    hostile = picture_data.HOSTILE
    result = picture_data.small(hostile, {hostile: hostile})
    result.events[0] = picture_data.event(result.events[0].key, 200, 205, reason=hostile)

    shown(page, result, tmp_path, title=hostile, facts=[(hostile, hostile)])
    page.click(".events tbody tr")
    page.wait_for_selector(".chosen:not([hidden])")

    assert page.locator("h1").inner_text().startswith("</script><img src=x onerror=alert(1)>")
    assert hostile.split(" \u2028")[0] in page.locator(".events .is-reason").last.inner_text()
    assert page.locator("img").count() == 0


def test_a_click_on_an_event_zooms_to_it_and_says_why(page: Page, tmp_path: Path) -> None:
    shown(page, two_events(), tmp_path)
    page.wait_for_selector(".card.ready")
    before = view(page)

    page.click(".events tbody tr:nth-child(2)")

    page.wait_for_selector(".chosen:not([hidden])")
    assert "3 times the usual" in page.locator(".chosen").inner_text()
    assert view(page) != before


def test_dragging_zooms_and_a_double_click_shows_everything(page: Page, tmp_path: Path) -> None:
    shown(page, two_events(), tmp_path)
    page.wait_for_selector(".card.ready")
    before = view(page)
    page.locator(".plot").scroll_into_view_if_needed()
    box = page.locator(".u-over").first.bounding_box()
    assert box is not None

    page.mouse.move(box["x"] + 300, box["y"] + 80)
    page.mouse.down()
    page.mouse.move(box["x"] + 500, box["y"] + 90, steps=4)
    page.mouse.up()
    zoomed = view(page)
    page.mouse.dblclick(box["x"] + 400, box["y"] + 80)

    assert zoomed != before
    assert view(page) == before


@pytest.mark.parametrize(
    ("keys", "back"),
    [
        pytest.param(["+", "ArrowRight"], "0", id="zoom and pan, then all"),
        pytest.param(["n"], "0", id="next event, then all"),
    ],
)
def test_keys_move_the_chart(page: Page, tmp_path: Path, keys: list[str], back: str) -> None:
    result = two_events()
    shown(page, result, tmp_path)
    page.wait_for_selector(".card.ready")
    before = view(page)
    page.locator(".plot").focus()

    pictures = [before]
    for key in keys:
        page.keyboard.press(key)
        pictures.append(view(page))

    assert len(set(pictures)) == len(pictures)
    page.keyboard.press(back)
    page.wait_for_timeout(120)
    assert page.evaluate("document.activeElement.className") == "plot"


def test_shift_and_wheel_pan_while_the_wheel_alone_leaves_the_chart(page: Page, tmp_path: Path) -> None:
    shown(page, two_events(), tmp_path)
    page.wait_for_selector(".card.ready")
    page.locator(".plot").focus()
    page.keyboard.press("+")
    zoomed = view(page)
    page.locator(".u-over").first.hover()

    page.mouse.wheel(0, 5)
    untouched = view(page)
    page.keyboard.down("Shift")
    page.mouse.wheel(0, 200)
    page.keyboard.up("Shift")

    assert untouched == zoomed
    assert view(page) != zoomed


def test_hovering_tells_time_value_expected_range_and_score(page: Page, tmp_path: Path) -> None:
    shown(page, two_events(), tmp_path)
    page.wait_for_selector(".card.ready")

    page.locator(".u-over").first.hover()

    tip = page.locator(".tip")
    tip.wait_for(state="visible")
    text = tip.inner_text()
    for part in ("2000-01-01 16:", "value", "expected\t10", "range\t8 to 12", "score"):
        assert part in text


def test_search_and_severity_filter_the_events(page: Page, tmp_path: Path) -> None:
    shown(page, two_events(), tmp_path)
    rows = page.locator(".events tbody tr")

    page.fill("#filter-text", "LOWEST")
    found = rows.count()
    page.fill("#filter-text", "nothing like this")
    none = rows.count()
    page.fill("#filter-text", "")
    page.fill("#filter-severity", "90")

    assert (found, none, rows.count()) == (1, 0, 1)
    assert page.locator("#severity-shown").inner_text() == "90"


def test_a_column_sorts_the_events(page: Page, tmp_path: Path) -> None:
    shown(page, two_events(), tmp_path)
    severities = page.locator(".events tbody .badge")
    worst_first = severities.all_inner_texts()

    page.click("th.is-start button")

    assert worst_first == ["99", "80"]
    assert severities.all_inner_texts() == ["80", "99"]
    assert page.locator("th.is-start").get_attribute("aria-sort") == "ascending"


def test_times_are_in_utc_until_the_reader_asks_for_local_ones(page: Page, tmp_path: Path) -> None:
    shown(page, two_events(), tmp_path)
    start = page.locator(".events td.is-start").first
    utc = start.inner_text()

    page.click("#zone-local")

    assert utc == "2000-01-02 01:00"
    assert start.inner_text() == "2000-01-01 20:00"
    assert page.locator("#zone-local").get_attribute("aria-pressed") == "true"


def test_times_are_in_the_zone_of_the_data_first(page: Page, tmp_path: Path) -> None:
    result = replace(two_events(), tz="Asia/Kolkata")

    shown(page, result, tmp_path)

    assert page.locator(".events td.is-start").first.inner_text() == "2000-01-02 06:30"
    assert page.locator("th.is-start").inner_text() == "Start (Asia/Kolkata)"
    assert page.locator("#zone-data").get_attribute("aria-pressed") == "true"
    assert page.locator("time").first.inner_text() == "2000-01-01 05:30"


def test_a_click_on_an_event_of_the_chart_marks_its_row_and_leads_back(page: Page, tmp_path: Path) -> None:
    shown(page, two_events(), tmp_path)
    page.wait_for_selector(".card.ready")
    box = page.locator(".u-over").first.bounding_box()
    assert box is not None

    page.mouse.click(box["x"] + box["width"] * 1510 / 2000, box["y"] + 60)

    assert page.locator("tr[aria-current]").inner_text().startswith("99")
    assert "the lowest of all" in page.locator(".chosen").inner_text()
    page.fill("#filter-text", "nothing like this")
    page.click(".chosen button")
    assert page.evaluate("document.activeElement.closest('tr').getAttribute('aria-current')") == "true"


def test_a_link_with_an_event_opens_at_it(page: Page, tmp_path: Path) -> None:
    shown(page, two_events(), tmp_path)
    page.click(".events tbody tr:nth-child(2)")
    page.wait_for_selector(".chosen:not([hidden])")
    link = page.url

    page.goto("about:blank")
    page.goto(link)

    page.wait_for_selector(".chosen:not([hidden])")
    assert page.locator("tr[aria-current]").inner_text().startswith("80")


def test_charts_move_together_when_the_reader_wants_that(page: Page, tmp_path: Path) -> None:
    part = picture_data.scored(10 + np.random.default_rng(3).normal(size=(2, 500)), [Key.of("a"), Key.of("b")])
    shown(page, picture_data.result([part], []), tmp_path)
    page.wait_for_selector(".card.ready >> nth=1")
    second = "document.querySelectorAll('.card')[1].querySelector('canvas').toDataURL()"
    before = page.evaluate(second)
    page.locator(".plot").first.focus()

    page.keyboard.press("+")
    page.wait_for_timeout(120)
    alone = page.evaluate(second)
    page.check("#together")
    page.locator(".plot").first.focus()
    page.keyboard.press("+")
    page.wait_for_timeout(120)

    assert alone == before
    assert page.evaluate(second) != before


def test_a_dark_page_prints_light_with_all_its_charts(page: Page, tmp_path: Path) -> None:
    part = picture_data.scored(np.full((12, 50), 10.0), [Key.of(f"m{i}") for i in range(12)])
    shown(page, picture_data.result([part], []), tmp_path)
    page.click("#theme")
    page.evaluate("globalThis.print = () => dispatchEvent(new Event('beforeprint'))")

    page.click("#print")
    page.wait_for_selector("body.printing")

    assert page.locator(".card.ready").count() == 12
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(245, 246, 248)"
    assert page.evaluate("document.querySelector('canvas').clientWidth") <= 720


def test_the_page_turns_dark_and_light(page: Page, tmp_path: Path) -> None:
    shown(page, two_events(), tmp_path)
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)

    page.click("#theme")

    assert light == "rgb(245, 246, 248)"
    assert page.evaluate(paper) == "rgb(15, 19, 24)"


def test_each_channel_has_a_pane_the_guilty_one_first(page: Page, tmp_path: Path) -> None:
    shown(page, picture_data.many_channels(), tmp_path)
    page.wait_for_selector(".card.ready")

    assert page.locator(".pane-name").all_inner_texts() == ["flow", "heat", "load"]


@pytest.mark.parametrize("width", [360, 400, 768, 1280, 1920])
def test_nothing_is_wider_than_the_window(page: Page, tmp_path: Path, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    hostile = "x" * 300
    result = picture_data.small(hostile, {"host": hostile})
    result.events[0] = picture_data.event(result.events[0].key, 200, 205, reason=hostile)

    shown(page, result, tmp_path, title=hostile)
    page.locator(".card").scroll_into_view_if_needed()
    page.wait_for_selector(".card.ready")

    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0


def test_charts_out_of_sight_are_not_built(page: Page, tmp_path: Path) -> None:
    part = picture_data.scored(np.full((60, 50), 10.0), [Key.of(f"m{i}") for i in range(60)])

    shown(page, picture_data.result([part], []), tmp_path)
    page.wait_for_selector(".card.ready")

    assert page.locator(".card").count() == 50
    assert page.locator(".card.ready").count() < 10
    assert "10 more series are not drawn here" in page.locator(".left-out").inner_text()


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([], id="no point"),
        pytest.param([1.0], id="one point"),
        pytest.param([np.nan] * 9, id="no value"),
        pytest.param([5.0] * 50, id="constant"),
        pytest.param([10.0] * 50, id="constant and as expected"),
        pytest.param([10.0, 10.0 + 2e-15] * 25, id="apart by the last digit"),
        pytest.param([1e308, -1e308, 0.0, 1.0], id="the largest numbers"),
        pytest.param([1e-310, 2e-310, 0.0], id="the smallest numbers"),
        pytest.param([1e9 + 0.1, 1e9 + 0.2, 1e9], id="small changes far from zero"),
    ],
)
def test_any_values_have_a_chart(page: Page, tmp_path: Path, values: list[float]) -> None:
    shown(page, picture_data.result([picture_data.scored(np.array(values), [Key.of("cpu")])], []), tmp_path)

    page.wait_for_selector(".card.ready")

    assert page.locator(".pane canvas").count() == 2


@pytest.mark.parametrize("value", [0.0, 5.0, 1e300], ids=str)
def test_a_constant_with_a_range_of_no_width_has_a_chart(page: Page, tmp_path: Path, value: float) -> None:
    shown(page, picture_data.certain(value), tmp_path)

    page.wait_for_selector(".card.ready")

    assert page.locator(".pane canvas").count() == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_notebook_without_the_widget_shows_the_page_in_a_frame(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: Literal["light", "dark"]
) -> None:
    monkeypatch.setattr("redshank.notebook.find_spec", lambda _: None)
    page.emulate_media(color_scheme=scheme)
    cell = tmp_path / "notebook.html"
    cell.write_text(f"<!doctype html><body>{two_events().plot()._repr_html_()}", encoding="utf-8")

    page.goto(cell.as_uri())
    frame = page.frame_locator("iframe")
    frame.locator(".card.ready").wait_for()
    frame.locator(".events tbody tr").first.click()

    frame.locator(".chosen:not([hidden])").wait_for()
    assert frame.locator(".pane canvas").count() == 2
    assert frame.locator("#print").is_hidden()
