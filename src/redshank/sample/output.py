"""Generated series as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redshank.sample.series import Sample

if TYPE_CHECKING:
    import polars as pl

LABEL = "label"


def points_table(sample: Sample) -> pl.DataFrame:
    """Return one row per point: time, labels, values, and ``label``, 1 where anomalous."""
    import polars as pl

    from redshank.tables import to_polars

    truth = pl.Series(LABEL, sample.truth.ravel()).cast(pl.Int8)
    return to_polars(sample.panel).with_columns(pl.col(pl.Float64).fill_nan(None), truth)


def truth_table(sample: Sample) -> pl.DataFrame:
    """Return one row per anomaly: start, end, kind, series, channels and the labels of the series."""
    import polars as pl

    names = sorted({name for key in sample.panel.keys for name, _ in key.labels})
    schema = {"start": pl.Datetime("us", "UTC"), "end": pl.Datetime("us", "UTC")}
    rows = [
        {
            "start": interval.start,
            "end": interval.end,
            "kind": interval.kind,
            "series": str(interval.key),
            "channels": "+".join(interval.channels),
            **interval.key.label_map,
        }
        for interval in sample.intervals
    ]
    texts = dict.fromkeys(("kind", "series", "channels", *names), pl.String)
    return pl.DataFrame(rows, schema={**schema, **texts})
