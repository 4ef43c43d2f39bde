"""What people are told of an event, in each channel's own shape: the same words, nothing that breaks out of them."""

from __future__ import annotations

import json
from datetime import timedelta
from email import policy
from email.parser import BytesParser
from typing import Any

import pytest

from redshank.errors import ConfigError
from redshank.panel import Key
from redshank.sinks.alertmanager import labels_of
from redshank.sinks.base import Notification
from redshank.sinks.build import build_sink, check_sink_options
from redshank.sinks.email import EmailOptions, message_of
from redshank.sinks.mattermost import Mattermost
from redshank.sinks.notice import Notice, digest
from redshank.sinks.slack import Slack
from redshank.sinks.teams import Teams
from redshank.sinks.webhook import body_of, signature
from sink_contract import HOSTILE, NAN, START, event, hostile_notifications, told

OPTIONS = EmailOptions(host="mail.example", sender="Redshank <redshank@example.org>", to=("ops@example.org",))


def notice(**changes: Any) -> Notice:
    return Notice.of(told(event("e1", **changes), url="https://redshank.example/events/e1"))


def over() -> Notice:
    return notice(is_open=False, end=START + timedelta(minutes=15))


def mail(*notices: Notice) -> Any:
    shown = notices[0] if len(notices) == 1 else digest(notices)
    content = message_of(notices, shown, OPTIONS, START).as_bytes()
    return BytesParser(policy=policy.default).parsebytes(content)


def test_a_notice_says_what_where_since_when_and_how_far() -> None:
    given = notice()

    assert given.title == "shop: cpu{host=a}: not normal"
    assert given.urgency == "error"
    assert dict(given.facts) == {
        "series": "cpu{host=a}",
        "since": "2026-03-01 00:00:00 UTC",
        "actual": "9.25",
        "expected": "1 (0 to 2)",
        "severity": "75 of 100",
        "rarity": "1 in 12,000",
        "tags": "web, prod",
    }
    assert "9.25 instead of 1" in given.in_plain_text()


def test_a_notice_of_the_end_says_how_long_it_lasted() -> None:
    given = over()

    assert given.title == "shop: cpu{host=a}: normal again"
    assert dict(given.facts)["lasted"] == "15m"


def test_what_is_not_known_is_not_told() -> None:
    given = notice(actual=NAN, expected=NAN, lower=NAN, upper=NAN, rarity=NAN)

    assert [name for name, _ in given.facts] == ["series", "since", "severity", "tags"]
    json.dumps(given.values(), allow_nan=False)


@pytest.mark.parametrize(
    ("kind", "words"),
    [("missing", "no values"), ("flat", "stands still"), ("new", "new series"), ("source_down", "does not answer")],
)
def test_each_kind_of_event_has_words_of_its_own(kind: str, words: str) -> None:
    assert words in Notice.of(told(event(), kind=kind)).title


def test_a_source_that_is_down_is_told_of_by_the_monitor_alone() -> None:
    given = Notice.of(told(event(), kind="source_down"))

    assert given.title == "shop: source does not answer"


def test_many_notices_become_one_with_the_worst_first() -> None:
    notices = [Notice.of(told(event(f"e{i}", severity=i))) for i in range(30)]

    given = digest([*notices, over()])

    assert given.title == "30 events, 1 over: shop"
    assert given.notification.event.severity == 29
    assert given.text.splitlines()[-1] == "and 11 more"


@pytest.mark.parametrize("given", hostile_notifications(), ids=[str(i) for i in range(len(HOSTILE))])
def test_hostile_names_stay_on_one_line_and_in_their_place(given: Notification) -> None:
    one = Notice.of(given)

    message = mail(one)

    assert "\n" not in one.title
    assert len(message.get_all("Subject")) == 1
    assert message["To"] == "ops@example.org"
    for chat in (Slack, Teams, Mattermost):
        json.dumps(chat.payload(chat, one), allow_nan=False)  # type: ignore[arg-type]


# ---------------------------------------------------------------------- chats


def test_slack_is_given_no_marks_of_its_own() -> None:
    given = Notice.of(told(event(key=Key.of("<!channel> & <x>", {})), url="https://r.example"))

    payload = Slack.payload(Slack, given)  # type: ignore[arg-type]

    text = json.dumps(payload)
    assert "<!channel>" not in text
    assert "&lt;!channel&gt; &amp; &lt;x&gt;" in text
    assert payload["attachments"][0]["blocks"][0]["text"]["text"].startswith("*<https://r.example|shop: ")


def test_slack_gets_no_more_than_it_takes() -> None:
    given = notice(reason="x" * 10_000, share={f"channel_{i}" * 50: 0.1 for i in range(40)})

    blocks = Slack.payload(Slack, given)["attachments"][0]["blocks"]  # type: ignore[arg-type]

    assert max(len(block["text"]["text"]) for block in blocks if "text" in block) <= 3000
    assert all(len(field["text"]) <= 2000 for field in blocks[-1]["fields"])
    assert len(blocks[-1]["fields"]) <= 10


