"""The points of a series as a table: polars or numpy, whichever one works with."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from redshank.client.request import Received
from redshank.errors import UnavailableError

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

ARROW = "application/vnd.apache.arrow.stream"


@dataclass(frozen=True, eq=False)
class Course:
    """Points of a series in order of time, with score, rarity, value, expected value and its range by column.

    Of many channels ``value.NAME`` and so on. NaN (null in polars) is "no value" and "not scored".
    """

    arrow: bytes = field(repr=False)

    def polars(self) -> pl.DataFrame:
        """Return a table; ``time`` is in UTC, nanoseconds."""
        import polars as pl

        try:
            return pl.read_ipc_stream(io.BytesIO(self.arrow))
        except pl.exceptions.PolarsError as error:
            raise UnavailableError(f"points: the answer is not what this client expects: {error}") from error

    def numpy(self) -> dict[str, NDArray[Any]]:
        """Return the columns as arrays: ``time`` as datetime64[ns] in UTC, the others as float64 with NaN."""
        import polars as pl

        frame = self.polars()
        times: NDArray[np.datetime64] = frame["time"].to_numpy().astype("datetime64[ns]")
        others = [name for name in frame.columns if name != "time"]
        return {"time": times} | {
            name: frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for name in others
        }

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.polars())


def read_course(received: Received) -> Course:
    """Keep the table as it came."""
    return Course(received.body)
