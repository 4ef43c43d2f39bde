"""What a source holds: what there is to read, and what the last days of what is read look like."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Any

from redshank.errors import ConfigError, DataError
from redshank.sources.base import Query, Source

DESCRIBED = timedelta(days=7)  # before the newest point
_PLAIN = Query()


def describe(source: Source, query: Query = _PLAIN) -> dict[str, Any]:
    """Return the survey of a source, and what was found in its last days beside it, as JSON values.

    ``survey``: see ``Survey.to_json``. ``newest``: the newest time there is. The rest is ``Findings.to_json``, or only
    ``problem`` where the last days cannot be read as they are: no place is chosen, there is no time or no number yet.

    Raises:
        SourceError: it cannot be reached.
    """
    survey = source.survey(query)
    found: dict[str, Any] = {"survey": survey.to_json(), "newest": None, "problem": None}
    if not survey.columns:
        return {**found, "problem": "no place is chosen, so no rows were looked at"}
    try:
        newest = source.newest(query)
        start = None if newest is None else newest - DESCRIBED
        findings = source.read(Query(start=start, time=query.time, tz=query.tz)).findings.to_json()
    except (DataError, ConfigError) as error:
        return {**found, "problem": str(error)}
    return {**found, **findings, "newest": None if newest is None else _text(newest)}


def _text(moment: Any) -> str:
    text: str = moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return text
