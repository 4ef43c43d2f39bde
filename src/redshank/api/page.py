"""The OpenAPI document as a page for people: plain HTML, no script, nothing loaded from elsewhere."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping
from typing import Any

from redshank.api.reading import Operation, operations, schema_text

STYLE = """
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}body{max-width:60rem;margin:0 auto;padding:1rem}
nav ul{columns:3;padding:0;list-style:none}code,pre{font:14px/1.4 ui-monospace,monospace}
pre{overflow:auto;padding:.6rem;background:#8881;border-radius:.3rem}summary{cursor:pointer;padding:.3rem 0}
details{border-top:1px solid #8884}b.m{display:inline-block;width:4.5rem}table{border-collapse:collapse}
td,th{text-align:left;padding:.15rem .8rem .15rem 0;vertical-align:top}
"""


def page(document: Mapping[str, Any]) -> str:
    """Return the page."""
    return "".join(_parts(document))


def _parts(document: Mapping[str, Any]) -> Iterator[str]:
    info = document["info"]
    yield "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
    yield f"<title>{_text(info['title'])} API</title><style>{STYLE}</style>"
    yield f"<h1>{_text(info['title'])} API <small>{_text(info['version'])}</small></h1>"
    yield from (f"<p>{_marked(part)}</p>" for part in info["description"].split("\n\n"))
    yield "<p>As data: <a href=/api/openapi.json>/api/openapi.json</a></p>"
    groups: dict[str, list[Operation]] = {}
    for each in operations(document):
        groups.setdefault(each.tag, []).append(each)
    yield "<nav><ul>" + "".join(f"<li><a href='#{_text(tag)}'>{_text(tag)}</a>" for tag in groups) + "</ul></nav>"
    for tag, found in groups.items():
        yield f"<h2 id='{_text(tag)}'>{_text(tag)}</h2>"
        for each in found:
            yield from _operation(each, document)


def _operation(each: Operation, document: Mapping[str, Any]) -> Iterator[str]:
    yield f"<details><summary><b class=m>{each.method}</b> <code>{_text(each.path)}</code> "
    yield f"{_text(each.summary)}</summary>"
    yield from (f"<p>{_marked(part)}</p>" for part in each.description.split("\n\n") if part)
    if each.parameters:
        yield "<table><tr><th>parameter<th>in<th>type<th>"
        for one in each.parameters:
            kind = schema_text(one.get("schema", {}))
            yield f"<tr><td><code>{_text(one['name'])}</code><td>{one['in']}<td>{_text(kind)}"
            yield f"<td>{_marked(one.get('description', ''))}"
        yield "</table>"
    yield from _content("Body", each.body, document)
    for status, answer in each.answers.items():
        yield from _content(f"{status} {answer.get('description', '')}", answer.get("content", {}), document)
    yield "</details>"


def _content(title: str, content: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[str]:
    if title == "Body" and not content:
        return
    yield f"<p><b>{_text(title)}</b>"
    for media_type, about in content.items():
        yield f" <code>{_text(media_type)}</code> {_text(schema_text(about.get('schema', {})))}"
        if "example" in about:
            example = about["example"]
            text = example if isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False)
            yield f"<pre>{_text(text)}</pre>"


def _marked(text: str) -> str:
    """Return text with ``code``, **strong** and *emphasis* of Markdown as HTML."""
    parts = _text(text).split("`")
    for i in range(0, len(parts), 2):
        for mark, tag in (("**", "b"), ("*", "i")):
            pieces = parts[i].split(mark)
            if len(pieces) % 2:
                parts[i] = "".join(f"<{tag}>{piece}</{tag}>" if j % 2 else piece for j, piece in enumerate(pieces))
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))


def _text(text: str) -> str:
    return html.escape(str(text))
