"""What is asked of Elasticsearch and OpenSearch, as JSON: which documents, and what is made of those of a bucket."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl

from redshank.errors import ConfigError
from redshank.panel import to_time
from redshank.sources.elastic_fields import BOOLEAN, BROKEN, ISO_FORMAT, NANOS, NANOS_FORMAT, TEXT, WHOLE, Field

EARLIEST_NS, LATEST_NS = -9_200_000_000_000_000_000, 9_200_000_000_000_000_000  # times that fit
LEAST_PRECISION, MOST_PRECISION = 1_000, 40_000  # different values of a bucket that the server counts closely
COMPRESSION = 500  # of estimated percentiles: how many groups of values are kept
_MILLISECOND = 1_000_000


class NotPushedError(Exception):
    """The server cannot aggregate this as it is done here; the text says why."""


def read_query(given: str | Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return a query of the query DSL: given as such, as its JSON, or as a text that Lucene reads.

    Raises:
        ConfigError: it is none of them.
    """
    if given is None or (isinstance(given, str) and not given.strip()):
        return None
    if isinstance(given, str) and not given.lstrip().startswith("{"):
        return {"query_string": {"query": given}}
    try:
        found = json.loads(given) if isinstance(given, str) else dict(given)
    except ValueError as error:
        raise ConfigError(f"query: must be JSON when it begins with a brace: {error}", field="query") from error
    if set(found) == {"query"}:
        found = found["query"]
    if not isinstance(found, dict) or len(found) != 1:
        raise ConfigError(
            'query: must be one clause of the query DSL, such as {"term": {"status": 500}}, or a text such as '
            "status:500",
            field="query",
        )
    return found


def to_ns(moment: datetime) -> int:
    """Return the nanoseconds of a moment since 1970."""
    return int(to_time(moment).astype("datetime64[ns]").view(np.int64))


