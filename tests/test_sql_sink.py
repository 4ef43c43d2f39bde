"""Events and scores in tables of a database: each once, in its newest form, whatever is done again."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from redshank.errors import ConfigError, SinkError
from redshank.panel import Panel, Scores
from redshank.result import Scored
from redshank.sinks import sql_tables, sql_upsert
from redshank.sinks.build import build_sink, redacted
from redshank.sinks.sql import SqlSink
from redshank.sinks.sql_connect import transaction
from redshank.specs.options import Access
from sink_contract import block, check_events, check_one_bad_event, check_scores, event, scored, told
from sql_places import emptied, event_of, place_at, rows_of, sink_to


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A SQLite database that is not there yet."""
    return f"sqlite:///{tmp_path}/events.db"


@pytest.fixture
def sink(url: str) -> Iterator[SqlSink]:
    """A sink to it."""
    made = sink_to(url)
    yield made
    made.close()


def test_a_sqlite_database_keeps_the_contract(url: str) -> None:
    check_events(place_at(url), lambda: emptied(url))
    check_scores(place_at(url), lambda: emptied(url))


def test_a_database_without_upsert_keeps_the_contract(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_upsert, "UPSERTS", {})

    check_events(place_at(url), lambda: emptied(url))
    check_scores(place_at(url), lambda: emptied(url))


@pytest.mark.external_service
def test_postgresql_keeps_the_contract(postgresql: str) -> None:
    options = {"table_schema": 'a "schema"', "events_table": "e'vents 🐦", "scores_table": "select"}
    sink = sink_to(postgresql)
    with sink.engine.begin() as connection:
        connection.execute(sa.schema.CreateSchema(options["table_schema"]))
    sink.close()
    check_events(place_at(postgresql), lambda: emptied(postgresql))
    check_scores(place_at(postgresql), lambda: emptied(postgresql))
    check_events(place_at(postgresql, **options), lambda: emptied(postgresql, **options))
    check_scores(place_at(postgresql, **options), lambda: emptied(postgresql, **options))
    emptied(postgresql)
    check_one_bad_event(place_at(postgresql), told(event("bad", severity=1 << 40)))


@pytest.mark.external_service
def test_mariadb_keeps_the_contract(mysql_server: str) -> None:
    own = uuid.uuid4().hex[:8]
    for options in (
        {"events_table": f"e'v`é {own}", "scores_table": f"select {own}"},
        {"events_table": f"e_{own}", "scores_table": f"s_{own}"},
    ):
        place = place_at(mysql_server, **options)
        check_events(place, lambda options=options: emptied(mysql_server, **options))  # type: ignore[misc]
        check_scores(place, lambda options=options: emptied(mysql_server, **options))  # type: ignore[misc]
        emptied(mysql_server, **options)
        check_one_bad_event(place, told(event("bad", severity=1 << 40)))
        emptied(mysql_server, **options)


@pytest.mark.external_service
@pytest.mark.parametrize("server", ["postgresql_server", "mysql_server"])
def test_what_is_wrong_is_said_with_its_remedy(server: str, request: pytest.FixtureRequest) -> None:
    url = sa.make_url(request.getfixturevalue(server))
    wrong = {
        "check user and password": url.set(password="wrong"),
        "check the name in url": url.set(database="no_such"),
        "check that the server is up": url.set(port=1),
        "check the host in url": url.set(host="no-such-host.invalid"),
    }
    for remedy, address in wrong.items():
        sink = sink_to(address.render_as_string(hide_password=False), connect_timeout="2s")
        with pytest.raises(SinkError, match=remedy) as raised:
            sink.check()
        assert not raised.value.permanent
        assert "wrong" not in str(raised.value).partition(": ")[0]
        sink.close()


