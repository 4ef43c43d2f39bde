"""Bodies of any format become the same points as a slow twin finds, and each wrong row is named."""

from __future__ import annotations

import io
import json

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import naive_push
from push_bodies import CSV, FILE, JSON, LINES, NDJSON, NOW, STREAM, TABLE, read, stream, written_file
from redshank.panel import Key
from redshank.push.identity import identity_of, key_of
from redshank.push.points import Limits, Points, Pushed


def found(pushed: Pushed) -> list[naive_push.NaivePoint]:
    """The points of a body, in a fixed order."""
    keys, points = pushed.points.keys, pushed.points
    rows = zip(points.series.tolist(), points.times.tolist(), points.values.tolist(), strict=True)
    return sorted((keys[code].measure, keys[code].labels, time, value) for code, time, value in rows)


def newest(points: list[naive_push.NaivePoint]) -> dict[object, float]:
    """The value that counts of each series and time."""
    return {point[:3]: point[3] for point in points}


def newest_pushed(pushed: Pushed) -> dict[object, float]:
    keys, points = pushed.points.keys, pushed.points
    rows = zip(points.series.tolist(), points.times.tolist(), points.values.tolist(), strict=True)
    return {(keys[code].measure, keys[code].labels, time): value for code, time, value in rows}


def check(pushed: Pushed, naive: naive_push.Naive) -> None:
    points, rejected, missing = naive
    assert found(pushed) == sorted(points)
    assert newest_pushed(pushed) == newest(points)
    assert [row.row for row in pushed.rejected] == rejected
    assert (pushed.rejected_count, pushed.missing) == (len(rejected), missing)
    assert pushed.rows == pushed.accepted + pushed.rejected_count


NAMES = st.sampled_from(["cpu", "mem", "value", "a b", "ü", "\x1f", "x\x1e_", '"', ""])
TIMES = st.one_of(
    st.sampled_from(
        ["2026-01-31T12:00:00Z", "2026-01-31 12:00:00.123456789+02:00", "2026-02-30T00:00:00Z", "soon", ""]
    ),
    st.sampled_from(["2026-01-31", "1700000000", "1700000000.5", "9999-01-01T00:00:00Z", True, None, [1]]),
    st.integers(-(10**6), 2**63 - 1),
    st.floats(0, 4e9, width=32),
)
VALUES = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**53), 2**53),
    st.sampled_from([None, True, 10**400, "1", [], float("nan"), float("inf")]),
)
LABELS = st.dictionaries(NAMES, st.one_of(NAMES, st.integers(0, 9), st.sampled_from([None, 1.5, True])), max_size=3)
NARROW = st.fixed_dictionaries(
    {"value": VALUES},
    optional={"measure": st.one_of(NAMES, st.just(3)), "labels": st.one_of(LABELS, st.just("a")), "time": TIMES},
)
WIDE = st.fixed_dictionaries(
    {"time": TIMES},
    optional={"host": st.sampled_from(["a", "b", ""]), "zone": st.sampled_from(["x", "y"]), "cpu": st.floats(0, 9),
              "mem": st.one_of(st.none(), st.integers(0, 9)), "bad": st.just({})},
)  # fmt: skip
ROWS = st.lists(st.one_of(NARROW, WIDE, st.just(5), st.just({"measure": "m", "vlaue": 1})), max_size=12)


@settings(max_examples=60, deadline=None)
@given(ROWS)
@example([{"value": None}, {"value": "1"}])
@example([{"time": 5}])
def test_ndjson_holds_what_its_twin_finds(rows: list[object]) -> None:
    body = "\n".join(json.dumps(row) for row in rows).encode()

    check(read(body, NDJSON), naive_push.read_ndjson(body, NOW))


@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_a_json_list_holds_what_its_lines_hold(rows: list[object]) -> None:
    lines = "\n".join(json.dumps(row) for row in rows)

    listed = read(json.dumps(rows), JSON)

    assert found(listed) == found(read(lines, NDJSON))
    assert [row.row for row in listed.rejected] == [row.row for row in read(lines, NDJSON).rejected]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=30), max_size=5))
