"""Write declarations as YAML that reads back as the same values, for people: block style, few quotes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_/][\w./()%+ -]*", re.ASCII)
_WORDS = re.compile(r"null|true|false|yes|no|on|off|y|n|~|\.?nan|\.?inf", re.IGNORECASE)
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_WIDTH = 100  # a list of plain values that fits is written in one line


def yaml_text(values: Mapping[str, Any], comments: Mapping[str, str] | None = None) -> str:
    """Return JSON values as YAML; ``comments``: a line to stand above a key at the top."""
    lines: list[str] = []
    for key, value in values.items():
        if comments and key in comments:
            lines.append(f"# {comments[key]}")
        lines += _entry(_key(key), value, "")
    return "\n".join(lines) + "\n"


def comment_text(text: str) -> str:
    """Return a text as lines of comments, with nothing in it that would end one."""
    return "".join(f"# {_UNPRINTABLE.sub('?', line)}".rstrip() + "\n" for line in text.split("\n"))


def _entry(head: str, value: Any, indent: str) -> Iterator[str]:
    """Lines of ``head: value``."""
    short = _in_one_line(value, _WIDTH - len(indent) - len(head))
    if short is not None:
        yield f"{indent}{head}: {short}"
        return
    yield f"{indent}{head}:"
    yield from _block(value, f"{indent}  ")


def _block(value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _entry(_key(key), inner, indent)
        return
    for item in value:
        yield from _item(item, indent)


def _item(item: Any, indent: str) -> Iterator[str]:
    """Lines of one item of a list: the first begins with a dash, the rest stands under it."""
    if isinstance(item, Mapping) and item:
        lines = list(_block(item, f"{indent}  "))
        yield f"{indent}- {lines[0].lstrip(' ')}"
        yield from lines[1:]
        return
    short = _in_one_line(item, _WIDTH)
    yield f"{indent}- {json_text(item) if short is None else short}"


def _in_one_line(value: Any, room: int) -> str | None:
    """The value in one line; None when it takes several."""
    if isinstance(value, Mapping):
        return None if value else "{}"
    if not isinstance(value, list | tuple):
        return _scalar(value)
    if any(isinstance(item, Mapping | list | tuple) for item in value):
        return None
    text = f"[{', '.join(_scalar(item) for item in value)}]"
    return text if len(text) <= room or not value else None


def _scalar(value: Any) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    return value if _is_plain(value) else _quoted(value)


def json_text(value: Any) -> str:
    """Return any value in one line, as JSON that is YAML too."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_escaped(str(key))}: {json_text(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(json_text(inner) for inner in value) + "]"
    return _quoted(value) if isinstance(value, str) else json.dumps(value)


def _key(text: str) -> str:
    """A key; no variables are filled in there."""
    return text if _is_plain(text) else _escaped(text)


def _is_plain(text: str) -> bool:
    return bool(_PLAIN.fullmatch(text)) and not text.endswith(" ") and not _WORDS.fullmatch(text)


def _quoted(text: str) -> str:
    """The text in double quotes, ``${`` written so that it stays."""
    return _escaped(text.replace("${", "$${"))


def _escaped(text: str) -> str:
    """The text in double quotes; what people cannot see is written as its number."""
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(text, ensure_ascii=False))
