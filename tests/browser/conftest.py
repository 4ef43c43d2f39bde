"""The browser of the tests in this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-gpu"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"the browser {CHROMIUM} is not installed")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page on which an error of a script, a refused or any network request, or a dialog fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, timezone_id="America/New_York", offline=True)
    opened = context.new_page()
    troubles: list[str] = []
    opened.on("pageerror", lambda error: troubles.append(str(error)))
    opened.on("console", lambda message: troubles.extend([message.text] * (message.type == "error")))
    opened.on("dialog", lambda dialog: troubles.append(f"dialog {dialog.message}"))
    opened.on("request", lambda request: troubles.extend([request.url] * (not request.url.startswith("file:"))))
    yield opened
    context.close()
    assert troubles == []
