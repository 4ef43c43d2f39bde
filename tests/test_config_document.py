"""Configuration files as one document: every problem at once, with file and line; paths start from their file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from redshank.cli.main import run
from redshank.errors import ConfigError, TooLargeError
from redshank.service import config_files
from redshank.service.config_document import ConfigFileError, Configuration, read_configuration
from redshank.service.config_schema import config_schema

WRONG = """\
monitors:
  - name: cpu
    path: cpu.csv
    detector: gausian
    step: soon
  - name: cpu
    source: shp
    sinks: [{kind: files, event: x.csv}]
    train: {daily: true, at: 12:30, evry: 1h}
    policy: {open_above: 0.1}
  - pth: x
sources:
  - {name: shop, kind: files, path: a.csv, separatr: 1}
  - {name: old, kind: fils, path: a.csv}
sinks: 3
monitor: x
name: k
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(text: str, name: str = "redshank.yaml") -> str:
    """The name of a file that holds the text."""
    place = Path(name)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    return name


def of(text: str, **options: Any) -> Configuration:
    """What a file with this text declares."""
    return read_configuration([written(text)], {}, **options)


def test_the_shortest_file_declares_a_monitor(folder: Path) -> None:
    document = of("monitors:\n  - name: cpu\n    path: cpu.csv\n").checked_document()

    assert [(monitor.name, monitor.path) for monitor in document.monitors] == [("cpu", str(folder / "cpu.csv"))]


def test_all_problems_are_said_at_once_in_order_of_their_lines() -> None:
    problems = [str(problem) for problem in of(WRONG).problems]

    starts = [
        "redshank.yaml:5: monitors[0].step: must be a duration",
        'redshank.yaml:6: monitors[1].name: "cpu" stands twice in monitors; first at redshank.yaml:2',
        "redshank.yaml:7: monitors[1].source: unknown source 'shp'; did you mean 'shop'?",
        "redshank.yaml:9: monitors[1].train.evry: unknown field 'evry'; did you mean 'every'?",
        "redshank.yaml:11: monitors[2].name: must be given",
        "redshank.yaml:11: monitors[2].pth: unknown field 'pth'; did you mean 'path'?",
        "redshank.yaml:13: sources[0].separatr: source of kind 'files': unknown option 'separatr'",
        "redshank.yaml:14: sources[1].kind: unknown source 'fils'; did you mean 'files'?",
        "redshank.yaml:15: sinks: must be a list (lines that begin with -), got 3",
        "redshank.yaml:16: monitor: unknown key 'monitor'; did you mean 'monitors'?",
        "redshank.yaml:17: name: unknown key 'name'",
    ]
    assert [said[: len(start)] for said, start in zip(problems, starts, strict=True)] == starts


def test_what_is_well_formed_is_looked_at_more_closely() -> None:
    found = of(
        "monitors:\n"
        "  - {name: a, path: x, detector: gausian}\n"
        "  - {name: b, path: x, detector: gaussian, params: {treshold: 3}}\n"
        "  - {name: c, path: x, policy: {open_above: 0.1, close_below: 0.4}}\n"
        "  - {name: d, path: x, sinks: [{kind: files, event: x.csv}]}\n"
    )

    said = [str(problem).partition(": ")[2] for problem in found.problems]
    assert said[0] == "monitors[0].detector: unknown detector 'gausian'; did you mean 'gaussian'?"
    assert said[1].startswith("monitors[1].params.treshold: unknown parameter of gaussian 'treshold'")
    assert said[2] == "monitors[2].policy.close_below: must be <= open_above (0.1), got 0.4"
    assert said[3].startswith("monitors[3].sinks[0].event: sink of kind 'files': unknown option 'event'")
    assert len(said) == 4


def test_the_message_of_a_wrong_file_holds_the_first_problems() -> None:
    text = "monitors:\n" + "  - {name: a, stp: 1}\n" * 100

    with pytest.raises(ConfigFileError) as caught:
        of(text).checked_document()

    assert len(str(caught.value).splitlines()) == 21
    assert str(caught.value).endswith("and 179 more")
    assert len(caught.value.problems) == 199


