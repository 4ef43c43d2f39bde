"""Monitors: what is watched, where it stands, and what it learned."""

from __future__ import annotations

from redshank.client.answers import Comparison, Declaration, Page, Pruned, Status, Version
from redshank.client.declarations import Declarations, read_declaration
from redshank.client.operations import Mode, operation
from redshank.client.request import Request, as_json, place


class Monitors(Declarations[Mode]):
    """Monitors, their state and their versions."""

    kind = "monitors"

    @operation
    def enable(self, name: str) -> Request[Declaration]:
        """Let it work."""
        return Request(method="POST", path=place("monitors", name, "enable"), read=read_declaration, once=True)

    @operation
    def disable(self, name: str) -> Request[Declaration]:
        """Let it rest; what it learned and found is kept."""
        return Request(method="POST", path=place("monitors", name, "disable"), read=read_declaration, once=True)

    @operation
    def status(self, name: str) -> Request[Status]:
        """Say where it stands: up to when all is scored, how far that is behind, the last error, what runs next."""
        return Request(method="GET", path=place("monitors", name, "status"), read=as_json(Status))

    @operation
    def versions(self, name: str) -> Request[Page[Version]]:
        """Return all versions, newest first; each training makes one."""
        return Request(method="GET", path=place("monitors", name, "versions"), read=as_json(Page[Version]))

    @operation
    def version(self, name: str, number: int) -> Request[Version]:
        """Return one version."""
        return Request(method="GET", path=place("monitors", name, "versions", str(number)), read=as_json(Version))

    @operation
    def compare(self, name: str, number: int, other: int) -> Request[Comparison]:
        """Say what differs between two versions."""
        path = place("monitors", name, "versions", str(number), "compare", str(other))
        return Request(method="GET", path=path, read=as_json(Comparison))

    @operation
    def restore(self, name: str, number: int) -> Request[Version]:
        """Make a version the live one; it catches up by the points since."""
        path = place("monitors", name, "versions", str(number), "restore")
        return Request(method="POST", path=path, read=as_json(Version), once=True)

    @operation
    def prune(self, name: str, keep: int = 5) -> Request[Pruned]:
        """Drop old versions; so many of the newest stay, and the live one."""
        path = place("monitors", name, "versions", "prune")
        return Request(method="POST", path=path, read=as_json(Pruned), params=[("keep", str(keep))], once=True)
