"""What people are told of an event: a title, a text, facts, how urgent it is; the same words in every channel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from redshank.durations import format_duration
from redshank.sinks.base import Notification
from redshank.sinks.files import plain

Urgency = Literal["critical", "error", "warning", "info"]
SHOWN = 20  # lines of a digest
_URGENCY: tuple[tuple[int, Urgency], ...] = ((90, "critical"), (75, "error"), (40, "warning"), (0, "info"))
_OPENED = {
    "anomaly": "not normal",
    "missing": "no values",
    "stale": "no new values",
    "flat": "stands still",
    "new": "new series",
    "source_down": "source does not answer",
}
_CLOSED = {
    "anomaly": "normal again",
    "missing": "values are back",
    "stale": "new values are back",
    "flat": "moves again",
    "new": "new series",
    "source_down": "source answers again",
}


@dataclass(frozen=True)
class Notice:
    """A notification in words.

    ``title``: one line. ``text``: the reason, one or two sentences. ``facts``: name and text of what else is known, in
    the order in which people ask for it. ``thread``: the same for all notices of one event.
    """

    notification: Notification
    title: str
    text: str
    facts: tuple[tuple[str, str], ...]
    urgency: Urgency

    @classmethod
    def of(cls, notification: Notification) -> Notice:
        """Return the words for a notification."""
        event = notification.event
        return cls(
            notification=notification,
            title=one_line(f"{_place(notification)}: {_what(notification)}"),
            text=event.reason,
            facts=tuple(_facts(notification)),
            urgency=next(name for least, name in _URGENCY if event.severity >= least),
        )

    @property
    def is_closed(self) -> bool:
        """Whether it says that something is over."""
        return self.notification.state == "closed"

    @property
    def url(self) -> str | None:
        """Address of a page about the event; None where there is none."""
        return self.notification.url

    def in_plain_text(self) -> str:
        """Return title, text and facts, a line each."""
        lines = [self.title, self.text, "", *(f"{name}: {value}" for name, value in self.facts)]
        if self.url:
            lines += ["", self.url]
        return "\n".join(lines).replace("\n\n\n", "\n\n").rstrip() + "\n"

    def values(self) -> dict[str, Any]:
        """Return what a template can name: ``monitor``, ``state``, ``title``, ``actual``, ``labels.host`` and so on.

        Numbers stay numbers, unknown ones are None.
        """
        given, event = self.notification, self.notification.event
        known = {
            name: plain(getattr(event, name))
            for name in ("id", "start", "end", "opened", "peak", "severity", "direction", "points", "is_open")
        }
        numbers = {
            name: plain(getattr(event, name)) for name in ("score", "actual", "expected", "lower", "upper", "rarity")
        }
        return {
            **known,
            **numbers,
            "monitor": given.monitor,
            "kind": given.kind,
            "state": given.state,
            "sequence": given.sequence,
            "series": str(event.key),
            "measure": event.key.measure,
            "labels": event.key.label_map,
            **{f"labels.{name}": value for name, value in event.key.labels},
            "share": dict(event.share),
            "tags": list(given.tags),
            "reason": event.reason,
            "title": self.title,
            "text": self.text,
            "urgency": self.urgency,
            "url": given.url,
        }


def digest(notices: Sequence[Notice]) -> Notice:
    """Return several notices as one: what happened how often, and a line for each of the worst."""
    worst = sorted(notices, key=lambda notice: -notice.notification.event.severity)
    over = sum(notice.is_closed for notice in notices)
    told = [part for part in (_counted(len(notices) - over, "event"), f"{over:,} over" if over else "") if part]
    lines = [f"{notice.title} ({notice.text})" if notice.text else notice.title for notice in worst[:SHOWN]]
    if len(notices) > SHOWN:
        lines.append(f"and {len(notices) - SHOWN:,} more")
    monitors = sorted({notice.notification.monitor for notice in notices})
    of = ", ".join(monitors[:3]) + (", ..." if len(monitors) > 3 else "")
    first = next((notice for notice in worst if not notice.is_closed), worst[0])
    return Notice(first.notification, one_line(f"{', '.join(told)}: {of}"), "\n".join(lines), (), first.urgency)


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}" if number else ""


def one_line(text: str) -> str:
    """Return a text without what would break a line or a header."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def clipped(text: str, most: int) -> str:
    """Return a text of at most ``most`` characters, the end cut off."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _place(notification: Notification) -> str:
    if notification.kind in ("stale", "source_down") or not notification.monitor:
        return notification.monitor or str(notification.event.key)
    return f"{notification.monitor}: {notification.event.key}"


def _what(notification: Notification) -> str:
    words = _CLOSED if notification.state == "closed" else _OPENED
    what = words.get(notification.kind, notification.kind)
    return f"still {what}" if notification.state == "updated" else what


def _facts(notification: Notification) -> list[tuple[str, str]]:
    event = notification.event
    facts = [("series", str(event.key)), ("since", _moment(event.start))]
    if notification.state == "closed" and event.end > event.start:
        facts.append(("lasted", format_duration(event.end - event.start)))
    if not math.isnan(event.actual):
        facts.append(("actual", f"{event.actual:.6g}"))
    if not math.isnan(event.expected):
        facts.append(("expected", f"{event.expected:.6g}{_range(event.lower, event.upper)}"))
    facts.append(("severity", f"{event.severity} of 100"))
    if math.isfinite(event.rarity) and event.rarity >= 2:
        facts.append(("rarity", f"1 in {event.rarity:,.0f}"))
    if event.share:
        facts.append(("share", ", ".join(f"{name} {share:.0%}" for name, share in list(event.share.items())[:5])))
    if notification.tags:
        facts.append(("tags", ", ".join(notification.tags)))
    return facts


def _range(lower: float, upper: float) -> str:
    return "" if math.isnan(lower) or math.isnan(upper) else f" ({lower:.6g} to {upper:.6g})"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
