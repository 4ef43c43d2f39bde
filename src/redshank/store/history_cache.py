"""What was read lately, within a limit of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class ByteCache(Generic[Value]):
    """The values used last, as many as there is room for. Used by any number of threads."""

    def __init__(self, most_bytes: int) -> None:
        """``most_bytes``: of all values together, as told when they are put in."""
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self.size_bytes = 0

    def get(self, key: Hashable) -> Value | None:
        """Return a value, None = it is not there."""
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return None
            self._values.move_to_end(key)
            return found[0]

    def put(self, key: Hashable, value: Value, size_bytes: int) -> None:
        """Keep a value; those not used for longest make room. One too large is not kept."""
        if size_bytes > self._most_bytes // 2:
            return
        with self._lock:
            old = self._values.pop(key, None)
            self.size_bytes += size_bytes - (old[1] if old else 0)
            self._values[key] = (value, size_bytes)
            while self.size_bytes > self._most_bytes:
                _, (_, freed) = self._values.popitem(last=False)
                self.size_bytes -= freed

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._values.clear()
            self.size_bytes = 0