def test_any_bytes_are_rejected_lines_of_ndjson(lines: list[bytes]) -> None:
    pushed = read(b"\n".join(lines), NDJSON)

    assert pushed.accepted + pushed.rejected_count == pushed.rows


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet='ab,,== \\"#1it.e-', max_size=24))
def test_any_line_is_read_as_its_twin_reads_it(line: str) -> None:
    check(read(line, LINES), naive_push.read_line(line, NOW))


TOKEN = st.text(alphabet="ab\\ ,=\"'é", min_size=1, max_size=5)
FIELD = st.sampled_from(
    ["1", "-1.5e3", "7i", "8u", "-8u", "t", "F", '"a b"', '"a,b=\\"c"', "1e400", "9" * 20 + "i", "x"]
)


def escaped(name: str, chars: str) -> str:
    return "".join("\\" + char if char in chars else char for char in name).rstrip("\\") or "m"


@settings(max_examples=200, deadline=None)
@given(TOKEN, st.dictionaries(TOKEN, TOKEN, max_size=2), st.dictionaries(TOKEN, FIELD, min_size=1, max_size=3))
def test_a_line_of_odd_names_is_read_as_its_twin_reads_it(
    name: str, tags: dict[str, str], fields: dict[str, str]
) -> None:
    named = "".join(f",{escaped(key, ', =')}={escaped(value, ', =')}" for key, value in tags.items())
    valued = ",".join(f"{escaped(key, ', =')}={value}" for key, value in fields.items())
    line = f"{escaped(name, ', ')}{named} {valued} 1700000000000000000"

    check(read(line, LINES), naive_push.read_line(line, NOW))


AFTER = st.text(alphabet="01.5e+-_inat\t ,=٣", max_size=6)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["m,t=a f", "m,t=a g", "m f"]), AFTER, st.sampled_from(["", " 5", " x"]))))
def test_a_series_seen_before_is_read_as_the_first_time(given: list[tuple[str, str, str]]) -> None:
    lines = ["m,t=a f=1 5", "m f=2", *(f"{prefix}={text}{time}" for prefix, text, time in given)]
    each = [naive_push.read_line(line, NOW) for line in lines]
    points = [point for found, _, _ in each for point in found]

    check(read("\n".join(lines), LINES), (points, [i for i, one in enumerate(each, 1) if one[1]], 0))


def test_all_of_the_line_protocol_is_read() -> None:
    body = r"""# comment
weather,location=us\ mid\,west,a\=b=c temperature=82.5,count=3i,big=18446744073709551615u,ok=T 1700000000000000000
my\ room value=-1.5e-3

m note="two
lines, \"quoted\"",f=1 5
"""

    pushed = read(body, LINES)

    west = (("a=b", "c"), ("location", "us mid,west"))
    at = 1_700_000_000_000_000_000
    assert found(pushed) == [
        ("m.f", (), 5_000_000_000, 1.0),
        ("my room", (), NOW, -0.0015),
        ("weather.big", west, at, 2.0**64),
        ("weather.count", west, at, 3.0),
        ("weather.ok", west, at, 1.0),
        ("weather.temperature", west, at, 82.5),
    ]
    assert (pushed.rows, pushed.rejected_count, pushed.left_out) == (3, 0, ("note",))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("m", "has no fields"),
        ("m f=1 2 3", "with a space between"),
        ("m f=1 soon", "time must be a whole number"),
        ("m f=1e400", "must be finite"),
        ("m f=9223372036854775808i", "64 bits"),
        ("m f=NaN", "must be a number"),
        ('m f="open', "does not end"),
        ('m f="text"', "holds no number"),
        ("m,a=1,a=2 f=1", "must come once"),
        ("m f=1,f=2", "must come once"),
        (",a=1 f=1", "measurement"),
        ("m,a= f=1", "tag"),
    ],
)
def test_a_wrong_line_says_why(line: str, reason: str) -> None:
    pushed = read(f"ok f=1\n{line}\n", LINES)

    assert pushed.accepted == 1
    assert [row.row for row in pushed.rejected] == [2]
    assert reason in pushed.rejected[0].reason


