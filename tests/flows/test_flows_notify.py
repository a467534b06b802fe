"""Notes go out as plain JSON; an address that does not answer stops nothing and betrays no secret."""

import pytest

from flows.notify import notify
from flows.why import Why
from tests.builders.notes import note_taker

WHY = Why("drift", "ada", "run-1")


@pytest.fixture
def notes():
    with note_taker() as found:
        yield found


def test_a_note_says_what_whose_why_and_in_which_run(notes, monkeypatch, tmp_path):
    monkeypatch.setenv("FLEETLOOP_WEBHOOK", f"{notes.address}, {notes.address}")
    assert notify(tmp_path, "held", ["pumps"], "it is worse", WHY, report="http://x") == 2
    note = notes[0]
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


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["held", "drift", "ticket", "failure"])
def test_a_block_of_prefect_tells_whom_it_is_configured_for(kind, notes, prefect_server, monkeypatch, tmp_path):
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    said = {"text": "{{subject}}: {{body}}"}
    CustomWebhookNotificationBlock(name="ops", url=notes.address, json_data=said).save("operators", overwrite=True)
    monkeypatch.setenv("FLEETLOOP_NOTIFY", "custom-webhook/operators, custom-webhook/nobody")
    assert notify(tmp_path, kind, ["pumps"], "flow rose", WHY) == 1  # a block that is not there stops nothing
    assert notes == [{"text": f"fleetloop: {kind} of pumps: flow rose"}]
