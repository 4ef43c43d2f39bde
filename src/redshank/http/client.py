"""The client: one call with retries, an answer that is bounded in time and size, and errors that say what to do."""

from __future__ import annotations

import json
import threading
import time
import weakref
from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import httpcore2
import httpx2

from redshank.errors import ConfigError, RedshankError, SinkError, SourceError
from redshank.http.aws import AwsOptions, aws_auth
from redshank.http.network import Network
from redshank.http.options import HttpOptions, split_user
from redshank.http.patience import Patience, retry_after
from redshank.http.tls import tls_context
from redshank.http.words import Scrubber, network_problem, status_problem
from redshank.specs.options import Access

__all__ = ["Answer", "Http", "HttpOptions"]

CHUNK = 1 << 16
MOST_REDIRECTS = 3
REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
PASSING = frozenset({429, 502, 503, 504})  # states that may pass
REFUSED_FOR_NOW = frozenset({429, 503})  # of these, those in which the server has done nothing
WRONG = frozenset({400, 413, 415, 422})  # the same request will never be taken
REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(kw_only=True)
class Counts:
    """What a client did so far."""

    requests: int = 0
    retries: int = 0
    bytes_in: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Answer:
    """An answer read whole: ``headers`` by lower-case name, ``content`` unpacked."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        """Return the content as JSON; ValueError when it is none. NaN and Infinity are taken, as some systems write."""
        return json.loads(self.content)


@dataclass(frozen=True)
class Request:
    """What is sent."""

    method: str
    url: str
    params: Mapping[str, Any] | None
    content: bytes | None
    headers: Mapping[str, str]


class Http:
    """Calls of one system; any number of threads may call at once.

    Raises errors of the class given to ``of`` (SourceError or SinkError), never those of the library.
    """

    def __init__(
        self,
        url: str,
        where: str,
        client: httpx2.Client,
        network: Network,
        options: HttpOptions,
        *,
        error: type[RedshankError],
        scrub: Scrubber,
    ) -> None:
        """See ``of``."""
        self.url, self.where, self.options = url, where, options
        self.counts = Counts()
        self._client, self._network, self._error, self._scrub = client, network, error, scrub
        self._given_up = 0
        self._lock = threading.Lock()
        self._readings = threading.local()
        weakref.finalize(self, client.close)

    @classmethod
    def of(
        cls,
        options: HttpOptions,
        access: Access,
        where: str,
        *,
        error: type[RedshankError] = SourceError,
        url: str | None = None,
    ) -> Self:
        """Return a client; nothing is reached yet.

        ``where`` begins all messages. ``url``: a secret address that takes the place of ``options.url``.

        Raises:
            ConfigError: a secret, certificate or address is wrong.
        """
        address, scrub = options.url, Scrubber()
        if url is not None:
            address = split_user(url)[0]
            scrub.add(address, urlsplit(address).path.strip("/"), urlsplit(address).query)
            if urlsplit(address).scheme not in ("http", "https") or not urlsplit(address).hostname:
                raise ConfigError(f"{where}: the address must begin with http:// or https:// and name a host")
        network = Network(access.check_address)
        transport = _transport(options, access, network)
        headers = {"Accept-Encoding": "gzip", "User-Agent": "redshank", **_headers(options, access, scrub)}
        client = httpx2.Client(
            transport=transport,
            headers=headers,
            auth=_auth(options, access, scrub),
            follow_redirects=False,
            timeout=httpx2.Timeout(options.timeout.total_seconds(), connect=options.connect_timeout.total_seconds()),
            trust_env=False,
        )
        return cls(address, where, client, network, options, error=error, scrub=scrub)

    def send(
        self,
        method: str,
        path: str = "",
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        ok: Collection[int] = (200,),
        retry: bool | None = None,
    ) -> Answer:
        """Return the answer of a call, read whole.

        ``body``: JSON to send, ``content``: bytes instead. ``ok``: states that are no error. ``retry``: whether the
        call can be made again after it may have been carried out; None = by its method.
        """
        with self.stream(
            method, path, params=params, body=body, content=content, headers=headers, ok=ok, retry=retry
        ) as chunks:
            whole = b"".join(chunks)
        return Answer(chunks.status, chunks.headers, whole)

    def json(self, method: str, path: str = "", **given: Any) -> Any:
        """Return the JSON of an answer; takes what ``send`` takes. An answer that is no JSON is an error."""
        answer = self.send(method, path, **given)
        try:
            return answer.json()
        except ValueError as error:
            begin = self._scrub(answer.content[:80].decode(errors="replace"))
            raise self._error(f"{self.where}: answered what is no JSON: {begin!r}; see that `url` is right") from error

    def reach(self) -> None:
        """Find out whether the address answers at all, and takes who signs in; nothing is sent."""
        self.send("HEAD", ok=frozenset(range(200, 600)) - {401, 403, 502, 503, 504})

    @contextmanager
    def reading(self, seconds: float | None = None) -> Iterator[None]:
        """Bind all calls of this thread within to one deadline: ``timeout`` from now, or so many seconds."""
        before = getattr(self._readings, "deadline", None)
        self._readings.deadline = self.deadline() if seconds is None else time.monotonic() + seconds
        try:
            yield
        finally:
            self._readings.deadline = before

    def deadline(self) -> float:
        """Return when (monotonic seconds) what begins now must have ended."""
        own = time.monotonic() + self.options.timeout.total_seconds()
        outer: float | None = getattr(self._readings, "deadline", None)
        return own if outer is None else outer

    def cancel(self) -> None:
        """Let the calls of other threads end with an error soon."""
        with self._lock:
            self._given_up += 1
        self._network.cut()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @contextmanager
    def stream(
        self,
        method: str,
        path: str = "",
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        ok: Collection[int] = (200,),
        retry: bool | None = None,
    ) -> Iterator[Chunks]:
        """Give the chunks of an answer as they come; as ``send``. The calls are made again until the answer begins."""
        given = dict(headers or {})
        if body is not None:
            content = json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
            given = {"Content-Type": "application/json", **given}
        request = Request(method, self._address(path), params, content, given)
        repeatable = method in REPEATABLE if retry is None else retry
        deadline, given_up, begun = self.deadline(), self._given_up, time.monotonic()
        with self._network.until(deadline), self._told(given_up):
            response = self._answered(request, ok, repeatable, Patience(self.options.retries, deadline))
            try:
                yield Chunks(response, self, deadline)
            finally:
                response.close()
                with self._lock:
                    self.counts.seconds += time.monotonic() - begun

    def _address(self, path: str) -> str:
        if not path:
            return self.url
        base, mark, query = self.url.partition("?")
        return f"{base.rstrip('/')}/{path.lstrip('/')}{mark}{query}"

    def _answered(self, request: Request, ok: Collection[int], repeatable: bool, patience: Patience) -> httpx2.Response:
        """Send until there is an answer that is not to be tried again."""
        while True:
            try:
                response = self._redirected(request)
            except httpx2.TransportError as error:
                is_unsent = isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout)
                if not (is_unsent or repeatable) or not patience.wait(None, self._cut):
                    raise
                self._count_retry()
                continue
            status = response.status_code
            if status in ok:
                return response
            may_pass = status in (PASSING if repeatable else REFUSED_FOR_NOW)
            asked = retry_after(response.headers)
            if may_pass and patience.wait(asked, self._cut):
                response.close()
                self._count_retry()
                continue
            raise self._refused(response, asked)

    def _redirected(self, request: Request) -> httpx2.Response:
        """Send, and follow redirects within the same server."""
        url = request.url
        for _ in range(MOST_REDIRECTS + 1):
            response = self._once(request, url)
            if response.status_code not in REDIRECTS or "location" not in response.headers:
                return response
            target = urljoin(url, response.headers["location"])
            response.close()
            if _origin(target) != _origin(url):
                shown = self._scrub(f"{urlsplit(target).scheme}://{urlsplit(target).netloc.rpartition('@')[2]}")
                raise self._error(
                    f"{self.where}: redirects to {shown}, another server, which is not followed; write that into `url` "
                    "if it is meant"
                )
            if response.status_code in (301, 302, 303) and request.method not in ("GET", "HEAD"):
                raise self._error(
                    f"{self.where}: redirects a {request.method}; write the address it leads to into `url`"
                )
            url = target
        raise self._error(f"{self.where}: redirects in a circle; see that `url` is right")

    def _once(self, request: Request, url: str) -> httpx2.Response:
        with self._lock:
            self.counts.requests += 1
        built = self._client.build_request(
            request.method, url, params=request.params, content=request.content, headers=dict(request.headers)
        )
        return self._client.send(built, stream=True)

    def _count_retry(self) -> None:
        with self._lock:
            self.counts.retries += 1

    def _cut(self) -> int:
        return self._given_up

    def _refused(self, response: httpx2.Response, asked: float | None) -> RedshankError:
        status = response.status_code
        try:
            content = next(response.iter_bytes(CHUNK), b"")[:CHUNK]
        except httpx2.HTTPError:
            content = b""
        finally:
            response.close()
        text = self._scrub(f"{self.where}: {status_problem(status, content, asked)}")
        if issubclass(self._error, SinkError):
            return self._error(text, permanent=status in WRONG, retry_seconds=asked)
        return self._error(text)

    @contextmanager
    def _told(self, given_up: int) -> Iterator[None]:
        """Turn errors of the library into ours."""
        try:
            yield
        except (httpx2.HTTPError, httpx2.InvalidURL, httpcore2.TimeoutException, httpcore2.NetworkError) as error:
            if self._given_up != given_up:
                raise self._error(f"{self.where}: reading was given up") from error
            raise self._error(self._scrub(f"{self.where}: {network_problem(error, self.options)}")) from error

    def fail(self, text: str) -> RedshankError:
        """Return an error of this client's class, its text behind ``where`` and without secrets."""
        return self._error(self._scrub(f"{self.where}: {text}"))

    def count_bytes(self, number: int) -> None:
        """Count bytes that came."""
        with self._lock:
            self.counts.bytes_in += number


