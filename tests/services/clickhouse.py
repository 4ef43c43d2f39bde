"""The engine of ClickHouse (chdb, in this process) behind as much of its HTTP protocol as clickhouse-connect speaks.

Queries in the body or as ``query`` (what is inserted must be text, not compressed), settings and ``param_`` values in
the address, any FORMAT, answers in portions, errors with their code, KILL QUERY (heeded between two portions), one
query at a time. Settings are put behind the query, so the engine itself refuses what ``readonly`` forbids.
"""

from __future__ import annotations

import base64
import io
import re
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyarrow
import pyarrow.ipc
from chdb import session

USER = PASSWORD = "redshank"
TRANSPORT = {
    "query", "database", "query_id", "session_id", "session_timeout", "session_check", "client_protocol_version",
    "wait_end_of_query", "buffer_size", "compress", "decompress", "quota_key", "role", "user", "password",
    "default_format", "enable_http_compression", "send_progress_in_http_headers", "http_headers_progress_interval_ms",
    "cancel_http_readonly_queries_on_client_close",
}  # fmt: skip
FORMAT = re.compile(r"\s+FORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)
SELECTS = re.compile(r"\s*(\(|select|with|show|describe|exists)", re.IGNORECASE)
KILL = re.compile(r"\s*KILL QUERY WHERE query_id = '([^']*)'", re.IGNORECASE)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    engine: Any
    turn = threading.Lock()
    killed: set[str] = set()  # noqa: RUF012

    def do_GET(self) -> None:
        if urlsplit(self.path).path == "/ping":
            self._answer(200, b"Ok.\n")
        else:
            self._asked(b"")

    def do_POST(self) -> None:
        self._asked(self._body())

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _asked(self, body: bytes) -> None:
        given = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query, True).items()}
        expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != expected:
            self._fail(403, 516, "redshank: Authentication failed: password is incorrect. (AUTHENTICATION_FAILED)")
            return
        query, data = (given["query"], body) if "query" in given else (body.decode(), b"")
        killing = KILL.match(query)
        if killing:
            self.killed.add(killing[1])
            self._answer(200, b"")
            return
        with self.turn:
            try:
                self._run(query, data, given)
            except (RuntimeError, ValueError) as error:
                code = re.search(r"Code: (\d+)", str(error))
                self._fail(500, int(code[1]) if code else 1002, str(error))

    def _run(self, query: str, data: bytes, given: dict[str, str]) -> None:
        found = FORMAT.search(query) if SELECTS.match(query) else None
        shape = found[1] if found else given.get("default_format", "TabSeparated")
        text = query[: found.start()] if found else query
        settings = {n: v for n, v in given.items() if n not in TRANSPORT and not n.startswith("param_")}
        if "database" in given:
            self.engine.query(f"USE `{given['database'].replace('`', '')}`")
        if not SELECTS.match(text):
            if int(settings.get("readonly", 0)):
                raise RuntimeError(
                    "Code: 164. DB::Exception: default: Cannot execute query in readonly mode. (READONLY)"
                )
            self._answer(200, self.engine.query(text + data.decode()).bytes())
            return
        values = {name.removeprefix("param_"): value for name, value in given.items() if name.startswith("param_")}
        if settings and not re.search(r"\bSETTINGS\b", text):
            text += "\nSETTINGS " + ", ".join(f"{name}={_literal(value)}" for name, value in settings.items())
        if values or not text.lstrip().lower().startswith(("select", "with", "(")):
            self._answer(200, self.engine.query(text, shape, params=values).bytes())
            return
        self._stream(text, shape, given.get("query_id", ""))

    def _stream(self, text: str, shape: str, query_id: str) -> None:
        answer = self.engine.send_query(text, "Arrow" if shape == "ArrowStream" else shape)
        try:
            portions = _arrow(answer) if shape == "ArrowStream" else (portion.bytes() for portion in answer)
            first = next(portions, None)
            if first is None:  # as no rows are no portion, though they have columns
                self._answer(200, self.engine.query(text, shape).bytes())
                return
            self._begin(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for portion in chain([first], portions):
                if query_id in self.killed:
                    self.close_connection = True
                    return
                if portion:
                    self._chunk(portion)
            self._chunk(b"")
        except OSError:
            self.close_connection = True  # the client is gone
        finally:
            answer.close()

    def _begin(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("X-ClickHouse-Server-Display-Name", "redshank-tests")
        self.send_header("X-ClickHouse-Timezone", "Etc/UTC")
        self.send_header("X-ClickHouse-Summary", '{"read_rows":"0","read_bytes":"0"}')

    def _chunk(self, content: bytes) -> None:
        self.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")

    def _answer(self, status: int, content: bytes) -> None:
        self._begin(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _fail(self, status: int, code: int, message: str) -> None:
        content = f"{message}\n".encode()
        self._begin(status)
        self.send_header("X-ClickHouse-Exception-Code", str(code))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _arrow(answer: Any) -> Iterator[bytes]:
    """The portions of an answer as one stream of Arrow, which chdb would end after each of them."""
    sink = io.BytesIO()
    writer = None
    for batch in answer.record_batch():
        writer = writer or pyarrow.ipc.new_stream(sink, batch.schema)
        writer.write_batch(batch)
        yield sink.getvalue()
        sink.seek(0)
        sink.truncate()
    if writer is not None:
        writer.close()
        yield sink.getvalue()


def _literal(value: str) -> str:
    return (
        value if re.fullmatch(r"-?\d+(\.\d+)?", value) else "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    )


def main() -> None:
    port, folder = int(sys.argv[1]), sys.argv[2]
    Handler.engine = session.Session(folder)
    Handler.engine.query("CREATE DATABASE IF NOT EXISTS redshank")
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    server.serve_forever()


if __name__ == "__main__":
    main()
