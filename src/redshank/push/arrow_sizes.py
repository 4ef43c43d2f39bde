"""How much an Arrow body unpacks to, read from the heads of its messages before anything is unpacked.

Source: Apache Arrow columnar format, "Encapsulated message format", Message.fbs and File.fbs.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress

import pyarrow as pa
import pyarrow.ipc as ipc

from redshank.errors import TooLargeError
from redshank.push.points import Limits

MAGIC = b"ARROW1\0\0"  # of a file; a stream has none
_TAIL = 10  # bytes behind the index of a file: its length and the magic
_DICTIONARY, _BATCH = 2, 3  # kinds of messages


def check_sizes(buffer: pa.Buffer, limits: Limits) -> None:
    """Raise TooLargeError when batches unpack to more than is allowed, all together."""
    n_bytes = n_rows = 0
    for kind, length, size in _sizes(buffer):
        n_bytes += size
        n_rows += length if kind == _BATCH else 0
        if n_bytes > limits.body_bytes or length > limits.points or n_rows > limits.points:
            raise TooLargeError(
                f"push: a body must hold at most {limits.points:,} rows and unpack to {limits.body_bytes:,} bytes"
            )


def _sizes(buffer: pa.Buffer) -> Iterator[tuple[int, int, int]]:
    """Kind, number of rows and unpacked bytes of each batch, read from its head (Arrow format, Message.fbs)."""
    for message in _messages(buffer):
        head = memoryview(message.metadata)
        root = struct.unpack_from("<I", head, 0)[0]
        kind = struct.unpack_from("<B", head, _at(head, root, 1) or 0)[0]
        if kind not in (_DICTIONARY, _BATCH):
            continue
        batch = _target(head, _at(head, root, 2))
        if kind == _DICTIONARY:
            batch = _target(head, _at(head, batch, 1))
        length_at, buffers_at = _at(head, batch, 0), _at(head, batch, 2)
        length = struct.unpack_from("<q", head, length_at)[0] if length_at else 0
        packed = bool(_at(head, batch, 3))
        yield kind, length, _unpacked_bytes(head, buffers_at, message.body, packed=packed)


def _messages(buffer: pa.Buffer) -> Iterator[ipc.Message]:
    """All messages of a stream, or those that the index of a file names (dictionaries, then batches)."""
    if buffer.slice(0, len(MAGIC)).to_pybytes() != MAGIC:
        reader = ipc.MessageReader.open_stream(buffer)
        with suppress(StopIteration):
            while True:
                yield reader.read_next_message()
        return
    content = memoryview(buffer)
    end = len(content) - _TAIL
    index = content[end - struct.unpack_from("<i", content, end)[0] : end]
    root = struct.unpack_from("<I", index, 0)[0]
    for number in (2, 3):
        blocks_at = _at(index, root, number)
        vector = _target(index, blocks_at) if blocks_at else 0
        for i in range(struct.unpack_from("<I", index, vector)[0] if blocks_at else 0):
            offset, head_bytes, body_bytes = struct.unpack_from("<qi4xq", index, vector + 4 + 24 * i)
            if offset < 0 or head_bytes < 0 or body_bytes < 0:
                raise EOFError("the index of the file is damaged")
            yield ipc.read_message(buffer.slice(offset, head_bytes + body_bytes))


def _unpacked_bytes(head: memoryview, buffers_at: int, body: pa.Buffer, *, packed: bool) -> int:
    if not packed or not buffers_at:
        return body.size if body is not None else 0
    vector = _target(head, buffers_at)
    content, total = memoryview(body), 0
    for i in range(struct.unpack_from("<I", head, vector)[0]):
        offset, length = struct.unpack_from("<qq", head, vector + 4 + 16 * i)
        if length:
            size = struct.unpack_from("<q", content, offset)[0]
            total += length if size < 0 else size
    return total


def _at(head: memoryview, table: int, number: int) -> int:
    """Where a field of a flatbuffer's table is; 0 when it has its default."""
    directory = table - struct.unpack_from("<i", head, table)[0]
    if 4 + 2 * number >= struct.unpack_from("<H", head, directory)[0]:
        return 0
    offset = struct.unpack_from("<H", head, directory + 4 + 2 * number)[0]
    return table + offset if offset else 0


def _target(head: memoryview, at: int) -> int:
    """Where an offset points to."""
    return int(at + struct.unpack_from("<I", head, at)[0])
