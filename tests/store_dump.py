"""Write ``golden/store_VERSION.sql``: a filled store of the newest schema, for the tests of upgrades.

Run as ``python tests/store_dump.py`` when the newest schema changes; that of a released version never does.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from redshank.store.migrate import HEAD
from redshank.store.store import Store
from store_data import Clock
from test_store_backup import fill

GOLDEN = Path(__file__).parent / "golden"


def main() -> None:
    """Fill a store and write it down as SQL."""
    with tempfile.TemporaryDirectory() as folder:
        with Store.open(Path(folder), clock=Clock()) as store:
            fill(store)
        with closing(sqlite3.connect(Path(folder, "redshank.db"))) as connection:
            text = "\n".join(connection.iterdump()) + "\n"
    (GOLDEN / f"store_{HEAD}.sql").write_text(text, encoding="utf-8")
    sys.stdout.write(f"wrote store_{HEAD}.sql, {len(text):,} characters\n")


if __name__ == "__main__":
    main()
