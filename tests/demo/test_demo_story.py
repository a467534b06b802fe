"""The timeline: its JSON, its page, and which finding is about which of the things that happened."""

import io
import json

import numpy as np
import pytest

from pipelines.demo import Account, Entry, Ordered, Policy, Run, Story, caught, costs_table, write_story

FLEET = "3 devices"
STUCK = Ordered("stuck of flow on pump-03", "sensor_fault", 3.0, ("pump-03", "flow"))
UNIT = Ordered("firmware unit of flow on cima", "upstream_change", 5.0, ("vendor=cima", "flow"))
WEAR = Ordered("wear", "drift", 10.0)
RUN = Run("1f", "pumps-drift", "http://127.0.0.1:1/runs/flow-run/1f")


def entry(day, kind, cause, decision="", run=None, about=()):
    return Entry(f"2026-01-{int(day) + 1:02d}T00:00:00Z", kind, cause, decision, run, day, about)


def policy(name, cost, *retrained, each=0.0):
    day = np.array([0.0, 14.0])
    return Policy(name, retrained, len(retrained), Account(cost, day, np.array([0.0, cost]), 5, 4, 9), each)


ENTRIES = (
    entry(3, "ordered", "stuck of flow on pump-03"),
    entry(7, "sensor_fault", "sensor fault in pump-03 (flow)", "no training: ticket", RUN, ("pump-03", "flow")),
    entry(7, "sensor_fault", "sensor fault in pump-09 (flow)", "no training: ticket", RUN, ("pump-09", "flow")),
    entry(14, "concept_drift", "concept drift in fleet: the model errs more", "asks for a retraining", RUN, ("fleet",)),
    entry(14, "published", "concept drift in fleet", "release 2", RUN),
    entry(21, "refused", "concept drift in fleet", "refused by the governor (cool-down)", RUN),
)


def story(*policies, seen=(), entries=ENTRIES):
    return Story(entries, policies, tuple(seen), "", "EUR", FLEET, 28.0)


def test_what_happened_is_caught_by_the_first_finding_that_is_about_it():
    found = caught([STUCK, UNIT, WEAR], ENTRIES)
    assert [(c.delay, c.called, c.right) for c in found] == [
        (4.0, "sensor_fault", True), (None, "", False), (4.0, "concept_drift", True),
    ]  # fmt: skip


def test_a_ticket_about_another_machine_or_channel_catches_nothing():
    other = Ordered("stuck of current on pump-03", "sensor_fault", 3.0, ("pump-03", "current"))
    assert caught([other], ENTRIES)[0].delay is None


def test_a_sensor_s_ticket_is_no_word_about_the_world():
    assert caught([WEAR], ENTRIES[:3])[0].delay is None


def test_what_was_found_before_it_happened_does_not_count():
    assert caught([Ordered("stuck", "sensor_fault", 8.0, ("pump-03", "flow"))], ENTRIES)[0].delay is None


def test_what_is_called_by_another_name_was_seen_but_is_not_right():
    named = (entry(6, "sensor_fault", "sensor fault", "", RUN, ("vendor=cima", "flow")),)
    (found,) = caught([UNIT], named)
    assert (found.delay, found.called, found.right) == (1.0, "sensor_fault", False)


def test_the_json_is_a_list_of_time_kind_cause_decision_run_in_order(tmp_path):
    write_story(tmp_path, story(policy("the loop", 10.0, 14.0), policy("never", 30.0), entries=ENTRIES[::-1]))
    told = json.loads((tmp_path / "timeline.json").read_text())
    assert [set(line) for line in told] == [{"time", "kind", "cause", "decision", "run"}] * len(ENTRIES)
    assert [line["time"] for line in told] == sorted(line["time"] for line in told)
    assert told[0]["run"] is None and told[1]["run"] == {"id": RUN.id, "name": RUN.name, "link": RUN.link}


def test_the_page_says_what_the_loop_was_worth_and_what_was_seen_and_refused(tmp_path):
    seen = caught([STUCK, UNIT], ENTRIES)
    page = write_story(tmp_path, story(policy("the loop", 10_000.0, 14.0), policy("never", 30_000.0), seen=seen))
    text = page.read_text()
    for words in (
        "1 retraining saved 20,000 EUR against never retraining; no other way cost less",
        "1 of 2",
        "missed",
        "<svg",
        "no training: ticket",
        "refused by the governor (cool-down)",
        f'href="{RUN.link}"',
    ):
        assert words in text, words
    assert "<script" not in text


@pytest.mark.parametrize(
    ("ours", "never", "monthly", "said"),
    [
        (30, 50, 10, "saved 20 EUR against never retraining; retraining monthly (once) would have cost 20 EUR less"),
        (30, 10, 40, "cost 20 EUR against never retraining"),
        (30, 50, 40, "saved 20 EUR against never retraining; no other way cost less"),
    ],
)  # fmt: skip
def test_the_verdict_names_the_cheaper_way_in_the_same_breath(ours, never, monthly, said):
    told = story(policy("the loop", ours, 14.0), policy("never", never), policy("monthly", monthly, 28.0))
    assert told.verdict == f"1 retraining {said}"


def test_a_retraining_costs_every_policy_the_same_and_stands_in_its_curve():
    found = policy("at every alarm", 100.0, 7.0, 14.0, each=10.0)
    assert found.cost == 120.0 and found.spent.tolist() == [0.0, 120.0]


def test_the_table_of_costs_fits_into_eighty_columns():
    from rich.console import Console

    from pipelines.report.render import to_terminal

    told = story(*(policy(name, 2_345_678.0, 7.0) for name in ("the loop", "never", "every 28 days", "at every alarm")))
    screen = Console(width=80, record=True, file=io.StringIO())
    screen.print(to_terminal(costs_table(told)))
    text = screen.export_text()
    assert "2,345,678" in text and "at every alarm" in text and all(len(line) <= 80 for line in text.splitlines())
