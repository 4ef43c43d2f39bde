"""Mails by a real SMTP server in this process: who gets them, and what becomes of a refusal."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from redshank.errors import ConfigError, SinkError
from redshank.sinks.build import build_sink
from redshank.specs.options import Access
from sink_contract import event, hostile_notifications, scored, told
from tls_world import certificate

PASSWORD = "a-long-password"


class Mailbox:
    """Keeps mails, and refuses those to refused@example.org."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address == "refused@example.org":
            return "550 5.1.1 no such mailbox"
        if address == "later@example.org":
            return "451 4.3.0 come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        found: Any = BytesParser(policy=policy.default).parsebytes(envelope.content or b"")
        self.mails.append(found)
        return "250 OK"


def _sign_in(server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any) -> AuthResult:
    is_right = isinstance(given, LoginPassword) and given.password == PASSWORD.encode()
    return AuthResult(success=is_right, handled=is_right)


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def server(mailbox: Mailbox, trusted: tuple[Path, Path]) -> Iterator[Controller]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*trusted)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(
        mailbox, hostname="127.0.0.1", port=port, tls_context=context, authenticator=_sign_in, auth_require_tls=True
    )
    controller.start()
    yield controller
    controller.stop()


def options(server: Controller, trusted: tuple[Path, Path], **more: Any) -> dict[str, Any]:
    return {
        "host": "127.0.0.1",
        "port": server.port,
        "user": "redshank",
        "password": PASSWORD,
        "sender": "Redshank <redshank@example.org>",
        "to": ["ops@example.org"],
        "ca": str(trusted[0]),
        **more,
    }


def test_a_mail_goes_out_encrypted_with_a_chart(
    server: Controller, mailbox: Mailbox, trusted: tuple[Path, Path]
) -> None:
    sink = build_sink("email", options(server, trusted))

    sink.check()
    sink.notify([told(event(), chart=scored(("a",), points=60))])

    (mail,) = mailbox.mails
    pictures = [part.get_content() for part in mail.walk() if part.get_content_type() == "image/png"]
    assert mail["Subject"] == "shop: cpu{host=a}: not normal"
    assert pictures[0].startswith(b"\x89PNG")
    assert 'src="cid:chart0"' in mail.get_body(("html",)).get_content()  # type: ignore[union-attr]


def test_many_events_are_one_mail(server: Controller, mailbox: Mailbox, trusted: tuple[Path, Path]) -> None:
    build_sink("email", options(server, trusted)).notify(hostile_notifications())

    assert [mail["Subject"].partition(":")[0] for mail in mailbox.mails] == ["10 events"]


@pytest.mark.parametrize(("to", "is_permanent"), [("refused@example.org", True), ("later@example.org", False)])
def test_a_refused_address_is_told_and_final_when_the_server_says_so(
    server: Controller, trusted: tuple[Path, Path], to: str, is_permanent: bool
) -> None:
    with pytest.raises(SinkError, match="refused the addresses in `to`") as caught:
        build_sink("email", options(server, trusted, to=to)).notify([told(event())])

    assert caught.value.permanent == is_permanent


def test_a_wrong_password_is_told_without_it(server: Controller, trusted: tuple[Path, Path]) -> None:
    with pytest.raises(SinkError, match="refused user and password") as caught:
        build_sink("email", options(server, trusted, password="not-the-word")).check()

    assert "not-the-word" not in str(caught.value)


def test_a_certificate_that_nobody_knows_is_not_trusted(server: Controller, trusted: tuple[Path, Path]) -> None:
    given = options(server, trusted)
    del given["ca"]

    with pytest.raises(SinkError, match=r"certificate not trusted: .*; name its CA in `ca`"):
        build_sink("email", given).check()


def test_a_server_that_is_down_is_told(trusted: tuple[Path, Path]) -> None:
    given = {"host": "127.0.0.1", "port": 1, "sender": "a@b.example", "to": "c@d.example"}

    with pytest.raises(SinkError, match=r"email 127\.0\.0\.1:1: Connection refused"):
        build_sink("email", given).check()


def test_a_private_address_can_be_forbidden(trusted: tuple[Path, Path]) -> None:
    given = {"host": "127.0.0.1", "sender": "a@b.example", "to": "c@d.example"}

    with pytest.raises(ConfigError, match="private address"):
        build_sink("email", given, Access(private=False)).check()