@pytest.mark.external_service
def test_a_user_who_may_not_write_is_told_so_by_check(postgresql: str) -> None:
    owner, name = sink_to(postgresql), f"reader_{uuid.uuid4().hex[:8]}"
    owner.check()
    with owner.engine.begin() as connection:
        connection.execute(sa.text(f"CREATE ROLE {name} LOGIN PASSWORD 'p'"))
        connection.execute(sa.text(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}"))
    reader = sink_to(postgresql, user=name, password="p")

    with pytest.raises(SinkError, match=r"permission denied .* needs the rights to create tables, select, insert"):
        reader.check()

    reader.close()
    with owner.engine.begin() as connection:
        connection.execute(sa.text(f"DROP OWNED BY {name}"))
        connection.execute(sa.text(f"DROP ROLE {name}"))
    owner.close()


def test_an_older_form_that_comes_late_changes_nothing(sink: SqlSink) -> None:
    sink.notify([told(event("e1", points=3), 7)])

    sink.notify([told(event("e1", points=2), 6)])
    sink.notify([told(event("e1", points=5), 9), told(event("e1", points=4), 8)])

    (row,) = rows_of(sink, sink.tables.events)
    assert (row["points"], row["sequence"]) == (5, 9)


def test_tables_of_an_older_version_get_the_columns_they_lack(url: str, sink: SqlSink) -> None:
    sink.notify([told(event("old"))])
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.execute("ALTER TABLE redshank_events DROP COLUMN acknowledged_by")
        connection.execute("ALTER TABLE redshank_events DROP COLUMN tags")
        connection.execute("UPDATE redshank_version SET version = 0")
        connection.commit()

    again = sink_to(url)
    again.notify([told(event("new"), 2, acknowledged_by="ann")])

    found = {row["id"]: row for row in rows_of(again, again.tables.events)}
    assert (found["old"]["acknowledged_by"], found["old"]["tags"]) == (None, None)
    assert (found["new"]["acknowledged_by"], found["new"]["tags"]) == ("ann", '["web", "prod"]')
    assert [row["version"] for row in rows_of(again, again.tables.versions)] == [sql_tables.VERSION] * 3
    again.close()


def test_tables_of_a_newer_version_and_of_others_are_left_alone(url: str, sink: SqlSink) -> None:
    sink.check()
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.execute("UPDATE redshank_version SET version = 99")
        connection.execute("CREATE TABLE theirs (name TEXT)")
        connection.commit()

    newer, theirs = sink_to(url), sink_to(url, events_table="theirs")

    with pytest.raises(SinkError, match="newer than 1; upgrade redshank"):
        newer.check()
    with pytest.raises(SinkError, match="'theirs' is there already, without column 'id'; choose another name"):
        theirs.check()
    newer.close()
    theirs.close()


def test_tables_that_went_away_meanwhile_are_made_again(url: str, sink: SqlSink) -> None:
    sink.notify([told(event("e1"))])
    sink.record(block(scored()))
    emptied(url)

    with pytest.raises(SinkError, match="no such table"):
        sink.notify([told(event("e1"))])
    sink.notify([told(event("e1"))])
    sink.record(block(scored()))

    assert [event_of(row)["id"] for row in rows_of(sink, sink.tables.events)] == ["e1"]
    assert len(rows_of(sink, sink.tables.scores, sink.tables.series)) == 6


def test_each_channel_of_a_point_has_a_row(sink: SqlSink) -> None:
    panel = Panel.of([[[1.0, 10.0], [2.0, float("nan")]]], channels=["in", "out"])
    both = panel.values + 0.5
    scores = Scores(panel.keys, panel.times, panel.values[:, :, 0], panel.values[:, :, 0], both, both, both)

    sink.record(block(Scored(panel, scores)))

    rows = rows_of(sink, sink.tables.scores, sink.tables.series)
    assert sorted((row["channel"], row["actual"] or 0.0, row["score"]) for row in rows) == [
        ("in", 1.0, 1.0),
        ("in", 2.0, 2.0),
        ("out", 0.0, 2.0),
        ("out", 10.0, 1.0),
    ]


def test_events_or_scores_alone_make_their_tables_only(url: str) -> None:
    for options in ({"scores": False}, {"events": False}):
        emptied(url)
        sink = sink_to(url, **options)
        sink.check()
        sink.notify([told(event("e1"))])
        sink.record(block(scored()))
        names = set(sa.inspect(sink.engine).get_table_names()) - {"redshank_version"}
        assert names == ({"redshank_events"} if sink._options.events else {"redshank_scores", "redshank_scores_series"})
        assert sink.wants_scores is sink._options.scores
        sink.close()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param({"url": "no address"}, "must be like postgresql://", id="no address"),
        pytest.param({"url": "sqlite://"}, "sqlite must name a file", id="no file"),
        pytest.param({"url": "mongo://h/d"}, "unknown kind of database", id="unknown database"),
        pytest.param({"url": "sqlite:////elsewhere/x.db"}, "must lie in", id="outside of the folders allowed"),
        pytest.param({"url": "postgresql://10.0.0.1/d"}, "a private address", id="private address"),
        pytest.param({"url": "sqlite:///x.db", "events": False}, "events or scores must be true", id="nothing"),
        pytest.param({"url": "sqlite:///x.db", "scores_table": "redshank_events"}, "must differ", id="one table"),
        pytest.param({"url": "sqlite:///x.db", "events_table": "a\nb"}, "events_table", id="no name of a table"),
        pytest.param({"url": "sqlite:///x.db", "scores_since": "soon"}, "scores_since", id="no time"),
    ],
)
def test_what_is_wrong_with_a_declaration_is_said(options: dict[str, object], says: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=says):
        build_sink("sql", options, Access(base=tmp_path, roots=(tmp_path,), private=False))


def test_the_password_is_nowhere_to_be_seen(tmp_path: Path) -> None:
    url = "postgresql://ann:hunter2@127.0.0.1:1/d"
    sink = build_sink("postgresql", {"url": url, "connect_timeout": "1s"})

    with pytest.raises(SinkError) as raised:
        sink.check()

    assert not raised.value.permanent
    assert "hunter2" not in str(raised.value)
    assert str(raised.value).startswith("sql postgresql://ann@127.0.0.1:1/d: ")
    assert str(raised.value).endswith("; check that the server is up")
    assert "hunter2" not in str(redacted("sql", SqlSink.Options(url=url).model_dump(exclude_unset=True)))  # type: ignore[call-arg]


def test_all_of_a_call_is_kept_or_nothing(sink: SqlSink) -> None:
    sink.check()

    with pytest.raises(SinkError) as raised:
        sink.notify([told(event("e1")), told(event("e2", severity=1 << 70))])

    assert raised.value.permanent
    assert rows_of(sink, sink.tables.events) == []


def test_a_text_that_no_database_can_keep_is_mended(sink: SqlSink) -> None:
    sink.notify([told(event("e1", reason="a\0b\ud800"))])

    assert [row["reason"] for row in rows_of(sink, sink.tables.events)] == ["a\ufffdb?"]


def test_a_database_that_is_locked_is_tried_again(url: str) -> None:
    sink = sink_to(url, connect_timeout="1ms")
    sink.check()
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")

        with pytest.raises(SinkError, match="locked") as raised:
            sink.notify([told(event("e1"))])

    assert not raised.value.permanent
    with transaction(sink.engine, "here"):
        pass
    sink.close()
