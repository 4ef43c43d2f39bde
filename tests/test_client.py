"""The Python client against the application itself: every route, sync and async alike, the same errors."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

import redshank
from client_app import Served, served
from redshank.client.client import AsyncClient, Client
from redshank.client.operations import Group, operation, script, stream
from redshank.client.request import Request
from redshank.errors import (
    ConfigError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    RevisionError,
    UnauthorizedError,
    UnavailableError,
)

MONITOR = {"name": "cpu", "path": "/data/cpu.csv", "step": "5m"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An application for all tests of this file; each makes what it needs under names of its own."""
    with served(tmp_path_factory.mktemp("data")) as made:
        yield made


@pytest.fixture
def client(app: Served) -> Client:
    """A client of an admin."""
    return app.client


def groups(client: Any) -> dict[str, Group[Any]]:
    """The groups of methods of a client, by name."""
    return {name: each for name, each in vars(client).items() if isinstance(each, Group)}


def methods(group: Any) -> dict[str, Any]:
    """The methods of a group that talk to the server, by name."""
    kinds = (operation, script, stream)
    found = {name: getattr(kind, name, None) for kind in type(group).__mro__ for name in vars(kind)}
    return {name: each for name, each in found.items() if isinstance(each, kinds)}


def sent_by(method: Any, group: Any) -> Iterator[tuple[str, str]]:
    """Method and path of the request that a method would send, its arguments made up."""
    import inspect

    arguments: dict[str, Any] = {}
    for name, about in list(inspect.signature(method._make).parameters.items())[1:]:
        if about.default is inspect.Parameter.empty:
            arguments[name] = {
                "int": 7,
                "Sequence[str]": ["x"],
                "Mapping[str, Any]": {},
                "Any": [{"a": 1}],
                "bytes": b"x",
            }.get(about.annotation, "x")
    made = method._make(group, **arguments)
    if isinstance(made, Request):
        yield made.method, made.path
        return
    step = next(made)
    request = step if isinstance(step, Request) else getattr(step, "request", None)
    if request is not None:
        yield request.method, request.path


