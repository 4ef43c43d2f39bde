"""Words for what goes wrong: what happened, and what to do; never a secret."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from redshank.http.options import HttpOptions

MOST_SAID = 300
LEAST_SECRET = 4  # shorter ones would blank out half of a message
_REMEDIES = {
    400: "refused the request",
    401: "refused who signs in; check user and password, token or api_key",
    403: "does not allow this; give the user the right to it",
    404: "has nothing at that address; see that `url` and names are right",
    405: "has no such call; see that `url` is right",
    407: "the proxy wants a user; check `proxy`",
    413: "takes no request of this size",
    422: "refused the request",
    429: "is asked too often",
    502: "has a gateway that gets no answer",
    503: "is not ready",
    504: "has a gateway that gets no answer in time",
}


class Scrubber:
    """Takes secrets out of texts."""

    def __init__(self) -> None:
        """Know none yet."""
        self._secrets: list[str] = []

    def add(self, *secrets: str) -> None:
        """Remember secrets, also as they stand in addresses."""
        for secret in secrets:
            if len(secret) >= LEAST_SECRET:
                self._secrets += [secret, quote(secret, safe="")]
        self._secrets.sort(key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """Return a text with stars for secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def status_problem(status: int, content: bytes, asked: float | None) -> str:
    """Return what a state means, and what the server said of it."""
    remedy = _REMEDIES.get(status, "failed" if status >= 500 else "refused the request")
    said = server_message(content)
    wait = f"; it asks to wait {asked:.0f} s" if asked else ""
    return f"{remedy} ({status}){wait}" + (f": {said}" if said else "")


def server_message(content: bytes) -> str:
    """Return what a server said of an error on one line: the message within its JSON, or the first words of a text."""
    text = content.decode(errors="replace").strip()
    try:
        found = _message(json.loads(text))
    except (ValueError, RecursionError):
        found = "" if text[:1] == "<" else text
    line = " ".join(found.split())
    return line if len(line) <= MOST_SAID else f"{line[:MOST_SAID]}..."


def _message(given: Any) -> str:
    """The innermost reason in the forms that servers have for errors."""
    if isinstance(given, str):
        return given
    if isinstance(given, list):
        return _message(given[0]) if given else ""
    if not isinstance(given, dict):
        return ""
    causes = given.get("root_cause")
    if isinstance(causes, list) and causes and isinstance(causes[0], dict) and causes[0].get("reason"):
        return str(causes[0]["reason"])
    for name in ("errorMessage", "reason", "message", "detail", "error_description", "error", "errors", "title"):
        if given.get(name):
            found = _message(given[name])
            if found:
                return found
    return ""


def network_problem(error: Exception, options: HttpOptions) -> str:
    """Return what went wrong on the way."""
    name, text = type(error).__name__, str(error)
    if "certificate:" in text or "CERTIFICATE_VERIFY_FAILED" in text:
        return f"its {text}; name the file of its CA in `ca`, or set `verify: false` where the network is trusted"
    if "tls:" in text:
        return f"cannot talk TLS with it ({text.removeprefix('tls: ')}); see whether `url` should begin with http://"
    if name == "ConnectTimeout":
        return f"did not answer within connect_timeout ({_seconds(options.connect_timeout.total_seconds())})"
    if "Timeout" in name:
        took = _seconds(options.timeout.total_seconds())
        return f"took longer than timeout allows ({took}); ask for less, or raise timeout"
    if name == "ConnectError":
        return f"cannot be reached: {text}; see that `url` is right and the server runs"
    if name in ("RemoteProtocolError", "ReadError", "CloseError", "WriteError"):
        return f"broke off: {text or 'the connection was closed'}; try again"
    if name == "DecodingError":
        return "answered what cannot be unpacked"
    return f"{text or name}"


def _seconds(seconds: float) -> str:
    return f"{seconds:g} s"
