"""The commands of a server, against the application itself."""

from __future__ import annotations

import io
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from structlog.testing import capture_logs

from client_app import URL, Served, served
from redshank.cli.main import run
from redshank.cli.names import completing
from redshank.client.blocking import Blocking

FILE = "monitors:\n  - name: cpu\n    path: cpu.csv\n"


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """An application that all clients of this process talk to, and an empty folder to work in."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("REDSHANK_URL", URL)
    monkeypatch.delenv("NO_COLOR", raising=False)
    with capture_logs(), served(tmp_path / "data") as made:
        monkeypatch.setenv("REDSHANK_TOKEN", made.token)
        transport = made.http._transport
        monkeypatch.setattr("redshank.client.client.Blocking", lambda manner, _: Blocking(manner, transport))
        yield made


@pytest.fixture
def say(app: Served, capsys: pytest.CaptureFixture[str]) -> Any:
    """What a command prints; it must end well."""

    def said(*arguments: str) -> str:
        code = run(list(arguments))
        captured = capsys.readouterr()
        assert code == 0, captured.err
        return captured.out

    return said


def test_a_monitor_is_made_shown_changed_listed_and_deleted(app: Served, say: Any) -> None:
    say("monitors", "create", "cpu", "--set", "path=cpu.csv", "--set", "step=5m", "--set", "policy.budget=2/day")
    say("monitors", "edit", "cpu", "--set", "tags=[web, db]", "--unset", "step", "--unset", "policy.budget")

    shown = json.loads(say("monitors", "get", "cpu", "--json"))
    assert shown["spec"] == {"name": "cpu", "path": f"{Path.cwd()}/cpu.csv", "policy": {}, "tags": ["web", "db"]}
    assert "cpu.csv" in say("monitors", "list")
    assert json.loads(say("monitors", "list", "--filter", "tags=web", "--json"))[0]["name"] == "cpu"
    assert json.loads(say("monitors", "list", "--filter", "tags=other", "--json")) == []
    assert say("monitors", "delete", "cpu", "--yes") == "deleted monitor cpu\n"
    assert "no monitors; make one with: redshank monitors create" in say("monitors", "list")


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("sources", ["kind=files", "path=a.csv"]),
        ("sinks", ["kind=files", "events=out.csv"]),
        ("schedules", ["daily=true", "at=03:00"]),
    ],
)
def test_every_kind_of_declaration_has_the_same_commands(say: Any, kind: str, fields: list[str]) -> None:
    sets = [part for field in fields for part in ("--set", field)]

    say(kind, "create", "one", *sets)

    assert "one" in say(kind, "list")
    assert "name: one" in say(kind, "get", "one")
    say(kind, "delete", "one", "--yes")


def test_a_declaration_is_read_from_a_file_and_written_back(say: Any) -> None:
    Path("a.yaml").write_text("path: x.csv\nstep: 5m\n")

    text = say("monitors", "create", "a", "--file", "a.yaml")
    Path("b.yaml").write_text(text)
    say("monitors", "edit", "a", "--file", "b.yaml", "--set", "step=1m")

    assert 'step: "1m"' in say("monitors", "get", "a")


def test_a_declaration_is_changed_in_an_editor(say: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    say("schedules", "create", "s", "--set", "every=5m")
    monkeypatch.setenv("VISUAL", "sed -i s/5m/7m/")

    say("schedules", "edit", "s")

    assert 'every: "7m"' in say("schedules", "get", "s")
    assert say("schedules", "edit", "s") == "nothing changed\n"


def test_long_lists_are_cut_in_tables_and_whole_in_json(app: Served, say: Any) -> None:
    app.client.config.apply({"schedules": [{"name": f"s{i:03}", "every": "5m"} for i in range(150)]})

    table = say("schedules", "list")
    assert "the first 100 schedules; --limit 0 shows all, filters fewer" in table
    assert "s099" in table
    assert "s100" not in table
    assert "s149" in say("schedules", "list", "--limit", "0")
    assert len(json.loads(say("schedules", "list", "--json"))) == 150
    assert len(json.loads(say("schedules", "list", "--json", "--limit", "7"))) == 7


def test_plan_says_what_apply_does(say: Any, capsys: pytest.CaptureFixture[str]) -> None:
    Path("redshank.yaml").write_text(FILE)

    assert run(["plan"]) == 4
    assert "+ create monitor cpu" in capsys.readouterr().out
    assert "applied: 1 to create" in say("apply", "--yes")
    assert "nothing to change; 1 unchanged" in say("plan", "-f", "redshank.yaml")
    Path("redshank.yaml").write_text(FILE.replace("cpu.csv", "cpu.csv\n    policy: {budget: 2/day}"))
    assert run(["plan", "--json"]) == 4
    step = json.loads(capsys.readouterr().out)["steps"][0]
    assert step["fields"] == [{"path": "policy.budget", "before": None, "after": "2/day"}]
    assert 'policy.budget: (not set) -> "2/day"' in say("apply", "--yes")


def test_apply_asks_before_it_changes_anything(app: Served, capsys: pytest.CaptureFixture[str]) -> None:
    Path("redshank.yaml").write_text(FILE)

    assert run(["apply"]) == 2
    assert "Nobody is here to answer; --yes says so" in capsys.readouterr().err
    assert app.client.monitors.list().items == []


def test_a_wrong_file_is_not_applied(app: Served, capsys: pytest.CaptureFixture[str]) -> None:
    Path("redshank.yaml").write_text(FILE + "    stp: 5m\n")

    assert run(["apply", "--yes"]) == 2
    assert "redshank.yaml:4: monitors[0].stp: unknown field 'stp'; did you mean 'step'?" in capsys.readouterr().err


def test_what_others_declared_is_refused_with_a_reason(app: Served, capsys: pytest.CaptureFixture[str]) -> None:
    Path("redshank.yaml").write_text(FILE)
    app.client.config.apply({"monitors": [{"name": "cpu", "path": "/other"}]}, origin="team-b")

    assert run(["apply", "--yes"]) == 2
    assert "monitor 'cpu': belongs to 'file:team-b'" in capsys.readouterr().out
    assert run(["apply", "--yes", "--take-over"]) == 0


def test_an_export_changes_nothing_when_applied(say: Any) -> None:
    Path("redshank.yaml").write_text(FILE)
    say("apply", "--yes")

    say("export", "--out", "redshank.yaml")

    assert "- name: cpu" in Path("redshank.yaml").read_text()
    assert "nothing to change" in say("plan")
    assert json.loads(say("export", "--json"))["monitors"][0]["name"] == "cpu"


def test_a_token_is_kept_where_only_its_owner_can_read(
    app: Served, say: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("REDSHANK_TOKEN")
    assert run(["monitors", "list"]) == 2
    assert "run `redshank login`" in capsys.readouterr().err

    assert "logged in to http://localhost" in say("login", "--token", app.token)

    place = tmp_path / "config" / "redshank" / "servers.json"
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert "no monitors" in say("monitors", "list")
    monkeypatch.delenv("REDSHANK_URL")
    assert "http://localhost" in say("status")
    place.chmod(0o644)
    assert run(["monitors", "list"]) == 2
    assert "must be readable by its owner only; run: chmod 600" in capsys.readouterr().err
    place.chmod(0o600)
    assert say("logout") == "forgot http://localhost\n"


def test_a_wrong_token_is_not_kept(app: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["login", "--token", "rsk_wrong"]) == 2
    assert "rsk_wrong" not in capsys.readouterr().err
    assert not (tmp_path / "config" / "redshank" / "servers.json").exists()


def test_a_server_that_does_not_run_is_said_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    assert run(["monitors", "list", "--url", "http://127.0.0.1:9"]) == 1

    said = capsys.readouterr().err
    assert "server http://127.0.0.1:9: cannot be reached" in said
    assert "`redshank serve` starts one here" in said
    assert len(said.splitlines()) == 1


def test_runs_are_started_listed_and_canceled(app: Served, say: Any) -> None:
    app.client.monitors.create({"name": "cpu", "path": "/x.csv"})

    made = json.loads(say("monitors", "backtest", "cpu", "--set", "policy.budget=1/day", "--no-wait", "--json"))

    assert made["params"] == {"policy": {"budget": "1/day"}}
    assert "backtest" in say("runs", "list", "--monitor", "cpu", "--state", "waiting")
    assert f"canceled run {made['id']}" in say("runs", "cancel", made["id"])
    assert "canceled" in say("runs", "get", made["id"])
    assert run(["runs", "follow", made["id"]]) == 1
    assert "no lines" in say("runs", "log", made["id"])


def test_monitors_are_switched_and_say_where_they_stand(app: Served, say: Any) -> None:
    app.client.monitors.create({"name": "cpu", "path": "/x.csv"})

    assert say("monitors", "disable", "cpu") == "disabled monitor cpu\n"
    assert "enabled      no" in say("monitors", "status", "cpu")
    say("monitors", "enable", "cpu")
    assert json.loads(say("monitors", "status", "cpu", "--json"))["enabled"] is True
    assert "no versions" in say("versions", "list", "cpu")
    assert say("versions", "prune", "cpu") == "dropped 0 versions of cpu\n"
    assert "no series" in say("series", "list", "cpu")


def test_events_that_are_not_there_are_said(app: Served, say: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no events" in say("events", "list", "--open", "--severity", "50")
    assert run(["events", "label", "false", "nothere"]) == 2
    assert "nothere" in capsys.readouterr().err
    assert run(["events", "list", "--monitor", "nothere"]) == 2


def test_tokens_are_made_and_deleted_by_name(say: Any) -> None:
    text = say("tokens", "create", "grafana", "--expires", "90d").strip()

    assert text.startswith("rsk_")
    assert text not in say("tokens", "list")
    assert say("tokens", "delete", "grafana", "--yes") == "deleted token grafana\n"
    assert "delete" in say("audit", "--kind", "tokens")


def test_names_are_completed(app: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    app.client.config.apply({"monitors": [{"name": name, "path": "/x"} for name in ("cpu a", "cpu b", "mem")]})

    assert completing("monitors")("cp") == ["cpu a", "cpu b"]
    monkeypatch.setenv("REDSHANK_TOKEN", "rsk_wrong")
    assert completing("monitors")("cp") == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["monitors", "get", "nothere"], "unknown monitor 'nothere'"),
        (["monitors", "create", "a", "--set", "path"], "must be FIELD=VALUE, got 'path'"),
        (["monitors", "create", "a", "--set", "stp=5m", "--set", "path=x"], "did you mean 'step'"),
        (["monitors", "create", "a", "--file", "nothere.yaml"], "file 'nothere.yaml' cannot be read"),
        (["monitors", "lst"], "Did you mean 'list'"),
        (["monitors", "list", "--sort", "size"], "sort"),
        (["sources", "delete", "nothere", "--yes"], "unknown source 'nothere'"),
        (["monitors", "list", "--url", "localhost"], "url: must be such as"),
        (["export", "--secrets", "all"], "secrets"),
        (["plan", "nothere.yaml"], "file 'nothere.yaml' cannot be read"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_line_and_exit_2(
    app: Served, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2

    captured = capsys.readouterr()
    assert says in captured.err
    assert len(captured.err.strip().splitlines()) == 1


def test_points_are_pushed_from_files_and_standard_input(
    app: Served, say: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    app.client.sources.create({"name": "hosts", "kind": "push"})
    Path("cpu.csv").write_text("time,host,cpu\n2026-01-01T00:00:00Z,a,1\n2026-01-01T00:00:00Z,b,2\n")
    pl.read_csv("cpu.csv").write_parquet("cpu.parquet")

    assert say("points", "push", "hosts", "cpu.csv") == "took 2 points of 2 rows, 2 new series\n"
    assert "2 points of 2 rows, 0 new" in say("points", "push", "hosts", "cpu.parquet")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"cpu": 3, "host": "c", "time": 1767225600}')))
    assert json.loads(say("points", "push", "hosts", "-", "--format", "jsonl", "--json"))["new_series"] == 1
    Path("bad.csv").write_text("time,cpu\n2026-01-01T00:00:00Z,1\nnoon,1\n")
    assert run(["points", "push", "hosts", "bad.csv"]) == 2
    assert "1 rows were not taken: row 3: " in capsys.readouterr().err
    assert run(["points", "push", "hosts", "cpu.csv", "--format", "xyz"]) == 2
    assert "--format must be one of csv" in capsys.readouterr().err


def test_sources_sinks_and_monitors_are_tried_out(app: Served, say: Any) -> None:
    rows = [f"2026-01-01T{i // 60:02}:{i % 60:02}:00Z,{i % 7 + (50 if i == 700 else 0)}" for i in range(800)]
    Path("cpu.csv").write_text("time,cpu\n" + "\n".join(rows) + "\n")
    say("sources", "create", "one", "--set", "kind=files", "--set", "path=cpu.csv")
    say("sinks", "create", "out", "--set", "kind=files", "--set", "events=out.csv")
    Path("new.yaml").write_text("path: cpu.csv\n")

    assert say("sources", "check", "one").startswith("ok: ")
    assert "measures" in say("sources", "describe", "one")
    assert "2026-01-01T00:01:00" in say("sources", "preview", "one", "--rows", "2")
    assert say("sinks", "check", "out", "--no-send").startswith("ok: ")
    assert json.loads(say("monitors", "preview", "new", "--file", "new.yaml", "--json"))["series"] == 1
    assert "detector" in say("monitors", "preview", "new", "--file", "new.yaml")