def test_a_folder_stands_for_all_files_below_it_that_are_not_hidden(folder: Path) -> None:
    written("monitors: [{name: a, path: a.csv}]", "team/one.yaml")
    written("monitors: [{name: b, path: ../b.csv}]", "team/deep/two.yml")
    written('{"monitors": [{"name": "c", "path": "/data/*.csv"}]}', "team/three.json")
    written("monitors: [{name: d}]", "team/.hidden.yaml")
    written("monitors: [{name: e}]", "team/.git/x.yaml")
    written("no configuration", "team/readme.txt")

    document = read_configuration(["team"], {}).checked_document()

    assert {monitor.name: monitor.path for monitor in document.monitors} == {
        "a": str(folder / "team/a.csv"),
        "b": str(folder / "team/b.csv"),
        "c": "/data/*.csv",
    }


def test_relative_paths_start_from_the_file_they_stand_in(folder: Path) -> None:
    text = """\
sources:
  - {name: logs, kind: files, path: [a.csv, logs/]}
sinks:
  - {name: out, kind: files, events: out/events.csv}
monitors:
  - {name: a, source: logs, path: b/*.csv}
  - {name: b, source: {kind: files, path: c.csv}, sinks: [{kind: files, scores: s.csv}]}
  - {name: c, source: elsewhere, path: stays.csv}
  - {name: d, path: "s3://bucket/x.csv"}
templates:
  - {name: t, monitor: {name: "t {{host}}", path: "{{host}}.csv"}, variables: [{host: a}]}
  - {name: u, monitor: {name: "u {{n}}", path: "{{file}}"}, variables: [{n: 1, file: /data/a.csv}]}
"""
    written(text, "team/redshank.yaml")

    found = read_configuration(["team/redshank.yaml"], {}, is_whole=False).checked_document()

    team = folder / "team"
    assert found.sources[0].options["path"] == [f"{team}/a.csv", f"{team}/logs/"]
    assert found.sinks[0].options["events"] == f"{team}/out/events.csv"
    assert [monitor.path for monitor in found.monitors] == [f"{team}/b/*.csv", None, "stays.csv", "s3://bucket/x.csv"]
    assert found.monitors[1].model_dump()["source"]["path"] == f"{team}/c.csv"
    assert [template.monitor["path"] for template in found.templates] == [f"{team}/{{{{host}}}}.csv", "{{file}}"]


@pytest.mark.parametrize(
    ("name", "is_whole", "is_wrong"),
    [
        pytest.param("shp", True, True, id="a slip, all declared here"),
        pytest.param("elsewhere", True, True, id="unknown, all declared here"),
        pytest.param("shp", False, True, id="a slip, more on the server"),
        pytest.param("elsewhere", False, False, id="unknown, more on the server"),
        pytest.param("shop", True, False, id="declared"),
    ],
)
def test_what_is_referred_to_must_be_there(name: str, is_whole: bool, is_wrong: bool) -> None:
    text = f"sources: [{{name: shop, kind: files, path: x}}]\nmonitors: [{{name: a, source: {name}}}]\n"

    assert bool(of(text, is_whole=is_whole).problems) == is_wrong


def test_keys_that_begin_with_x_hold_what_aliases_refer_to() -> None:
    text = "x-all: &all\n  step: 5m\nmonitors:\n  - {<<: *all, name: a, path: x}\n  - {<<: *all, name: b, path: x}\n"

    assert [str(monitor.step) for monitor in of(text).checked_document().monitors] == ["0:05:00", "0:05:00"]


@pytest.mark.parametrize("text", ["", "# nothing\n", "monitors:\n", "monitors: []\n"])
def test_a_file_may_declare_nothing(text: str) -> None:
    found = of(text)

    assert found.problems == []
    assert found.entries == []


def test_a_file_that_is_no_text_is_said_with_the_line() -> None:
    Path("redshank.yaml").write_bytes(b"monitors:\n  - name: \xff\n")

    assert [str(problem) for problem in read_configuration(["redshank.yaml"]).problems] == [
        "redshank.yaml:2: must be UTF-8 text"
    ]