CELLS = st.sampled_from(["1", "-2.5", "", "+3e2", "nan", "1e400", "x", "0x1", " 7 ", "1_0", "٣"])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["2026-01-31T12:00:00Z", "5", "never", ""]), NAMES, CELLS, CELLS), max_size=8)
)
def test_csv_holds_what_its_twin_finds(rows: list[tuple[str, ...]]) -> None:
    table = io.StringIO()
    table.write("time,host,cpu,mem\n")
    for _ in range(9):
        table.write("1,a,1,2\n")
    for time, *cells in rows:
        table.write(time + "," + ",".join('"' + cell.replace('"', '""') + '"' for cell in cells) + "\n")
    table.write("1,a,1\n1,a,1,2,3\n")
    body = table.getvalue()

    check(read(body, CSV), naive_push.read_csv(body, ["cpu", "mem"], ["host"], NOW))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.integers(10**17, 2**62)),
            st.one_of(st.none(), NAMES),
            st.one_of(st.none(), st.floats()),
        ),
        max_size=20,
    )
)
def test_arrow_holds_the_rows_put_in(rows: list[tuple[int | None, str | None, float | None]]) -> None:
    table = pl.DataFrame(rows, schema={"time": pl.Int64, "host": pl.String, "cpu": pl.Float64}, orient="row")
    good = [row for row in rows if row[2] is None or not np.isinf(row[2])]

    pushed = read(stream(table), STREAM)

    kept = [row for row in good if row[2] is not None and not np.isnan(row[2])]
    labels = [(("host", host),) if host else () for _, host, _ in kept]
    times = [NOW if time is None else naive_push.epoch(time) for time, _, _ in kept]
    expected = [("cpu", named, time, row[2]) for named, time, row in zip(labels, times, kept, strict=True)]
    assert sorted(found(pushed), key=str) == sorted(expected, key=str)
    assert (pushed.rejected_count, pushed.missing) == (len(rows) - len(good), len(good) - len(kept))


POINTS = [
    ("cpu", (), 1_700_000_000_000_000_000, 3.5),
    ("cpu", (("host", "a"),), 1_700_000_000_000_000_000, 1.5),
    ("cpu", (("host", "b"),), 1_700_000_000_000_000_000, 2.5),
    ("jobs", (("host", "a"),), 1_700_000_000_000_000_000, 2.0**53),
    ("jobs", (("host", "b"),), 1_700_000_000_000_000_000, 1.0),
]


LINES_BODY = "cpu,host=a value=1.5 1700000000000\njobs,host=a value=9007199254740992i 1700000000000\n" + (
    "cpu,host=b value=2.5 1700000000000\njobs,host=b value=1i 1700000000000\ncpu value=3.5 1700000000000\n"
)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        pytest.param(TABLE.write_ndjson().encode(), NDJSON, id="ndjson"),
        pytest.param(json.dumps(TABLE.to_dicts()).encode(), JSON, id="json"),
        pytest.param(json.dumps({"points": TABLE.to_dicts()}).encode(), "application/json; charset=utf-8", id="points"),
        pytest.param(TABLE.write_csv().encode(), CSV, id="csv"),
        pytest.param(TABLE.write_csv(separator=";").encode(), CSV, id="semicolons"),
        pytest.param(LINES_BODY.encode(), LINES, id="line protocol"),
        pytest.param(stream(TABLE), STREAM, id="arrow stream"),
        pytest.param(stream(TABLE, "zstd"), STREAM, id="arrow stream, packed"),
        pytest.param(stream(TABLE.with_columns(pl.col("host").cast(pl.Categorical))), STREAM, id="arrow dictionary"),
        pytest.param(written_file(TABLE, by_polars=True), FILE, id="arrow file of polars"),
        pytest.param(written_file(TABLE, by_polars=False), FILE, id="arrow file of pyarrow"),
    ],
)
def test_all_formats_hold_the_same_points(body: bytes, kind: str) -> None:
    pushed = read(body, kind)

    assert found(pushed) == POINTS
    assert pushed.rejected_count == 0


