"""Imports point one way, the core knows neither clock nor files, and starting is light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TypeGuard

import pytest

import redshank

ROOT = Path(redshank.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))

# From the bottom up: a part imports parts of its own layer and of those below.
LAYERS = (
    {"errors"},
    {"durations", "panel", "registry"},
    {"block_tail", "calibrate", "decide", "decide_kernel", "detectors", "periods", "profile", "reasons", "thinning"},
    {
        "dashboards",
        "http",
        "kafka",
        "push",
        "result",
        "schedules",
        "settings",
        "sinks",
        "sources",
        "specs",
        "store",
        "tables",
    },
    {"engine", "evaluate", "sample"},
    {"executors"},
    {"scheduler"},
    {"app", "demo", "report", "service"},
    {"client"},
    {"api", "cli", "notebook", "server"},
)
PURE_LAYERS = 3
LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}
STRANGERS = {
    ("sources", "sinks"),
    ("sinks", "sources"),
    ("store", "sources"),
    ("sources", "store"),
    ("store", "sinks"),
    ("sinks", "store"),
    ("cli", "notebook"),
    ("notebook", "cli"),
}
UPWARDS = {
    ("result", "notebook"): "Result.plot shows the result where it is asked for",
}
CLOCK_AND_FILES = {
    "io",
    "os",
    "pathlib",
    "random",
    "requests",
    "shutil",
    "socket",
    "subprocess",
    "tempfile",
    "time",
    "urllib",
}
FORBIDDEN_CALLS = {"now", "utcnow", "today", "open"}
STATE_FILE = ROOT / "detectors" / "state.py"  # the one place where a state is written to disk
HEAVY = {"matplotlib", "numba", "pandas", "polars", "pyarrow", "scipy"}


def part_of(path: Path) -> str:
    """The part a file belongs to: its folder, or its own name at the top."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def name_of(path: Path) -> str:
    """The path below the package, for readable test ids."""
    return str(path.relative_to(ROOT))


def run_time_nodes(tree: ast.AST) -> list[ast.AST]:
    """All nodes but those under ``if TYPE_CHECKING``."""
    found: list[ast.AST] = []
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        found.append(node)
        waiting += node.orelse if _is_for_types(node) else ast.iter_child_nodes(node)
    return found


def _is_for_types(node: ast.AST) -> TypeGuard[ast.If]:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def imports_of(source: str) -> set[str]:
    """Full names of the modules imported anywhere in a source, function bodies included."""
    names: set[str] = set()
    for node in run_time_nodes(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the layer"
            names |= {f"{node.module}.{alias.name}" for alias in node.names} if node.module == "redshank" else set()
            names.add(node.module or "")
    return names


def own_parts(source: str) -> set[str]:
    """Parts of redshank that a source imports."""
    return {name.split(".")[1] for name in imports_of(source) if name.startswith("redshank.")} - {"__version__"}


def is_allowed(importer: str, imported: str) -> bool:
    """Whether one part may import another."""
    if (importer, imported) in STRANGERS:
        return False
    return LEVEL[imported] <= LEVEL[importer] or (importer, imported) in UPWARDS


@pytest.mark.parametrize("path", MODULES[1:], ids=name_of)
def test_every_module_has_a_layer(path: Path) -> None:
    assert path.name == "__init__.py" or part_of(path) in LEVEL


@pytest.mark.parametrize("path", [path for path in MODULES if part_of(path) in LEVEL], ids=name_of)
def test_imports_point_downwards(path: Path) -> None:
    wrong = {part for part in own_parts(path.read_text()) if not is_allowed(part_of(path), part)}

    assert wrong == set()


@pytest.mark.parametrize("path", [path for path in MODULES if LEVEL.get(part_of(path), 99) < PURE_LAYERS], ids=name_of)
def test_the_core_knows_neither_clock_nor_files(path: Path) -> None:
    source = path.read_text()
    called = {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
    }
    allowed = {"os", "pathlib", "open"} if path == STATE_FILE else set()

    used = {name.split(".")[0] for name in imports_of(source)} & CLOCK_AND_FILES | called & FORBIDDEN_CALLS

    assert used - allowed == set()


def test_an_upward_import_would_be_seen() -> None:
    source = "def f():\n    from redshank.engine.batch import Plan\n    return Plan\n"

    assert [is_allowed("panel", part) for part in own_parts(source)] == [False]


def test_an_import_for_types_only_is_no_import() -> None:
    source = "if TYPE_CHECKING:\n    from redshank.engine.batch import Plan\nelse:\n    import redshank.errors\n"

    assert own_parts(source) == {"errors"}


def test_pages_and_scripts_for_the_browser_hold_no_python() -> None:
    assert list((ROOT / "web").rglob("*.py")) == []


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import redshank", id="import redshank"),
        pytest.param("from redshank.cli.main import run; assert run(['--help']) == 0", id="redshank --help"),
        pytest.param("from redshank.cli.main import run; assert run(['detect', '--help']) == 0", id="detect --help"),
        pytest.param("from redshank.cli.main import run; assert run(['--version']) == 0", id="redshank --version"),
    ],
)
def test_starting_loads_nothing_heavy(code: str) -> None:
    probe = f"import sys\n{code}\nprint(sorted(set(sys.modules) & {HEAVY}), file=sys.stderr)"

    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)

    assert done.stderr.strip() == "[]"
