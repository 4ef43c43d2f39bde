"""The HTML of a mail: plain tables and inline styles, which every mail program shows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape

from redshank.sinks.chat import COLOURS
from redshank.sinks.notice import SHOWN, Notice

_FONT = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"


def mail_html(notices: Sequence[Notice], told: Notice, charts: Collection[str]) -> str:
    """Return the page; ``charts``: names of pictures in the mail."""
    worst = sorted(notices, key=lambda notice: -notice.notification.event.severity)
    body = _one(worst[0]) if len(notices) == 1 else "".join(_line(notice) for notice in worst[:SHOWN])
    more = f"<p>and {len(notices) - SHOWN:,} more</p>" if len(notices) > SHOWN else ""
    pictures = "".join(
        f'<p><img src="cid:{name}" alt="The series around the event" style="max-width:100%;height:auto"></p>'
        for name in charts
    )
    return (
        '<!doctype html><html><head><meta charset="utf-8"><meta name="color-scheme" content="light dark"></head>'
        f'<body style="{_FONT};font-size:15px;line-height:1.45;margin:16px">'
        f'<h1 style="font-size:18px;margin:0 0 12px;padding-left:10px;border-left:5px solid {_colour(told)}">'
        f"{escape(told.title)}</h1>{body}{more}{pictures}</body></html>"
    )


def _one(notice: Notice) -> str:
    rows = "".join(
        f'<tr><td style="padding:2px 16px 2px 0;opacity:.7">{escape(name)}</td>'
        f'<td style="padding:2px 0">{escape(value)}</td></tr>'
        for name, value in notice.facts
    )
    return f"<p>{escape(notice.text)}</p><table>{rows}</table>{_link(notice)}"


def _line(notice: Notice) -> str:
    return (
        f'<p style="margin:0 0 10px;padding-left:10px;border-left:3px solid {_colour(notice)}">'
        f"<strong>{escape(notice.title)}</strong><br>{escape(notice.text)}{_link(notice)}</p>"
    )


def _link(notice: Notice) -> str:
    is_web = notice.url is not None and notice.url.startswith(("http://", "https://"))
    return f'<p><a href="{escape(notice.url or "")}">Open the event</a></p>' if is_web else ""


def _colour(notice: Notice) -> str:
    return COLOURS[notice.is_closed or notice.urgency]