NARROW_TABLE = pl.DataFrame({"measure": ["cpu"] * 2, "host": ["a", "b"], "time": ["2026-01-01", None], "value": [1, 2]})


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        pytest.param(NARROW_TABLE.write_csv().encode(), CSV, id="csv"),
        pytest.param(stream(NARROW_TABLE), STREAM, id="arrow"),
        pytest.param(stream(NARROW_TABLE.rename({"host": "l.host"})), STREAM, id="arrow, as tables of points are"),
        pytest.param(
            stream(NARROW_TABLE.select("measure", pl.struct("host").alias("labels"), "time", "value")), STREAM,
            id="arrow, labels as a struct",
        ),
    ],
)  # fmt: skip
def test_a_column_of_measures_makes_all_other_columns_labels(body: bytes, kind: str) -> None:
    host = [(("host", name),) for name in "ab"]

    assert found(read(body, kind)) == [("cpu", host[0], 1_767_225_600_000_000_000, 1.0), ("cpu", host[1], NOW, 2.0)]


@pytest.mark.parametrize(
    ("given", "precision", "expected"),
    [
        ("2026-01-31T12:00:00Z", None, 1_769_860_800_000_000_000),
        ("2026-01-31t12:00:00.123456789+05:30", None, 1_769_841_000_123_456_789),
        (1_700_000_000, None, 1_700_000_000_000_000_000),
        (1_700_000_000.123, None, 1_700_000_000_123_000_000),
        (1_700_000_000_123, None, 1_700_000_000_123_000_000),
        (1_700_000_000_123_456, None, 1_700_000_000_123_456_000),
        (1_700_000_000_123_456_789, None, 1_700_000_000_123_456_789),
        (5, "ns", 5),
        (5, "ms", 5_000_000),
        ("5", "m", 300_000_000_000),
    ],
)
def test_times_are_read_by_their_size_or_the_precision(given: object, precision: str | None, expected: int) -> None:
    pushed = read(json.dumps([{"time": given, "cpu": 1}]), JSON, precision=precision)
    table = pl.DataFrame({"time": [given], "cpu": [1]})

    assert pushed.points.times.tolist() == [expected]
    assert read(stream(table), STREAM, precision=precision).points.times.tolist() == [expected]


def test_of_two_rows_of_one_series_and_time_the_later_comes_last_whatever_their_shape() -> None:
    rows = [{"time": 1, "cpu": 1}, {"time": 1, "measure": "cpu", "value": 2}, {"time": 1, "cpu": 3, "mem": 1}]

    pushed = read(json.dumps(rows), JSON)

    assert newest_pushed(pushed)[("cpu", (), 1_000_000_000)] == 3.0


def test_numbers_that_are_none_are_named() -> None:
    body = b'[{"cpu": NaN}, {"cpu": -Infinity}, {"cpu": 1e400}, {"n": "NaN"}, {"cpu": null}, {"cpu": 7}]'

    pushed = read(body, JSON)

    assert [(row.row, "finite" in row.reason) for row in pushed.rejected] == [
        (1, True),
        (2, True),
        (3, True),
        (4, False),
    ]
    assert (pushed.accepted, pushed.missing, pushed.points.values.tolist()) == (2, 1, [7.0])


def test_an_unknown_field_is_named() -> None:
    pushed = read('{"measure": "cpu", "vlaue": 1}', JSON)

    assert "'vlaue'" in pushed.rejected[0].reason


def test_a_field_that_is_a_number_in_one_row_and_a_text_in_another_is_rejected() -> None:
    pushed = read('{"cpu": 1}\n{"cpu": "high", "mem": 2}', NDJSON)

    assert [row.row for row in pushed.rejected] == [2]
    assert "'cpu'" in pushed.rejected[0].reason


def test_rejected_rows_are_counted_and_the_first_are_shown() -> None:
    pushed = read("\n".join(["5"] * 30), NDJSON, limits=Limits(shown=3))

    assert (pushed.rejected_count, len(pushed.rejected)) == (30, 3)


@given(st.text(min_size=1, alphabet="ab\x1e\x1f_"), st.dictionaries(st.text(min_size=1, alphabet="a\x1e\x1f_"), NAMES))
def test_an_identity_stands_for_one_series(measure: str, labels: dict[str, str]) -> None:
    kept = {name: value for name, value in labels.items() if value}

    assert key_of(identity_of(measure, labels.items())) == Key.of(measure, kept)


def test_points_survive_being_a_table() -> None:
    pushed = read(TABLE.write_ndjson(), NDJSON)

    again = Points.of_frame(pushed.frame)

    assert sorted(again.identities) == sorted(pushed.points.identities)
    assert again.frame().sort(pl.all()).equals(pushed.frame.sort(pl.all()))
