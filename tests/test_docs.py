"""Nothing that people can use is undocumented, and generated pages are current."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typer.main import get_command

from redshank import registry
from redshank.cli.main import app

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
ROOT_COMMAND: Any = get_command(app)
ROOT_COMMAND.load_all()
GROUPS = {name: getattr(command, "commands", {}) for name, command in ROOT_COMMAND.commands.items()}
INNER = [(f"{name} {inner}", command) for name, group in GROUPS.items() for inner, command in group.items()]
COMMANDS = sorted([*ROOT_COMMAND.commands.items(), *INNER])
REGISTERED = [
    pytest.param(folder, name, id=f"{folder}-{name}")
    for folder in ("detectors", "sources", "sinks")
    for name in registry.names(f"redshank.{folder}")
]


def _reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_reference", DOCS / "generate_reference.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["api.md", "cli.md", "detectors.md", "errors.md", "python.md", "redshank.schema.json"])
def test_a_generated_page_is_current(name: str) -> None:
    wanted = _reference().pages()[name].rstrip() + "\n"

    assert (DOCS / "reference" / name).read_text(encoding="utf-8") == wanted, "run: make reference"


@pytest.mark.parametrize(("folder", "name"), REGISTERED)
def test_what_is_registered_has_a_page(folder: str, name: str) -> None:
    kind = registry.find(f"redshank.{folder}", name).kind  # several names may stand for one

    assert (DOCS / folder / f"{kind}.md").is_file()


@pytest.mark.parametrize("name", registry.names(registry.DETECTORS))
def test_a_detector_page_says_what_people_choose_by(name: str) -> None:
    page = (DOCS / "detectors" / f"{name}.md").read_text(encoding="utf-8").lower()

    missing = [word for word in ("good for", "blind to", "cost", "parameter", "source") if word not in page]

    assert missing == []


@pytest.mark.parametrize("name", registry.names(registry.DETECTORS))
def test_a_detector_page_names_every_parameter_with_its_default(name: str) -> None:
    page = (DOCS / "detectors" / f"{name}.md").read_text(encoding="utf-8")

    missing = [
        spec.name
        for spec in registry.detector_class(name).parameters()
        if not re.search(rf"`{spec.name}`.*{re.escape(f'{spec.default}')}", page)
    ]

    assert missing == []


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_every_option_of_a_command_is_documented(name: str, command: Any) -> None:
    page = (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")
    section = re.split(r"\n###? ", page.partition(f"# redshank {name}\n")[2])[0]

    missing = [
        option for each in command.params for option in each.opts if option.startswith("-") and option not in section
    ]

    assert section
    assert missing == []


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_every_option_explains_itself(name: str, command: Any) -> None:
    assert command.help
    assert [each.name for each in command.params if not each.help] == []


@pytest.mark.parametrize("path", sorted(DOCS.glob("decisions/0*.md")), ids=lambda path: path.stem)
def test_a_decision_is_complete_and_fits_a_page(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)

    assert headings == ["Context", "Decision", "Consequences", "Rejected"]
    assert "**Status**" in text
    assert len(text.splitlines()) <= 60
    assert f"({path.name})" in (DOCS / "decisions" / "index.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_links_and_pictures_of_pages_outside_the_site_exist(page: str) -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", (ROOT / page).read_text(encoding="utf-8"))

    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_make_targets_that_are_named_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")]
    named = {
        target for page in pages for target in re.findall(r"[`$] ?make ([a-z]+)", page.read_text(encoding="utf-8"))
    }

    assert {"demo", "test", "check"} <= named
    assert [target for target in sorted(named) if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []


def test_the_changelog_begins_with_what_is_not_released() -> None:
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)

    assert headings[0] == "Unreleased"