def test_every_route_has_a_method(app: Served) -> None:
    document = app.client.server.openapi()
    ours = {
        pair
        for group in groups(app.client).values()
        for method in methods(group).values()
        for pair in sent_by(method, group)
    }

    missing = [
        f"{verb.upper()} {path}"
        for path, verbs in document["paths"].items()
        for verb in verbs
        if not any(verb.upper() == sent and re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", path), at) for sent, at in ours)
    ]

    assert missing == []


def test_both_clients_have_the_same_methods(app: Served) -> None:
    twin = app.asynchronous()

    assert {name: sorted(methods(group)) for name, group in groups(app.client).items()} == {
        name: sorted(methods(group)) for name, group in groups(twin).items()
    }


def test_a_declaration_is_made_read_changed_and_deleted(client: Client) -> None:
    made = client.monitors.create(MONITOR)
    changed = client.monitors.change("cpu", {"tags": ["web"], "step": None})
    renamed = client.monitors.replace("cpu", {**changed.spec, "name": "cpu 2"}, etag=changed.etag)

    assert (made.name, made.revision, made.spec["step"], made.origin) == ("cpu", 1, "5m", "")
    assert made.created is not None
    assert made.created.tzinfo is not None
    assert changed.spec["tags"] == ["web"]
    assert "step" not in changed.spec
    assert client.monitors.get("cpu 2").etag == renamed.etag
    client.monitors.delete("cpu 2")
    assert client.monitors.list(name="cpu 2").items == []


@pytest.mark.parametrize("kind", ["sources", "sinks", "schedules", "templates", "monitors"])
def test_every_kind_is_listed(client: Client, kind: str) -> None:
    page = getattr(client, kind).list()

    assert page.next_cursor is None
    assert list(getattr(client, kind).iterate()) == page.items


def test_all_pages_are_iterated(app: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("redshank.client.declarations.PAGE", 2)
    for i in range(5):
        app.client.schedules.create({"name": f"page {i}", "every": "5m"})

    found = [each.name for each in app.client.schedules.iterate(name="page")]

    assert found == [f"page {i}" for i in range(5)]
    assert [each.name for each in app.client.schedules.list(name="page", limit=2, sort="-name").items] == [
        "page 4",
        "page 3",
    ]


@pytest.mark.parametrize("name", ["a b", "ü", "x?y=1&z", "a#b", "100%", "...", "a+b", "日本"])
def test_names_of_all_sorts_are_reached(client: Client, name: str) -> None:
    client.schedules.create({"name": name, "every": "1h"})

    assert client.schedules.get(name).name == name
    client.schedules.delete(name)


def test_errors_are_the_classes_that_were_raised(app: Served) -> None:
    client = app.client
    client.sources.create({"name": "used", "kind": "files", "path": "/x"})
    made = client.monitors.create({"name": "user", "source": "used"})
    client.monitors.change("user", {"tags": ["a"]})

    with pytest.raises(NotFoundError, match="did you mean 'user'"):
        client.monitors.get("usr")
    with pytest.raises(ConflictError, match="user"):
        client.sources.delete("used")
    with pytest.raises(RevisionError):
        client.monitors.change("user", {"tags": []}, etag=made.etag)
    with pytest.raises(ConfigError, match="did you mean 'step'") as caught:
        client.monitors.create({"name": "wrong", "stpe": "5m"})
    assert caught.value.field == "stpe"
    with pytest.raises(UnauthorizedError):
        app.client_of("rsk_wrong").monitors.list()
    with pytest.raises(UnauthorizedError):
        app.client_of(None).monitors.list()
    viewer = client.tokens.create("viewer", "view").token
    with pytest.raises(ForbiddenError, match="edit"):
        app.client_of(viewer).monitors.delete("user")


def test_a_run_is_started_found_and_canceled(client: Client) -> None:
    client.monitors.create({"name": "running", "path": "/data/x.csv"})

    run = client.runs.start(
        "running", "backtest", start=datetime(2026, 1, 1, tzinfo=UTC), end="2026-02-01T00:00:00Z", params={}
    )

    assert (run.state, run.start, run.is_finished) == ("waiting", datetime(2026, 1, 1, tzinfo=UTC), False)
    assert client.runs.get(run.id) == run
    assert [each.id for each in client.runs.list(monitor="running", verb=["backtest", "train"]).items] == [run.id]
    assert client.runs.cancel(run.id).state in ("canceling", "canceled")
    assert client.runs.wait(run.id, timeout_seconds=5).state == "canceled"
    assert list(client.runs.follow(run.id)) == client.runs.lines(run.id).items
    with pytest.raises(ConflictError):
        client.runs.cancel(run.id)


def test_waiting_ends_when_the_time_is_over(client: Client) -> None:
    client.monitors.create({"name": "slow", "path": "/data/x.csv"})
    run = client.runs.start("slow", "train")

    with pytest.raises(UnavailableError, match="is still waiting after 0 s"):
        client.runs.wait(run.id, timeout_seconds=0)


def test_a_monitor_is_switched_and_says_where_it_stands(client: Client) -> None:
    client.monitors.create({"name": "switched", "path": "/data/x.csv"})

    assert client.monitors.disable("switched").spec["enabled"] is False
    assert client.monitors.enable("switched").spec["enabled"] is True
    status = client.monitors.status("switched")
    assert (status.name, status.enabled, status.cursor, status.series) == ("switched", True, None, 0)
    assert client.monitors.versions("switched").items == []
    assert client.monitors.prune("switched").gone == 0


def test_tokens_are_made_and_shown_once(client: Client) -> None:
    made = client.tokens.create("grafana", "view", expires=datetime.now(UTC) + timedelta(days=1))

    assert made.token is not None
    assert made.token not in repr(made)
    assert client.tokens.get(made.id).token is None
    assert "grafana" in [each.name for each in client.tokens.iterate()]
    assert client.tokens.change(made.id, {"role": "edit", "expires": None}).role == "edit"
    client.tokens.delete(made.id)
    assert "grafana" not in [each.name for each in client.tokens.list().items]
    assert client.audit.list(kind="tokens", limit=1).items[0].action == "delete"


def test_a_configuration_is_planned_applied_and_exported(client: Client) -> None:
    document = {"monitors": [{"name": "as code", "path": "/data/x.csv"}]}

    plan = client.config.plan(document, origin="test")
    done = client.config.apply(document, origin="test", fingerprint=plan.fingerprint)

    assert [(step.action, step.name) for step in plan.steps] == [("create", "as code")]
    assert done.counts["create"] == 1
    assert client.config.export(origin="test") == document
    assert "- name: as code\n" in client.config.export_text(origin="test")
    assert client.config.schema()["title"] == "Configuration of Redshank"
    assert client.config.apply({}, origin="test").counts["delete"] == 1


ROWS = {
    "time": ["2026-01-01T00:00:00Z", "2026-01-01T00:05:00Z"],
    "host": ["a", "b"],
    "cpu": [1.5, 2.5],
    "mem": [3, None],
}


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(pl.DataFrame(ROWS), id="polars"),
        pytest.param(
            pl.DataFrame(ROWS).with_columns(pl.col("time").str.to_datetime(time_zone="UTC")), id="polars times"
        ),
        pytest.param(pl.DataFrame(ROWS).lazy(), id="lazy"),
        pytest.param(pl.DataFrame(ROWS).to_arrow(), id="arrow"),
        pytest.param(pd.DataFrame(ROWS), id="pandas"),
        pytest.param(
            pd.DataFrame(ROWS).set_index(pd.to_datetime(ROWS["time"])).drop(columns="time"), id="pandas index"
        ),
        pytest.param(pl.DataFrame(ROWS).to_dicts(), id="mappings"),
    ],
)
def test_tables_of_all_sorts_are_pushed(app: Served, data: Any, request: pytest.FixtureRequest) -> None:
    name = request.node.name
    app.client.sources.create({"name": name, "kind": "push"})

    taken = app.client.points.push(name, data, rows=1)

    assert (taken.rows, taken.accepted, taken.points, taken.missing, taken.rejected) == (2, 2, 3, 1, 0)
    assert taken.new_series == 3


