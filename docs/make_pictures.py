"""Write docs/images/report.png, the top of the demo's report as a browser shows it.

python docs/make_pictures.py
python docs/make_pictures.py FILE --detector NAME    the same of another file
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from redshank.app import read, run
from redshank.cli.options import make_work
from redshank.cli.outputs import Outputs
from redshank.demo import recording
from redshank.sources.base import Query

PICTURE = Path(__file__).parent / "images" / "report.png"
CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-gpu", "--no-first-run"]
WIDTH, TABLE_HEIGHT = 1280, 216
COLOURS = 160  # a page of flat colours needs no more, and the file is a third of the size


def main() -> None:
    """Detect in the demo's recording, open its report, and keep what is seen of it down to the first chart."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("file", nargs="?")
    options.add_argument("--detector", default="auto")
    asked = options.parse_args()
    PICTURE.parent.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        report = Path(folder) / "report.html"
        write_report(report, asked.file or str(recording()), asked.detector)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": WIDTH, "height": 1400}, device_scale_factor=2)
        page.goto(report.as_uri())
        shoot(page, PICTURE)
        browser.close()
    with Image.open(PICTURE) as picture:
        picture.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
            PICTURE, optimize=True
        )


def write_report(path: Path, data: str, detector: str) -> None:
    """Write the report that ``redshank demo`` writes of its recording."""
    title = "Redshank demo: one host, real faults" if data == str(recording()) else Path(data).name
    reading = read([data], Query())
    mode = "live" if detector.startswith("analog") else "retrospective"
    result = run(reading, make_work(detector, None, mode=mode))
    Outputs(html=path).write(result, title=title, line=reading.findings.line())


def shoot(page: Page, path: Path) -> None:
    """Keep the head, a few rows of the table, and the first chart."""
    page.wait_for_selector(".card.ready")
    page.evaluate(
        "(height) => { document.querySelector('.table-frame').style.maxHeight = `${height}px`; "
        "for (const name of ['.page-tools', '.help-mouse']) document.querySelector(name).style.display = 'none'; }",
        TABLE_HEIGHT,
    )
    page.wait_for_timeout(300)
    card = page.locator(".card").first.bounding_box()
    if card is None:
        raise RuntimeError("make_pictures: the first chart is not on the page")
    page.screenshot(path=path, clip={"x": 0, "y": 0, "width": WIDTH, "height": card["y"] + card["height"] + 14})


if __name__ == "__main__":
    main()
