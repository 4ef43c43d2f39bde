"""The line protocol of InfluxDB as it is written: ``measurement,tag=value field=1.5,other="text" 1700000000000000000``.

Source: InfluxData, "Line protocol reference" (OSS v2). What the protocol has no way to write is
replaced: a line break or zero in a name or tag by the picture of it, a backslash at the end of one by the wide one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

RESERVED = frozenset({"time", "_field", "_measurement"})
_PICTURES = {
    0: "\N{SYMBOL FOR NULL}",
    ord("\n"): "\N{SYMBOL FOR LINE FEED}",
    ord("\r"): "\N{SYMBOL FOR CARRIAGE RETURN}",
}
_WIDE_BACKSLASH = "\N{FULLWIDTH REVERSE SOLIDUS}"

Field = float | int | bool | str | None


def head(measurement: str, tags: Mapping[str, str]) -> str:
    """Return what stands before the fields; tags without a value are left out, the others sorted by name."""
    written = [escaped(measurement, ", ")]
    written += [f"{escaped(name)}={escaped(value)}" for name, value in sorted(tags.items()) if value]
    return ",".join(written)


def line(start: str, fields: Iterable[tuple[str, Field]], time_ns: int) -> str | None:
    """Return a line behind its ``head``; None when no field has a value."""
    written = [f"{escaped(name)}={text}" for name, value in fields if (text := field_text(value))]
    return f"{start} {','.join(written)} {time_ns}" if written else None


def field_text(value: Field) -> str:
    """Return the value of a field as it is written; empty for None and for numbers that are not finite."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value}i"
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else ""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def escaped(text: str, signs: str = ",= ") -> str:
    """Return a name or the value of a tag as it is written."""
    text = text.translate(_PICTURES)
    if text.endswith("\\"):
        text = text[:-1] + _WIDE_BACKSLASH
    for sign in signs:
        text = text.replace(sign, "\\" + sign)
    return text


def label_tags(labels: Iterable[tuple[str, str]], taken: Iterable[str]) -> dict[str, str]:
    """Return labels as tags; a name that is taken, reserved or empty gets ``label_`` before it."""
    refused = RESERVED | set(taken) | {""}
    return {f"label_{name}" if name in refused else name: value for name, value in labels}
