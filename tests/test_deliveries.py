"""What a sink has not taken, seen and dealt with over HTTP, the client and the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from client_app import URL, Served, served
from redshank.cli.main import run
from redshank.client.blocking import Blocking
from redshank.errors import ConfigError, NotFoundError
from redshank.store.doctor_checks import thorough_checks
from redshank.store.records import TickCommit
from store_data import event, live

SINK = {"name": "mail", "kind": "event_log", "path": "events.jsonl"}


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """An application with a sink that has not taken three events, of which two are dead letters."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REDSHANK_URL", URL)
    with capture_logs(), served(tmp_path / "data") as made:
        monkeypatch.setenv("REDSHANK_TOKEN", made.token)
        transport = made.http._transport
        monkeypatch.setattr("redshank.client.client.Blocking", lambda manner, _: Blocking(manner, transport))
        made.client.sinks.create(SINK)
        store = made.service.store
        names = ["e1", "e2", "e3"]
        tick = TickCommit(
            base=None,
            live=live(),
            events=[event(id=name) for name in names],
            deliveries=[("mail", name) for name in names],
        )
        store.live.commit(tick)
        due = store.outbox.due("mail", store.clock())
        store.outbox.bury([(one, "too long: 'ø'") for one in due[:2]])
        yield made


def test_what_a_sink_has_not_taken_is_listed_replayed_and_dropped(app: Served) -> None:
    sinks = app.client.sinks

    found = list(sinks.deliveries("mail"))
    assert [(one.event.id, one.state, one.attempts, one.error) for one in found] == [
        ("e1", "dead", 1, "too long: 'ø'"),
        ("e2", "dead", 1, "too long: 'ø'"),
        ("e3", "waiting", 0, None),
    ]
    assert found[0].dead is not None
    assert found[0].due is None
    assert found[2].due is not None
    assert [one.event.id for one in sinks.deliveries("mail", state="waiting")] == ["e3"]
    assert sinks.replay("mail", ["e1", "e3", "e9"]) == 1
    assert sinks.drop("mail", ["e1"]) == 0
    assert [one.event.id for one in sinks.deliveries("mail", state="dead")] == ["e2"]
    assert sinks.replay("mail") == 1
    assert sinks.drop("mail") == 0
    assert len(list(sinks.deliveries("mail", state="waiting"))) == 3
    actions = [entry.action for entry in app.service.store.audit.list(limit=10).items]
    assert actions.count("replay") == 2


def test_wrong_questions_about_deliveries_are_refused(app: Served) -> None:
    with pytest.raises(NotFoundError, match="did you mean 'mail'"):
        list(app.client.sinks.deliveries("mial"))
    with pytest.raises(NotFoundError):
        list(app.client.sinks.deliveries("cpu#0"))
    with pytest.raises(ConfigError, match="unknown state 'daed'; did you mean 'dead'"):
        list(app.client.sinks.deliveries("mail", state="daed"))
    with pytest.raises(ConfigError, match="must name an event"):
        app.client.sinks.drop("mail", [])
    with pytest.raises(ConfigError):
        app.client.sinks.replay("mail", [])


def test_the_command_line_shows_replays_and_drops_dead_letters(app: Served, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*arguments: str) -> Any:
        assert run(["sinks", *arguments]) == 0
        return capsys.readouterr().out

    assert json.loads(said("deliveries", "mail", "--state", "dead", "--json"))[0]["event"]["id"] == "e1"
    assert "too long" in said("deliveries", "mail")
    assert said("replay", "mail", "--event", "e1") == "1 dead letter replayed\n"
    assert json.loads(said("drop", "mail", "--yes", "--json")) == {"dropped": 1}
    assert "no deliveries" in said("deliveries", "mail", "--state", "dead")


def test_figures_and_doctor_tell_of_dead_letters(app: Served) -> None:
    text, _ = app.service.metrics.text()
    found = [each for each in thorough_checks(app.service.store, quick=True, history=None) if "dead" in each.text]

    assert 'redshank_deliveries_dead{sink="mail"} 2.0' in text
    assert 'redshank_deliveries_waiting{sink="mail"} 1.0' in text
    assert [each.level for each in found] == ["warning"]
    assert "2 dead letters of sink 'mail'; see `redshank sinks deliveries mail`" in found[0].text
