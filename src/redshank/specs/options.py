"""What a source or sink is told: the options of its kind, checked by name and type, and what it may reach.

A kind declares a subclass of ``Options``. Secrets are written ``env:NAME``, ``file:PATH`` or ``enc:...`` (as the store
keeps them), or plainly, and are looked up at the last moment, when the source or sink is built.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_args

from pydantic import SecretStr, ValidationError

from redshank.errors import ConfigError, did_you_mean
from redshank.specs.base import Spec

KEPT_BACK = frozenset({"REDSHANK_SECRET_KEY", "REDSHANK_TOKEN", "REDSHANK_DATABASE"})  # the server's own secrets
REFERENCES = ("env:", "file:", "enc:")
HIDDEN = "********"
MOST_SECRET_BYTES = 1 << 16


class Options(Spec):
    """Base of the options of one kind of source or sink; fields of type ``SecretStr`` are secrets.

    ``alternatives``: options of which a monitor's own takes the place of any that the source has.
    """

    alternatives: ClassVar[tuple[str, ...]] = ()


AnyOptions = TypeVar("AnyOptions", bound=Options)


def read_secret(text: str) -> str:
    """Return the secret that a text stands for: ``env:NAME``, ``file:PATH``, or the text itself.

    Raises:
        ConfigError: there is no such variable or file, or the text is one that only the store can decrypt.
    """
    if text.startswith("env:"):
        return _from_environment(text.removeprefix("env:").strip())
    if text.startswith("file:"):
        return _from_file(Path(text.removeprefix("file:").strip()).expanduser())
    if text.startswith("enc:"):
        raise ConfigError("secret: enc:... can only be read by the server that made it; write env:NAME or file:PATH")
    return text


def _from_environment(name: str) -> str:
    if name in KEPT_BACK:
        raise ConfigError(f"secret: variable {name} is the server's own and cannot be used in a source or sink")
    try:
        return os.environ[name]
    except (KeyError, ValueError):
        raise ConfigError(f"secret: environment variable {name} is not set where Redshank runs") from None


def _from_file(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(MOST_SECRET_BYTES).rstrip("\r\n")
    except (OSError, ValueError) as error:
        raise ConfigError(f"secret: file {str(path)!r} cannot be read: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


@dataclass(frozen=True, kw_only=True)
class Access:
    """What declarations may reach.

    ``base``: folder that relative paths start from, None = the working folder. ``roots``: folders that all paths must
    lie in, links followed; empty = anywhere. ``closed``: folders that none may lie in. ``private``: whether addresses
    of this machine and of private networks may be reached. ``secret``: turns the text of a secret into the secret.
    """

    base: Path | None = None
    roots: tuple[Path, ...] = ()
    closed: tuple[Path, ...] = ()
    private: bool = True
    secret: Callable[[str], str] = read_secret

    def reveal(self, secret: SecretStr | None) -> str | None:
        """Return a secret in the plain; None when there is none."""
        return None if secret is None else self.secret(secret.get_secret_value())

    def clear(self, given: Any) -> Any:
        """Return options with each text that the store encrypted in the plain, however deep."""
        if isinstance(given, Mapping):
            return {name: self.clear(value) for name, value in given.items()}
        if isinstance(given, list | tuple):
            return [self.clear(value) for value in given]
        return self.secret(given) if isinstance(given, str) and given.startswith("enc:") else given

    def path(self, text: str) -> str:
        """Return a path or glob as it is opened; ConfigError when it leads out of the folders allowed."""
        if "\x00" in text:
            raise ConfigError("path: must not hold a zero character", field="path")
        place = Path(text).expanduser()
        if self.base is not None:
            place = self.base / place
        self.check(place)
        return str(place)

    def check(self, place: Path) -> None:
        """Raise ConfigError unless the place, its links followed, lies in one of the folders allowed."""
        if not self.roots and not self.closed:
            return
        real = Path(os.path.realpath(place))
        if self.roots and not _is_within(real, self.roots):
            allowed = ", ".join(str(root) for root in self.roots)
            raise ConfigError(f"path: {str(place)!r} must lie in {allowed}, as the server's settings say", field="path")
        if _is_within(real, self.closed):
            raise ConfigError(f"path: {str(place)!r} must not lie in the server's own data folder", field="path")

    def check_host(self, host: str) -> None:
        """Raise ConfigError when an address that a host stands for must not be reached; unknown hosts pass.

        For clients that connect by themselves; what connects by ``check_address`` cannot be led astray in between.
        """
        if self.private:
            return
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return
        for *_, address in found:
            self.check_address(host, str(address[0]))

    def check_address(self, host: str, address: str) -> None:
        """Raise ConfigError when an address must not be reached."""
        if not self.private and not _is_public(address):
            raise ConfigError(
                f"host {host!r}: leads to {address}, a private address, which the server's settings forbid", field="url"
            )


def _is_public(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    inner = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None)
    return (found if inner is None else inner).is_global and not found.is_multicast


def _is_within(real: Path, folders: Sequence[Path]) -> bool:
    return any(real.is_relative_to(os.path.realpath(folder)) for folder in folders)


def read_options(model: type[AnyOptions], where: str, given: Mapping[str, Any]) -> AnyOptions:
    """Return options checked; ConfigError names the first that is wrong, with the near names of an unknown one."""
    unknown = [name for name in given if name not in model.model_fields]
    if unknown:
        text = did_you_mean("option", str(unknown[0]), model.model_fields)
        raise ConfigError(f"{where}: {text}", field=str(unknown[0]))
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        name = str(first["loc"][0]) if first["loc"] else None
        text = "must be given" if first["type"] == "missing" else first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{where}: {place}: {text}" if place else f"{where}: {text}", field=name) from None


def with_target(
    where: str, model: type[Options], given: Mapping[str, Any], target: Mapping[str, Any]
) -> dict[str, Any]:
    """Return options with what a monitor reads of its source (path, query, table, index) put in; None is left out."""
    is_chosen = any(target.get(name) is not None for name in model.alternatives)
    merged = {name: value for name, value in given.items() if not (is_chosen and name in model.alternatives)}
    for name, value in target.items():
        if value is None:
            continue
        if name not in model.model_fields:
            takes = [known for known in ("path", "query", "table", "index") if known in model.model_fields]
            raise ConfigError(f"{where}: has no {name}; it takes {' or '.join(takes) or 'none'}", field=name)
        merged[name] = value
    return merged


def secret_names(model: type[Options]) -> tuple[str, ...]:
    """Return the names of the options that are secrets."""
    return tuple(
        name
        for name, field in model.model_fields.items()
        if field.annotation is SecretStr or SecretStr in get_args(field.annotation)
    )  # of a mapping (headers), each value is a secret


def plain_options(options: Options) -> dict[str, Any]:
    """Return the options that were given as JSON values, secrets as they were written: what the store keeps."""
    plain = options.model_dump(mode="json", exclude_unset=True)
    for name in secret_names(type(options)):
        secret = getattr(options, name)
        if isinstance(secret, Mapping):
            plain |= {name: {key: value.get_secret_value() for key, value in secret.items()}} if name in plain else {}
        elif secret is not None:
            plain[name] = secret.get_secret_value()
    return plain


def redacted_options(model: type[Options], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return options for the eyes of people: secrets hidden, but for where they are looked up."""
    hidden = {name: _hidden(given[name]) for name in secret_names(model) if given.get(name) is not None}
    return {**given, **hidden}


def _hidden(secret: Any) -> Any:
    if isinstance(secret, Mapping):
        return {name: _hidden(value) for name, value in secret.items()}
    return secret if str(secret).startswith(("env:", "file:")) else HIDDEN


def kinds_schema(models: Mapping[str, type[Options]]) -> dict[str, Any]:
    """Return the JSON schema of a declaration of any of these kinds, for editors."""
    return {"oneOf": [_kind_schema(kind, model) for kind, model in models.items()]}


def _kind_schema(kind: str, model: type[Options]) -> dict[str, Any]:
    schema = model.model_json_schema()
    properties = {"name": {"type": "string"}, "kind": {"const": kind}, **schema.get("properties", {})}
    required: Sequence[str] = ["kind", *schema.get("required", [])]
    return {**schema, "title": kind, "properties": properties, "required": required}