def test_one_wrong_file_hides_nothing_of_the_others() -> None:
    written("monitors: [", "team/a.yaml")
    written("monitors: [{name: a, stp: 1}]", "team/b.yaml")

    problems = [str(problem) for problem in read_configuration(["team"]).problems]

    assert [said.partition(":")[0] for said in problems] == ["team/a.yaml", "team/b.yaml"]


def test_what_cannot_be_read_is_an_error() -> None:
    Path("empty").mkdir()

    with pytest.raises(ConfigError, match=r"file 'nothere.yaml' cannot be read"):
        read_configuration(["nothere.yaml"])
    with pytest.raises(ConfigError, match="folder 'empty' must hold a file"):
        read_configuration(["empty"])


def test_files_too_large_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_files, "MOST_BYTES", 100)

    with pytest.raises(TooLargeError, match="goes beyond"):
        of("#" * 101)


def test_the_fingerprint_follows_names_and_contents() -> None:
    first = config_files.read_texts([written("a: 1")]).fingerprint

    assert config_files.read_texts([written("a: 1")]).fingerprint == first
    assert config_files.read_texts([written("a: 2")]).fingerprint != first
    assert config_files.read_texts([written("a: 1", "other.yaml")]).fingerprint != first


def test_validate_says_all_and_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["validate", written(WRONG)]) == 2

    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 11
    assert captured.err == "redshank.yaml: 3 monitors, 2 sources declared, 11 problems\n"


def test_validate_of_a_right_file_exits_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    written("monitors: [{name: a, path: x.csv}]")

    assert run(["validate"]) == 0
    assert capsys.readouterr().out == "redshank.yaml: 1 monitor declared, no problems\n"


def test_validate_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["validate", written("monitors: [{name: a, stp: 1}]"), "--json"]) == 2

    answer = json.loads(capsys.readouterr().out)
    assert answer["declared"] == {"monitors": 1}
    assert answer["problems"][0]["line"] == 1
    assert answer["problems"][0]["path"] == ["monitors", 0, "stp"]


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == config_schema()


@pytest.mark.parametrize(
    ("given", "is_right"),
    [
        ({"monitors": [{"name": "a", "path": "x.csv"}]}, True),
        ({"monitors": [{"name": "a", "measures": "mean(cpu)", "by": "host", "sinks": "out", "step": "5m"}]}, True),
        ({"monitors": [{"name": "a", "max_series": "${MOST:-100}"}], "x-all": {"any": "thing"}}, True),
        ({"sources": [{"name": "a", "kind": "files", "path": "x.csv", "separator": ";"}]}, True),
        ({"sources": [{"name": "a", "kind": "files", "path": "x.csv", "separatr": ";"}]}, False),
        ({"monitors": [{"name": "a", "pth": "x.csv"}]}, False),
        ({"monitors": [{"path": "x.csv"}]}, False),
        ({"monitors": [{"name": "a", "policy": {"direction": "upwards"}}]}, False),
        ({"monitor": []}, False),
    ],
)
def test_the_schema_accepts_what_is_right_and_refuses_what_is_wrong(given: Any, is_right: bool) -> None:
    assert jsonschema_rs.validator_for(config_schema()).is_valid(given) == is_right


def test_a_monitor_reads_one_thing_from_somewhere() -> None:
    found = of("monitors:\n  - {name: a}\n  - {name: b, path: x, query: SELECT 1}\n")

    said = [str(problem).partition(": ")[2] for problem in found.problems]
    assert said[0] == "monitors[0].source: must be given, or a path for files"
    assert said[1] == "monitors[1].query: must be left out beside path: a monitor reads one thing"


def test_a_detector_that_looks_back_is_refused_with_those_that_do_not() -> None:
    found = of("monitors:\n  - {name: a, path: x, detector: hindsight}\n")

    assert "must be one that works live (analog, analog_light, gaussian" in str(found.problems[0])
