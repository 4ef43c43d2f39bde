"""The HTTP client of sources and sinks in a hostile world: it ends in time, leaks nothing, and says what to do."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from base64 import b64encode
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from http_world import Act, answer, cut_off, drip, endless, nothing, world
from redshank.errors import ConfigError, SinkError, SourceError
from redshank.http.client import Http, HttpOptions
from redshank.http.patience import retry_after
from redshank.http.words import Scrubber, server_message
from redshank.specs.options import Access
from tls_world import certificate


def client(url: str, access: Access | None = None, **options: Any) -> Http:
    given = HttpOptions(**{"url": url, "timeout": "2s", "retries": 0, **options})
    return Http.of(given, access or Access(), "test system")


def failure(*acts: Act, method: str = "GET", **options: Any) -> str:
    with world(*acts) as told, pytest.raises(SourceError) as caught:
        client(told.url, **options).json(method, "/x")
    return str(caught.value)


def test_an_answer_is_read_with_who_signs_in() -> None:
    with world(answer(body=b'{"a": [1, NaN]}')) as told:
        found = client(f"{told.url}/base/", user="me", password="word").json("GET", "/x", params={"q": "a b"})

    assert found["a"][0] == 1
    assert told.seen[0].startswith(b"GET /base/x?q=a+b") or told.seen[0].startswith(b"GET /base/x?q=a%20b")
    assert b"Authorization: Basic bWU6d29yZA==" in told.seen[0]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("401 Unauthorized", "check user and password, token or api_key"),
        ("403 Forbidden", "give the user the right to it"),
        ("404 Not Found", "see that `url` and names are right"),
        ("500 Oops", "failed"),
    ],
)
def test_a_state_says_what_to_do_and_what_the_server_said(status: str, words: str) -> None:
    text = failure(answer(status, b'{"error": {"root_cause": [{"reason": "no such thing"}]}}'))

    assert text.startswith("test system: ")
    assert words in text
    assert text.endswith(f"({status[:3]}): no such thing")


def test_a_server_that_is_down_is_named_with_the_reason() -> None:
    with world(nothing) as told:
        pass
    with pytest.raises(SourceError, match=r"cannot be reached: .*refused; see that `url` is right"):
        client(told.url).json("GET")


def test_a_host_that_does_not_exist_is_named() -> None:
    with pytest.raises(SourceError, match=r"there is no host 'nowhere\.invalid'"):
        client("http://nowhere.invalid").json("GET")


@pytest.mark.parametrize("act", [nothing, drip], ids=["half open", "slow drip"])
def test_an_answer_that_does_not_come_ends_at_the_timeout(act: Act) -> None:
    begun = time.monotonic()

    text = failure(act, timeout="200ms")

    assert "took longer than timeout allows (0.2 s)" in text
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Unavailable", "502 Bad Gateway"])
def test_what_may_pass_is_tried_again(status: str) -> None:
    with world(answer(status), answer(status), answer()) as told:
        http = client(told.url, retries=3)
        found = http.json("GET", "/x")

    assert (found, len(told.seen), http.counts.retries) == ({}, 3, 2)


def test_a_server_that_asks_to_wait_longer_than_the_timeout_is_not_waited_for() -> None:
    text = failure(answer("503 Busy", Retry_After="3600"), retries=5)

    assert "is not ready (503); it asks to wait 3600 s" in text


def test_a_request_that_may_have_been_carried_out_is_not_sent_twice() -> None:
    with world(cut_off, answer()) as told, pytest.raises(SourceError, match="broke off"):
        client(told.url, retries=3).json("POST", body={"a": 1})

    assert len(told.seen) == 1


def test_an_answer_that_breaks_off_is_an_error() -> None:
    assert "broke off" in failure(cut_off)


def test_an_answer_is_not_read_beyond_the_size_allowed() -> None:
    assert "more than 1,000,000 bytes" in failure(endless, max_bytes=1_000_000)


def test_a_small_answer_that_unpacks_to_a_large_one_is_not_unpacked_whole() -> None:
    import gzip

    bomb = gzip.compress(bytes(50_000_000))

    assert "more than 1,000,000 bytes" in failure(answer(body=bomb, Content_Encoding="gzip"), max_bytes=1_000_000)


def test_what_is_no_json_is_shown() -> None:
    assert "answered what is no JSON: '<html>'" in failure(answer(body=b"<html>"))


def test_a_redirect_within_the_server_is_followed() -> None:
    with world(answer("302 Found", Location="/y"), answer(body=b"[1]")) as told:
        assert client(told.url).json("GET", "/x") == [1]


def test_a_redirect_elsewhere_is_not_followed_and_gets_no_password() -> None:
    with world(answer()) as other:
        text = failure(answer("302 Found", Location=other.url), user="me", password="secret-word")

    assert f"redirects to {other.url}, another server" in text
    assert other.seen == []


def test_a_circle_of_redirects_ends() -> None:
    assert "redirects in a circle" in failure(answer("302 Found", Location="/x"))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "10.1.2.3", "[::ffff:10.0.0.1]"]
)
def test_private_addresses_can_be_forbidden(host: str) -> None:
    with pytest.raises(ConfigError, match="a private address, which the server's settings forbid"):
        client(f"http://{host}:1", Access(private=False)).json("GET")


def test_a_proxy_must_not_be_a_way_to_private_addresses() -> None:
    with world(answer()) as proxy:
        assert client("http://far.example/x", proxy=proxy.url).json("GET", "y") == {}
        with pytest.raises(ConfigError, match="a private address"):
            client("http://far.example/x", Access(private=False), proxy=proxy.url).json("GET")

    assert proxy.seen[0].startswith(b"GET http://far.example/x/y ")
    assert len(proxy.seen) == 1


def test_a_certificate_that_nobody_signed_is_taken_only_where_it_is_said(tmp_path: Path) -> None:
    certificate_file, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_file, key)
    secured = partial(context.wrap_socket, server_side=True)

    with world(answer(), wrap=secured) as told:
        url = told.url.replace("http://", "https://")
        with pytest.raises(SourceError, match=r"certificate: self.signed certificate.*in `ca`, or set `verify: false`"):
            client(url).json("GET")
        assert client(url, ca=str(certificate_file)).json("GET") == {}
        assert client(url, verify=False).json("GET") == {}
        told.acts = [answer("302 Found", Location=told.url)]
        with pytest.raises(SourceError, match=r"redirects to .*, another server"):
            client(url, verify=False).json("GET")


@pytest.mark.parametrize("text", ["no", "socks5://x", "http://"])
def test_a_proxy_is_an_http_address(text: str) -> None:
    with pytest.raises(ValueError, match="proxy"):
        HttpOptions(url="http://x", proxy=text)


def test_reading_in_another_thread_can_be_given_up() -> None:
    caught: list[Exception] = []
    with world(nothing) as told:
        http = client(told.url, timeout="1m")

        def read() -> None:
            try:
                http.json("GET")
            except SourceError as error:
                caught.append(error)

        thread = threading.Thread(target=read)
        thread.start()
        while not told.seen:
            thread.join(0.01)
        http.cancel()
        thread.join(5)

    assert "was given up" in str(caught[0])


def test_a_sink_learns_what_will_never_be_taken_and_how_long_to_wait() -> None:
    with world(answer("422 No", b'{"message": "bad field"}'), answer("429 Slow", Retry_After="7")) as told:
        http = Http.of(HttpOptions(url=told.url, retries=0), Access(), "hook", error=SinkError)
        errors = []
        for _ in range(2):
            with pytest.raises(SinkError) as caught:
                http.send("POST", body={})
            errors.append(caught.value)

    assert [(error.permanent, error.retry_seconds) for error in errors] == [(True, None), (False, 7.0)]


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=4, max_size=40))
def test_a_secret_is_in_no_message(secret: str) -> None:
    scrub = Scrubber()
    scrub.add(secret)

    assert secret not in scrub(f"x {secret} y") or secret in "x *** y"


def test_a_secret_that_the_server_repeats_is_blanked_out() -> None:
    text = failure(answer("401 No", b"wrong token hunter-2-hunter"), token="hunter-2-hunter")

    assert "hunter" not in text


SECRETS = st.text(st.characters(min_codepoint=43, max_codepoint=126), min_size=6, max_size=40)


@given(SECRETS, st.sampled_from(["password", "token", "api_key", "header", "url"]))
@settings(max_examples=10, deadline=None)
def test_a_server_that_repeats_all_that_it_was_sent_gives_no_secret_away(secret: str, where: str) -> None:
    sent: dict[str, Any] = {
        "password": {"user": "me", "password": secret},
        "header": {"headers": {"X-Key": secret}},
        "url": {},
    }.get(where, {where: secret})

    def address(url: str) -> str:
        return url.replace("//", f"//me:{quote(secret, safe='')}@") if where == "url" else url

    def repeat(connection: socket.socket) -> None:
        body = json.dumps({"error": told.seen[-1].decode() + quote(secret) + secret}).encode()
        answer("400 Bad", body)(connection)

    with world(repeat) as told, pytest.raises(SourceError) as caught:
        client(address(told.url), **sent).json("GET", "/x")

    encoded = b64encode(f"me:{secret}".encode()).decode()
    assert not any(text in str(caught.value) for text in (secret, quote(secret, safe=""), encoded))


def test_an_address_keeps_no_password() -> None:
    options = HttpOptions(url="https://me:p%40ss@host.example:9200/x")

    assert (options.url, options.user) == ("https://host.example:9200/x", "me")
    assert options.password is not None
    assert options.password.get_secret_value() == "p@ss"


@pytest.mark.parametrize("url", ["", "ftp://x", "http://", "http://a b", "https:///x", "x"])
def test_what_is_no_http_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="url"):
        HttpOptions(url=url)


def test_a_moment_to_come_back_is_read_in_seconds_and_as_a_date() -> None:
    from datetime import UTC, datetime

    now = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)

    assert retry_after({"retry-after": "12"}) == 12
    assert retry_after({"retry-after": "Thu, 01 Jan 2026 12:00:30 GMT"}, lambda: now) == 30
    assert retry_after({"retry-after": "soon"}) is None


def test_the_message_of_a_server_is_found_in_all_its_forms() -> None:
    assert server_message(b'{"errorClass": "x", "errorMessage": "druid says"}') == "druid says"
    assert server_message(b'{"status": "error", "errorType": "bad_data", "error": "promql"}') == "promql"
    assert server_message(b"<html>long</html>") == ""
    assert len(server_message(b"x" * 1000)) < 310
