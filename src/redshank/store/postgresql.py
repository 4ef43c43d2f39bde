"""PostgreSQL as the database, for more than one host or where one is kept anyway."""

from __future__ import annotations

from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError

from redshank.errors import ConfigError, MissingExtraError

CONNECT_SECONDS = 10
STATEMENT_SECONDS = 120
LOCK_SECONDS = 30


def read_address(database: str) -> URL:
    """Return the address of a PostgreSQL database; ConfigError when it is none."""
    try:
        url = make_url(database)
    except ArgumentError:
        raise ConfigError("database: must be like postgresql://user:password@host/name", field="database") from None
    if url.drivername not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise ConfigError(f"database: must begin with postgresql://, got {url.drivername}://", field="database")
    return url.set(drivername="postgresql+psycopg")


def shown(url: URL) -> str:
    """Return an address as messages show it, without its password."""
    return url.set(drivername="postgresql").render_as_string(hide_password=True)


def postgresql_engine(url: URL) -> Engine:
    """Return the engine of an address; connections that died meanwhile are replaced when they are next used."""
    options = (
        f"-c statement_timeout={STATEMENT_SECONDS * 1000} -c lock_timeout={LOCK_SECONDS * 1000}"
        " -c idle_in_transaction_session_timeout=300000 -c timezone=UTC"
    )
    try:
        return create_engine(
            url,
            connect_args={
                "connect_timeout": CONNECT_SECONDS,
                "options": options,
                "application_name": "redshank",
                "keepalives_idle": 30,
                "keepalives_interval": 10,
                "keepalives_count": 3,
            },
            pool_pre_ping=True,
            pool_size=20,
            max_overflow=20,
            pool_timeout=30,
            pool_use_lifo=True,
        )
    except ImportError as error:
        raise MissingExtraError('database: PostgreSQL needs: pip install "redshank[postgresql]"') from error
