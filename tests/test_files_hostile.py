"""Hostile files: pickles that attack, and bytes of any kind."""

from __future__ import annotations

import os
import pickle
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redshank.errors import ConfigError, RedshankError, SourceError
from redshank.sources.base import Query
from redshank.sources.files import FileSource
from redshank.sources.unpickle import SafeUnpickler

TABLE = {"time": pd.date_range("2024-01-01", periods=20, freq="h"), "value": np.arange(20.0), "host": ["a"] * 20}


def test_a_pickle_is_only_read_when_allowed(tmp_path: Path) -> None:
    pd.DataFrame(TABLE).to_pickle(tmp_path / "a.pkl")

    with pytest.raises(ConfigError, match="--allow-pickle"):
        FileSource([str(tmp_path / "a.pkl")]).read(Query())


@pytest.mark.parametrize("table", [pd.DataFrame(TABLE), {"value": list(range(20))}], ids=["pandas", "dict"])
def test_a_pickle_of_plain_data_is_read(tmp_path: Path, table: Any) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(table))

    reading = FileSource([str(tmp_path / "a.pkl")]).read(Query(allow_pickle=True))

    assert reading.panels[0].values[0, :, 0].tolist() == list(range(20))


class Attack:
    """Pickles as a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


ATTACKS = {
    "system": Attack(os.system, "touch hacked"),
    "popen": Attack(subprocess.Popen, ["touch", "hacked"]),
    "eval": Attack(eval, "open('hacked', 'w')"),
    "exec": Attack(exec, "open('hacked', 'w')"),
    "getattr": Attack(getattr, os, "system"),
    "open": Attack(open, "hacked", "w"),
    "import": Attack(__import__, "os"),
    "read_pickle": Attack(pd.read_pickle, "hacked"),
    "pandas eval": Attack(pd.eval, "1+1"),
    "numpy save": Attack(np.save, "hacked.npy", 1),
    "numpy load": Attack(np.load, "hacked.npy"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_pickle_that_calls_something_is_refused(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(ATTACKS[name]) if name != "getattr" else b"cbuiltins\ngetattr\n.")

    with path.open("rb") as file, pytest.raises(pickle.UnpicklingError, match="not plain data"):
        SafeUnpickler(file).load()

    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize(
    "program",
    [
        b"cnumpy\nndarray.__class__\n.",
        b"\x80\x04\x8c\x08builtins\x8c\x0edict.__class__\x93.",
        b"\x80\x04\x8c\x05numpy\x8c\x12ndarray.tofile\x93.",
        b"\x80\x04\x8c\x06pandas\x8c\x13DataFrame.to_pickle\x93.",
        b"cposix\nsystem\n(S'touch hacked'\ntR.",
        b"Pother\n.",
    ],
)
def test_a_path_through_allowed_names_is_refused(program: bytes) -> None:
    import io

    with pytest.raises(pickle.UnpicklingError):
        SafeUnpickler(io.BytesIO(program)).load()


def test_an_attack_in_a_file_is_an_error_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(ATTACKS["system"]))

    with pytest.raises(SourceError, match=r"asks for posix\.system, which is not plain data"):
        FileSource([str(tmp_path / "a.pkl")]).read(Query(allow_pickle=True))


def _reads_or_says_why(path: Path) -> None:
    with suppress(RedshankError):
        assert FileSource([str(path)]).read(Query()).panels


FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
HEADS = st.sampled_from(
    [b"", b"PAR1", b"ARROW1", b"PK\x03\x04", b"\x1f\x8b", b"{", b"[", b"---\n", b"\xff\xfe", b"BZh"]
)


@FUZZ
@given(HEADS, st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tmp_path: Path, head: bytes, tail: bytes) -> None:
    path = tmp_path / "fuzz.bin"
    path.write_bytes(head + tail)

    _reads_or_says_why(path)


WORDS = '1 2.5 1e400 -inf nan " "" 2024-01-01 31/12/99 a 99999999999999999999 1704067200 12:00 1,5 \x00 é \' time value'
FIELDS = st.sampled_from(
    [
        *WORDS.split(" "),
        "",
        "2024-13-99 00:00",
        "20240131",
        "9999-12-31T00:00:00Z",
        "0",
        "-5",
        "#",
        "#x",
        "sep=;",
        "5 ms",
        "-$1",
        "(2)",
        "2024-01-01 12:00 CET",
        "24/01/31",
        "2024-W05",
        "\u22121",
        "'a'",
        '"a\nb"',
        "0000-W00-1",
        "2024-01-01 12:00 A/B",
    ]
)


@FUZZ
@given(st.lists(st.lists(FIELDS, min_size=1, max_size=4), min_size=1, max_size=8), st.sampled_from(",;\t| "))
def test_anything_like_csv_is_read_or_refused(tmp_path: Path, rows: list[list[str]], separator: str) -> None:
    path = tmp_path / "fuzz.csv"
    path.write_text("\n".join(separator.join(row) for row in rows))

    _reads_or_says_why(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["2024-01-01", "x", "1"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["time", "v", "key", "rows"]), inner),
    max_leaves=20,
)


@FUZZ
@given(JSON)
def test_any_json_is_read_or_refused(tmp_path: Path, document: Any) -> None:
    import json

    path = tmp_path / "fuzz.json"
    path.write_text(json.dumps(document))

    _reads_or_says_why(path)


def _nested_aliases(unit: str) -> str:
    lines = [f"a: &a {unit}"]
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'{{k: *{before}}}'] * 9)}]")
    return "\n".join(lines)


@pytest.mark.parametrize("text", [_nested_aliases("{x: 1}"), "a: &a [*a, *a]"], ids=["exponential", "endless"])
def test_yaml_whose_aliases_unfold_without_end_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.yaml").write_text(text)

    with pytest.raises(SourceError, match="aliases unfold to more than"):
        FileSource([str(tmp_path / "a.yaml")]).read(Query())


def test_yaml_with_a_few_aliases_is_read(tmp_path: Path) -> None:
    rows = "\n".join(f"- {{time: {1704067200 + i}, host: *h, value: {i}}}" for i in range(1, 20))
    (tmp_path / "a.yaml").write_text("- {time: 1704067200, host: &h web, value: 0}\n" + rows)

    reading = FileSource([str(tmp_path / "a.yaml")]).read(Query())

    assert reading.panels[0].values[0, :, 0].tolist() == list(range(20))


@pytest.mark.parametrize("kind", ["gz", "zip"])
def test_a_small_file_that_unpacks_to_more_than_fits_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    import gzip
    import zipfile

    path = tmp_path / f"a.csv.{kind}"
    if kind == "gz":
        path.write_bytes(gzip.compress(b"0" * 1_000_000))
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.csv", b"0" * 1_000_000)
    monkeypatch.setattr("redshank.sources.content.MOST_OF_DISK", 0.0)

    with pytest.raises(SourceError, match="unpacks to more than there is room for"):
        FileSource([str(path)]).read(Query())


def test_a_line_without_end_is_refused(tmp_path: Path) -> None:
    import gzip

    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"0" * (17 << 20), 1))

    with pytest.raises(SourceError, match="its first line is longer than 16 MB"):
        FileSource([str(tmp_path / "a.csv.gz")]).read(Query())
