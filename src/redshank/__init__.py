"""Redshank finds what is not normal in time series, says why, and how sure it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redshank.app import detect
    from redshank.client.client import AsyncClient, Client
    from redshank.decide import Event, Policy
    from redshank.panel import Key, Panel, Scores
    from redshank.result import Result

__version__ = "0.1.0"
__all__ = ["AsyncClient", "Client", "Event", "Key", "Panel", "Policy", "Result", "Scores", "__version__", "detect"]

_HOMES = {
    "detect": "redshank.app",
    "Client": "redshank.client.client",
    "AsyncClient": "redshank.client.client",
    "Event": "redshank.decide",
    "Policy": "redshank.decide",
    "Key": "redshank.panel",
    "Panel": "redshank.panel",
    "Scores": "redshank.panel",
    "Result": "redshank.result",
}


def __getattr__(name: str) -> Any:
    """Load public names on first use, so that ``import redshank`` stays light."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'redshank' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
