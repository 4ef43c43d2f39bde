"""Alerts in a real Alertmanager."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from redshank.errors import SinkError
from redshank.panel import Key
from redshank.sinks.build import build_sink
from sink_contract import HOSTILE, event, told

pytestmark = pytest.mark.external_service
NOW = datetime.now(UTC).replace(microsecond=0)


def alerts(url: str, monitor: str) -> list[Mapping[str, Any]]:
    found = httpx2.get(f"{url}/api/v2/alerts", params={"filter": f'monitor="{monitor}"'}).json()
    assert isinstance(found, list)
    return found


def test_an_event_is_one_alert_until_it_is_over(alertmanager_server: str) -> None:
    sink = build_sink("alertmanager", {"url": alertmanager_server, "labels": {"team": "web"}})
    opened = told(event(start=NOW, end=NOW + timedelta(minutes=1)), monitor="one alert")
    closed = told(event(start=NOW, end=NOW, is_open=False, severity=95), 2, monitor="one alert")

    sink.check()
    sink.notify([opened])
    sink.notify([opened])
    (alert,) = alerts(alertmanager_server, "one alert")
    sink.notify([closed])

    assert alert["labels"]["host"] == "a"
    assert alert["labels"]["team"] == "web"
    assert alert["annotations"]["description"] == "9.25 instead of 1"
    assert alert["status"]["state"] in ("active", "unprocessed")
    assert alerts(alertmanager_server, "one alert") == []


def test_hostile_names_are_alerts_like_any_other(alertmanager_server: str) -> None:
    sink = build_sink("alertmanager", {"url": alertmanager_server})
    given = [
        told(event(f"e{i}", key=Key.of(name, {name: name, "host": name}), start=NOW), i, monitor="hostile")
        for i, name in enumerate(HOSTILE)
    ]

    sink.notify(given)

    measures = {alert["labels"]["measure"] for alert in alerts(alertmanager_server, "hostile")}
    assert measures == set(HOSTILE)


def test_what_is_no_alertmanager_is_told(alertmanager_server: str) -> None:
    with pytest.raises(SinkError, match=r"alertmanager: has nothing at that address.*404"):
        build_sink("alertmanager", {"url": f"{alertmanager_server}/nowhere"}).check()
