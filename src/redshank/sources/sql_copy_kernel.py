"""Kernels that take the binary format of PostgreSQL's COPY apart ("COPY", File Formats, Binary Format)."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(nogil=True, cache=True)
def signed(buffer: NDArray[np.uint8], at: int, length: int) -> int:
    """Return a big-endian signed integer of up to 8 bytes; 0 when it has none."""
    if length <= 0:
        return 0
    number = np.int64(np.int8(buffer[at]))
    for i in range(at + 1, at + length):
        number = (number << np.int64(8)) | np.int64(buffer[i])
    return int(number)


@njit(nogil=True, cache=True)
def read_tuples(
    buffer: NDArray[np.uint8], is_text: NDArray[np.bool_], numbers: NDArray[np.int64], lengths: NDArray[np.int32]
) -> int:
    """Read whole rows into ``numbers`` and ``lengths`` (columns, rows) and return how many there were.

    A number is the field as a big-endian signed integer of up to 8 bytes, or where in ``buffer`` its text begins. A
    length is that of the field, -1 = NULL. The trailer ends the rows.
    """
    at, row, n_columns = 0, 0, len(is_text)
    while at + 2 <= len(buffer):
        if buffer[at] == 255:
            break
        at += 2
        for column in range(n_columns):
            length = signed(buffer, at, 4)
            at += 4
            lengths[column, row] = length
            numbers[column, row] = at if is_text[column] else signed(buffer, at, length)
            at += max(0, length)
        row += 1
    return row


@njit(nogil=True, cache=True)
def hashed(buffer: NDArray[np.uint8], start: int, length: int) -> np.uint64:
    """Return the hash of some bytes: FNV-1a (Fowler, Noll, Vo), its halves folded."""
    found = np.uint64(14695981039346656037)
    for i in range(start, start + length):
        found = (found ^ np.uint64(buffer[i])) * np.uint64(1099511628211)
    return found ^ (found >> np.uint64(32))


@njit(nogil=True, cache=True)
def are_equal(buffer: NDArray[np.uint8], first: int, second: int, length: int) -> bool:
    """Return whether bytes from two places on are the same."""
    for i in range(length):  # noqa: SIM110 - a kernel
        if buffer[first + i] != buffer[second + i]:
            return False
    return True


@njit(nogil=True, cache=True)
def find_texts(
    buffer: NDArray[np.uint8], starts: NDArray[np.int64], lengths: NDArray[np.int32]
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Return a number for each text, equal for equal ones, and the row in which each of them comes first.

    ``starts``, ``lengths``: where the texts are in ``buffer``; a length below 0 is a text of its own, NULL. Their hash
    table has open addressing.
    """
    n = len(starts)
    size = 16
    while size < 2 * n:
        size *= 2
    table = np.full(size, -1, np.int64)
    codes = np.empty(n, np.uint32)
    firsts = np.empty(n, np.int64)
    found = 0
    for row in range(n):
        length = max(0, lengths[row])
        place = np.int64(hashed(buffer, starts[row], length) & np.uint64(size - 1))
        while True:
            code = table[place]
            if code < 0:
                table[place] = code = found
                firsts[found] = row
                found += 1
                break
            first = firsts[code]
            if lengths[first] == lengths[row] and are_equal(buffer, starts[first], starts[row], length):
                break
            place = (place + 1) & (size - 1)
        codes[row] = code
    return codes, firsts[:found].copy()
