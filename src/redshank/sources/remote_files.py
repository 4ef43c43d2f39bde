"""Files at ``http(s)://`` and ``s3://`` addresses: listed, fetched into a temporary folder, told from older ones."""

from __future__ import annotations

import fnmatch
import glob
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from redshank.errors import ConfigError, SourceError
from redshank.http.client import Http
from redshank.http.options import HttpOptions, split_user
from redshank.sources.paths import format_suffix
from redshank.specs.options import Access, read_options

if TYPE_CHECKING:
    from pyarrow.fs import FileInfo, S3FileSystem

HTTP, S3 = ("http", "https"), "s3"
MOST_LISTED = 100_000
_GONE = frozenset({404, 410})


def scheme_of(path: str) -> str:
    """Return the scheme of an address that files are fetched from; empty for a path."""
    scheme, mark, _ = path.partition("://")
    return scheme.lower() if mark and scheme.lower() in (*HTTP, S3) else ""


def shown(url: str) -> str:
    """Return an address for people: without user and what is behind ``?``, which may be a signature."""
    return split_user(url)[0].partition("?")[0]


class RemoteFiles:
    """Reaches files elsewhere, as its options say."""

    def __init__(self, options: Mapping[str, Any], access: Access) -> None:
        """``options``: of HttpOptions, and ``region`` and ``endpoint`` of S3; nothing is reached yet."""
        self._options, self._access = dict(options), access
        self._clients: dict[str, Http] = {}
        self._turn = threading.Lock()

    def fetch(self, url: str, target: Path) -> bool:
        """Write the file to ``target``; False when there is none. SourceError when it cannot be read."""
        if scheme_of(url) == S3:
            return self._fetch_s3(url, target)
        client = self._client(url)
        with client.stream("GET", ok=frozenset({200, *_GONE})) as chunks:
            if chunks.status in _GONE:
                return False
            with target.open("wb") as file:
                for chunk in chunks:
                    file.write(chunk)
        return True

    def signature(self, url: str) -> str | None:
        """Return what tells the file from an older one; None when the server says nothing of the kind."""
        if scheme_of(url) == S3:
            return self._signature_s3(url)
        with self._client(url).stream("HEAD", ok=frozenset({200, 405, 501, *_GONE})) as chunks:
            if chunks.status in _GONE:
                return "gone"
            told = [chunks.headers.get(name, "") for name in ("etag", "last-modified")]
            return None if not any(told) else " ".join([*told, chunks.headers.get("content-length", "")])

    def cancel(self) -> None:
        """Give up what other threads fetch."""
        with self._turn:
            clients = list(self._clients.values())
        for client in clients:
            client.cancel()

    def bytes_read(self) -> tuple[int, int, int]:
        """Return the requests, retries and bytes of all addresses so far."""
        with self._turn:
            counts = [client.counts for client in self._clients.values()]
        return sum(c.requests for c in counts), sum(c.retries for c in counts), sum(c.bytes_in for c in counts)

    def _client(self, url: str) -> Http:
        with self._turn:
            if url not in self._clients:
                given = {name: value for name, value in self._options.items() if name not in ("region", "endpoint")}
                where = f"files {shown(url)}"
                self._clients[url] = Http.of(
                    read_options(HttpOptions, where, {**given, "url": url}), self._access, where
                )
            return self._clients[url]

    # ------------------------------------------------------------------ S3

    @cached_property
    def _s3(self) -> S3FileSystem:
        from pyarrow.fs import S3FileSystem

        region, endpoint = self._options.get("region"), self._options.get("endpoint")
        parts = urlsplit(endpoint if endpoint and "://" in endpoint else f"https://{endpoint or _amazon(region)}")
        if not parts.hostname:
            raise ConfigError(f"endpoint: must be like https://host:9000, got {endpoint!r}", field="endpoint")
        self._access.check_host(parts.hostname)
        user, password = self._options.get("user"), self._options.get("password")
        given: dict[str, Any] = {} if user is None else {"access_key": user}
        if password is not None:
            given["secret_key"] = self._access.secret(str(getattr(password, "get_secret_value", lambda: password)()))
        if endpoint:
            given |= {"endpoint_override": parts.netloc, "scheme": parts.scheme}
        return S3FileSystem(region=region, connect_timeout=10, request_timeout=60, **given)

    def listed(self, url: str) -> list[str]:
        """Return the addresses that one with ``*`` or a ``/`` at its end stands for, in order of their names."""
        if scheme_of(url) != S3 or not (glob.has_magic(url) or url.endswith("/")):
            return [url]
        return [f"s3://{info.path}" for info in self._infos(url)]

    def _infos(self, url: str) -> list[FileInfo]:
        from pyarrow.fs import FileSelector, FileType

        path = url.partition("://")[2]
        if not (glob.has_magic(path) or path.endswith("/")):
            with _told(url):
                return [info for info in self._s3.get_file_info([path]) if info.type == FileType.File]
        before = path[: min(path.find(sign) for sign in "*?[" if sign in path)] if glob.has_magic(path) else path
        with _told(url):
            found = self._s3.get_file_info(
                FileSelector(before.rpartition("/")[0], recursive=True, allow_not_found=True)
            )
        wanted = path + "*" if path.endswith("/") else path
        return sorted(
            (one for one in found[:MOST_LISTED] if one.type == FileType.File and fnmatch.fnmatchcase(one.path, wanted)),
            key=lambda one: str(one.path),
        )

    def _signature_s3(self, url: str) -> str:
        seen = sha256()
        for info in self._infos(url):
            seen.update(f"{info.path}\0{info.size}\0{info.mtime_ns}\0".encode())
        return seen.hexdigest()

    def _fetch_s3(self, url: str, target: Path) -> bool:
        found = self._infos(url)
        if not found:
            return False
        most = int(self._options.get("max_bytes", HttpOptions.model_fields["max_bytes"].default))
        if found[0].size > most:
            raise SourceError(f"files {shown(url)}: must hold at most max_bytes ({most:,}), got {found[0].size:,}")
        with _told(url), self._s3.open_input_stream(found[0].path) as source, target.open("wb") as file:
            while block := source.read(1 << 20):
                file.write(block)
        return True


def _amazon(region: str | None) -> str:
    return f"s3.{region}.amazonaws.com" if region else "s3.amazonaws.com"


@contextmanager
def _told(url: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = " ".join(str(error).split())[:300]
        raise SourceError(
            f"files {shown(url)}: cannot be read: {reason}; see that bucket, region and keys are right"
        ) from error


def suffix_of(url: str) -> str:
    """Return the suffix of the name in an address."""
    return format_suffix(urlsplit(url).path)
