"""Secrets in declarations: kept encrypted, shown as ``***``, and kept on when ``***`` comes back.

A secret is the value of an option whose name says so, or the password of an address (``postgresql://me:word@db/shop``).
``env:NAME`` and ``file:PATH`` only say where a secret is, so they are shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from redshank.errors import ConfigError

HIDDEN = "***"
ENCRYPTED = "enc:"
_SECRET_NAME = re.compile(
    r"passw(or)?d|passphrase|secret|token|api_?key|access_?key|private_?key|account_?key|credential|authorization"
    r"|cookie|webhook|signature|^dsn$|connection_?string|routing_?key|^key$|^headers$",
    re.IGNORECASE,
)
# What a secret is sent to: while "***" stands for the kept secret, none of these may change.
_ADDRESS_NAME = re.compile(r"url|host|port|server|address|broker|endpoint|uri|^kind$|proxy|path", re.IGNORECASE)

Change = Callable[[str], str]


def hide(given: Any) -> Any:
    """Return a copy with each secret as ``***``; ``enc:`` texts must have been decrypted where addresses matter."""
    return _changed(given, lambda text: HIDDEN, _without_password)


def encrypt(given: Any, change: Change) -> Any:
    """Return a copy with each secret encrypted by ``change``, addresses with a password as a whole."""
    return _changed(given, _once(change), lambda text: _once(change)(text) if _password(text) else text)


def decrypt(given: Any, change: Change) -> Any:
    """Return a copy with each ``enc:`` text decrypted by ``change``."""
    if isinstance(given, Mapping):
        return {name: decrypt(value, change) for name, value in given.items()}
    if isinstance(given, list | tuple):
        return [decrypt(value, change) for value in given]
    return change(given) if isinstance(given, str) and given.startswith(ENCRYPTED) else given


def keep(given: Any, kept: Any, place: str = "") -> Any:
    """Return ``given`` with each ``***`` replaced by the secret that is kept at its place, both in the clear.

    ConfigError when there is none, or when the address it would be sent to is another one: who may change an address
    must not get at the secret by it.
    """
    if isinstance(given, Mapping):
        old = kept if isinstance(kept, Mapping) else {}
        if old and any(_holds_hidden(value) for value in given.values()):
            _check_address(given, old, place)
        return {name: keep(value, old.get(name), f"{place}.{name}" if place else name) for name, value in given.items()}
    if isinstance(given, list | tuple):
        olds = kept if isinstance(kept, list | tuple) and len(kept) == len(given) else [None] * len(given)
        return [keep(value, old, f"{place}.{i}") for i, (value, old) in enumerate(zip(given, olds, strict=True))]
    if not _holds_hidden(given):
        return given
    if isinstance(kept, str) and given in (HIDDEN, _without_password(kept)):
        return kept
    raise ConfigError(f"{place}: '***' stands for the kept secret, but none is kept there; give it anew", field=place)


def _check_address(given: Mapping[str, Any], old: Mapping[str, Any], place: str) -> None:
    for name in given.keys() | old.keys():
        if not _ADDRESS_NAME.search(name) or _SECRET_NAME.search(name):
            continue
        if given.get(name) != hide({name: old.get(name)})[name]:
            field = f"{place}.{name}" if place else name
            raise ConfigError(
                f"{field}: changed, so the secrets beside it must be given anew, not as '***'", field=field
            )


def _holds_hidden(value: Any) -> bool:
    return isinstance(value, str) and (value == HIDDEN or _password(value) == HIDDEN)


def _changed(
    given: Any, secret: Change, address: Change, *, is_secret: bool = False, is_connection: bool = False
) -> Any:
    """``is_connection``: within a source or sink; elsewhere the names in a filter are labels, whatever they are."""
    if isinstance(given, Mapping):
        is_connection = is_connection or "kind" in given
        return {
            name: value
            if name == "filter" and not is_connection
            else _changed(
                value,
                secret,
                address,
                is_secret=is_secret or bool(_SECRET_NAME.search(str(name))),
                is_connection=is_connection,
            )
            for name, value in given.items()
        }
    if isinstance(given, list | tuple):
        return [_changed(value, secret, address, is_secret=is_secret, is_connection=is_connection) for value in given]
    if not isinstance(given, str) or not given or given.startswith(("env:", "file:")):
        return given
    return secret(given) if is_secret else address(given)


def _once(change: Change) -> Change:
    return lambda text: text if text.startswith(ENCRYPTED) else change(text)


def _password(text: str) -> str | None:
    """Return the password within an address; None when the text is no address or has none."""
    if "://" not in text or "@" not in text:
        return None
    try:
        return urlsplit(text).password
    except ValueError:
        return None


def _without_password(text: str) -> str:
    if text.startswith(ENCRYPTED):
        return HIDDEN
    if not _password(text):
        return text
    parts = urlsplit(text)
    names, _, host = parts.netloc.rpartition("@")
    user = names.partition(":")[0]
    return urlunsplit(parts._replace(netloc=f"{user}:{HIDDEN}@{host}"))