class Chunks:
    """The content of an answer, chunk by chunk, unpacked; an error above the size that is allowed."""

    def __init__(self, response: httpx2.Response, http: Http, deadline: float) -> None:
        """Read nothing yet."""
        self.status = response.status_code
        self.headers = {name.lower(): value for name, value in response.headers.items()}
        self._response, self._http, self._deadline = response, http, deadline

    def __iter__(self) -> Iterator[bytes]:
        """Give the chunks."""
        total, most = 0, self._http.options.max_bytes
        for chunk in self._response.iter_bytes(CHUNK):
            total += len(chunk)
            if total > most:
                raise self._http.fail(f"answered more than {most:,} bytes; ask for less, or raise max_bytes")
            if time.monotonic() > self._deadline:
                raise self._http.fail("took longer than timeout allows; ask for less, or raise timeout")
            self._http.count_bytes(len(chunk))
            yield chunk


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _headers(options: HttpOptions, access: Access, scrub: Scrubber) -> dict[str, str]:
    headers = {name: access.reveal(value) or "" for name, value in options.headers.items()}
    scrub.add(*headers.values())
    for secret, scheme in ((options.token, "Bearer"), (options.api_key, "ApiKey")):
        revealed = access.reveal(secret)
        if revealed is not None:
            scrub.add(revealed)
            headers["Authorization"] = f"{scheme} {revealed}"
    wrong = next((name for name, value in headers.items() if not _is_header(value)), None)
    if wrong is not None:
        raise ConfigError(f"headers: the value of {wrong} must be one line of plain characters", field="headers")
    return headers


