"""A look at a source: reached, described, its first rows; by a server that knows its name, or here by its address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from redshank.cli import completion, options, remote
from redshank.cli.names import completing

if TYPE_CHECKING:
    from collections.abc import Callable

    from redshank.client.described import Described
    from redshank.sources.base import Source

Result = TypeVar("Result")
LOOK_SECONDS = 60.0
MOST_PLACES = 30

Named = Annotated[
    str,
    typer.Argument(
        help="Name of the source, or an address, which is looked at from here without a server.",
        metavar="NAME|URL",
        autocompletion=completing("sources"),
    ),
]
Path = Annotated[str | None, typer.Option(help="What a monitor would read of it: a path.", metavar="PATH")]
Query = Annotated[str | None, typer.Option(help="A query in the source's own language; @FILE.", metavar="TEXT")]
Table = Annotated[str | None, typer.Option(help="A table.", metavar="NAME")]
Index = Annotated[str | None, typer.Option(help="An index.", metavar="NAME")]
Option = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        help="Option of the source at an address, such as password=env:PW; may be repeated.",
        metavar="NAME=VALUE",
        autocompletion=completion.source_option,
    ),
]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where to look: at an address, or at a source of a server."""

    name: str
    target: Mapping[str, str]
    options: Mapping[str, Any]

    @classmethod
    def of(
        cls,
        name: str,
        path: str | None,
        query: str | None,
        table: str | None,
        index: str | None,
        option: list[str] | None,
    ) -> Place:
        """Return the place as it was typed."""
        from redshank.errors import ConfigError
        from redshank.sources.addresses import is_address

        manner = options.make_manner(query, table, index, option, path)
        if option and not is_address(name):
            raise ConfigError(
                f"--option: is for an address; change the source by: redshank sources edit {name} --set ..."
            )
        return cls(name=name, target=manner.target, options=manner.options)

    @property
    def source(self) -> Source | None:
        """The source at an address; None for a name."""
        from redshank.sources.addresses import is_address, source_at
        from redshank.sources.manner import Manner

        if not is_address(self.name):
            return None
        return source_at(self.name, Manner(options=self.options, target=self.target))


def here(source: Source, work: Callable[[], Result]) -> Result:
    """Do what looks at a source, with a sign of life, for a minute at most; Ctrl-C gives it up."""
    from redshank.cli.console import progress_bar
    from redshank.service.deadline import within

    with progress_bar(quiet=False) as on_progress:
        on_progress(f"looking at {source.describe()}", None)
        try:
            return within(LOOK_SECONDS, work, source.cancel, source.describe())
        except KeyboardInterrupt:
            source.cancel()
            raise


def described(source: Source) -> Described:
    """Return what a source here holds, as a server tells it."""
    import msgspec

    from redshank.client.described import Described
    from redshank.sources.described import describe

    return msgspec.convert(here(source, lambda: describe(source)), Described)


def plain_rows(rows: Any) -> list[dict[str, Any]]:
    """Return rows as a server sends them: numbers, texts, times as text; NaN as None."""
    import msgspec

    made: list[dict[str, Any]] = msgspec.json.decode(msgspec.json.encode(rows, enc_hook=str))
    return made


def print_described(found: Described) -> None:
    """Print what a source holds for people: its places, its columns, its last days."""
    from redshank.cli.console import console, print_notes
    from redshank.durations import format_duration

    out, survey = console(), found.survey
    if survey.places:
        shown = survey.places[:MOST_PLACES]
        titles = {"name": lambda one: one.name, "kind": lambda one: one.kind, "rows": lambda one: one.rows}
        out.print(remote.table(shown, titles))
        if len(survey.places) > len(shown):
            out.print(f"{len(shown)} of {len(survey.places):,}; --json has all", style="dim")
        out.print()
    if survey.columns:
        columns = {name: _taking(name) for name in ("name", "type", "role", "values", "examples")}
        out.print(remote.table(survey.columns, columns))
        out.print()
    if found.problem is None:
        from datetime import timedelta

        step = None if found.step_seconds is None else format_duration(timedelta(seconds=found.step_seconds))
        facts = {
            "time": f"{found.time} ({found.time_format}, {found.zone})" if found.time else found.time_format,
            "newest": found.newest,
            "measures": found.measures,
            "labels": found.labels,
            "series": found.series,
            "rows": found.rows,
            "step": step or "irregular",
        }
        counts = ("gaps", "duplicates", "unsorted", "infinite", "bad_rows")
        troubles = {name.replace("_", " "): getattr(found, name) for name in counts if getattr(found, name)}
        out.print("in the last seven days:", style="bold")
        remote.print_record({**facts, **troubles})
    print_notes(out, [*([found.problem] if found.problem else []), *survey.notes, *found.notes])


def _taking(name: str) -> Any:
    return lambda item: getattr(item, name)
