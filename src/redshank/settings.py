"""What the one who runs the server decides: flags win over the environment (``REDSHANK_*``), that over the defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

MEBIBYTE = 1 << 20


class Settings(BaseSettings):
    """Settings of the server. Each is a variable ``REDSHANK_NAME`` of the environment too.

    ``data``: the folder of everything that must survive. ``database``: a ``postgresql://`` address; None = SQLite in
    the data folder. ``history``: folder or ``s3://`` address of older scores and points; None = in the data folder.
    ``no_auth``: everybody is admin; allowed on localhost only. ``hosts``: names under which the server may be asked
    for; those of the machine itself always. ``cors``: origins whose pages may ask; none by
    default. ``roots``: folders that files of sources and sinks must lie in; none = any but the server's own.
    ``forbid_private_addresses``: sources and sinks must not reach this machine or private networks. ``ticks``,
    ``runs``: live monitors and runs that compute at once, None = one per core; a tick is given up after
    ``tick_seconds``. ``log_json`` None: words at a terminal, JSON otherwise. Limits are per request, or per minute
    where the name says so; 0 = no limit for those per minute. ``public_url``: the address under which people reach the
    server, for links in messages. ``delivery_hours``: so long a delivery that fails is tried again, before it becomes a
    dead letter.
    """

    model_config = SettingsConfigDict(env_prefix="REDSHANK_", extra="forbid", frozen=True)

    data: Path = Path("redshank-data")
    database: str | None = None
    history: str | None = None
    host: str = "127.0.0.1"
    port: int = Field(default=8765, ge=0, le=65535)
    no_auth: bool = False
    hosts: tuple[str, ...] = ()
    cors: tuple[str, ...] = ()
    roots: tuple[Path, ...] = ()
    forbid_private_addresses: bool = False
    request_threads: int = Field(default=16, ge=1, le=1000)
    body_bytes: int = Field(default=4 * MEBIBYTE, ge=1024)
    push_bytes: int = Field(default=64 * MEBIBYTE, ge=1024)
    requests_per_minute: int = Field(default=12_000, ge=0)
    failed_tokens_per_minute: int = Field(default=30, ge=0)
    streams: int = Field(default=100, ge=1)
    stream_queue: int = Field(default=1000, ge=10)
    heartbeat_seconds: float = Field(default=15.0, gt=0)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_json: bool | None = None
    ticks: int | None = Field(default=None, ge=1, le=256)
    runs: int | None = Field(default=None, ge=1, le=256)
    runs_of_monitor: int = Field(default=1, ge=1, le=64)
    tick_seconds: float = Field(default=60.0, ge=1)
    public_url: str | None = Field(default=None, pattern=r"^https?://[^\s?#]+$")
    delivery_hours: float = Field(default=24.0, ge=0)
