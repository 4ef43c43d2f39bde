"""E-mail by SMTP: plain text and HTML, with a chart of the series as a picture."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, SecretStr, field_validator

from redshank.errors import ConfigError, SinkError
from redshank.sinks.base import Notification
from redshank.sinks.mail_html import mail_html
from redshank.sinks.notice import Notice, clipped, digest
from redshank.sinks.notifier import Notifier, NotifierOptions
from redshank.specs.base import Duration
from redshank.specs.options import Access

PORTS = {"starttls": 587, "tls": 465, "none": 25}
PICTURE = "chart"


class EmailOptions(NotifierOptions):
    """Which server, from whom to whom.

    ``encryption``: ``starttls`` (asked for after connecting, and required), ``tls`` from the start, or ``none``.
    ``picture``: a chart of the series in the mail.
    """

    host: str = Field(min_length=1)
    port: int | None = Field(default=None, ge=1, le=65535)
    encryption: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password: SecretStr | None = None
    sender: str
    to: tuple[str, ...] = Field(min_length=1, max_length=100)
    reply_to: str | None = None
    picture: bool = True
    ca: str | None = None
    verify: bool = True
    timeout: Duration = Field(default=timedelta(seconds=30), gt=timedelta(0))

    @field_validator("to", mode="before")
    @classmethod
    def _one_or_many(cls, given: object) -> object:
        return (given,) if isinstance(given, str) else given

    @field_validator("sender", "reply_to", "to")
    @classmethod
    def _addresses(cls, given: Any) -> Any:
        for text in (given,) if isinstance(given, str) else given or ():
            address_of(text)
        return given


def address_of(text: str) -> Address:
    """Return the address of ``Name <user@host>`` or ``user@host``; ValueError when it is none."""
    name, spec = parseaddr(text)
    if "\r" in text or "\n" in text or spec.count("@") != 1 or not all(spec.split("@")):
        raise ValueError(f"must be an address such as ops@example.org, got {text!r}")
    return Address(display_name=name, addr_spec=spec)


class Email(Notifier):
    """Sends one mail an event, or one for all where they are many at once.

    All mails of an event are one thread, and a mail that is sent again has the same Message-ID, by which most mail
    systems keep only one.
    """

    kind: ClassVar[str] = "email"
    Options: ClassVar[type[EmailOptions]] = EmailOptions
    digests: ClassVar[bool] = True
    wants_chart: ClassVar[bool] = True

    def __init__(
        self,
        options: EmailOptions,
        password: str | None,
        access: Access,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Keep to whom; nothing is reached yet."""
        self.wanted = self.options = options
        self._password, self._access, self._clock = password, access, clock
        self._where = f"email {options.host}:{options.port or PORTS[options.encryption]}"

    @classmethod
    def build(cls, options: EmailOptions, access: Access) -> Self:
        """Return the sink; ConfigError when a password would go over the wire in the plain."""
        if options.password is not None and options.encryption == "none":
            raise ConfigError("sink of kind 'email': a password needs encryption starttls or tls", field="encryption")
        return cls(options, access.reveal(options.password), access)

    def check(self) -> None:
        """Connect and sign in; nothing is sent."""
        with self._connected() as server:
            server.noop()

    def send(self, notice: Notice) -> None:
        """Send one mail."""
        self._send([notice], notice)

    def notify(self, notifications: Sequence[Notification]) -> None:
        """Send a mail for each that is wanted, or one for all."""
        wanted = [each for each in notifications if self.wants(each)]
        if len(wanted) > self.options.together:
            notices = [Notice.of(each) for each in wanted]
            self._send(notices, digest(notices))
        else:
            super().notify(notifications)

    def _send(self, notices: Sequence[Notice], told: Notice) -> None:
        message = message_of(notices, told, self.options, self._clock())
        with self._connected() as server:
            refused = server.send_message(message, to_addrs=[address_of(to).addr_spec for to in self.options.to])
        if len(refused) == len(self.options.to):
            raise SinkError(f"{self._where}: refused all addresses in `to`", permanent=True)

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        options = self.options
        port = options.port or PORTS[options.encryption]
        self._access.check_host(options.host)
        seconds = options.timeout.total_seconds()
        try:
            if options.encryption == "tls":
                server: smtplib.SMTP = smtplib.SMTP_SSL(options.host, port, timeout=seconds, context=self._context())
            else:
                server = smtplib.SMTP(options.host, port, timeout=seconds)
            with server:
                if options.encryption == "starttls":
                    server.starttls(context=self._context())
                if options.user is not None:
                    server.login(options.user, self._password or "")
                yield server
        except (smtplib.SMTPException, OSError) as error:
            raise self._problem(error) from error

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(
            cafile=None if self.options.ca is None else self._access.path(self.options.ca)
        )
        if not self.options.verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context

    def _problem(self, error: Exception) -> SinkError:
        """The error in words, without what was sent."""
        if isinstance(error, smtplib.SMTPAuthenticationError):
            return SinkError(f"{self._where}: refused user and password ({error.smtp_code}); mend them")
        if isinstance(error, smtplib.SMTPNotSupportedError):
            what = "does not offer STARTTLS; set encryption to tls or none" if "STARTTLS" in str(error) else str(error)
            return SinkError(f"{self._where}: {what}")
        if isinstance(error, smtplib.SMTPRecipientsRefused):
            said = next(iter(error.recipients.values()), (0, b""))
            return SinkError(
                f"{self._where}: refused the addresses in `to`: {_said(*said)}", permanent=500 <= said[0] < 600
            )
        if isinstance(error, smtplib.SMTPResponseException):
            is_final = isinstance(error, smtplib.SMTPDataError | smtplib.SMTPSenderRefused) and error.smtp_code >= 500
            return SinkError(f"{self._where}: {_said(error.smtp_code, error.smtp_error)}", permanent=is_final)
        if isinstance(error, ssl.SSLCertVerificationError):
            return SinkError(f"{self._where}: certificate not trusted: {error.verify_message}; name its CA in `ca`")
        if isinstance(error, TimeoutError | socket.timeout):
            return SinkError(f"{self._where}: did not answer within timeout")
        return SinkError(f"{self._where}: {getattr(error, 'strerror', None) or error or type(error).__name__}")


