"""What is said of a source beside its address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How an address is read, beside what it says itself.

    ``options``: of its kind of source, such as ``password``. ``target``: what is read of it: ``query``, ``table`` or
    ``index`` by name.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    target: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether anything is said."""
        return bool(self.options or self.target)
