"""Every ```python block and every ``$ redshank`` line in the documentation runs.

A page is run from top to bottom in a folder of its own that holds the files of docs_data.py; its python blocks share
their names. A line ending in ``# exit N`` must end with that code, all others with 0. Output shown is not compared.
``$ redshank serve`` starts a real server for the rest of the page, and ``$ curl`` lines ask it (docs_server.py).
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

import docs_data
from docs_server import PageServer, curl
from redshank.cli.main import run
from redshank.specs.document import Document

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^( *)```(python|console)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
SHELL_SIGNS = set("|><;&$*")


@dataclass(frozen=True)
class Example:
    """A block of python, or one command line, and where it stands."""

    language: str
    text: str
    line: int


def examples(page: Path) -> list[Example]:
    """The blocks and command lines of a page, in order."""
    text = page.read_text(encoding="utf-8")
    found = []
    for block in BLOCK.finditer(text):
        line = text[: block.start()].count("\n") + 2
        body = re.sub(rf"^{block[1]}", "", block[3], flags=re.MULTILINE)
        if block[2] == "python":
            found.append(Example("python", body, line))
        else:
            found += [Example("console", command, line) for command in commands(body)]
    return found


def commands(body: str) -> list[str]:
    """The lines after ``$`` that run redshank or curl, with lines that end in a backslash put together."""
    lines = re.sub(r"\\\n\s*", "", body).splitlines()
    return [line[2:] for line in lines if re.match(r"\$ (.*\| *)?(redshank|curl)\b", line)]


def is_shell(command: str) -> bool:
    """Whether a command needs a shell (looking only outside of quotes), or is about the shell itself."""
    return "completion" in command or bool(SHELL_SIGNS & set(re.sub(r"'[^']*'|\"[^\"]*\"", "", command)))


def run_command(command: str) -> None:
    """Run a command line and insist on its exit code."""
    command, _, wanted = command.partition("# exit ")
    if command.startswith("curl "):
        code = curl(command)
    else:
        code = _in_shell(command) if is_shell(command) else run(shlex.split(command)[1:])

    assert code == int(wanted or 0), f"$ {command} ended with {code}"


def _in_shell(command: str) -> int:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(["bash", "-c", command], env={**os.environ, "PATH": path}, check=False).returncode


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that examples name."""
    folder = tmp_path_factory.mktemp("docs")
    docs_data.write_all(folder)
    return folder


@pytest.mark.parametrize(
    "page", [page for page in PAGES if examples(page)], ids=lambda page: str(page.relative_to(ROOT))
)
def test_the_examples_of_a_page_run(page: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    subprocess.run(["cp", "-r", f"{data}/.", "."], check=True)
    names: dict[str, Any] = {"__name__": "__main__"}

    with contextlib.closing(PageServer(monkeypatch)) as server:
        for example in examples(page):
            with _place(page, example):
                text = server.here(example.text)
                if example.language == "python":
                    exec(compile(text, str(page), "exec"), names)
                elif re.match(r"redshank serve\b(?!.*--help)", text):
                    server.start(text)
                else:
                    run_command(text)


@contextlib.contextmanager
def _place(page: Path, example: Example) -> Any:
    """Say which example of the page failed."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"{page.relative_to(ROOT)}, line {example.line}")
        raise


YAML = [
    pytest.param(found[1], id=f"{page.relative_to(ROOT)}-{number}")
    for page in PAGES
    for number, found in enumerate(
        re.finditer(r"^```yaml\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    )
]


@pytest.mark.parametrize("text", YAML)
def test_a_declaration_in_a_page_is_right(text: str) -> None:
    Document.model_validate(yaml.safe_load(text))


@pytest.mark.parametrize("name", docs_data.WRITTEN)
def test_a_file_that_a_page_shows_is_the_one_that_its_examples_read(name: str) -> None:
    assert docs_data.WRITTEN[name] in (ROOT / "docs" / "server" / "quickstart.md").read_text(encoding="utf-8")


def test_commands_are_taken_out_of_a_console_block() -> None:
    body = "$ redshank detect a.csv \\\n    --json\nsome output\n$ make demo\n$ cat a.csv | redshank detect -\n"

    assert commands(body) == ["redshank detect a.csv --json", "cat a.csv | redshank detect -"]


def test_a_wrong_exit_code_is_noticed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(AssertionError, match="ended with 2"):
        run_command("redshank detect no-such-file.csv")

    run_command("redshank detect no-such-file.csv  # exit 2")
