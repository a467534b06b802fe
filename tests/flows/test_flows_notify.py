"""Notes go out as plain JSON; an address that does not answer stops nothing and betrays no secret."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from flows.notify import notify
from flows.why import Why

WHY = Why("drift", "ada", "run-1")


@pytest.fixture
def hook():
    """An address, and the notes that it was sent."""
    got = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook", got
    server.shutdown()
    server.server_close()


def test_a_note_says_what_whose_why_and_in_which_run(hook, monkeypatch, tmp_path):
    address, got = hook
    monkeypatch.setenv("FLEETLOOP_WEBHOOK", f"{address}, {address}")
    assert notify(tmp_path, "held", ["pumps"], "it is worse", WHY, report="http://x") == 2
    note = got[0]
    assert note["time"].startswith("20") and note.pop("time")
    assert note == {
        "kind": "held", "use_cases": ["pumps"], "sentence": "it is worse", "cause": "drift", "run": "run-1",
        "project": tmp_path.name, "report": "http://x",
    }  # fmt: skip


def test_nobody_configured_is_nobody_told(monkeypatch, tmp_path):
    monkeypatch.delenv("FLEETLOOP_WEBHOOK", raising=False)
    assert notify(tmp_path, "failure", ["pumps"], "no", WHY) == 0


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/T0/secret", "nonsense"])
def test_an_address_that_does_not_answer_is_a_warning_without_its_path(address, monkeypatch, tmp_path, caplog):
    monkeypatch.setenv("FLEETLOOP_WEBHOOK", address)
    assert notify(tmp_path, "ticket", ["pumps"], "stuck", WHY) == 0
    assert "could not be told of a ticket" in caplog.text and "secret" not in caplog.text
