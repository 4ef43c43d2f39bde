"""Sources by address: which kind an address such as ``postgresql://user@host/db?table=orders`` means."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from redshank import registry
from redshank.errors import ConfigError, MissingExtraError, did_you_mean
from redshank.sources.base import Source
from redshank.sources.build import build_source
from redshank.sources.manner import Manner
from redshank.specs.options import Access

FILES = "files"
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_OPEN, _PLAIN = Access(), Manner()


def is_address(text: str) -> bool:
    """Whether a text is an address, and no path."""
    return _ADDRESS.match(text) is not None


def shown_address(url: str) -> str:
    """Return an address for people: without user, password and options."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.partition("://")[0] + "://..."
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))


def kind_of_address(url: str) -> str:
    """Return the kind of source that an address means.

    Raises:
        ConfigError: there is no such kind; the message holds the near ones.
        MissingExtraError: its library is not installed.
    """
    found = _ADDRESS.match(url)
    if found is None:
        raise ConfigError(f"address: must be like postgresql://user@host/database, got {url[:60]!r}", field="url")
    scheme = found[1].lower()
    names = registry.names(registry.SOURCES)
    for one in (scheme, scheme.partition("+")[0]):
        if one in names and one != FILES:
            registry.find(registry.SOURCES, one)
            return one
    known, missing = _schemes(names)
    for one in (scheme, scheme.partition("+")[0]):
        if one in known:
            return known[one]
    hint = f"; not installed: {', '.join(missing)}" if missing else ""
    raise ConfigError(f"{did_you_mean('kind of address', scheme, known)}{hint}", field="url")


def _schemes(names: list[str]) -> tuple[dict[str, str], list[str]]:
    """The kind of each scheme, and the kinds whose library is not installed."""
    known: dict[str, str] = {}
    missing = []
    for name in names:
        try:
            kind: type[Source] = registry.find(registry.SOURCES, name)
        except MissingExtraError:
            missing.append(name)
            continue
        own = [name] if name in kind.schemes else []
        for scheme in (*own, *kind.schemes):
            if scheme not in known or scheme == name:
                known[scheme] = name
    return known, missing


def options_at(url: str, manner: Manner = _PLAIN) -> dict[str, Any]:
    """Return the options of a source that an address and what is said beside it stand for, its kind not among them."""
    kind: type[Source] = registry.find(registry.SOURCES, kind_of_address(url))
    return {**kind.options_of(url), **manner.options, **manner.target}


def source_at(url: str, manner: Manner = _PLAIN, access: Access = _OPEN) -> Source:
    """Return the source that an address means; nothing is read yet.

    Raises:
        ConfigError: the kind is unknown, or an option is wrong.
        MissingExtraError: the library of the kind is not installed.
    """
    kind = kind_of_address(url)
    found: type[Source] = registry.find(registry.SOURCES, kind)
    return build_source(kind, {**found.options_of(url), **manner.options}, manner.target, access)
