"""The identity of a pushed series as one text, so that a hundred thousand of them are looked up at once.

``cpu``, then for each label by name: a separator, the name, a separator, the value. No two series share a text.
"""

from __future__ import annotations

from collections.abc import Iterable

from redshank.panel import Key

SEPARATOR, ESCAPE = "\x1f", "\x1e"
_PAIRS = ((ESCAPE, ESCAPE + ESCAPE), (SEPARATOR, ESCAPE + "_"))


def identity_of(measure: str, labels: Iterable[tuple[str, str]]) -> str:
    """Return the text of a series; labels in any order, an empty value is no label."""
    parts = [measure]
    for name, value in sorted(labels):
        if value:
            parts += (name, value)
    text = SEPARATOR.join(parts)
    if text.count(SEPARATOR) == len(parts) - 1 and ESCAPE not in text:
        return text
    return SEPARATOR.join(escaped(part) for part in parts)


def key_of(identity: str) -> Key:
    """Return the series that a text stands for."""
    parts = identity.split(SEPARATOR)
    if ESCAPE in identity:
        parts = [_unescaped(part) for part in parts]
    return Key(parts[0], tuple(zip(parts[1::2], parts[2::2], strict=True)))


def escaped(part: str) -> str:
    """Return a name or value without a bare separator in it."""
    for plain, written in _PAIRS:
        part = part.replace(plain, written)
    return part


def _unescaped(part: str) -> str:
    pieces = part.split(ESCAPE + ESCAPE)
    return ESCAPE.join(piece.replace(ESCAPE + "_", SEPARATOR) for piece in pieces)
