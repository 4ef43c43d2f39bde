"""Write the pages under docs/reference from the program itself; ``make reference`` runs it, a test watches it."""

from __future__ import annotations

import inspect
import json
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args, get_type_hints

from typer.main import get_command

import redshank
from redshank import errors, registry
from redshank.api.app import create_app
from redshank.cli.main import app
from redshank.detectors.base import Detector
from redshank.service.config_schema import config_schema
from redshank.service.service import Service
from redshank.settings import Settings
from redshank.store.store import Store

REFERENCE = Path(__file__).parent / "reference"
MADE = "<!-- Made by docs/generate_reference.py: change the program, then run `make reference`. -->\n"


def pages() -> dict[str, str]:
    """Return the text of every generated page by file name."""
    return {
        "api.md": "\n".join(_api()),
        "cli.md": "\n".join(_cli()),
        "redshank.schema.json": json.dumps(config_schema(), indent=1, ensure_ascii=False),
        "detectors.md": "\n".join(_detectors()),
        "errors.md": "\n".join(_errors()),
        "python.md": "\n".join(_python()),
    }


def _cli() -> Iterator[str]:
    root: Any = get_command(app)
    root.load_all()
    yield f"{MADE}\n# Command line\n\n{root.help}\n"
    yield "Exit codes: 0 well, 1 a mistake of Redshank, 2 a mistake in the input, 3 an event with `--fail-on-anomaly`,"
    yield "130 interrupted (what was done is kept).\n"
    yield from _options(root)
    for name, command in root.commands.items():
        yield from _command(name, command, "##")


def _command(name: str, command: Any, heading: str) -> Iterator[str]:
    """One command, and below it the commands of a group."""
    arguments = "".join(f" {_metavar(each)}" for each in command.params if each.param_type_name == "argument")
    inside = getattr(command, "commands", {})
    yield f"\n{heading} redshank {name}\n\n`redshank {name}{' COMMAND' if inside else arguments} [OPTIONS]`\n"
    about, _, examples = inspect.cleandoc(command.help or "").replace("\\b", "\b").partition("\b")
    yield about.strip() + "\n"
    if examples:
        yield "```text\n" + inspect.cleandoc(examples).strip() + "\n```\n"
    if command.callback:
        yield from _options(command)
    for inner_name, inner in inside.items():
        yield from _command(f"{name} {inner_name}", inner, f"{heading}#")


def _options(command: Any) -> Iterator[str]:
    shown = [each for each in command.params if not getattr(each, "hidden", False)]
    if not shown:
        return
    hints = get_type_hints(command.callback)
    yield "| | default | |\n|---|---|---|"
    for each in shown:
        names = _metavar(each) if each.param_type_name == "argument" else ", ".join(sorted(each.opts, key=len))
        takes = "" if each.param_type_name == "argument" else _takes(hints.get(each.name, bool))
        about = (each.help or "").replace("|", r"\|")
        yield f"| `{names}{takes}` | {_default(each)} | {about} |"


def _takes(hint: Any) -> str:
    """What stands behind an option on the command line, by the type that the command gets."""
    inner = [each for each in get_args(hint) if each is not type(None)]
    if inner:
        return _takes(inner[0])
    return {bool: "", int: " N", float: " X", Path: " FILE"}.get(hint, " TEXT")


def _metavar(argument: Any) -> str:
    shown = argument.metavar or argument.name.upper()
    return shown if argument.required else f"[{shown}]"


def _default(option: Any) -> str:
    if option.name in ("install_completion", "show_completion") or option.default in (None, False, [], ()):
        return ""
    return "" if callable(option.default) else f"`{option.default}`"


def _api() -> Iterator[str]:
    yield f"{MADE}\n# Routes of the API\n"
    yield "What holds for all of them is on [REST API](../server/rest.md); bodies, answers and examples are at"
    yield "`/api/docs` of a running server.\n"
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder)) as store:
        paths = create_app(Service(store), Settings()).openapi()["paths"]
    tag = ""
    for path, methods in paths.items():
        for method, operation in methods.items():
            if operation["tags"][0] != tag:
                tag = operation["tags"][0]
                yield f"\n## {tag}\n\n| route | | role |\n|---|---|---|"
            role = operation["description"].rpartition("Role: ")[2].rstrip(".") if "security" in operation else "open"
            yield f"| `{method.upper()} {path}` | {operation['summary']} | {role} |"


