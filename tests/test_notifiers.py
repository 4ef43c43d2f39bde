"""What goes over the wire to those who tell people: addresses, headers, bodies, and what becomes of a refusal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from http_world import World, answer, world
from redshank.errors import SinkError
from redshank.sinks.base import Notification, Sink
from redshank.sinks.build import build_sink, redacted
from redshank.sinks.webhook import signature
from sink_contract import START, event, hostile_notifications, told

TAKEN = answer("202 Accepted")


def over(name: str = "e1") -> Notification:
    return told(event(name, is_open=False, end=START + timedelta(minutes=5)), 2)


def sink(kind: str, told: World, **options: Any) -> Sink:
    given = {"webhook": told.url} if kind in ("slack", "teams", "mattermost") else {"url": told.url}
    return build_sink(kind, {**given, "retries": 0, **options})


def bodies(told: World) -> list[Any]:
    return [json.loads(request.partition(b"\r\n\r\n")[2]) for request in told.seen]


def heads(told: World) -> list[str]:
    return [request.partition(b"\r\n\r\n")[0].decode() for request in told.seen]


CHATS: Sequence[tuple[str, dict[str, Any]]] = (
    ("slack", {}),
    ("teams", {}),
    ("mattermost", {}),
    ("ntfy", {"topic": "ops"}),
    ("webhook", {}),
    ("pagerduty", {"routing_key": "0123456789"}),
    ("opsgenie", {"key": "0123456789"}),
    ("alertmanager", {}),
)


@pytest.mark.parametrize(("kind", "options"), CHATS, ids=[kind for kind, _ in CHATS])
def test_names_from_the_data_do_no_harm(kind: str, options: dict[str, Any]) -> None:
    with world(answer()) as server:
        given = sink(kind, server, **options, **({} if kind == "alertmanager" else {"together": 100}))
        given.notify(hostile_notifications())
        found = bodies(server)

    assert len(found) == (1 if kind == "alertmanager" else len(hostile_notifications()))


@pytest.mark.parametrize(("kind", "options"), CHATS, ids=[kind for kind, _ in CHATS])
def test_only_what_is_wanted_is_told(kind: str, options: dict[str, Any]) -> None:
    with world(answer()) as server:
        given = sink(kind, server, **options, least_severity=50, kinds=["anomaly"], states=["opened"])
        given.notify([told(event(severity=49)), told(event(), kind="missing"), over(), told(event("e2"), 3)])

        assert len(server.seen) == 1


def test_a_message_that_was_sent_is_not_sent_again_when_the_next_one_fails() -> None:
    with world(answer(), answer("500 Oops"), answer()) as server, pytest.raises(SinkError) as caught:
        sink("slack", server).notify([told(event("a")), told(event("b"), 2), told(event("c"), 3)])

    assert caught.value.delivered == 1


def test_many_events_at_once_are_one_message() -> None:
    with world(answer()) as server:
        sink("mattermost", server).notify([told(event(f"e{i}"), i + 1) for i in range(50)])

    assert [body["attachments"][0]["fallback"] for body in bodies(server)] == ["50 events: shop"]


def test_the_address_of_a_chat_is_a_secret() -> None:
    given = {"webhook": "https://chat.example/services/T0/B0/verysecretpath"}

    assert redacted("slack", given) == {"webhook": "********"}
    refusing = world(answer("404 Not Found", b"no_service at /services/verysecretpath"))
    with refusing as server, pytest.raises(SinkError) as caught:
        build_sink("slack", {"webhook": f"{server.url}/services/verysecretpath", "retries": 0}).notify([told(event())])

    assert "verysecretpath" not in str(caught.value)
    assert server.seen[0].startswith(b"POST /services/verysecretpath HTTP")


def test_a_webhook_is_signed_and_says_which_change_it_is() -> None:
    with world(answer("204 No Content", b"")) as server:
        sink("webhook", server, secret="key", headers={"X-Team": "web"}, token="abcdef").notify([told(event(), 7)])
        (head,) = heads(server)
        content = server.seen[0].partition(b"\r\n\r\n")[2]

    given = {name.lower(): value for name, _, value in (line.partition(": ") for line in head.split("\r\n")[1:])}
    assert given["x-redshank-signature"] == signature(b"key", given["x-redshank-timestamp"], content)
    assert (given["idempotency-key"], given["x-team"]) == ("e1-7", "web")
    assert given["authorization"] == "Bearer abcdef"


def test_a_webhook_can_have_a_body_of_its_own() -> None:
    with world(answer()) as server:
        sink("webhook", server, body={"where": "{{labels.host}}", "n": "{{actual}}"}, method="PUT").notify(
            [told(event())]
        )

    assert bodies(server) == [{"where": "a", "n": 9.25}]
    assert server.seen[0].startswith(b"PUT / ")


def test_an_incident_is_opened_and_resolved_under_one_key() -> None:
    with world(TAKEN) as server:
        sink("pagerduty", server, routing_key="0123456789").notify([told(event(), url="https://r.example/e1"), over()])
        opened, resolved = bodies(server)

    assert (opened["event_action"], resolved["event_action"]) == ("trigger", "resolve")
    assert opened["dedup_key"] == resolved["dedup_key"] == "e1"
    assert opened["payload"]["summary"] == "shop: cpu{host=a}: not normal. 9.25 instead of 1"
    assert opened["payload"]["severity"] == "error"
    assert opened["links"][0]["href"] == "https://r.example/e1"


def test_an_alert_of_opsgenie_is_created_and_closed_by_its_alias() -> None:
    with world(TAKEN) as server:
        sink("opsgenie", server, key="0123456789").notify([told(event()), over()])
        first, second = heads(server)

    assert first.startswith("POST /v2/alerts HTTP")
    assert second.startswith("POST /v2/alerts/e1/close?identifierType=alias HTTP")
    assert "Authorization: GenieKey 0123456789" in first
    assert bodies(server)[0]["priority"] == "P2"


def test_a_message_to_a_phone_has_priority_and_link() -> None:
    with world(answer()) as server:
        sink("ntfy", server, topic="ops").notify([told(event(severity=95), url="https://r.example")])
        (found,) = bodies(server)

    assert (found["topic"], found["priority"], found["click"]) == ("ops", 5, "https://r.example")


def test_checking_reaches_the_other_side_and_sends_nothing() -> None:
    with world(answer("405 Method Not Allowed", b"")) as server:
        sink("slack", server).check()

        assert [head.split()[0] for head in heads(server)] == ["HEAD"]
