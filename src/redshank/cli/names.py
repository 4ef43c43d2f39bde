"""Completion of the names of what a server has; silent when it cannot be asked within a second."""

from __future__ import annotations

import os
from collections.abc import Callable

SECONDS = 1.0
MOST = 100


def completing(kind: str) -> Callable[[str], list[str]]:
    """Return what completes to names of a kind of declaration."""

    def names(incomplete: str) -> list[str]:
        from redshank.cli.login import known_token, known_url
        from redshank.client.client import TOKEN_VARIABLE, URL, URL_VARIABLE, Client
        from redshank.errors import RedshankError

        try:
            url = (os.environ.get(URL_VARIABLE) or known_url() or URL).rstrip("/")
            token = os.environ.get(TOKEN_VARIABLE) or known_token(url)
            with Client(url, token, timeout_seconds=SECONDS, retries=0) as client:
                page = getattr(client, kind).list(name=incomplete or None, limit=MOST)
        except RedshankError:
            return []
        return [each.name for each in page.items if each.name.startswith(incomplete)]

    return names