def in_range(time: Field, start_ns: int | None, end_ns: int | None) -> dict[str, Any]:
    """Return the clause for start <= time < end, exact for what the field can hold."""
    earliest = 0 if time.kind == NANOS else EARLIEST_NS
    start = earliest if start_ns is None else max(start_ns, earliest)
    end = LATEST_NS if end_ns is None else max(start, min(end_ns, LATEST_NS))
    if time.kind == NANOS:
        bounds = [str(np.datetime64(each, "ns")) + "Z" for each in (start, end)]
    else:
        bounds = [str(np.datetime64(-(-each // _MILLISECOND), "ms")) + "Z" for each in (start, end)]
    about = {"gte": bounds[0], "lt": bounds[1], "format": NANOS_FORMAT if time.kind == NANOS else ISO_FORMAT}
    return {"range": {time.path: about}}


def is_one_of(field: Field, values: Sequence[str]) -> dict[str, Any] | None:
    """Return the clause that keeps documents whose field is, as text, one of these values; None when there is none."""
    if field.script is not None or not field.has_values or field.nested:
        return None
    wanted = _as_values(field, values)
    return None if wanted is None else {"terms": {field.path: wanted}}


def _as_values(field: Field, values: Sequence[str]) -> list[Any] | None:
    """The values that read as one of these texts."""
    if field.type == "ip":
        return [text for text in values if _is_address(text)]
    if field.kind == TEXT:
        return list(values)
    if field.kind == BOOLEAN:
        return [text == "true" for text in values if text in ("true", "false")]
    if field.kind == WHOLE:
        whole = [text for text in values if text.removeprefix("-").isascii() and text.removeprefix("-").isdecimal()]
        return [int(text) for text in whole if str(int(text)) == text and -(1 << 63) <= int(text) < 1 << 63]
    if field.kind == BROKEN:
        numbers = pl.Series(values, dtype=pl.String).cast(pl.Float64, strict=False)
        as_text = numbers.cast(pl.String)
        return [n for n, text, asked in zip(numbers, as_text, values, strict=True) if text == asked and np.isfinite(n)]
    return None


def _is_address(text: str) -> bool:
    """Whether a text is one address as the server writes it, and no range of them."""
    try:
        return str(ipaddress.ip_address(text)) == text
    except ValueError:
        return False


def all_of(clauses: Sequence[Mapping[str, Any] | None]) -> dict[str, Any]:
    """Return the query for documents of which all clauses are true."""
    return {"bool": {"filter": [clause for clause in clauses if clause is not None]}}


# ---------------------------------------------------------------------- aggregates


def metric(agg: str, field: Field, time: Field, *, approximate: bool, precision: int) -> dict[str, Any]:
    """Return the aggregation that gives ``agg`` of a field; ``precision``: of a count of different values.

    Raises:
        NotPushedError: there is none that gives what local aggregation does.
    """
    if not field.has_values:
        raise NotPushedError(f"field {field.name!r} is {field.type} without values that can be aggregated")
    if agg == "cardinality":
        return {"cardinality": {**field.source(), "precision_threshold": precision}}
    if not field.is_number:
        raise NotPushedError(f"field {field.name!r} is {field.type}, no number")
    simple = {
        "count": "value_count",
        "sum": "sum",
        "min": "min",
        "max": "max",
        "mean": "avg",
        "p0": "min",
        "p100": "max",
    }
    if agg in simple:
        return {simple[agg]: field.source()}
    if agg in ("variance", "std"):
        return {"extended_stats": field.source()}
    if agg in ("first", "last"):
        return _at_end(agg, field, time)
    if not approximate:
        raise NotPushedError(f"the server's {agg} is an estimate (approximate: true allows it)")
    share = 50.0 if agg == "median" else float(agg[1:])
    digest = {"compression": COMPRESSION}
    return {"percentiles": {**field.source(), "percents": [share], "keyed": False, "tdigest": digest}}


def _at_end(agg: str, field: Field, time: Field) -> dict[str, Any]:
    if field.script is not None or field.is_defined:
        raise NotPushedError(f"the {agg} value of {field.name!r}, which is made by the search, cannot be asked for")
    hits = {
        "size": 1,
        "_source": False,
        "sort": [{time.path: "asc" if agg == "first" else "desc"}],
        "docvalue_fields": [field.stored()],
    }
    return {"filter": {"exists": {"field": field.path}}, "aggs": {"hit": {"top_hits": hits}}}


def values(agg: str, field: Field, found: Sequence[Mapping[str, Any]]) -> pl.Series:
    """Return the aggregates of buckets, from what ``metric`` gave of each; null = none."""
    if agg in ("variance", "std"):
        return _spread(agg, field, found)
    if agg in ("first", "last"):
        hits = [each["hit"]["hits"]["hits"] for each in found]
        firsts = [hit[0].get("fields", {}).get(field.path, [None])[0] if hit else None for hit in hits]
        return field.series(firsts).cast(pl.Float64)
    if agg == "median" or (agg.startswith("p") and agg not in ("p0", "p100")):
        return _floats([each["values"][0]["value"] for each in found])
    return _floats([each["value"] for each in found])


def _floats(given: Sequence[Any]) -> pl.Series:
    numbers = [None if value is None or isinstance(value, str) else float(value) for value in given]
    return pl.Series(numbers, dtype=pl.Float64).fill_nan(None)


WORST_SPREAD = 1e6  # square of the mean over the variance, above which sums of squares are not exact to 1e-9


def _spread(agg: str, field: Field, found: Sequence[Mapping[str, Any]]) -> pl.Series:
    """Variance or standard deviation of a sample (n - 1), from the sums of the server."""
    columns = {name: _floats([each.get(name) for each in found]) for name in ("count", "sum", "sum_of_squares")}
    ends = {name: _floats([each.get(name) for each in found]) for name in ("min", "max")}
    frame = pl.DataFrame({**columns, **ends})
    mean = pl.col("sum") / pl.col("count")
    variance = (pl.col("sum_of_squares") - mean * pl.col("sum")) / (pl.col("count") - 1)
    is_one = pl.col("min") == pl.col("max")
    chosen = pl.when(pl.col("count") < 2).then(None).when(is_one).then(0.0).otherwise(variance)
    is_doubtful = ~is_one & (mean * mean > WORST_SPREAD * chosen)
    spread = frame.select(chosen.alias("v"), is_doubtful.alias("doubtful"))
    if spread["doubtful"].any():
        raise NotPushedError(f"values of {field.name!r} lie too close together for their distance from zero")
    return spread["v"] if agg == "variance" else spread["v"].sqrt()
