"""Who asks for something."""

from __future__ import annotations

from dataclasses import dataclass

from redshank.store.records import Role


@dataclass(frozen=True)
class Actor:
    """Who asks: ``name`` for the audit log, ``role`` what they may do, ``key`` what tells them apart."""

    name: str
    role: Role
    key: str = ""
