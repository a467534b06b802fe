"""The timeline: its JSON, its page, and which finding is about which of the things that happened."""

import json

import numpy as np

from pipelines.demo import Account, Entry, Policy, caught, write_story

FLEET = "3 devices"
STUCK = {"what": "stuck of flow on pump-03", "class": "sensor_fault", "day": 3.0, "names": ["pump-03"]}
UNIT = {"what": "firmware unit on cima", "class": "upstream_change", "day": 5.0, "names": ["cima"]}
WEAR = {"what": "wear", "class": "drift", "day": 10.0, "names": []}


def entry(day, kind, cause, decision=""):
    return Entry(f"2026-01-{int(day) + 1:02d}T00:00:00Z", kind, cause, decision, "", day)


def policy(name, cost, *retrained):
    day = np.array([0.0, 14.0])
    return Policy(name, retrained, Account(cost, day, np.array([0.0, cost]), 5, 4, 9))


ENTRIES = [
    entry(3, "ordered", "stuck of flow on pump-03"),
    entry(7, "sensor_fault", "sensor fault in pump-03 (flow): it stands still", "ticket; channel masked"),
    entry(14, "concept_drift", "concept drift in fleet: the model errs more", "retrain"),
    entry(14, "retraining", "concept drift in fleet", "published"),
]


def test_what_happened_is_caught_by_the_first_finding_that_is_about_it():
    found = caught([STUCK, UNIT, WEAR], ENTRIES)
    assert [(c.delay, c.called) for c in found] == [(4.0, "sensor_fault"), (None, ""), (4.0, "concept_drift")]


def test_what_was_found_before_it_happened_does_not_count():
    assert caught([STUCK | {"day": 8.0}], ENTRIES)[0].delay is None


def test_the_json_is_a_list_of_time_kind_cause_decision_run_in_order(tmp_path):
    write_story(tmp_path, ENTRIES[::-1], [policy("the loop", 10.0, 14.0), policy("never", 30.0)], [], "EUR", FLEET)
    told = json.loads((tmp_path / "timeline.json").read_text())
    assert [set(line) for line in told] == [{"time", "kind", "cause", "decision", "run"}] * 4
    assert [line["time"] for line in told] == sorted(line["time"] for line in told)


def test_the_page_says_what_the_loop_was_worth_and_what_was_seen(tmp_path):
    seen = caught([STUCK, UNIT], ENTRIES)
    page = write_story(
        tmp_path, ENTRIES, [policy("the loop", 10_000.0, 14.0), policy("never", 30_000.0)], seen, "EUR", FLEET
    )
    text = page.read_text()
    for words in (
        "1 retraining saved 20,000 EUR against never",
        "1 of 2",
        "not seen",
        "<svg",
        "ticket; channel masked",
    ):
        assert words in text, words
    assert "<script" not in text


def test_a_cheaper_way_is_named_in_the_same_breath(tmp_path):
    others = [policy("never", 50.0), policy("every 28 days", 10.0, 28.0)]
    page = write_story(tmp_path, ENTRIES, [policy("the loop", 30.0, 14.0), *others], [], "EUR", FLEET)
    assert "saved 20 EUR against never; retraining every 28 days would have cost 20 EUR less" in page.read_text()


def test_a_loop_that_cost_more_says_so(tmp_path):
    page = write_story(tmp_path, ENTRIES, [policy("the loop", 30.0, 14.0), policy("never", 10.0)], [], "EUR", FLEET)
    assert "cost 20 EUR against never" in page.read_text()
