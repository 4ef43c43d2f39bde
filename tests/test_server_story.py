"""What a user lives through with a real server: declare, watch, judge, restart, crash, back up."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
import yaml

import docs_data
from served import Served

pytestmark = pytest.mark.external_service

START = datetime(2026, 1, 5, tzinfo=UTC)
SHORTEST = """\
monitors:
  - name: hosts
    path: hosts.csv
    by: [host]
    measures: cpu
"""
LIVE = """\
sinks:
  - {name: told, kind: event_log, path: told.jsonl}
monitors:
  - name: rig
    path: rig.csv
    step: 1s
    delay: 0s
    detector: gaussian
    policy: {quiet_points: 5}
    sinks: [told]
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    """A server that is not started yet, on either database."""
    settings: dict[str, Any] = {}
    if request.param == "postgresql":
        settings["database"] = request.getfixturevalue("postgresql")
    docs_data.write_all(tmp_path)
    (tmp_path / "rig.csv").unlink()
    with closing(Served(tmp_path, **settings)) as server:
        yield server


class Rig:
    """A file of one series, a point a second, that grows."""

    def __init__(self, path: Path) -> None:
        """Begin the file."""
        self._path, self._seconds = path, 0
        self._random = np.random.default_rng(5)
        path.write_text("time,pressure\n")

    def add(self, count: int, more: float = 0.0) -> None:
        """Add so many points, so much above the usual."""
        times = [START + timedelta(seconds=self._seconds + i) for i in range(count)]
        values = 10 + more + self._random.normal(0, 0.5, count)
        with self._path.open("a") as file:
            file.writelines(
                f"{time:%Y-%m-%dT%H:%M:%SZ},{value:.3f}\n" for time, value in zip(times, values, strict=True)
            )
        self._seconds += count

    @property
    def cursor(self) -> str:
        """How far a monitor has come that scored all points."""
        return f"{START + timedelta(seconds=self._seconds):%Y-%m-%dT%H:%M:%SZ}"


def apply(served: Served, text: str) -> Any:
    """Plan and apply a document, as `redshank apply` does."""
    body = {"document": yaml.safe_load(text), "origin": "redshank.yaml"}
    planned = served.call("POST", "/config/plan", json=body)
    assert planned["problems"] == []
    return served.call("POST", "/config/apply", json=body)


def events(served: Served, *filters: str) -> list[dict[str, Any]]:
    """The events that all filters hold for, oldest first."""
    found: list[dict[str, Any]] = served.call(
        "GET", "/events", params={"filter": list(filters), "sort": "start", "limit": 1000}
    )["items"]
    return found


def told(folder: Path) -> list[dict[str, Any]]:
    """What the sink was told."""
    path = folder / "told.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def has_scored(served: Served, monitor: str, cursor: str) -> None:
    """Wait until a monitor has scored all points before a time."""
    served.wait_for(
        lambda: (served.call("GET", f"/monitors/{monitor}/status")["cursor"] or "") >= cursor,
        f"at {cursor} with {monitor}",
        seconds=90,
    )


def began(served: Served) -> Rig:
    """Start, declare the live monitor, and let it learn; return its file."""
    rig = Rig(served.folder / "rig.csv")
    rig.add(300)
    served.start()
    apply(served, LIVE)
    has_scored(served, "rig", rig.cursor)
    return rig


def test_five_lines_find_the_faults_of_a_file_and_all_of_it_survives_a_restart(served: Served) -> None:
    served.start()

    done = apply(served, SHORTEST)
    found = served.wait_for(lambda: events(served, "monitor=hosts"), "events", seconds=120)

    assert [step["action"] for step in done["steps"]] == ["create"]
    assert {event["series"] for event in found} == {"cpu{host=a}", "cpu{host=b}", "cpu{host=c}"}
    assert all(event["backfill"] and event["reason"] for event in found)

    judged = found[0]["id"]
    served.call("PUT", f"/events/{judged}/acknowledgement")
    served.call("PUT", f"/events/{judged}/label", json={"label": "expected"})
    served.call("POST", f"/events/{judged}/comments", json={"text": "the test of the pumps"})
    served.stop()
    served.start()

    again = served.call("GET", f"/events/{judged}")
    assert (again["label"], again["start"], again["reason"]) == ("expected", found[0]["start"], found[0]["reason"])
    assert again["acknowledged_by"]
    assert served.call("GET", f"/events/{judged}/comments")["items"][0]["text"] == "the test of the pumps"
    assert len(events(served, "monitor=hosts")) == len(found)
    assert apply(served, SHORTEST)["steps"] == []


