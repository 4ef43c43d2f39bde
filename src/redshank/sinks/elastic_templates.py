"""What an index of ours is like: its fields, made by a template of whichever form the server knows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from redshank.http.client import Http
from redshank.http.elastic_server import ElasticServer

LONGEST_KEYWORD = 8191  # characters, of up to 4 bytes; a term of more than 32,766 bytes is refused
PRIORITY = 250  # above 100, which the templates that come with a server have
ROLL_OVER = {"size": "25gb", "age": "7d"}

KEYWORD = {"type": "keyword", "ignore_above": LONGEST_KEYWORD}
DATE, DOUBLE, INTEGER, FLAG = ({"type": kind} for kind in ("date", "double", "integer", "boolean"))
LABELS = {"type": "object", "dynamic": True}
_TEXTS_ARE_KEYWORDS = [{"texts": {"match_mapping_type": "string", "mapping": KEYWORD}}]
_SERIES = {"series": KEYWORD, "measure": KEYWORD, "labels": LABELS}
_NUMBERS = {name: DOUBLE for name in ("actual", "expected", "lower", "upper", "score")}

EVENTS: Mapping[str, Any] = {
    **dict.fromkeys(("@timestamp", "start", "end", "opened", "peak"), DATE),
    **dict.fromkeys(("id", "monitor", "kind", "direction", "channels", "tags", "url"), KEYWORD),
    **_SERIES,
    **_NUMBERS,
    "rarity": DOUBLE,
    "severity": INTEGER,
    "points": INTEGER,
    "is_open": FLAG,
    "reason": {"type": "text"},
}
LOUDML: Mapping[str, Any] = {
    **dict.fromkeys(("@timestamp", "until"), DATE),
    **dict.fromkeys(("key", "model", "uuid", "kind"), KEYWORD),
    "score": INTEGER,
    "max_score": INTEGER,
    "description": {"type": "text"},
}
SCORES: Mapping[str, Any] = {
    "@timestamp": DATE,
    "monitor": KEYWORD,
    "channel": KEYWORD,
    **_SERIES,
    **_NUMBERS,
    "anomaly": FLAG,
}


def put_template(
    http: Http,
    server: ElasticServer,
    pattern: str,
    fields: Mapping[str, Any],
    settings: Mapping[str, Any],
    *,
    type_name: str | None = None,
    data_stream: bool = False,
) -> None:
    """Let new indices of a name or pattern have these fields; the template of before is taken the place of."""
    mappings: dict[str, Any] = {"dynamic": False, "dynamic_templates": _TEXTS_ARE_KEYWORDS, "properties": dict(fields)}
    name = _template_name(pattern)
    if server.is_opensearch or server.version >= (7, 8):
        template = {"settings": dict(settings), "mappings": mappings}
        body: dict[str, Any] = {"index_patterns": [pattern], "priority": PRIORITY, "template": template}
        if data_stream:
            body["data_stream"] = {}
        http.send("PUT", f"/_index_template/{name}", body=body)
        return
    typed = {type_name: mappings} if type_name else mappings
    body = {"index_patterns": [pattern], "order": PRIORITY, "settings": dict(settings), "mappings": typed}
    http.send("PUT", f"/_template/{name}", body=body)


def _template_name(pattern: str) -> str:
    """A name for each pattern, so that a template that a data stream needs is never taken the place of by another."""
    plain = pattern.removesuffix("-*").strip(".*-") + ("-monthly" if pattern.endswith("-*") else "")
    return plain if plain.startswith("redshank") else f"redshank-{plain}"


def has_data_streams(http: Http) -> bool:
    """Whether the server has data streams, which some builds lack."""
    return _answers(http, "/_data_stream")


def life_cycle(http: Http, server: ElasticServer) -> str | None:
    """Return what drops old indices there: "ilm" (Elastic), "ism" (OpenSearch), None = nothing does."""
    if server.is_opensearch:
        return "ism" if _answers(http, "/_plugins/_ism/policies") else None
    return "ilm" if server.version >= (6, 6) and _answers(http, "/_ilm/status") else None


def _answers(http: Http, path: str) -> bool:
    return http.send("GET", path, ok=(200, 400, 403, 404, 405)).status == 200


def put_ilm_policy(http: Http, name: str, retention: timedelta, *, rolls_over: bool) -> None:
    """Keep indices so long: index life-cycle management of Elastic."""
    hot = {"rollover": {"max_size": ROLL_OVER["size"], "max_age": ROLL_OVER["age"]}} if rolls_over else {}
    phases = {
        "hot": {"min_age": "0ms", "actions": hot},
        "delete": {"min_age": _seconds(retention), "actions": {"delete": {}}},
    }
    http.send("PUT", f"/_ilm/policy/{name}", body={"policy": {"phases": phases}})


def put_ism_policy(http: Http, name: str, pattern: str, retention: timedelta, *, rolls_over: bool) -> None:
    """Keep indices so long: index state management of OpenSearch; a policy that is there already stays."""
    roll = [{"rollover": {"min_size": ROLL_OVER["size"], "min_index_age": ROLL_OVER["age"]}}] if rolls_over else []
    old = [{"state_name": "delete", "conditions": {"min_index_age": _seconds(retention)}}]
    policy = {
        "description": "Scores of Redshank, kept for as long as its sink says.",
        "default_state": "kept",
        "ism_template": [{"index_patterns": [pattern], "priority": PRIORITY}],
        "states": [
            {"name": "kept", "actions": roll, "transitions": old},
            {"name": "delete", "actions": [{"delete": {}}], "transitions": []},
        ],
    }
    http.send("PUT", f"/_plugins/_ism/policies/{name}", body={"policy": policy}, ok=(200, 201, 409))


def _seconds(retention: timedelta) -> str:
    return f"{int(retention.total_seconds())}s"