def _is_header(value: str) -> bool:
    return value.isascii() and all(char == "\t" or " " <= char != "\x7f" for char in value)


def _auth(options: HttpOptions, access: Access, scrub: Scrubber) -> httpx2.Auth | None:
    if isinstance(options, AwsOptions) and options.aws_region is not None:
        return aws_auth(options, access, scrub)
    if options.user is None:
        return None
    password = access.reveal(options.password) or ""
    scrub.add(password, b64encode(f"{options.user}:{password}".encode()).decode())
    return httpx2.BasicAuth(options.user, password)


def _transport(options: HttpOptions, access: Access, network: Network) -> httpx2.HTTPTransport:
    """The transport of the library on connections of our own."""
    context = tls_context(options, access)
    transport = httpx2.HTTPTransport(verify=context)
    limits: Mapping[str, Any] = {"max_connections": 100, "max_keepalive_connections": 20, "keepalive_expiry": 30.0}
    if options.proxy is None:
        transport._pool = httpcore2.ConnectionPool(ssl_context=context, network_backend=network, **limits)
        return transport
    proxy = httpx2.Proxy(options.proxy)
    transport._pool = httpcore2.HTTPProxy(
        str(proxy.url),
        proxy_auth=proxy.raw_auth,
        ssl_context=context,
        proxy_ssl_context=context if proxy.url.scheme == "https" else None,
        network_backend=network,
        **limits,
    )
    return transport
