"""The options by which brokers are reached, and the settings of the client that they become."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from redshank.specs.base import Duration
from redshank.specs.options import Access, Options

_MECHANISM = {"plain": "PLAIN", "scram-sha-256": "SCRAM-SHA-256", "scram-sha-512": "SCRAM-SHA-512"}
_PORT = 9092


class KafkaOptions(Options):
    """Which brokers, and how to sign in.

    ``brokers``: some of them, ``host:port``. ``tls``: encrypted; always with a password, unless ``tls: false`` is said.
    ``settings``: of librdkafka, by its own names, for what has no option here.
    """

    brokers: tuple[str, ...] = Field(min_length=1)
    user: str | None = None
    password: SecretStr | None = None
    mechanism: Literal["plain", "scram-sha-256", "scram-sha-512"] = "scram-sha-512"
    tls: bool | None = None
    ca: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    timeout: Duration = Field(default=timedelta(seconds=30), gt=timedelta(0))
    settings: dict[str, str | int | float | bool] = Field(default_factory=dict)

    @field_validator("brokers", mode="before")
    @classmethod
    def _one_or_many(cls, given: object) -> object:
        return tuple(part.strip() for part in given.split(",")) if isinstance(given, str) else given

    @field_validator("settings")
    @classmethod
    def _harmless(cls, given: dict[str, Any]) -> dict[str, Any]:
        for name in given:
            if any(
                part in name for part in ("password", "plugin", "ssl.", "sasl.", "secret", "file", "path", "location")
            ):
                raise ValueError(f"{name!r} has an option of its own, or must not be set here")
        return given

    @model_validator(mode="after")
    def _both(self) -> KafkaOptions:
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password belong together; one is missing")
        if (self.client_cert is None) != (self.client_key is None):
            raise ValueError("client_cert and client_key belong together; one is missing")
        return self

    @property
    def is_encrypted(self) -> bool:
        """Whether the connection is encrypted."""
        return self.tls if self.tls is not None else self.user is not None or self.ca is not None


def client_settings(options: KafkaOptions, access: Access, on_error: Callable[[Any], None]) -> dict[str, Any]:
    """Return the settings of a client of confluent-kafka; ConfigError when a host or a file must not be reached.

    ``on_error`` is told what goes wrong with connections, which clients mend by themselves as long as they can.
    """
    for broker in options.brokers:
        host, _, _ = broker.rpartition(":")
        access.check_host((host or broker).strip("[]"))
    settings: dict[str, Any] = {
        "bootstrap.servers": ",".join(b if ":" in b else f"{b}:{_PORT}" for b in options.brokers),
        "client.id": "redshank",
        "log_level": 0,
        "error_cb": on_error,
        "socket.connection.setup.timeout.ms": 10_000,
        "security.protocol": _protocol(options),
        **options.settings,
    }
    if options.user is not None:
        settings |= {
            "sasl.mechanism": _MECHANISM[options.mechanism],
            "sasl.username": options.user,
            "sasl.password": access.reveal(options.password),
        }
    files = {
        "ssl.ca.location": options.ca,
        "ssl.certificate.location": options.client_cert,
        "ssl.key.location": options.client_key,
    }
    return settings | {name: access.path(path) for name, path in files.items() if path is not None}


def _protocol(options: KafkaOptions) -> str:
    if options.user is not None:
        return "SASL_SSL" if options.is_encrypted else "SASL_PLAINTEXT"
    return "SSL" if options.is_encrypted else "PLAINTEXT"
