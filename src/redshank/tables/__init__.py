"""Tables to panels and back: column roles, times, numbers, buckets and grids."""

from redshank.tables.output import scores_table, to_arrow, to_pandas, to_polars
from redshank.tables.read import read_table

__all__ = ["read_table", "scores_table", "to_arrow", "to_pandas", "to_polars"]
