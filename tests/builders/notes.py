"""Somebody to be told: a server that keeps the JSON that it is sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any


class Notes(list[dict[str, Any]]):
    """What came, the oldest first. address: where to."""

    address = ""

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [note for note in self if note["kind"] == kind]


@contextmanager
def note_taker() -> Iterator[Notes]:
    """A server on this machine, and what it was sent."""
    got = Notes()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    got.address = f"http://127.0.0.1:{server.server_port}/hook"
    yield got
    server.shutdown()
    server.server_close()
