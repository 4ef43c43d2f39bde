"""Messages to Microsoft Teams: an adaptive card, posted to the webhook of a workflow."""

from __future__ import annotations

from typing import Any, ClassVar

from redshank.sinks.chat import Chat
from redshank.sinks.notice import Notice, clipped

MOST_TEXT = 10_000  # Teams refuses messages of more than 28 kB
_COLOURS = {True: "Good", "critical": "Attention", "error": "Attention", "warning": "Warning", "info": "Accent"}


class Teams(Chat):
    """Posts to the webhook of a workflow of Teams ("when a webhook request is received")."""

    kind: ClassVar[str] = "teams"

    def payload(self, notice: Notice) -> dict[str, Any]:
        """Return the message with one adaptive card."""
        body: list[dict[str, Any]] = [
            {
                "type": "TextBlock",
                "text": escaped(notice.title),
                "weight": "Bolder",
                "size": "Medium",
                "wrap": True,
                "color": _COLOURS[notice.is_closed or notice.urgency],
            }
        ]
        if notice.text:
            text = clipped(escaped(notice.text).replace("\n", "\n\n"), MOST_TEXT)
            body.append({"type": "TextBlock", "text": text, "wrap": True})
        if notice.facts:
            facts = [{"title": name, "value": escaped(value)} for name, value in notice.facts]
            body.append({"type": "FactSet", "facts": facts})
        card: dict[str, Any] = {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "msteams": {"width": "Full"},
            "body": body,
        }
        if notice.url:
            card["actions"] = [{"type": "Action.OpenUrl", "title": "Open", "url": notice.url}]
        content = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
        return {"type": "message", "attachments": [content]}


def escaped(text: str) -> str:
    """Return a text that Teams shows as it is: signs of its markdown are put behind a backslash."""
    return "".join(f"\\{char}" if char in "\\`*_[]#" else char for char in text)
