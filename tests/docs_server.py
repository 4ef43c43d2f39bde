"""The server of an example page: ``$ redshank serve`` starts a real one, ``$ curl`` asks it, all on a free port.

Pages say ``localhost:8765``; examples run with the port of the started server in its place.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
import time
from pathlib import Path

import httpx2
import pytest

from served import Served

WRITTEN = re.compile(r"\b(localhost|127\.0\.0\.1):8765\b")


class PageServer:
    """At most one running server for the page that is being read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Start nothing yet; variables of the environment are set through ``monkeypatch``."""
        self._monkeypatch = monkeypatch
        self._served: Served | None = None

    def here(self, text: str) -> str:
        """The text with the port of this server."""
        return WRITTEN.sub(f"127.0.0.1:{self._served.port}", text) if self._served else text

    def start(self, command: str) -> None:
        """Run a ``redshank serve ...`` line in the background and wait until it is ready."""
        self.close()
        self._served = Served(Path.cwd(), command.removeprefix("redshank").strip().removesuffix("&"))
        self._served.start()
        for name, value in self._served.environment.items():
            self._monkeypatch.setenv(name, value)

    def close(self) -> None:
        """Stop it as Ctrl-C does."""
        if self._served:
            served, self._served = self._served, None
            served.close()


def curl(command: str) -> int:
    """Send what a curl line would; 0 for a good answer, 22 for an error with ``-f``, and print the body."""
    parser = argparse.ArgumentParser(prog="curl", add_help=False)
    parser.add_argument("url")
    parser.add_argument("-X", "--request")
    parser.add_argument("-H", "--header", action="append", default=[])
    parser.add_argument("-d", "--data", "--data-binary")
    parser.add_argument("-m", "--max-time", type=float, default=30)
    parser.add_argument("-o", "--output")
    for flag in ("-s", "-S", "-i", "-N", "-f"):
        parser.add_argument(flag, action="store_true")
    asked = parser.parse_args(shlex.split(os.path.expandvars(command))[1:])
    body = _body(asked.data)
    headers = dict(re.split(r":\s*", header, maxsplit=1) for header in asked.header)
    if body is not None:
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
    method = asked.request or ("GET" if body is None else "POST")
    try:
        with httpx2.stream(
            method, asked.url, headers=headers, content=body, timeout=asked.max_time, trust_env=False
        ) as answer:
            return _shown(answer, asked.output, since=time.monotonic(), seconds=asked.max_time, fails=asked.f)
    except httpx2.ReadTimeout:
        return 28


def _shown(answer: httpx2.Response, output: str | None, *, since: float, seconds: float, fails: bool) -> int:
    """Print or write the body as it comes, for at most so many seconds."""
    parts = []
    code = 22 if fails and answer.status_code >= 400 else 0
    for part in answer.iter_bytes():
        parts.append(part)
        if time.monotonic() - since > seconds:
            code = 28
            break
    if output:
        Path(output).write_bytes(b"".join(parts))
    else:
        sys.stdout.write(b"".join(parts).decode(errors="replace"))
    return code


def _body(given: str | None) -> bytes | None:
    if given is None:
        return None
    return Path(given[1:]).read_bytes() if given.startswith("@") else given.encode()
