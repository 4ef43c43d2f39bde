"""Bodies as a whole: packed, damaged, too large, of no known kind."""

from __future__ import annotations

import gzip
import json
import zlib

import polars as pl
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from push_bodies import CSV, FILE, JSON, LINES, NDJSON, STREAM, TABLE, read, stream, written_file
from redshank.errors import ConfigError, DataError, MediaTypeError, TooLargeError
from redshank.push.points import Limits

PACKED = [
    pytest.param(gzip.compress, "gzip", id="gzip"),
    pytest.param(lambda body: gzip.compress(body[:5]) + gzip.compress(body[5:]), "x-gzip", id="gzip in two members"),
    pytest.param(zlib.compress, "deflate", id="deflate"),
    pytest.param(zstandard.compress, "zstd", id="zstd"),
    pytest.param(lambda body: zstandard.compress(body[:5]) + zstandard.compress(body[5:]), "ZSTD", id="zstd frames"),
    pytest.param(lambda body: gzip.compress(zstandard.compress(body)), "zstd, gzip", id="one in the other"),
    pytest.param(bytes, "identity", id="identity"),
]


@pytest.mark.parametrize(("pack", "encoding"), PACKED)
def test_a_packed_body_is_unpacked(pack: object, encoding: str) -> None:
    body = b'{"time": 1, "cpu": 5}\n' * 1000

    pushed = read(pack(body), NDJSON, content_encoding=encoding)  # type: ignore[operator]

    assert len(pushed.points) == 1000


@pytest.mark.parametrize(("pack", "encoding"), PACKED)
def test_a_body_that_unpacks_to_more_than_allowed_is_refused(pack: object, encoding: str) -> None:
    with pytest.raises(TooLargeError, match="at most 65,536 bytes"):
        read(pack(bytes(100_000)), NDJSON, content_encoding=encoding, limits=Limits(body_bytes=65_536))  # type: ignore[operator]


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "deflate"])
@pytest.mark.parametrize("damage", ["cut", "garbage"])
def test_a_damaged_body_is_refused(encoding: str, damage: str) -> None:
    packed = {"gzip": gzip.compress, "zstd": zstandard.compress, "deflate": zlib.compress}[encoding](bytes(range(256)))

    with pytest.raises(DataError, match=encoding):
        read(packed[:-9] if damage == "cut" else b"garbage", NDJSON, content_encoding=encoding)


def test_arrow_that_unpacks_to_more_than_allowed_is_refused_before_it_is_unpacked() -> None:
    table = pl.DataFrame({"time": [1], "cpu": [1.0]}).select(pl.all().repeat_by(1_000_000).explode())
    body = stream(table, "zstd")
    assert len(body) < 100_000

    with pytest.raises(TooLargeError):
        read(body, STREAM, limits=Limits(body_bytes=1_000_000))


def test_arrow_of_more_rows_than_allowed_is_refused() -> None:
    body = stream(pl.DataFrame({"cpu": pl.Series([None] * 1000, dtype=pl.Null)}))

    with pytest.raises(TooLargeError):
        read(body, STREAM, limits=Limits(points=999))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 255), st.sampled_from([STREAM, FILE]))
def test_damaged_arrow_is_refused_or_read_but_never_worse(at: int, byte: int, kind: str) -> None:
    whole = bytearray(stream(TABLE, "zstd") if kind == STREAM else written_file(TABLE, by_polars=False))
    whole[at % len(whole)] = byte

    try:
        pushed = read(bytes(whole), kind)
    except (DataError, TooLargeError):
        return

    assert pushed.accepted + pushed.rejected_count == pushed.rows


@pytest.mark.parametrize(
    ("body", "kind", "error"),
    [
        pytest.param("{", JSON, DataError, id="no JSON"),
        pytest.param("5", JSON, DataError, id="JSON of a number"),
        pytest.param('{"points": [], "x": 1}', JSON, DataError, id="unknown field beside points"),
        pytest.param("[" * 100_000, JSON, DataError, id="deep JSON"),
        pytest.param("a,a\n1,2", CSV, DataError, id="a column twice"),
        pytest.param("a,\n1,2", CSV, DataError, id="a column without name"),
        pytest.param("host\na", CSV, DataError, id="no numbers"),
        pytest.param("measure,time\na,1", CSV, DataError, id="measure without value"),
        pytest.param(b"cpu\n\xff\n", CSV, DataError, id="no UTF-8"),
        pytest.param(b"c\xffpu\n1\n", CSV, DataError, id="no UTF-8 in the header"),
        pytest.param(b"a,cpu\n\xff\n", CSV, DataError, id="no UTF-8 in a short row"),
        pytest.param("no arrow", STREAM, DataError, id="no arrow"),
        pytest.param(b"ARROW1\0\0", FILE, DataError, id="empty arrow file"),
        pytest.param(stream(pl.DataFrame({"cpu": [[1]]})), STREAM, DataError, id="lists in arrow"),
        pytest.param(stream(pl.DataFrame({"cpu": [1], "": ["a"]})), STREAM, DataError, id="no name in arrow"),
        pytest.param("{}", "application/xml", MediaTypeError, id="another format"),
    ],
)
def test_a_body_that_cannot_be_read_at_all_is_refused(body: bytes | str, kind: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        read(body, kind)


@pytest.mark.parametrize("kind", [JSON, NDJSON, CSV, LINES])
def test_an_empty_body_holds_nothing(kind: str) -> None:
    pushed = read("[]" if kind == JSON else "", kind)

    assert (pushed.rows, len(pushed.points)) == (0, 0)


def test_unknown_ways_are_refused() -> None:
    with pytest.raises(MediaTypeError, match="brotli"):
        read("[]", JSON, content_encoding="brotli")
    with pytest.raises(ConfigError, match="precision"):
        read("[]", JSON, precision="weeks")


def test_more_series_or_points_than_allowed_are_refused() -> None:
    rows = json.dumps([{"host": str(i), "cpu": 1} for i in range(10)])

    with pytest.raises(TooLargeError, match="series"):
        read(rows, JSON, limits=Limits(series=5))
    with pytest.raises(TooLargeError, match="points"):
        read(rows, JSON, limits=Limits(points=5))
