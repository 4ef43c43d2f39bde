"""What every system that is reached by HTTP may be told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from redshank.specs.base import Duration
from redshank.specs.options import Options

_OWN_HEADERS = frozenset({"authorization", "host", "content-length", "transfer-encoding", "connection"})


class HttpOptions(Options):
    """The address, how to sign in, and how long and how much.

    ``user`` and ``password``, ``token`` (bearer) or ``api_key`` sign in; a user in ``url`` is taken out of it.
    ``headers``: more of them; a value may be ``env:NAME`` or ``file:PATH``. ``ca``: a file of certificates to trust.
    ``timeout``: of one call, however slowly the answer drips. ``retries``: after the first try. ``max_bytes``: of one
    answer, unpacked.
    """

    url: str = Field(min_length=1)
    user: str | None = None
    password: SecretStr | None = None
    token: SecretStr | None = None
    api_key: SecretStr | None = None
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    ca: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    verify: bool = True
    proxy: str | None = None
    connect_timeout: Duration = Field(default=timedelta(seconds=10), gt=timedelta(0))
    timeout: Duration = Field(default=timedelta(minutes=1), gt=timedelta(0))
    retries: int = Field(default=4, ge=0, le=20)
    max_bytes: int = Field(default=1 << 30, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _without_user_in_url(cls, given: Any) -> Any:
        if not isinstance(given, Mapping) or not isinstance(given.get("url"), str):
            return given
        url, user, password = split_user(given["url"])
        found = {name: value for name, value in (("user", user), ("password", password)) if value is not None}
        return {**found, **given, "url": url}

    @field_validator("url")
    @classmethod
    def _http(cls, given: str) -> str:
        if not given:
            return given
        parts = urlsplit(given)
        if parts.scheme not in ("http", "https") or not parts.hostname or any(ord(char) <= 32 for char in given):
            raise ValueError(f"must begin with http:// or https:// and name a host, got {given[:40]!r}")
        return given

    @field_validator("proxy")
    @classmethod
    def _proxy(cls, given: str | None) -> str | None:
        parts = urlsplit(given or "http://none")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must begin with http:// or https:// and name a host")
        return given

    @field_validator("headers")
    @classmethod
    def _allowed(cls, given: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name in given:
            if name.lower() in _OWN_HEADERS or not name.replace("-", "").replace("_", "").isalnum():
                raise ValueError(f"{name!r} cannot be set here; sign in by user and password, token or api_key")
        return given

    @model_validator(mode="after")
    def _one_way_in(self) -> HttpOptions:
        ways = [name for name in ("user", "token", "api_key") if getattr(self, name) is not None]
        if len(ways) > 1:
            raise ValueError(f"must sign in one way, got {' and '.join(ways)}")
        if self.password is not None and self.user is None:
            raise ValueError("password needs a user beside it")
        if (self.client_key is not None) and self.client_cert is None:
            raise ValueError("client_key needs client_cert beside it")
        return self


def split_user(url: str) -> tuple[str, str | None, str | None]:
    """Return an address without user and password, and these."""
    try:
        parts = urlsplit(url)
        user, password = parts.username, parts.password
    except ValueError:
        return url, None, None
    if user is None and password is None:
        return url, None, None
    bare = parts.netloc.rpartition("@")[2]
    found = [None if part is None else unquote(part) for part in (user or None, password)]
    return urlunsplit(parts._replace(netloc=bare)), found[0], found[1]
