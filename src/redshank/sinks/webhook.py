"""Post events to any address as JSON: signed, and in the shape that the other side wants."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import SecretStr, field_validator

from redshank.errors import SinkError, did_you_mean
from redshank.http.client import Http, HttpOptions
from redshank.sinks.notice import Notice
from redshank.sinks.notifier import Notifier, NotifierOptions
from redshank.specs.expansion import filled, variables_of
from redshank.specs.options import Access

_FACTS = frozenset(
    (
        *("id", "monitor", "kind", "state", "sequence", "series", "measure", "labels", "tags", "url"),
        *("start", "end", "opened", "peak", "is_open", "points", "severity", "direction", "share"),
        *("score", "actual", "expected", "lower", "upper", "rarity", "reason", "title", "text", "urgency"),
    )
)
LABEL = "labels."


class WebhookOptions(HttpOptions, NotifierOptions):
    """Where to, and in what shape.

    ``body``: JSON whose texts may hold ``{{monitor}}``, ``{{actual}}``, ``{{labels.host}}`` ...; a text that is one
    variable and nothing else takes the value with its type. None = all that is known. ``secret``: of the signature.
    """

    method: Literal["POST", "PUT", "PATCH"] = "POST"
    body: dict[str, Any] | list[Any] | str | None = None
    secret: SecretStr | None = None

    @field_validator("body")
    @classmethod
    def _known(cls, given: Any) -> Any:
        for name in sorted(variables_of(given)):
            if name not in _FACTS and not name.startswith(LABEL):
                raise ValueError(did_you_mean("variable", name, [*_FACTS, f"{LABEL}NAME"]))
        return given


class Webhook(Notifier):
    """Posts JSON.

    Each message has the header ``Idempotency-Key`` (event and its turn: the same when it is sent again) and, with a
    secret, ``X-Redshank-Timestamp`` and ``X-Redshank-Signature``: ``sha256=`` and the HMAC of the timestamp, a dot and
    the body.
    """

    kind: ClassVar[str] = "webhook"
    Options: ClassVar[type[WebhookOptions]] = WebhookOptions

    def __init__(
        self,
        http: Http,
        wanted: WebhookOptions,
        secret: str | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Keep where to and how; nothing is reached yet."""
        self.http, self.wanted, self.clock = http, wanted, clock
        self._options, self._secret = wanted, None if secret is None else secret.encode()

    @classmethod
    def build(cls, options: WebhookOptions, access: Access) -> Self:
        """Return the sink."""
        http = Http.of(options, access, "webhook", error=SinkError)
        return cls(http, options, access.reveal(options.secret))

    def check(self) -> None:
        """Find out whether the address can be reached; nothing is posted."""
        self.http.reach()

    def send(self, notice: Notice) -> None:
        """Post one event."""
        content = json.dumps(body_of(self._options.body, notice), ensure_ascii=False, allow_nan=False).encode()
        self.http.send(
            self._options.method,
            "",
            content=content,
            headers={"Content-Type": "application/json", **self._headers(notice, content)},
            ok=range(200, 300),
        )

    def _headers(self, notice: Notice, content: bytes) -> Mapping[str, str]:
        given = notice.notification
        headers = {"Idempotency-Key": f"{given.event.id}-{given.sequence}"}
        if self._secret is None:
            return headers
        moment = str(int(self.clock()))
        return {
            **headers,
            "X-Redshank-Timestamp": moment,
            "X-Redshank-Signature": signature(self._secret, moment, content),
        }


def signature(secret: bytes, moment: str, content: bytes) -> str:
    """Return what the other side compares: ``sha256=`` and the HMAC of the time (seconds), a dot and the body."""
    return "sha256=" + hmac.new(secret, moment.encode() + b"." + content, hashlib.sha256).hexdigest()


def body_of(template: Any, notice: Notice) -> Any:
    """Return the JSON to post; a label that the series does not have is an empty text."""
    values = notice.values()
    if template is None:
        return {name: value for name, value in values.items() if not name.startswith(LABEL)}
    absent = {name: "" for name in variables_of(template) if name not in values}
    return filled(template, {**values, **absent})