def _said(code: int, text: bytes | str) -> str:
    plain = text.decode(errors="replace") if isinstance(text, bytes) else text
    return clipped(f"{code} {' '.join(plain.split())}", 300)


def message_of(notices: Sequence[Notice], told: Notice, options: EmailOptions, now: datetime) -> EmailMessage:
    """Return the mail of one notice, or of several told as one."""
    message = EmailMessage(policy=SMTP)
    message["Subject"] = clipped(told.title, 200)
    message["From"] = address_of(options.sender)
    message["To"] = [address_of(to) for to in options.to]
    if options.reply_to is not None:
        message["Reply-To"] = address_of(options.reply_to)
    message["Date"] = format_datetime(now)
    message["Auto-Submitted"] = "auto-generated"
    domain = address_of(options.sender).domain
    first = told.notification
    message["Message-ID"] = f"<{first.event.id}.{first.sequence}.{len(notices)}@{domain}>"
    if len(notices) == 1:
        message["References"] = f"<{first.event.id}@{domain}>"
    message.set_content(told.in_plain_text())
    charts = _charts(notices) if options.picture else {}
    message.add_alternative(mail_html(notices, told, charts.keys()), subtype="html")
    html = message.get_payload()[1]  # type: ignore[index]
    for name, picture in charts.items():
        html.add_related(picture, "image", "png", cid=f"<{name}>", filename=f"{name}.png", disposition="inline")  # type: ignore[union-attr]
    return message


def _charts(notices: Sequence[Notice]) -> dict[str, bytes]:
    """Pictures of the worst series, by the name that the HTML calls them by."""
    from redshank.sinks.png import event_png

    worst = sorted(notices, key=lambda notice: -notice.notification.event.severity)[:3]
    drawn = ((i, notice.notification) for i, notice in enumerate(worst) if notice.notification.chart is not None)
    return {f"{PICTURE}{i}": event_png(given.event, given.chart) for i, given in drawn if given.chart is not None}
