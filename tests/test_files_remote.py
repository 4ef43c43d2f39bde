"""Files at http(s):// and s3:// addresses."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.request import Request, urlopen

import pytest

import redshank
from http_world import answer, endless, nothing, world
from redshank.errors import ConfigError, NoPointsError, SourceError
from redshank.sources.base import Query, Source
from redshank.sources.build import build_source, redacted
from redshank.specs.options import Access

ROWS = b"time,host,cpu\n" + b"".join(b"2026-01-01T%02d:%02d:00Z,a,%d\n" % (i // 60, i % 60, i % 7) for i in range(600))


def files(path: Any, **options: Any) -> Source:
    return build_source("files", {"path": path, "retries": 0, **options})


def test_a_file_is_fetched_packed_or_not_and_counted() -> None:
    with world(answer(body=ROWS), answer(body=gzip.compress(ROWS))) as server:
        plain, packed = files(f"{server.url}/cpu.csv?sig=geheim"), files(f"{server.url}/cpu.csv.gz")

        assert plain.read(Query()).findings.rows == packed.read(Query()).findings.rows == 600
        assert plain.describe() == f"{server.url}/cpu.csv"
        assert (plain.counts.requests, plain.counts.bytes, plain.counts.rows) == (1, len(ROWS), 600)


def test_detect_reads_an_address_of_a_file() -> None:
    with world(answer(body=ROWS)) as server:
        assert redshank.detect(f"{server.url}/cpu.csv", detector="gaussian").rows == 600


def test_what_signs_in_is_sent_and_not_shown() -> None:
    with world(answer("403 Forbidden", b"no")) as server:
        address = server.url.replace("http://", "http://me:geheim@")
        with pytest.raises(SourceError) as refused:
            files(f"{address}/cpu.csv").read(Query())
        with pytest.raises(SourceError):
            files(f"{server.url}/cpu.csv", token="env:HOME").read(Query())

        assert b"authorization: basic" in server.seen[0].lower()
        assert b"authorization: bearer /" in server.seen[1].lower()
    assert "geheim" not in str(refused.value)
    assert redacted("files", {"path": "x", "token": "geheim"})["token"] != "geheim"


def test_a_signature_is_what_the_server_tells() -> None:
    one, other = answer(body=b"", ETag='"1"'), answer(body=b"", Last_Modified="Thu, 01 Jan 2026 00:00:00 GMT")
    with world(one, one, other, answer(body=b""), answer("405 No", b"")) as server:
        source = files(f"{server.url}/cpu.csv")
        told = [source.signature() for _ in range(5)]

    assert told[0] == told[1] != told[2]
    assert told[3:] == [None, None]
    assert all(request.startswith(b"HEAD") for request in server.seen)


def test_daily_files_are_asked_for_by_name_and_those_that_are_missing_are_passed_over() -> None:
    gone = answer("404 Not Found", b"none")
    with world(gone, answer(body=ROWS), gone, answer(body=ROWS), gone) as server:
        source = files(f"{server.url}/%Y/cpu-%Y-%m-%d.csv")
        begin = datetime(2026, 1, 1, tzinfo=UTC)

        assert source.read(Query(start=begin, end=begin + timedelta(days=1))).findings.rows == 600
        asked = [request.split()[1].decode() for request in server.seen]
        with pytest.raises(NoPointsError):
            source.read(Query(start=begin + timedelta(days=9), end=begin + timedelta(days=10)))

    assert asked == [f"/{day[:4]}/cpu-{day}.csv" for day in ("2025-12-31", "2026-01-01", "2026-01-02")]


@pytest.mark.parametrize(
    ("act", "options", "message"),
    [
        (answer("404 Not Found", b"x"), {}, "does not exist"),
        (answer(body=b""), {}, "is empty"),
        (answer("302 Found", b"", Location="http://other.example/x.csv"), {}, "another server, which is not followed"),
        (endless, {"max_bytes": 100_000}, "max_bytes"),
        (nothing, {"timeout": "200ms"}, "timeout"),
        (answer("503 Busy", b"{}", Retry_After="1"), {}, "503"),
    ],
    ids=["missing", "empty", "elsewhere", "endless", "silent", "busy"],
)
def test_what_is_wrong_is_one_error_that_names_the_file(act: Any, options: dict[str, Any], message: str) -> None:
    with world(act) as server, pytest.raises(SourceError, match=message) as caught:
        files(f"{server.url}/cpu.csv", **options).read(Query())

    assert f"{server.url}/cpu.csv" in str(caught.value)


def test_private_addresses_can_be_forbidden() -> None:
    with world(answer(body=ROWS)) as server:
        source = build_source("files", {"path": f"{server.url}/cpu.csv"}, access=Access(private=False))
        with pytest.raises((ConfigError, SourceError), match="private address"):
            source.read(Query())
        stored = build_source("files", {"path": "s3://b/k.csv", "endpoint": server.url}, access=Access(private=False))
        with pytest.raises((ConfigError, SourceError), match="private address"):
            stored.read(Query())

    assert server.seen == []


# ---------------------------------------------------------------------------------------------- S3

SERVER = """
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
run_simple("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
"""


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The endpoint of a server with a bucket named ``logs``."""
    server = subprocess.Popen([sys.executable, "-u", "-c", SERVER], stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    found = None
    while found is None and server.poll() is None:
        found = re.search(r"http://127\.0\.0\.1:\d+", server.stderr.readline())
    assert found is not None
    with urlopen(Request(f"{found[0]}/logs", method="PUT"), timeout=30) as told:
        assert told.status == 200
    for day in (1, 2, 3):
        put(found[0], f"logs/web/cpu-2026-01-{day:02}.csv", ROWS.replace(b"2026-01-01", b"2026-01-%02d" % day))
    put(found[0], "logs/other/mem.csv.gz", gzip.compress(ROWS))
    yield found[0]
    server.kill()
    server.stderr.close()
    server.wait()


def put(endpoint: str, key: str, body: bytes) -> None:
    from pyarrow.fs import S3FileSystem

    place = endpoint.partition("://")[2]
    system = S3FileSystem(access_key="a", secret_key="b", endpoint_override=place, scheme="http", region="us-east-1")
    with system.open_output_stream(key) as file:
        file.write(body)


def stored(path: str, endpoint: str, **options: Any) -> Source:
    keys = {"user": "a", "password": "b", "region": "us-east-1", "endpoint": endpoint}
    return build_source("files", {"path": path, **keys, **options})


@pytest.mark.external_service
@pytest.mark.parametrize(
    ("path", "rows"),
    [
        ("s3://logs/web/cpu-*.csv", 1800),
        ("s3://logs/web/", 1800),
        ("s3://logs/other/mem.csv.gz", 600),
        ("s3://logs/*.gz", 600),
        ("s3://logs/web/cpu-%Y-%m-%d.csv", 1800),
    ],
)
def test_objects_are_read_by_name_glob_folder_and_day(s3: str, path: str, rows: int) -> None:
    source = stored(path, s3)

    assert source.read(Query()).findings.rows == rows
    assert source.newest(Query()) is not None


@pytest.mark.external_service
def test_an_object_store_tells_what_is_new_and_what_is_wrong(s3: str) -> None:
    source = stored("s3://logs/grow/*.csv", s3)
    put(s3, "logs/grow/a.csv", ROWS)
    before = source.signature()
    assert source.signature() == before

    put(s3, "logs/grow/a.csv", ROWS + b"2026-01-02T00:00:00Z,a,1\n")

    assert source.signature() != before
    with pytest.raises(SourceError, match="does not exist"):
        stored("s3://logs/none.csv", s3).read(Query())
    with pytest.raises(SourceError, match="no file matches"):
        stored("s3://logs/none/*.csv", s3).read(Query())
    with pytest.raises(SourceError, match="at most max_bytes"):
        stored("s3://logs/web/cpu-2026-01-01.csv", s3, max_bytes=100).read(Query())
    with pytest.raises(SourceError, match=r"s3://nobucket/x\.csv"):
        stored("s3://nobucket/x.csv", s3).read(Query())
