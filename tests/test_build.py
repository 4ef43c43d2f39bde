"""Sources and sinks made of declarations: options by name, secrets, and the folders they may reach."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import SecretStr

from redshank import registry
from redshank.errors import ConfigError, DataError, SourceError
from redshank.service.opening import access_of
from redshank.sinks.build import build_sink, check_sink_options, sinks_schema
from redshank.sources.base import Query, Source
from redshank.sources.build import build_source, check_source_options, secret_fields, sources_schema
from redshank.specs.options import (
    HIDDEN,
    Access,
    Options,
    plain_options,
    read_options,
    read_secret,
    redacted_options,
    secret_names,
    with_target,
)
from redshank.store.store import Store

ROWS = "time,host,load\n" + "".join(f"2024-01-01T00:{i:02}:00Z,a,{i}\n" for i in range(30))


class Account(Options):
    url: str
    user: str | None = None
    password: SecretStr | None = None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "cpu.csv").write_text(ROWS)
    (tmp_path / "other.csv").write_text(ROWS)
    return tmp_path


def test_a_declaration_becomes_a_source(folder: Path) -> None:
    source = build_source("files", {"path": str(folder / "in" / "cpu.csv")})

    assert source.read(Query()).findings.n_series == 1


def test_the_target_of_a_monitor_is_put_in(folder: Path) -> None:
    source = build_source("files", {}, {"path": str(folder / "in"), "query": None, "table": None, "index": None})

    assert source.preview(1) == [{"time": "2024-01-01T00:00:00Z", "host": "a", "load": "0"}]


def test_a_target_that_the_kind_does_not_have_names_those_it_has() -> None:
    with pytest.raises(ConfigError, match="source of kind 'files': has no query; it takes path") as caught:
        build_source("files", {"path": "x"}, {"query": "SELECT 1"})

    assert caught.value.field == "query"


def test_an_unknown_option_is_refused_with_the_near_name() -> None:
    with pytest.raises(
        ConfigError, match="source of kind 'files': unknown option 'seperator'; did you mean 'separator'"
    ):
        build_source("files", {"path": "x", "seperator": ";"})


def test_an_unknown_kind_is_refused_with_the_near_name() -> None:
    with pytest.raises(ConfigError, match="unknown source 'file'; did you mean 'files'"):
        build_source("file", {})


def test_a_missing_option_is_named() -> None:
    with pytest.raises(ConfigError, match="source of kind 'files': path: must be given"):
        build_source("files", {})


def test_reading_options_hold_for_every_query(folder: Path) -> None:
    (folder / "semi.csv").write_text("time;load\n2024-01-01T00:00Z;1,5\n2024-01-01T00:01Z;2,5\n")

    source = build_source("files", {"path": str(folder / "semi.csv"), "separator": ";", "decimal": ","})

    assert source.read(Query()).panels[0].values.ravel().tolist() == [1.5, 2.5]


def test_a_wrong_reading_option_is_refused_before_reading() -> None:
    with pytest.raises(ConfigError, match=r"decimal: must be \. or ,"):
        build_source("files", {"path": "x", "decimal": ";"})


def test_standard_input_cannot_be_watched() -> None:
    with pytest.raises(ConfigError, match="standard input cannot be watched"):
        build_source("files", {"path": "-"})


def test_relative_paths_start_at_the_base(folder: Path) -> None:
    source = build_source("files", {"path": "in/cpu.csv"}, access=Access(base=folder))

    assert source.describe() == str(folder / "in" / "cpu.csv")


@pytest.mark.parametrize("path", ["../other.csv", "/etc/passwd", "in/../../x", "link.csv", "*/../../other.csv"])
def test_a_path_out_of_the_folders_allowed_is_refused(folder: Path, path: str) -> None:
    (folder / "in" / "link.csv").symlink_to(folder / "other.csv")

    with pytest.raises(ConfigError, match="must lie in"):
        build_source("files", {"path": path}, access=Access(base=folder / "in", roots=(folder / "in",)))


def test_a_link_that_came_later_is_not_followed_out_of_the_folders_allowed(folder: Path) -> None:
    source = build_source("files", {"path": "*.csv"}, access=Access(base=folder / "in", roots=(folder / "in",)))
    (folder / "in" / "link.csv").symlink_to(folder / "other.csv")

    with pytest.raises(ConfigError, match="must lie in"):
        source.read(Query())


def test_a_path_with_a_zero_character_is_refused() -> None:
    with pytest.raises(ConfigError, match="zero character"):
        build_source("files", {"path": "a\x00b"})


def test_the_newest_time_of_files_is_found(folder: Path) -> None:
    (folder / "in" / "later.csv").write_text("time,host,load\n2024-01-02T00:00:00Z,b,1\n2024-01-01T10:00:00Z,b,2\n")
    source = build_source("files", {"path": str(folder / "in")})

    assert source.newest(Query()) == datetime(2024, 1, 2, tzinfo=UTC)
    assert source.newest(Query(end=datetime(2024, 1, 2, tzinfo=UTC))) == datetime(2024, 1, 1, 10, tzinfo=UTC)


def test_the_newest_time_is_found_by_the_zone_asked_for(folder: Path) -> None:
    (folder / "local.csv").write_text("time,load\n2024-07-01 12:00,1\n2024-07-01 12:05,2\n")
    source = build_source("files", {"path": str(folder / "local.csv")})

    assert source.newest(Query(tz="Europe/Oslo")) == datetime(2024, 7, 1, 10, 5, tzinfo=UTC)


def test_without_a_time_there_is_no_newest(folder: Path) -> None:
    (folder / "plain.csv").write_text("load\n1\n2\n")

    with pytest.raises(DataError, match="must have a column of times"):
        build_source("files", {"path": str(folder / "plain.csv")}).newest(Query())


def test_checking_a_source_reaches_it(folder: Path) -> None:
    build_source("files", {"path": str(folder / "in")}).check()

    with pytest.raises(SourceError, match="does not exist"):
        build_source("files", {"path": str(folder / "cpx.csv")}).check()


def test_options_are_kept_as_given_without_what_the_monitor_brings() -> None:
    assert check_source_options("files", {"separator": ";"}) == {"separator": ";"}
    assert check_source_options("files", {"path": "a.csv"}) == {"path": ["a.csv"]}


def test_the_schema_of_all_kinds_names_their_options() -> None:
    kinds = {one["title"]: one for one in sources_schema()["oneOf"]}

    assert set(kinds) == set(registry.names(registry.SOURCES))
    assert {"name", "kind", "path", "separator"} <= set(kinds["files"]["properties"])
    assert kinds["files"]["additionalProperties"] is False
    assert {one["title"] for one in sinks_schema()["oneOf"]} == set(registry.names(registry.SINKS))


def test_every_kind_of_source_and_sink_says_what_it_takes() -> None:
    for group in (registry.SOURCES, registry.SINKS):
        for name in registry.names(group):
            assert issubclass(registry.find(group, name).Options, Options)


def test_a_sink_of_files_is_made(tmp_path: Path) -> None:
    sink = build_sink("files", {"events": "events.csv"}, Access(base=tmp_path))

    sink.check()

    assert check_sink_options("files", {"events": "events.csv"}) == {"events": "events.csv"}


def test_a_sink_of_no_files_is_refused() -> None:
    with pytest.raises(ConfigError, match="events or scores must name a file"):
        build_sink("files", {})


# ------------------------------------------------------------------ secrets


def test_a_secret_is_looked_up_where_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "from the environment")
    (tmp_path / "secret").write_text("from a file\n")

    assert read_secret("env:SHOP_PASSWORD") == "from the environment"
    assert read_secret(f"file:{tmp_path / 'secret'}") == "from a file"
    assert read_secret("plain") == "plain"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("env:NOT_SET_ANYWHERE", "environment variable NOT_SET_ANYWHERE is not set"),
        ("env:REDSHANK_SECRET_KEY", "is the server's own"),
        ("env:", "is not set"),
        ("file:/no/such/file", "cannot be read"),
        ("file:a\x00b", "cannot be read"),
        ("enc:abc", "only be read by the server"),
    ],
)
def test_a_secret_that_is_not_there_says_so(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_secret(text)


def test_the_store_can_decrypt_what_it_keeps() -> None:
    access = Access(secret=lambda text: text.removeprefix("enc:").upper())

    assert access.reveal(SecretStr("enc:abc")) == "ABC"
    assert access.reveal(None) is None


def test_secrets_show_in_no_text_and_are_kept_as_written() -> None:
    options = read_options(Account, "account", {"url": "x", "password": "tulip"})

    assert "tulip" not in repr(options) + str(options)
    assert plain_options(options) == {"url": "x", "password": "tulip"}
    assert secret_names(Account) == ("password",)


def test_a_wrong_secret_is_not_repeated_in_the_message() -> None:
    with pytest.raises(ConfigError) as caught:
        read_options(Account, "account", {"url": "x", "password": ["tulip"]})

    assert "tulip" not in str(caught.value)
    assert caught.value.field == "password"


def test_people_see_where_a_secret_is_but_not_the_secret() -> None:
    assert redacted_options(Account, {"url": "x", "password": "env:A"}) == {"url": "x", "password": "env:A"}
    assert redacted_options(Account, {"url": "x", "password": "enc:A"}) == {"url": "x", "password": HIDDEN}
    assert redacted_options(Account, {"url": "x"}) == {"url": "x"}


def test_the_secrets_of_files_are_those_of_addresses() -> None:
    assert secret_fields("files") == ("password", "token", "headers")


def test_the_monitors_target_wins_over_the_sources_own() -> None:
    merged = with_target("account", Account, {"url": "x"}, {"url": "y"})

    assert merged == {"url": "y"}


class Empty(Source):
    kind: ClassVar[str] = "empty"
    Options: ClassVar[type[Options]] = Account

    @classmethod
    def build(cls, options: Any, access: Access) -> Empty:
        return cls()

    def read(self, query: Query, progress: Any = None) -> Any:
        raise DataError("empty: holds nothing")

    def describe(self) -> str:
        return "empty"

    def preview(self, n: int = 10) -> list[dict[str, Any]]:
        return []

    def newest(self, query: Query) -> datetime | None:
        return None


def test_a_source_without_rows_says_so_when_checked() -> None:
    with pytest.raises(SourceError, match="empty: can be reached, but holds no rows yet"):
        Empty.build(None, Access()).check()


def test_a_home_folder_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(os.environ, "HOME", str(tmp_path))

    assert Access().path("~/a.csv") == str(tmp_path / "a.csv")


def test_the_folders_of_the_server_itself_are_closed(folder: Path) -> None:
    access = Access(closed=(folder / "in",))

    build_source("files", {"path": str(folder / "other.csv")}, access=access).check()
    with pytest.raises(ConfigError, match="must not lie in the server's own data folder"):
        build_source("files", {"path": str(folder / "in" / "cpu.csv")}, access=access)
    with pytest.raises(ConfigError, match="must not lie in the server's own data folder"):
        build_source("files", {"path": str(folder)}, access=access).check()


def test_a_server_lets_nobody_read_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("tulip")
    with Store.open(tmp_path / "data") as store:
        access = access_of(store)
        assert access.secret(f"file:{tmp_path / 'secret'}") == "tulip"
        for text in (f"file:{tmp_path / 'data' / 'secret.key'}", f"file:{tmp_path}/data/../data/x"):
            with pytest.raises(ConfigError, match="must not lie in the server's own data folder"):
                access.secret(text)
        with pytest.raises(ConfigError, match="must lie in /nowhere"):
            access_of(store, [Path("/nowhere")]).secret(f"file:{tmp_path / 'secret'}")
        with pytest.raises(ConfigError, match="which the server's settings forbid"):
            access_of(store, private=False).check_host("localhost")
        with pytest.raises(ConfigError, match="server's own data folder"):
            build_source("sqlite", {"url": f"sqlite:///{tmp_path}/data/redshank.db", "table": "a"}, access=access)
