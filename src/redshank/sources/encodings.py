"""Text files as UTF-8: find the encoding, and convert where it is another one."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path

from redshank.errors import ConfigError, SourceError
from redshank.sources.content import HEAD_BYTES, Content, reading

_WHOLE_BYTES = 1 << 26  # files up to this size are checked to the end
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROLS = bytes(set(range(32)) - {1, 9, 10, 12, 13, 27, 31})  # 1 and 31 are separators of some tables


@dataclass
class Text:
    """A file as UTF-8 text at ``path``; ``head`` is its beginning, without a byte order mark."""

    content: Content
    path: Path
    head: str
    encoding: str

    @property
    def name(self) -> str:
        """The file, for messages."""
        return self.content.name


def decode(content: Content, encoding: str | None) -> Text:
    """Return the file as UTF-8 text; SourceError when it is no text."""
    head = content.head()
    found = _checked_name(encoding) if encoding else _encoding(content, head)
    if found in ("utf-8", "ascii"):
        return Text(content, content.path, head.decode("utf-8", errors="replace"), "utf-8")
    path = content.temporary("utf8")
    with reading(content.name):
        _convert(content, path, found)
    with path.open("rb") as file:
        start = file.read(HEAD_BYTES).decode("utf-8", errors="replace")
    return Text(content, path, start, found)


def _checked_name(encoding: str) -> str:
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        raise ConfigError(
            f"encoding: must be one such as utf-8, latin-1, cp1252 or utf-16, got {encoding!r}", field="encoding"
        ) from None
    return name


def _encoding(content: Content, head: bytes) -> str:
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    if b"\x00" in head:
        return _wide_encoding(content, head)
    if sum(head.count(byte) for byte in _CONTROLS) > len(head) // 50:
        raise SourceError(f"{content.name}: is neither text nor of a format that is known")
    if _is_utf8(content):
        return "utf-8"
    return _single_byte_encoding(content)


def _wide_encoding(content: Content, head: bytes) -> str:
    """UTF-16 without a mark: every second byte of plain text is zero."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    if half and odd > 0.4 * half and even < 0.05 * half:
        return "utf-16-le"
    if half and even > 0.4 * half and odd < 0.05 * half:
        return "utf-16-be"
    if (even + odd) <= max(1, len(head) // 1000):
        return "utf-8"
    raise SourceError(f"{content.name}: is neither text nor of a format that is known")


def _is_utf8(content: Content) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    seen = 0
    with content.path.open("rb") as file:
        try:
            while (block := file.read(HEAD_BYTES)) and seen < _WHOLE_BYTES:
                seen += len(block)
                decoder.decode(block)
        except UnicodeDecodeError:
            return False
    return True


def _single_byte_encoding(content: Content) -> str:
    """The likeliest encoding of a text that is not UTF-8, by its lines with other letters than English ones."""
    lines = bytearray()
    with content.path.open("rb") as file:
        for line in file:
            if not line.isascii():
                lines += line[:4096]
            if len(lines) > 1 << 16 or file.tell() > _WHOLE_BYTES:
                break
    if _decodes(bytes(lines), "utf-8") or len(lines) < 64:
        return "cp1252" if _decodes(bytes(lines), "cp1252") else "latin-1"
    from charset_normalizer import from_bytes

    best = from_bytes(bytes(lines), threshold=0.4).best()
    return best.encoding if best else "latin-1"


def _decodes(text: bytes, encoding: str) -> bool:
    try:
        text.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _convert(content: Content, path: Path, encoding: str) -> None:
    """Write the file as UTF-8, block by block; what does not decode becomes a replacement mark."""
    try:
        decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    except LookupError as error:
        raise ConfigError(f"encoding: {encoding!r} is not one of text", field="encoding") from error
    with content.path.open("rb") as source, path.open("w", encoding="utf-8", newline="") as target:
        while block := source.read(HEAD_BYTES):
            target.write(decoder.decode(block))
        target.write(decoder.decode(b"", final=True))
