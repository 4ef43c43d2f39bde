"""Addresses of databases, as sources and sinks are told them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic import Field, SecretStr, model_validator
from sqlalchemy import URL, exc, make_url

from redshank.errors import ConfigError
from redshank.specs.base import Duration
from redshank.specs.options import Options


class DatabaseOptions(Options):
    """Which database, and who asks; a password in ``url`` is taken out of it."""

    url: str
    user: str | None = None
    password: SecretStr | None = None
    connect_timeout: Duration = Field(default=timedelta(seconds=10), gt=timedelta(0))

    @model_validator(mode="before")
    @classmethod
    def _without_password_in_url(cls, given: Any) -> Any:
        if not isinstance(given, Mapping) or not isinstance(given.get("url"), str):
            return given
        try:
            url = read_url(given["url"])
        except ConfigError as error:
            raise ValueError(str(error).removeprefix("url: ")) from None
        if url.password is None:
            return given
        return {"password": str(url.password), **given, "url": without_password(url)}

    def address(self) -> URL:
        """Return the address, without the password."""
        url = read_url(self.url)
        return url if self.user is None else url.set(username=self.user)


def read_url(text: str) -> URL:
    """Return a database address; ConfigError, without the password, when it is none."""
    try:
        return make_url(text)
    except (exc.ArgumentError, ValueError):
        shown = text.partition("://")[0]
        raise ConfigError(
            f"url: must be like postgresql://user@host/database or sqlite:///file.db, got {shown[:20]!r}...",
            field="url",
        ) from None


def shown_url(url: URL) -> str:
    """Return an address for messages, without password and options."""
    plain = URL.create(url.get_backend_name(), url.username, None, url.host, url.port, url.database)
    return plain.render_as_string(hide_password=True)


def without_password(url: URL) -> str:
    """Return an address as text, its password left out."""
    bare = URL.create(url.drivername, url.username, None, url.host, url.port, url.database, url.query)
    return bare.render_as_string(hide_password=False)
