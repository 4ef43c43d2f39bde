"""A real ``redshank serve`` in a process of its own, on a free port of 127.0.0.1."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2

TOKEN = re.compile(r"\brsk_[A-Za-z0-9_-]{16,}")
COMMAND = (sys.executable, "-m", "redshank.cli.main")


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Served:
    """A server on a folder, which can be stopped, killed and started again; its token is learned at the first start."""

    def __init__(self, folder: Path, arguments: str = "serve", **settings: object) -> None:
        """Start nothing yet. ``folder``: where it works, and where its log lies; ``settings`` as REDSHANK_*."""
        self.folder, self.arguments = folder, arguments
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.token = ""
        self.settings = {f"REDSHANK_{name.upper()}": str(value) for name, value in settings.items()}
        self.log = folder / "serve.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.http = httpx2.Client(base_url=self.url, timeout=30, trust_env=False)

    @property
    def environment(self) -> dict[str, str]:
        """What commands need to ask this server."""
        return {"REDSHANK_URL": self.url, **({"REDSHANK_TOKEN": self.token} if self.token else {})}

    def start(self) -> None:
        """Start it, wait until it is ready, and learn its token."""
        assert self._process is None
        env = {**os.environ, "REDSHANK_PORT": str(self.port), **self.settings}
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [*COMMAND, *shlex.split(self.arguments)], stdout=output, stderr=output, env=env, cwd=self.folder
            )
        self.wait_for(self._is_ready, "ready", seconds=60)
        found = TOKEN.search(self.said())
        if found:
            self.token = found[0]
            self.http.headers["Authorization"] = f"Bearer {self.token}"

    def _is_ready(self) -> bool:
        assert self._process
        assert self._process.poll() is None, f"the server ended:\n{self.said()}"
        try:
            return self.http.get("/readyz").status_code == 200
        except httpx2.TransportError:
            return False

    def said(self) -> str:
        """All that it has written so far."""
        return self.log.read_text(errors="replace")

    def stop(self) -> None:
        """Stop it as Ctrl-C does, within 20 seconds; nothing when it does not run."""
        if self._process:
            process, self._process = self._process, None
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise AssertionError(f"the server did not stop within 20 seconds:\n{self.said()[-3000:]}") from None

    def close(self) -> None:
        """Stop it, also after a failure."""
        self.http.close()
        self.stop()

    def kill(self) -> None:
        """Kill it, as a power cut would."""
        assert self._process
        process, self._process = self._process, None
        process.kill()
        process.wait()

    def call(self, method: str, path: str, **given: Any) -> Any:
        """Ask under ``/api/v1``; the JSON of a good answer."""
        answer = self.http.request(method, f"/api/v1{path}", **given)
        assert answer.status_code < 400, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def command(self, line: str) -> str:
        """Run a command of redshank against this server; what it printed."""
        done = subprocess.run(
            [*COMMAND, *shlex.split(line)],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env={**os.environ, **self.environment},
            check=False,
        )
        assert done.returncode == 0, f"redshank {line}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def wait_for(self, holds: Callable[[], Any], what: str, seconds: float = 30) -> Any:
        """Ask until the answer is true, and return it."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = holds()
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError(f"not {what} within {seconds:.0f} seconds; the server said:\n{self.said()[-3000:]}")
