"""Series over HTTP: found by name and label, read back point by point in four formats."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest
from starlette.testclient import TestClient

from api_client import asking, service_of
from redshank.panel import Key
from redshank.service.series import Series
from redshank.store.history_blocks import encode_block
from redshank.store.records import Block, TickCommit
from redshank.store.series import number_series
from redshank.store.store import Store
from store_data import MINUTE, NOON, live

N_TIME = 5000
KEYS = [Key.of("cpu", {"host": "a", "zone": "eu=1"}), Key.of("cpu", {"host": "b"}), Key.of("mem", {"host": "a"})]


def history(n_time: int) -> Block:
    """Minutes from noon on of each series; the value is the minute, with one missing and one peak."""
    time = NOON + np.arange(n_time) * MINUTE
    value = np.arange(n_time, dtype=float)
    value[1], value[n_time // 2] = np.nan, 1e6
    parts = [
        pl.DataFrame(
            {
                "series": np.full(n_time, number, np.int32),
                "time": time,
                "score": np.where(np.isnan(value), np.nan, value / n_time),
                "value.value": value + number,
                "expected.value": value,
            }
        )
        for number in range(len(KEYS))
    ]
    return encode_block(pl.concat(parts))


def fill(store: Store, monitor_id: str, n_time: int = N_TIME) -> None:
    series = number_series(monitor_id, KEYS, 0, first_ns=NOON, shard_series=10)
    at_ns = NOON + n_time * MINUTE
    record = live(monitor_id, cursor_ns=at_ns, checkpoint_ns=at_ns)
    store.live.commit(TickCommit(base=None, live=record, series=series, block=history(n_time)))


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with asking(tmp_path_factory.mktemp("data"), requests_per_minute=0) as client:
        client.post(
            "/api/v1/monitors", json={"name": "hosts/".rstrip("/"), "path": "x.csv"}, params={"validate": False}
        )
        service = service_of(client)
        fill(service.store, service.resources.get("monitors", "hosts").id)
        yield client


@pytest.fixture(scope="module")
def ids(client: TestClient) -> list[str]:
    return [item["id"] for item in client.get("/api/v1/monitors/hosts/series").json()["items"]]


def course(client: TestClient, series_id: str, **query: Any) -> Any:
    answer = client.get(f"/api/v1/series/{series_id}/points", params=query)
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ((), ["cpu{host=a, zone=eu=1}", "cpu{host=b}", "mem{host=a}"]),
        (("series~HOST=A",), ["cpu{host=a, zone=eu=1}", "mem{host=a}"]),
        (("measure=cpu",), ["cpu{host=a, zone=eu=1}", "cpu{host=b}"]),
        (("label.host=a", "measure=cpu"), ["cpu{host=a, zone=eu=1}"]),
        (("label.zone=eu=1",), ["cpu{host=a, zone=eu=1}"]),
        (("label.host=c",), []),
    ],
    ids=str,
)
def test_series_are_found_by_name_and_label(client: TestClient, filters: tuple[str, ...], found: list[str]) -> None:
    answer = client.get("/api/v1/monitors/hosts/series", params={"filter": filters})

    assert [item["series"] for item in answer.json()["items"]] == found


def test_series_are_listed_in_pages(client: TestClient) -> None:
    first = client.get("/api/v1/monitors/hosts/series", params={"limit": 2}).json()
    second = client.get("/api/v1/monitors/hosts/series", params={"limit": 2, "cursor": first["next_cursor"]}).json()

    assert [len(page["items"]) for page in (first, second)] == [2, 1]


@pytest.mark.parametrize(
    "query", [{"sort": "series"}, {"filter": "host=a"}, {"filter": "measure~cpu"}, {"filter": "label.=a"}]
)
def test_a_wrong_list_of_series_is_refused(client: TestClient, query: dict[str, str]) -> None:
    assert client.get("/api/v1/monitors/hosts/series", params=query).status_code == 422


def test_a_series_is_found_by_its_id(client: TestClient, ids: list[str]) -> None:
    found = client.get(f"/api/v1/series/{ids[1]}").json()

    assert (found["monitor"], found["measure"], found["labels"]) == ("hosts", "cpu", {"host": "b"})


@pytest.mark.parametrize("number", ["3", "x", "", "99999999999"])
@pytest.mark.parametrize("path", ["", "/points"])
def test_a_series_that_is_not_there_is_not_found(client: TestClient, ids: list[str], number: str, path: str) -> None:
    monitor_id = ids[0].partition(".")[0]

    assert client.get(f"/api/v1/series/{monitor_id}.{number}{path}").status_code == 404
    assert client.get(f"/api/v1/series/nobody.{number}{path}").status_code == 404
    assert client.get(f"/api/v1/series/{monitor_id}{path}").status_code == 404


def test_a_course_has_a_column_for_each_thing_known(client: TestClient, ids: list[str]) -> None:
    found = course(client, ids[1], end="2026-01-01T12:03:00Z").json()

    assert found["series"] == "cpu{host=b}"
    assert found["columns"] == {
        "time": ["2026-01-01T12:00:00Z", "2026-01-01T12:01:00Z", "2026-01-01T12:02:00Z"],
        "score": [0.0, None, 2 / N_TIME],
        "value": [1.0, None, 3.0],
        "expected": [0.0, None, 2.0],
    }


def test_a_thinned_course_keeps_its_extremes(client: TestClient, ids: list[str]) -> None:
    found = course(client, ids[0], points=100).json()["columns"]

    assert len(found["time"]) <= 100
    assert 1e6 in found["value"]
    assert found["time"] == sorted(found["time"])
    assert (found["value"][0], found["value"][-1]) == (0.0, N_TIME - 1)


def test_a_course_is_whole_when_it_is_not_to_be_thinned(client: TestClient, ids: list[str]) -> None:
    found = course(client, ids[0], thin=False, columns="value").json()["columns"]

    assert list(found) == ["time", "value"]
    assert found["value"][2:5] == [2.0, 3.0, 4.0]
    assert len(found["time"]) == N_TIME


def test_all_formats_say_the_same(client: TestClient, ids: list[str]) -> None:
    query = {"end": "2026-01-01T12:10:00Z"}
    told = course(client, ids[0], **query).json()["columns"]

    packed = msgspec.msgpack.decode(course(client, ids[0], format="msgpack", **query).content)["columns"]
    arrow = pl.read_ipc_stream(io.BytesIO(course(client, ids[0], format="arrow", **query).content))
    csv = pl.read_csv(course(client, ids[0], format="csv", **query).content)

    assert packed["time"] == [NOON + number * MINUTE for number in range(10)]
    assert arrow.schema["time"] == pl.Datetime("ns", "UTC")
    assert csv["time"].to_list() == told["time"]
    for name in ("score", "value", "expected"):
        assert told[name] == packed[name] == arrow[name].to_list() == csv[name].to_list()


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("text/csv", "text/csv; charset=utf-8"),
        ("application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.stream"),
        ("application/x-msgpack", "application/msgpack"),
        ("text/html, */*;q=0.1", "application/json"),
        ("application/json;q=0.5, text/csv;q=0.9", "text/csv; charset=utf-8"),
    ],
)
def test_the_format_is_that_which_is_accepted(client: TestClient, ids: list[str], accept: str, media_type: str) -> None:
    answer = client.get(f"/api/v1/series/{ids[0]}/points", headers={"Accept": accept})

    assert answer.headers["content-type"] == media_type


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"points": "7"}, "points"),
        ({"points": "100001"}, "points"),
        ({"start": "soon"}, "start"),
        ({"start": "2026-01-02", "end": "2026-01-02"}, "end"),
        ({"columns": "valu"}, "columns"),
        ({"format": "xml"}, "format"),
        ({"thin": "maybe"}, "thin"),
    ],
    ids=str,
)
def test_a_wrong_course_is_refused(client: TestClient, ids: list[str], query: dict[str, str], field: str) -> None:
    answer = client.get(f"/api/v1/series/{ids[0]}/points", params=query)

    assert (answer.status_code, answer.json()["error"]["field"]) == (422, field)


def test_what_cannot_be_said_in_the_accepted_way_is_refused(client: TestClient, ids: list[str]) -> None:
    answer = client.get(f"/api/v1/series/{ids[0]}/points", headers={"Accept": "image/png"})

    assert (answer.status_code, answer.json()["error"]["field"]) == (422, "Accept")


@pytest.mark.parametrize("format", ["json", "msgpack", "arrow", "csv"])
def test_a_range_without_points_is_no_error(client: TestClient, ids: list[str], format: str) -> None:
    answer = course(client, ids[0], start="2030-01-01", format=format)

    assert len(answer.content) > 0


def test_many_channels_keep_their_names(client: TestClient) -> None:
    client.post("/api/v1/monitors", json={"name": "rig", "path": "x.csv"}, params={"validate": False})
    service = service_of(client)
    monitor_id = service.resources.get("monitors", "rig").id
    frame = pl.DataFrame({"series": [0], "time": [NOON], "score": [1.0], "value.a": [1.0], "value.b": [2.0]})
    series = number_series(monitor_id, KEYS[:1], 0, first_ns=NOON, shard_series=10)
    service.store.live.commit(TickCommit(base=None, live=live(monitor_id), series=series, block=encode_block(frame)))

    found = course(client, f"{monitor_id}.0").json()["columns"]

    assert found == {"time": ["2026-01-01T12:00:00Z"], "score": [1.0], "value.a": [1.0], "value.b": [2.0]}


def test_the_newest_scores_of_a_range_are_told_the_highest_first(client: TestClient, ids: list[str]) -> None:
    series: Series = service_of(client).series
    monitor_id = ids[0].partition(".")[0]

    found = series.newest_scores(monitor_id, NOON, NOON + 3 * MINUTE)

    assert {point["time"] for point in found} == {NOON + 2 * MINUTE}
    assert {point["series"] for point in found} == set(ids)
    assert series.newest_scores(monitor_id, 0, 1) == []