def test_one_row_a_point_is_pushed_and_wrong_rows_are_named(client: Client) -> None:
    client.sources.create({"name": "narrow", "kind": "push"})
    good = {"time": 1767225600, "measure": "cpu", "value": 1.0, "labels": {"host": "a"}}

    assert client.points.push("narrow", [good, {**good, "labels": {"host": "b"}}]).new_series == 2
    taken = client.points.send("narrow", b"time,cpu\n2026-01-01T00:00:00Z,1\nnoon,2\n", "text/csv")

    assert (taken.accepted, taken.rejected, taken.rejected_rows[0].row) == (1, 1, 3)
    with pytest.raises(NotFoundError):
        client.points.push("nothere", [good])
    with pytest.raises(ConfigError, match="push: must be a table"):
        client.points.push("narrow", "text")


def test_the_same_key_pushes_once(client: Client) -> None:
    client.sources.create({"name": "keyed", "kind": "push"})
    body = b"time,cpu\n2026-01-01T00:00:00Z,1\n"

    first = client.points.send("keyed", body, "text/csv", key="import-1")

    assert client.points.send("keyed", body, "text/csv", key="import-1") == first
    assert client.points.push("keyed", []).rows == 0


def test_a_monitor_is_tried_before_it_is_saved(app: Served, tmp_path: Path) -> None:
    times = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=5 * i) for i in range(1200)]
    values = [10 + i % 12 + (80 if i == 1100 else 0) for i in range(1200)]
    pl.DataFrame({"time": times, "cpu": values}).write_csv(tmp_path / "cpu.csv")
    spec = {"name": "tried", "path": str(tmp_path / "cpu.csv")}

    preview = app.client.monitors.preview(spec)
    need = app.client.monitors.capacity(series=10, step="5m", detector="seasonal")
    plan = app.client.config.plan({"monitors": [spec]}, origin="tried", days=2)

    assert preview.n_events >= 1
    assert need.need["series"] == 10
    events = plan.steps[0].events
    assert events is not None
    assert (events.error, events.before) == (None, None)
    assert events.after is not None
    assert events.after >= 1


