"""A server between a client and a real S3 server, which gets into trouble at a chosen request."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import urlsplit

Fault = Literal["killed", "hangs", "refuses", "stutters", "loses"]
"""From the request on: the connection is cut; nothing is answered; 403. Once: it is cut before, or after, the request
was carried out."""

_DENIED = b"<Error><Code>AccessDenied</Code><Message>no longer</Message></Error>"


class Trouble:
    """What happens to requests. asked: method and path of each, in order."""

    def __init__(self, upstream: str) -> None:
        self.host = urlsplit(upstream).netloc
        self.asked: list[tuple[str, str]] = []
        self._at: Callable[[str, str], bool] = lambda method, path: False
        self._fault: Fault | None = None
        self._began = False
        self._over = threading.Event()
        self._lock = threading.Lock()

    def at(self, fault: Fault, request: Callable[[str, str], bool]) -> None:
        """The fault begins with the first request for which `request(method, path)` holds."""
        self._fault, self._at, self._began = fault, request, False
        self._over.clear()

    def mend(self) -> None:
        """All is well again; who waits is let go."""
        self._fault = None
        self._over.set()

    def of(self, method: str, path: str) -> Fault | None:
        """What to do with a request."""
        with self._lock:
            self.asked.append((method, path))
            begins = not self._began and self._fault is not None and self._at(method, path)
            self._began = self._began or begins
            if self._fault in ("stutters", "loses"):
                return self._fault if begins else None
            return self._fault if self._began else None

    def wait(self) -> None:
        self._over.wait(60)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    trouble: Trouble

    def _go(self) -> None:
        fault = self.trouble.of(self.command, self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if fault == "hangs":
            self.trouble.wait()
        if fault in ("killed", "hangs", "stutters"):
            self.close_connection = True
            return
        if fault == "refuses":
            self._answer(403, {"Content-Type": "application/xml"}, _DENIED)
            return
        status, headers, data = self._forward(body)
        if fault == "loses":
            self.close_connection = True
            return
        self._answer(status, headers, data)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _go  # noqa: N815

    def _forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        upstream = http.client.HTTPConnection(self.trouble.host, timeout=30)
        try:  # the client signed its Host header: it is handed on as it is
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in ("connection", "expect"):
                    upstream.putheader(name, value)
            upstream.endheaders(body)
            answer = upstream.getresponse()
            data = answer.read()
            return answer.status, dict(answer.getheaders()), data
        finally:
            upstream.close()

    def _answer(self, status: int, headers: dict[str, str], data: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        length = headers.get("Content-Length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@contextmanager
def trouble_before(upstream: str) -> Iterator[tuple[Trouble, str]]:
    """The trouble, and the address at which it stands."""
    trouble = Trouble(upstream)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"trouble": trouble}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield trouble, f"http://127.0.0.1:{server.server_port}"
    finally:
        trouble.mend()
        server.shutdown()
        server.server_close()
