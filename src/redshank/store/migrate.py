"""Bring the tables to the form that this version of the program knows; one process at a time."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from redshank.errors import StateError, UnavailableError
from redshank.store.database import Database

HEAD = "0002"
SCRIPTS = Path(__file__).parent / "migrations"
ADVISORY_LOCK = 7_294_110_153  # any number that nobody else takes


def schema_of(connection: Connection) -> str | None:
    """Return the schema version of a database, None = it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def migrate(database: Database) -> None:
    """Make or upgrade the tables. Cheap when they are as they should be.

    Raises:
        StateError: the database was made by a newer version of the program.
    """
    with database.read() as connection:
        if schema_of(connection) == HEAD:
            return
    with database.write() as connection:  # on SQLite this alone keeps others out
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
        before = schema_of(connection)
        if before != HEAD:
            check_known(before, database.name)
            _upgrade(connection)


def must_be_current(database: Database) -> None:
    """Refuse a database that would have to be made or upgraded first."""
    with database.read() as connection:
        before = schema_of(connection)
    if before == HEAD:
        return
    check_known(before, database.name)
    raise UnavailableError(f"database {database.name}: schema is {before or 'missing'}; start `redshank serve` once")


def check_known(version: str | None, name: str) -> None:
    """Refuse the schema of a newer program."""
    if version is not None and version > HEAD:
        raise StateError(f"database {name}: schema must be <= {HEAD}, got {version}; upgrade redshank")


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
