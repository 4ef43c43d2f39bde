"""Make one document of configuration files, with everything that is wrong in any of them said at once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from redshank.errors import ConfigError, did_you_mean
from redshank.service.config_checks import problems_of
from redshank.service.config_files import ConfigText, ConfigTexts, read_texts
from redshank.service.config_places import monitor_paths, sink_paths, source_paths, template_paths
from redshank.service.config_yaml import Place, PlacedProblem, YamlDocument, read_yaml
from redshank.specs.connection import SinkSpec, SourceSpec
from redshank.specs.document import Document
from redshank.specs.monitor import MonitorSpec, TemplateSpec
from redshank.specs.problems import Path as Inside
from redshank.specs.problems import Problem, checked, path_text, shown
from redshank.specs.schedule import NamedSchedule
from redshank.store.records import Kind

KINDS: dict[Kind, type[BaseModel]] = {
    "sources": SourceSpec,
    "sinks": SinkSpec,
    "schedules": NamedSchedule,
    "templates": TemplateSpec,
    "monitors": MonitorSpec,
}
KEPT_FOR_ANCHORS = "x-"  # a key at the top that begins so holds what aliases refer to
_SHOWN_PROBLEMS = 20


class ConfigFileError(ConfigError):
    """Configuration files are wrong; ``problems`` holds every reason with its place."""

    def __init__(self, problems: Sequence[PlacedProblem]) -> None:
        """Say the first of the problems in the message."""
        super().__init__(_lines([str(problem) for problem in problems]))
        self.problems = tuple(problems)


@dataclass(frozen=True)
class Entry:
    """One declaration as it stands in a file: JSON values, and what it became (None: it is wrong)."""

    kind: Kind
    source: YamlDocument
    path: Inside
    given: Any
    spec: Any = None

    @property
    def name(self) -> str | None:
        """Its name, when it has one."""
        name = self.given.get("name") if isinstance(self.given, dict) else None
        return name if isinstance(name, str) else None

    def place(self, inside: Inside = ()) -> Place:
        """Return where it stands, or a part of it."""
        return self.source.place((*self.path, *inside))

    def problem(self, problem: Problem) -> PlacedProblem:
        """Return a problem of the declaration as one of its file."""
        return PlacedProblem(self.place(problem.path), Problem((*self.path, *problem.path), problem.message))


@dataclass
class Configuration:
    """What files declare; ``document`` holds what is right: all of it when ``problems`` is empty."""

    texts: ConfigTexts
    entries: list[Entry] = field(default_factory=list)
    problems: list[PlacedProblem] = field(default_factory=list)

    @property
    def document(self) -> Document:
        """The declarations that are right, in the order of the files."""
        kept: dict[str, tuple[Any, ...]] = {
            kind: tuple(entry.spec for entry in self.entries if entry.kind == kind and entry.spec is not None)
            for kind in KINDS
        }
        return Document.model_construct(None, **kept)

    @property
    def files(self) -> list[str]:
        """The names of the files."""
        return [text.name for text in self.texts.texts]

    def checked_document(self) -> Document:
        """Return the document; ConfigFileError with all that is wrong, when anything is."""
        if self.problems:
            raise ConfigFileError(self.problems)
        return self.document

    def place(self, kind: Kind, name: str) -> Place | None:
        """Return where a declaration stands."""
        return next((entry.place() for entry in self.entries if entry.kind == kind and entry.name == name), None)


def read_configuration(
    paths: Sequence[str | Path], environment: Mapping[str, str] | None = None, *, is_whole: bool = True
) -> Configuration:
    """Read files and folders; what is wrong in them is in ``problems`` of what is returned.

    ``environment``: where ``${NAME}`` is taken from, None = that of the process. ``is_whole``: all that is referred to
    must be declared here; else it may be on the server already.

    Raises:
        ConfigError: a file cannot be read at all.
    """
    texts = read_texts(paths)
    return make_configuration(texts, os.environ if environment is None else environment, is_whole=is_whole)


def make_configuration(texts: ConfigTexts, environment: Mapping[str, str], *, is_whole: bool = True) -> Configuration:
    """Make a configuration of what files hold."""
    made = Configuration(texts)
    found = [entry for text in texts.texts for entry in _entries(text, environment, made.problems)]
    folders = {text.name: text.folder for text in texts.texts}
    kinds = {
        entry.name: entry.given.get("kind") for entry in found if entry.kind == "sources" and entry.name is not None
    }
    made.entries = [_checked(_at_home(entry, folders[entry.source.file], kinds), made.problems) for entry in found]
    made.problems += _twice(made.entries)
    made.problems += _references(made.entries, is_whole)
    order = {text.name: i for i, text in enumerate(texts.texts)}
    made.problems.sort(key=lambda problem: (order.get(problem.place.file, 0), problem.place.line))
    return made


def read_document(values: Any) -> Document:
    """Return the document that JSON values make; ConfigError with all that is wrong, the first place as its field.

    Nothing is filled in from the environment, and paths stay as they are: this is for what came over the network.
    """
    whole = YamlDocument("", values, None)
    made = Configuration(ConfigTexts((), ""))
    made.entries = [_checked(entry, made.problems) for entry in _entries_of(whole, made.problems)]
    made.problems += _twice(made.entries)
    made.problems += _references(made.entries, False)
    if made.problems:
        first = path_text(made.problems[0].problem.path)
        raise ConfigError(_lines([str(each.problem) for each in made.problems]), field=first or None)
    return made.document


def _lines(problems: Sequence[str]) -> str:
    more = len(problems) - _SHOWN_PROBLEMS
    return "\n".join([*problems[:_SHOWN_PROBLEMS], *([f"and {more:,} more"] if more > 0 else [])])


def _entries(text: ConfigText, environment: Mapping[str, str], problems: list[PlacedProblem]) -> Iterator[Entry]:
    """The declarations of one file as they stand there."""
    try:
        content = text.content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text.content[: error.start].count(b"\n") + 1
        problems.append(PlacedProblem(Place(text.name, line), Problem((), "must be UTF-8 text")))
        return
    documents, wrong = read_yaml(content, text.name, environment)
    problems += wrong
    for document in documents:
        yield from _entries_of(document, problems)


def _entries_of(document: YamlDocument, problems: list[PlacedProblem]) -> Iterator[Entry]:
    def complain(path: Inside, message: str) -> None:
        problems.append(PlacedProblem(document.place(path), Problem(path, message)))

    if document.values is None:
        return
    if not isinstance(document.values, dict):
        complain((), f"must hold {', '.join(KINDS)}, got {shown(document.values)}")
        return
    for kind, given in document.values.items():
        if kind in KINDS:
            if not isinstance(given, list | None):
                complain((kind,), f"must be a list (lines that begin with -), got {shown(given)}")
            for i, one in enumerate(given if isinstance(given, list) else ()):
                yield Entry(kind, document, (kind, i), one)
        elif not kind.startswith(KEPT_FOR_ANCHORS):
            hint = _misplaced(kind)
            complain((kind,), f"{did_you_mean('key', kind, KINDS)}{hint}")


def _misplaced(key: str) -> str:
    if key in MonitorSpec.model_fields:
        return "; a monitor stands in the list under monitors:"
    return ""


def _at_home(entry: Entry, folder: Path, kinds: Mapping[str, Any]) -> Entry:
    """The declaration with its relative paths seen from the folder of its file."""
    given = {
        "sources": lambda: source_paths(entry.given, folder),
        "sinks": lambda: sink_paths(entry.given, folder),
        "monitors": lambda: monitor_paths(entry.given, folder, kinds),
        "templates": lambda: template_paths(entry.given, folder, kinds),
        "schedules": lambda: entry.given,
    }[entry.kind]()
    return Entry(entry.kind, entry.source, entry.path, given)


def _checked(entry: Entry, problems: list[PlacedProblem]) -> Entry:
    """The declaration with what it became, or with None when it is wrong."""
    spec, wrong = checked(KINDS[entry.kind], entry.given)
    if spec is not None:
        wrong = problems_of(entry.kind, spec)
    problems += [entry.problem(problem) for problem in wrong]
    return Entry(entry.kind, entry.source, entry.path, entry.given, None if wrong else spec)


def _twice(entries: Sequence[Entry]) -> Iterator[PlacedProblem]:
    first: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        if entry.name is None:
            continue
        known = first.setdefault((entry.kind, entry.name), entry)
        if known is not entry:
            first_at = known.place() if known.source.file else path_text(known.path)
            message = f"{shown(entry.name)} stands twice in {entry.kind}; first at {first_at}"
            yield entry.problem(Problem(("name",), message))


def _references(entries: Sequence[Entry], is_whole: bool) -> Iterator[PlacedProblem]:
    """What monitors refer to and no file declares; with ``is_whole`` False only what looks like a slip of the pen."""
    from redshank.service.config_references import missing_reference, references

    names: dict[Kind, set[str]] = {kind: set() for kind in KINDS}
    for entry in entries:
        if entry.name is not None:
            names[entry.kind].add(entry.name)
    for entry in entries:
        given = entry.given
        if entry.kind == "templates" and isinstance(given, dict):
            given = given.get("monitor")
        before: Inside = ("monitor",) if entry.kind == "templates" else ()
        for path, kind, name in references(given) if entry.kind in ("monitors", "templates") else ():
            message = missing_reference(kind, name, names[kind], is_whole)
            if message:
                yield entry.problem(Problem((*before, *path), message))