def test_teams_gets_an_adaptive_card_with_a_link() -> None:
    (attachment,) = Teams.payload(Teams, notice())["attachments"]  # type: ignore[arg-type]

    card = attachment["content"]
    assert (attachment["contentType"], card["type"]) == ("application/vnd.microsoft.card.adaptive", "AdaptiveCard")
    assert card["body"][0]["text"] == "shop: cpu{host=a}: not normal"
    assert card["actions"][0]["url"] == "https://redshank.example/events/e1"


def test_mattermost_is_mentioned_to_nobody() -> None:
    given = Notice.of(told(event(key=Key.of("@all", {}), reason="@channel :fire:")))

    text = json.dumps(Mattermost.payload(Mattermost, given))  # type: ignore[arg-type]

    assert "\\\\@all" in text
    assert "\\\\@channel \\\\:fire\\\\:" in text


# ---------------------------------------------------------------------- webhook


def test_a_webhook_without_a_body_posts_all_that_is_known() -> None:
    body = body_of(None, notice())

    assert body["labels"] == {"host": "a"}
    assert (body["actual"], body["state"], body["url"]) == (9.25, "opened", "https://redshank.example/events/e1")
    assert not [name for name in body if name.startswith("labels.")]


def test_a_body_keeps_types_and_leaves_unknown_labels_empty() -> None:
    template = {
        "n": "{{actual}}",
        "text": "{{labels.host}} is at {{actual}}",
        "city": "{{labels.city}}",
        "a": ["{{tags}}"],
    }

    body = body_of(template, notice())

    assert body == {"n": 9.25, "text": "a is at 9.25", "city": "", "a": [["web", "prod"]]}


def test_values_of_labels_are_no_templates() -> None:
    given = Notice.of(told(event(key=Key.of("cpu", {"host": "{{reason}}"}))))

    assert body_of({"host": "{{labels.host}}"}, given) == {"host": "{{reason}}"}


def test_an_unknown_variable_is_refused_with_the_near_names() -> None:
    with pytest.raises(ConfigError, match="'acutal'; did you mean 'actual'"):
        check_sink_options("webhook", {"url": "https://x.example", "body": {"n": "{{acutal}}"}})


def test_the_signature_is_that_of_time_and_body() -> None:
    assert signature(b"key", "1700000000", b'{"a":1}') == (
        "sha256=a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03"
    )


# ---------------------------------------------------------------------- e-mail


def test_a_mail_has_text_and_html_and_a_thread_of_its_event() -> None:
    opened, closed = mail(notice()), mail(over())

    assert opened["Subject"] == "shop: cpu{host=a}: not normal"
    assert opened["References"] == closed["References"] == "<e1@example.org>"
    assert opened.get_body(("plain",)).get_content().startswith("shop: cpu{host=a}: not normal")
    assert "9.25 instead of 1" in opened.get_body(("html",)).get_content()


def test_the_same_mail_has_the_same_id() -> None:
    assert mail(notice())["Message-ID"] == mail(notice())["Message-ID"]


def test_html_in_names_is_shown_as_text() -> None:
    given = Notice.of(
        told(event(key=Key.of("<img src=x onerror=alert(1)>", {}), reason="<script>"), url="javascript:x")
    )

    html = mail(given).get_body(("html",)).get_content()

    assert "<img src=x" not in html
    assert "<script>" not in html
    assert "javascript:" not in html


@pytest.mark.parametrize("address", ["nobody", "a@b@c", "a@x\r\nBcc: evil@x", ""])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="must be an address"):
        check_sink_options("email", {"host": "h", "sender": "a@b.example", "to": [address]})


def test_a_password_is_not_sent_in_the_plain() -> None:
    options = {"host": "h", "sender": "a@b.example", "to": "c@d.example", "encryption": "none", "user": "u"}

    with pytest.raises(ConfigError, match="needs encryption"):
        build_sink("email", {**options, "password": "p"})


# ---------------------------------------------------------------------- Alertmanager


def test_labels_of_an_alert_do_not_change_while_the_event_goes_on() -> None:
    first = labels_of(notice(), {"team": "web"})
    later = labels_of(notice(severity=99, points=7, end=START + timedelta(hours=1)), {"team": "web"})

    assert first == later
    assert first["team"] == "web"


def test_labels_that_prometheus_does_not_take_get_other_names() -> None:
    given = Notice.of(told(event(key=Key.of("cpu", {"monitor": "x", "0-é": "y", "": "z", "a b": "w"}))))

    labels = labels_of(given, {})

    assert (labels["monitor"], labels["monitor_"], labels["a_b"]) == ("shop", "x", "w")
    assert {"y", "z"} <= set(labels.values())
