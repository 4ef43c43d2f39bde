"""The bodies of Prometheus' remote write: a WriteRequest of protocol buffers, packed by snappy.

Source: Prometheus, "Remote-Write 1.0 specification". Numbers of fields: WriteRequest.timeseries = 1;
TimeSeries.labels = 1, .samples = 2; Label.name = 1, .value = 2; Sample.value = 1 (double), .timestamp = 2 (ms).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from redshank.panel import Floats

HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}
_NAME = re.compile(r"[^a-zA-Z0-9_]")
_SIX_BYTES = (1 << 35, 1 << 42)  # ms whose varint is of six bytes
_BYTES, _DOUBLE, _VARINT = 2, 1, 0  # wire types


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples of one series in order of time. ``labels``: all of them, ``__name__`` too."""

    labels: Mapping[str, str]
    times_ms: NDArray[np.int64]
    values: Floats

    def between(self, start_ms: int, end_ms: int) -> Samples:
        """Return the samples with start <= t < end."""
        first, last = np.searchsorted(self.times_ms, [start_ms, end_ms])
        return self.part(int(first), int(last))

    def part(self, first: int, last: int) -> Samples:
        """Return the samples first <= i < last."""
        return replace(self, times_ms=self.times_ms[first:last], values=self.values[first:last])


def body(series: Iterable[Samples]) -> bytes:
    """Return the body of a request; series without samples are left out."""
    import pyarrow as pa

    plain = b"".join(_field(1, _time_series(one)) for one in series if len(one.times_ms))
    packed: bytes = pa.compress(plain, codec="snappy", asbytes=True)
    return packed


def _time_series(one: Samples) -> bytes:
    labels = [_field(1, _field(1, name.encode()) + _field(2, value.encode())) for name, value in _sorted(one.labels)]
    return b"".join([*labels, _samples(one.times_ms, one.values)])


def _sorted(labels: Mapping[str, str]) -> Sequence[tuple[str, str]]:
    """Labels by name, as receivers insist on; one without a value is none."""
    return sorted((name, value) for name, value in labels.items() if value)


def _samples(times_ms: NDArray[np.int64], values: Floats) -> bytes:
    """All samples, at once where each is as long as the others, as those of 1971 to 2109 are."""
    if times_ms.min() < _SIX_BYTES[0] or times_ms.max() >= _SIX_BYTES[1]:
        pairs = zip(values.tolist(), times_ms.tolist(), strict=True)
        return b"".join(_field(2, _sample(*pair)) for pair in pairs)
    rows = np.empty((len(values), 18), np.uint8)
    rows[:, :3] = (2 << 3 | _BYTES, 16, 1 << 3 | _DOUBLE)
    rows[:, 3:11] = values.astype("<f8").view(np.uint8).reshape(-1, 8)
    rows[:, 11] = 2 << 3 | _VARINT
    for i in range(6):
        rows[:, 12 + i] = times_ms >> 7 * i & 0x7F | (0x80 if i < 5 else 0)
    return rows.tobytes()


def _sample(value: float, time_ms: int) -> bytes:
    return bytes([1 << 3 | _DOUBLE]) + struct.pack("<d", value) + bytes([2 << 3 | _VARINT]) + _varint(time_ms)


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | _BYTES]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; a negative number as its 64 bits."""
    number &= 0xFFFF_FFFF_FFFF_FFFF
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def label_names(labels: Iterable[tuple[str, str]], taken: Iterable[str]) -> dict[str, str]:
    """Return labels by names as Prometheus takes them: letters, digits and ``_``, no two alike."""
    found: dict[str, str] = dict.fromkeys(taken, "")
    own = set(found)
    for name, value in labels:
        plain = _NAME.sub("_", name) or "_"
        plain = f"_{plain}" if plain[0].isdigit() else plain
        plain = f"label{plain}" if plain.startswith("__") else plain
        while plain in found:
            plain = f"label_{plain}"
        found[plain] = value
    return {name: value for name, value in found.items() if name not in own}