def test_sources_and_sinks_are_tried(app: Served, tmp_path: Path) -> None:
    (tmp_path / "cpu.csv").write_text("time,cpu\n2026-01-01T00:00:00Z,1\n2026-01-01T00:05:00Z,2\n")
    app.client.sources.create({"name": "tried", "kind": "files", "path": str(tmp_path / "cpu.csv")})
    app.client.sinks.create({"name": "tried", "kind": "files", "events": str(tmp_path / "out.csv")})

    assert app.client.sources.check("tried").ok
    assert app.client.sources.describe("tried").measures == ["cpu"]
    assert len(app.client.sources.preview("tried", rows=2)["rows"]) == 2
    assert app.client.sinks.check("tried", send=False).ok


def test_the_server_says_how_it_is(client: Client) -> None:
    assert client.server.health().status == "ok"
    assert client.server.ready().status in ("ok", "unavailable")
    assert client.server.version().version == redshank.__version__
    assert "redshank_info" in client.server.metrics()
    assert client.server.docs().startswith("<!doctype html>")


def test_events_that_are_not_there_are_not_found(client: Client) -> None:
    assert list(client.events.iterate(is_open=True, severity=50, start="2026-01-01", label="none")) == []
    with pytest.raises(NotFoundError):
        client.events.acknowledge("nothere")
    judged = client.events.judge(["nothere"], acknowledged=True)
    assert (judged.done, [each.id for each in judged.failed]) == ([], ["nothere"])


def test_the_asynchronous_client_does_the_same(app: Served) -> None:
    async def use() -> None:
        async with app.asynchronous() as client:
            await client.monitors.create({"name": "awaited", "path": "/data/x.csv"})
            assert [each.name async for each in client.monitors.iterate(name="awaited")] == ["awaited"]
            run = await client.runs.start("awaited", "train")
            await client.runs.cancel(run.id)
            assert (await client.runs.wait(run.id)).state == "canceled"
            assert [line async for line in client.runs.follow(run.id)] == (await client.runs.lines(run.id)).items
            with pytest.raises(NotFoundError):
                await client.monitors.get("nothere")
            await client.monitors.delete("awaited")

    asyncio.run(use())


def test_what_holds_a_token_does_not_show_it() -> None:
    client, twin = Client("http://host:1", "rsk_secret"), AsyncClient("http://host:1", "rsk_secret")

    shown = [repr(client), repr(twin), repr(client.monitors), repr(client._via._manner), str(vars(client._via))]

    assert "rsk_secret" not in "".join(shown)
    assert repr(client) == "Client('http://host:1')"
    client.close()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"url": "host:8765"}, "url: must be such as http://127.0.0.1:8765, got 'host:8765'"),
        ({"url": "http://me:word@host"}, "must hold no user, password"),
        ({"timeout_seconds": 0}, "timeout_seconds: must be above 0"),
        ({"token": "a\nb"}, "token: must be printable ASCII text"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(says)):
        Client(**arguments)


def test_address_and_token_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDSHANK_URL", "https://redshank.example/base/")

    assert repr(Client()) == "Client('https://redshank.example/base')"
    assert repr(Client("http://other")) == "Client('http://other')"


def test_a_template_makes_changes_and_deletes_its_monitors(client: Client) -> None:
    template = {
        "name": "hosts",
        "monitor": {"name": "of {{host}}", "path": "/data/{{host}}.csv"},
        "variables": [{"host": "a"}, {"host": "b"}],
    }

    client.templates.create(template)
    before = {each.name: (each.id, each.revision) for each in client.monitors.iterate(origin="template:hosts")}
    client.templates.change("hosts", {"variables": [{"host": "b"}, {"host": "c"}]})
    after = {each.name: (each.id, each.revision) for each in client.monitors.iterate(origin="template:hosts")}

    assert list(before) == ["of a", "of b"]
    assert list(after) == ["of b", "of c"]
    assert after["of b"] == before["of b"]
    client.templates.change("hosts", {"name": "machines"})
    assert [each.name for each in client.monitors.iterate(origin="template:machines")] == ["of b", "of c"]
    client.templates.delete("machines")
    assert list(client.monitors.iterate(name="of ")) == []


def test_a_template_takes_no_name_of_another_monitor(client: Client) -> None:
    client.monitors.create({"name": "taken", "path": "/x"})

    with pytest.raises(ConflictError, match="the name is taken"):
        client.templates.create(
            {"name": "t", "monitor": {"name": "{{n}}", "path": "/y"}, "variables": [{"n": "taken"}]}
        )

    assert client.templates.list(name="t").items == []
