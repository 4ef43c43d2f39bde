"""Segments in an object store: the same as in a folder, with a server of our own that speaks S3."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import numpy as np
import polars as pl
import pytest

from redshank.errors import UnavailableError
from redshank.store.history import encode_block
from redshank.store.history_compact import Sizes
from redshank.store.history_files import SegmentFiles
from redshank.store.store import Store

pytestmark = pytest.mark.external_service
SERVER = """
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
run_simple("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
"""
SIZES = Sizes(block_fan=2, flush_rows=20, flush_bytes=1 << 30, day_rows=10**9, fan=2, most_rows=10_000, part_rows=50)


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The endpoint of a server with a bucket named ``redshank``."""
    server = subprocess.Popen([sys.executable, "-u", "-c", SERVER], stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    found = None
    while found is None and server.poll() is None:
        found = re.search(r"http://127\.0\.0\.1:\d+", server.stderr.readline())
    assert found is not None
    with urlopen(Request(f"{found[0]}/redshank", method="PUT")) as answer:
        assert answer.status == 200
    yield found[0]
    server.kill()
    server.stderr.close()
    server.wait()


@pytest.fixture
def bucket(s3: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a bucket, with credentials in the environment."""
    for name, value in (("ACCESS_KEY_ID", "a"), ("SECRET_ACCESS_KEY", "b"), ("EC2_METADATA_DISABLED", "true")):
        monkeypatch.setenv(f"AWS_{name}", value)
    return f"s3://redshank/prefix?region=us-east-1&endpoint_override={s3}"


def test_history_is_kept_in_an_object_store(tmp_path: Path, bucket: str) -> None:
    noise, series = np.random.default_rng(1), np.arange(10, dtype=np.int32)
    frames = [pl.DataFrame({"series": series, "time": [i] * 10, "score": noise.random(10)}) for i in range(20)]
    with Store.open(tmp_path, history=bucket) as store:
        for frame in frames:
            with store.database.write() as connection:
                store.history.archive.add(connection, "m1", encode_block(frame))
            store.history.compact("m1", SIZES)
        files = store.history.archive.files

        found = store.history.read("m1", None, 0, 100)

        assert found.equals(pl.concat(frames).sort("series", "time"))
        assert store.history.thinned("m1", 3, 0, 100, 8)["time"].to_list()[0] == 0
        assert set(files.all_paths()) == {one.path for one in store.history.segments()}
        assert store.history.archive.damaged() == []
        assert not (tmp_path / "history").exists()
        store.history.remove("m1")
        assert files.all_paths() == {}


def test_an_object_store_that_is_away_loses_nothing(tmp_path: Path, bucket: str) -> None:
    with Store.open(tmp_path, history=bucket.replace("s3://redshank", "s3://no-such-bucket")) as store:
        frame = pl.DataFrame({"series": [0] * 50, "time": range(50), "score": [0.5] * 50})
        with store.database.write() as connection:
            store.history.archive.add(connection, "m1", encode_block(frame))

        with pytest.raises(UnavailableError, match="cannot be written"):
            store.history.compact("m1", SIZES)

        assert len(store.history.read("m1", None, 0, 100)) == 50


def test_a_password_in_the_address_is_not_told(bucket: str) -> None:
    files = SegmentFiles(bucket.replace("s3://redshank", "s3://user:tulip@no-such-bucket"))

    with pytest.raises(UnavailableError) as told:
        files.write("scores/a", [pl.DataFrame({"series": [0], "time": [0]}, schema_overrides={"series": pl.Int32})])

    assert "tulip" not in str(told.value)
