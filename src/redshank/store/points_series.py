"""The series that were pushed to each source, and their numbers in its points."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, insert, select

from redshank.push.identity import ESCAPE, SEPARATOR, escaped, key_of
from redshank.store.database import Database
from redshank.store.tables import point_series

MOST_SERIES = 1_000_000  # of one source
_KEPT_SERIES = 2_000_000  # in memory of all sources, about 250 bytes each


@dataclass(eq=False)
class SourceSeries:
    """The series of one source: ``identities`` by number, and the number of each. Only ever grows."""

    identities: list[str] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)

    def add(self, identities: Sequence[str]) -> None:
        """Take in series with the next numbers."""
        for identity in identities:
            self.numbers[identity] = len(self.identities)
            self.identities.append(identity)

    def chosen(
        self, measures: Sequence[str] = (), labels: Mapping[str, str | Sequence[str]] | None = None, first: int = 0
    ) -> list[int]:
        """Return the numbers, from ``first`` on, of the series of these measures (none = all) with these labels."""
        ways = {name: {one} if isinstance(one, str) else set(one) for name, one in (labels or {}).items()}
        if not measures and not ways:
            return list(range(first, len(self.identities)))
        wanted = {escaped(measure) for measure in measures}
        found = []
        for number in range(first, len(self.identities)):
            identity = self.identities[number]
            if wanted and identity.partition(SEPARATOR)[0] not in wanted:
                continue
            if not ways or _has_labels(identity, ways):
                found.append(number)
        return found


def _has_labels(identity: str, ways: Mapping[str, set[str]]) -> bool:
    if ESCAPE in identity:
        labels = key_of(identity).label_map
    else:
        parts = identity.split(SEPARATOR)
        labels = dict(zip(parts[1::2], parts[2::2], strict=True))
    return all(labels.get(name, "") in values for name, values in ways.items())


class PointSeries:
    """The series of all sources; those used last are kept in memory. Used by any number of threads."""

    def __init__(self, database: Database) -> None:
        """Nothing is read yet."""
        self._database = database
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, SourceSeries] = OrderedDict()

    def of(self, owner: str) -> SourceSeries:
        """Return the series of a source, with all that other processes added."""
        with self._lock:
            known = self._kept.setdefault(owner, SourceSeries())
            self._kept.move_to_end(owner)
            self._make_room(owner)
        with self._database.read() as connection:
            fresh = self.read(connection, owner, len(known.identities))
        self.took(owner, known, fresh)
        return known

    def read(self, connection: Connection, owner: str, first: int) -> list[str]:
        """Return the identities of the series of a source from a number on."""
        query = select(point_series.c.identity).where(point_series.c.owner == owner, point_series.c.id >= first)
        return list(connection.execute(query.order_by(point_series.c.id)).scalars())

    def write(self, connection: Connection, owner: str, first: int, identities: Sequence[str]) -> None:
        """Add series with numbers from ``first`` on; IntegrityError when another process took them."""
        rows = [{"owner": owner, "id": number, "identity": one} for number, one in enumerate(identities, first)]
        if rows:
            connection.execute(insert(point_series), rows)

    def took(self, owner: str, known: SourceSeries, identities: Sequence[str]) -> None:
        """Take in series that are kept now; those that are known already are left out."""
        with self._lock:
            known.add([identity for identity in identities if identity not in known.numbers])

    def forget(self, owner: str) -> None:
        """Forget what is in memory of a source."""
        with self._lock:
            self._kept.pop(owner, None)

    def _make_room(self, owner: str) -> None:
        total = sum(len(one.identities) for one in self._kept.values())
        while total > _KEPT_SERIES and next(iter(self._kept)) != owner:
            _, dropped = self._kept.popitem(last=False)
            total -= len(dropped.identities)