def _detectors() -> Iterator[str]:
    yield f"{MADE}\n# Detectors and their parameters\n"
    yield "Set one with `--param NAME=VALUE` or `params={...}`. The same is shown by `redshank detectors NAME`.\n"
    for name in registry.names(registry.DETECTORS):
        kind = registry.detector_class(name)
        detector = kind()
        cost = detector.cost(timedelta(minutes=1))
        yield f"\n## {name}\n\n{kind.summary}\n"
        yield f"- works {'live and on the past' if kind.causal else 'on the past'};"
        yield f"  {'predicts the expected value and its range' if kind.predicts else 'predicts no value'}"
        yield f"- first score after {detector.warmup} points; {cost.bytes_per_series:,} bytes a series;"
        yield f"  {cost.ns_per_point / 1000:g} µs a point\n"
        if kind.parameters():
            yield "| parameter | default | range | |\n|---|---|---|---|"
        for spec in kind.parameters():
            yield f"| `{spec.name}` | `{spec.default}` | {_range(spec.metadata)} | {spec.metadata['help']} |"


def _range(about: Any) -> str:
    if about["choices"]:
        return ", ".join(f"`{choice}`" for choice in about["choices"])
    low, high = (None if about[side] is None else f"{about[side]:g}" for side in ("low", "high"))
    if low and high:
        return f"{low} to {high}"
    return f"from {low}" if low else f"up to {high}"


def _errors() -> Iterator[str]:
    yield f"{MADE}\n# Errors\n"
    yield "A message says where, what must hold, and what was got. The command line prints it in one line on stderr.\n"
    yield "| class | code | HTTP status | exit code | |\n|---|---|---|---|---|"
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.RedshankError):
            about = inspect.cleandoc(kind.__doc__ or "").splitlines()[0]
            yield f"| `{kind.__name__}` | `{kind.code}` | {kind.status} | {kind.exit_code} | {about} |"
    yield ""


def _python() -> Iterator[str]:
    yield f"{MADE}\n# Python\n"
    yield "Types are annotated throughout; conventions for times, missing values and scores are in"
    yield "[Panels](../concepts/panels.md) and [Scores](../concepts/scores.md).\n"
    public = {name: getattr(redshank, name) for name in redshank.__all__ if not name.startswith("_")}
    for name, thing in sorted(
        (public | {"detectors.base.Detector": Detector}).items(), key=lambda pair: pair[0].lower()
    ):
        yield f"\n## redshank.{name}\n"
        yield _signature_and_doc(name.rpartition(".")[2], thing)
        if inspect.isclass(thing):
            yield from _members(thing)


def _members(kind: type) -> Iterator[str]:
    for name, member in vars(kind).items():
        inner = inspect.unwrap(getattr(member, "__func__", getattr(member, "fget", getattr(member, "func", member))))
        if name.startswith("_") or not inspect.isfunction(inner) or inner.__name__ != name or not inner.__doc__:
            continue
        yield f"### {name}\n"
        is_property = not isinstance(member, classmethod | staticmethod) and not inspect.isfunction(member)
        yield inspect.cleandoc(inner.__doc__) + "\n" if is_property else _signature_and_doc(name, inner)


def _signature_and_doc(name: str, thing: Any) -> str:
    signature = str(inspect.signature(thing)).replace("'", "")
    about = inspect.cleandoc(thing.__doc__ or "")
    about = "\n".join(
        f"\n**{line}**\n" if line in ("Args:", "Raises:", "Returns:") else line for line in about.split("\n")
    )
    head = "" if inspect.isabstract(thing) else f"```text\n{name}{signature}\n```\n\n"
    return f"{head}{_lists(about)}\n"


def _lists(about: str) -> str:
    """Turn the indented entries of Google docstring sections into list items."""
    lines = []
    for line in about.split("\n"):
        indent = len(line) - len(line.lstrip())
        lines.append(f"- {line.strip()}" if indent == 4 else f"  {line.strip()}" if indent > 4 else line)
    return "\n".join(lines)


def main() -> None:
    """Write the pages."""
    REFERENCE.mkdir(exist_ok=True)
    for name, text in pages().items():
        (REFERENCE / name).write_text(text.rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
