"""Messages to Slack by an incoming webhook."""

from __future__ import annotations

from typing import Any, ClassVar

from redshank.sinks.chat import COLOURS, Chat
from redshank.sinks.notice import Notice, clipped

MOST_TEXT, MOST_FIELD = 2900, 1900  # Slack refuses a section of more than 3,000 characters, a field of more than 2,000


class Slack(Chat):
    """Posts to an incoming webhook of Slack."""

    kind: ClassVar[str] = "slack"

    def payload(self, notice: Notice) -> dict[str, Any]:
        """Return the message: a line for the notification, and blocks with a coloured edge."""
        title = clipped(escaped(notice.title), MOST_TEXT)
        heading = f"*<{notice.url}|{title}>*" if notice.url else f"*{title}*"
        blocks: list[dict[str, Any]] = [_section(heading)]
        if notice.text:
            blocks.append(_section(clipped(escaped(notice.text), MOST_TEXT)))
        fields = [
            {"type": "mrkdwn", "text": clipped(f"*{name}*\n{escaped(value)}", MOST_FIELD)}
            for name, value in notice.facts
        ]
        if fields:
            blocks.append({"type": "section", "fields": fields[:10]})
        return {
            "text": title,
            "attachments": [{"color": COLOURS[notice.is_closed or notice.urgency], "blocks": blocks}],
        }


def escaped(text: str) -> str:
    """Return a text that Slack shows as it is, without links, mentions or marks of its own."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}