def test_a_live_fault_opens_one_event_which_is_told_once_and_closes(served: Served) -> None:
    rig = began(served)

    rig.add(4, more=30)
    opened = served.wait_for(lambda: events(served, "monitor=rig", "open=true"), "open")
    rig.add(30)
    served.wait_for(lambda: not events(served, "monitor=rig", "open=true"), "closed")

    (event,) = events(served, "monitor=rig", "backfill=false", "kind=anomaly")
    assert event["id"] == opened[0]["id"]
    assert event["start"] == f"{START + timedelta(seconds=300):%Y-%m-%dT%H:%M:%SZ}"
    assert event["points"] == 4
    lines = served.wait_for(lambda: [line for line in told(served.folder) if not line["is_open"]], "told")
    assert [line["id"] for line in lines] == [event["id"]]


def test_a_stream_says_what_happens_as_it_happens(served: Served) -> None:
    rig = began(served)

    with httpx2.stream(
        "GET", f"{served.url}/api/v1/stream", headers=dict(served.http.headers), timeout=30, trust_env=False
    ) as answer:
        rig.add(4, more=30)
        lines = (line for line in answer.iter_lines() if line.startswith("data:") and '"anomaly"' in line)
        first = json.loads(next(lines).removeprefix("data:"))

    assert (first["monitor"], first["is_open"]) == ("rig", True)


def test_a_server_that_was_killed_goes_on_where_it_was(served: Served) -> None:
    rig = began(served)
    rig.add(4, more=30)
    served.wait_for(lambda: events(served, "monitor=rig", "open=true"), "open")

    served.kill()
    rig.add(3, more=30)
    rig.add(30)
    served.start()
    has_scored(served, "rig", rig.cursor)

    (event,) = events(served, "monitor=rig", "backfill=false", "kind=anomaly")
    assert (event["points"], event["is_open"]) == (7, False)
    (series,) = served.call("GET", "/monitors/rig/series")["items"]
    points = served.call("GET", f"/series/{series['id']}/points", params={"thin": "false", "columns": "score"})
    assert len(points["columns"]["time"]) == len(set(points["columns"]["time"])) == 337
    served.wait_for(lambda: [line for line in told(served.folder) if not line["is_open"]], "told")
    lines = [json.dumps(line) for line in told(served.folder)]
    assert len(lines) == len(set(lines))


def test_a_source_that_is_down_is_one_event_that_closes_when_it_is_back(served: Served) -> None:
    rig = began(served)

    (served.folder / "rig.csv").rename(served.folder / "away.csv")
    down = served.wait_for(lambda: events(served, "kind=source_down", "open=true"), "known to be down")
    (served.folder / "away.csv").rename(served.folder / "rig.csv")
    rig.add(5)
    served.wait_for(lambda: not events(served, "kind=source_down", "open=true"), "known to be back")

    assert len(down) == 1
    assert "rig.csv" in down[0]["reason"]
    assert len(events(served, "kind=source_down")) == 1
    has_scored(served, "rig", rig.cursor)


def test_a_backup_of_a_running_server_restores_to_another_folder(served: Served, tmp_path: Path) -> None:
    rig = began(served)
    rig.add(4, more=30)
    before = served.wait_for(lambda: events(served, "monitor=rig", "kind=anomaly"), "found")
    database = [f"--database={served.settings['REDSHANK_DATABASE']}"] if "REDSHANK_DATABASE" in served.settings else []

    served.command(" ".join(["backup", "kept.tar.zst", *database]))
    checked = served.command(" ".join(["doctor", *database]))
    served.kill()
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(served.folder / "rig.csv", other / "rig.csv")
    served.command("restore kept.tar.zst --data other/redshank-data")
    with closing(Served(other)) as restored:
        restored.token = served.token
        restored.http.headers["Authorization"] = f"Bearer {served.token}"
        restored.start()

        assert [event["id"] for event in events(restored, "monitor=rig", "kind=anomaly")] == [before[0]["id"]]
        has_scored(restored, "rig", rig.cursor)
    assert "error" not in checked
