"""Give saved objects to a Kibana or an OpenSearch Dashboards over HTTP."""

from __future__ import annotations

import hashlib
from typing import Any

from redshank.errors import SinkError
from redshank.http.client import Http
from redshank.http.options import HttpOptions
from redshank.specs.options import Access

HEADERS = {"kbn-xsrf": "true", "osd-xsrf": "true"}  # each asks for one of them


def import_objects(content: str, options: HttpOptions, space: str | None = None) -> int:
    """Import objects, those of the same ids replaced; return how many.

    Raises:
        SinkError: it cannot be reached, does not let us in, or refuses some; the message names the first.
    """
    http = Http.of(options, Access(), f"kibana {options.url}", error=SinkError)
    mark = hashlib.sha256(content.encode()).hexdigest()[:32]
    lines = [
        f"--{mark}",
        'Content-Disposition: form-data; name="file"; filename="redshank.ndjson"',
        "Content-Type: application/ndjson",
        "",
        content,
        f"--{mark}--",
        "",
    ]
    headers = {**HEADERS, "Content-Type": f"multipart/form-data; boundary={mark}"}
    path = f"/s/{space}/api/saved_objects/_import" if space else "/api/saved_objects/_import"
    try:
        told = http.json(
            "POST", path, params={"overwrite": "true"}, content="\r\n".join(lines).encode(), headers=headers, retry=True
        )
    finally:
        http.close()
    return _taken(http, told)


def _taken(http: Http, told: Any) -> int:
    if not isinstance(told, dict) or "success" not in told:
        raise http.fail("answers, but not as Kibana or OpenSearch Dashboards does; see that the address is right")
    if not told["success"]:
        errors = told.get("errors") or [{}]
        first = errors[0]
        reason = first.get("error", {})
        said = reason.get("message") or reason.get("type") or "no reason given"
        name = first.get("title") or first.get("id")
        raise http.fail(f"refuses {len(errors)} objects; {first.get('type')} {name!r}: {said}")
    return int(told.get("successCount", 0))
