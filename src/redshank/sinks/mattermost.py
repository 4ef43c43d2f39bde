"""Messages to Mattermost by an incoming webhook."""

from __future__ import annotations

from typing import Any, ClassVar

from redshank.sinks.chat import COLOURS, Chat
from redshank.sinks.notice import Notice, clipped

MOST_TEXT = 7_000  # Mattermost cuts messages after 16,383 characters
_MARKS = "\\`*_{}[]()#+-.!|>~:@"


class Mattermost(Chat):
    """Posts to an incoming webhook of Mattermost."""

    kind: ClassVar[str] = "mattermost"

    def payload(self, notice: Notice) -> dict[str, Any]:
        """Return the message with one attachment."""
        title = clipped(notice.title, 500)
        attachment = {
            "fallback": title,
            "color": COLOURS[notice.is_closed or notice.urgency],
            "title": escaped(title),
            "text": clipped(escaped(notice.text), MOST_TEXT),
            "fields": [
                {"short": len(value) < 40, "title": name, "value": escaped(clipped(value, 1000))}
                for name, value in notice.facts
            ],
        }
        if notice.url:
            attachment["title_link"] = notice.url
        return {"attachments": [attachment]}


def escaped(text: str) -> str:
    """Return a text that Mattermost shows as it is: no formats, emoji codes or mentions of its own."""
    return "".join(f"\\{char}" if char in _MARKS else char for char in text)
