"""The store: everything that must survive a restart, behind one object."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from redshank.errors import NotFoundError, UnavailableError
from redshank.store.audit import Audit
from redshank.store.database import Database
from redshank.store.events import Events
from redshank.store.idempotency import Idempotency
from redshank.store.leases import Leases
from redshank.store.live import LiveRecords
from redshank.store.lock import FolderLock
from redshank.store.migrate import migrate, must_be_current
from redshank.store.outbox import Outbox
from redshank.store.resources import Resources
from redshank.store.runs import Runs
from redshank.store.score_cursors import ScoreCursors
from redshank.store.secrets import Secrets
from redshank.store.series import Series
from redshank.store.sqlite import FILE, sqlite_engine
from redshank.store.states import States
from redshank.store.timers import Timers
from redshank.store.tokens import Tokens

if TYPE_CHECKING:
    from redshank.store.history import History
    from redshank.store.points import PushedPoints

HISTORY = "history"  # folder of the segments below the data folder
_NEVER_NS = (1 << 63) - 1
OTHERS_SECONDS = 3600.0  # a file of history that nobody knows may be one that another host is about to name


class Store:
    """All parts of the store over one database and one data folder. Used by any number of threads."""

    def __init__(
        self,
        data: Path,
        database: Database,
        lock: FolderLock | None,
        clock: Callable[[], int],
        history: str | None = None,
    ) -> None:
        """Put the parts together; use ``Store.open``."""
        self.data = data
        self.database = database
        self.clock = clock
        self._lock = lock
        self._history_root = history or data / HISTORY
        self._history: History | None = None
        self._points: PushedPoints | None = None
        self._making = threading.Lock()
        self.resources = Resources(database, clock)
        self.leases = Leases(database)
        self.runs = Runs(database, clock)
        self.timers = Timers(database, clock)
        self.events = Events(database, clock)
        self.series = Series(database)
        self.states = States(database, clock)
        self.outbox = Outbox(database, clock)
        self.score_cursors = ScoreCursors(database)
        self.live = LiveRecords(
            database,
            clock,
            events=self.events,
            outbox=self.outbox,
            series=self.series,
            runs=self.runs,
            states=self.states,
        )
        self.tokens = Tokens(database, clock)
        self.audit = Audit(database, clock)
        self.idempotency = Idempotency(database, clock)
        self.secrets = Secrets(data)

    @property
    def history(self) -> History:
        """The score history. Its libraries are loaded when it is first used."""
        with self._making:
            if self._history is None:
                from redshank.store.history import History
                from redshank.store.history_files import SegmentFiles

                self._history = History(self.database, SegmentFiles(self._history_root))
            return self._history

    @property
    def points(self) -> PushedPoints:
        """The pushed points. Their libraries are loaded when they are first used."""
        with self._making:
            if self._points is None:
                from redshank.store.history_files import SegmentFiles
                from redshank.store.points import PushedPoints

                self._points = PushedPoints(self.database, SegmentFiles(self._history_root), self.clock)
            return self._points

    @classmethod
    def open(
        cls,
        data: Path,
        database: str | None = None,
        *,
        exclusive: bool = True,
        clock: Callable[[], int] = time.time_ns,
        history: str | None = None,
    ) -> Self:
        """Open the store of a data folder; ``database`` None = SQLite in that folder.

        ``history``: where old scores and points go, a folder or an address such as ``s3://bucket/prefix`` (a host of
        one's own: ``?endpoint_override=http://...``), shared by all hosts; None = a folder in the data folder.

        ``exclusive``: as the server does; the folder and the tables are made or upgraded, and no second process may.
        Otherwise beside a server, for looking: the store must be there. ``clock`` gives now in ns.

        Raises:
            UnavailableError: another process has the folder (its pid is in the message), the folder cannot be written,
                the database is away or damaged.
            NotFoundError: not exclusive, and there is no store.
            StateError: the store was made by a newer version.
        """
        lock = _make_ready(data) if exclusive else None
        opened: Database | None = None
        try:
            opened = open_database(data, database, may_make=exclusive)
            (migrate if exclusive else must_be_current)(opened)
            store = cls(data, opened, lock, clock, history)
            if exclusive and opened.is_sqlite:
                store._forget_the_unfinished()
            if exclusive and history is None and (data / HISTORY).is_dir():
                for part in (store.history, store.points):
                    part.remove_strays(clock(), spare_seconds=0 if opened.is_sqlite else OTHERS_SECONDS)
            return store
        except BaseException:
            if opened is not None:
                opened.close()
            if lock is not None:
                lock.release()
            raise

    def _forget_the_unfinished(self) -> None:
        """Drop what the process before had begun when it died; nobody else can be at work on it."""
        self.states.collect(_NEVER_NS)
        self.idempotency.release_all()

    def close(self) -> None:
        """Close the database and let the folder go."""
        self.database.close()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Self:
        """Return the store itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()


def _make_ready(data: Path) -> FolderLock:
    try:
        data.mkdir(parents=True, exist_ok=True)
        return FolderLock(data)
    except OSError as error:
        raise UnavailableError(f"data folder {data}: must be a folder that can be written: {error.strerror}") from error


def open_database(data: Path, database: str | None, *, may_make: bool) -> Database:
    """Return the database of a data folder, whatever its schema; without ``may_make`` a file must be there."""
    if database is not None:
        from redshank.store.postgresql import postgresql_engine, read_address, shown

        url = read_address(database)
        return Database(postgresql_engine(url), shown(url))
    path = data / FILE
    if not may_make and not path.exists():
        raise NotFoundError(f"data folder {data}: there is no {FILE}; start `redshank serve --data {data}` once")
    return Database(sqlite_engine(path, may_make=may_make), str(path), path)
