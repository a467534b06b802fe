"""The governor: one run in flight, once for the same reason on the same data, within a budget; every word recorded."""

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from flows.governor import Counts, Drift, Ledger
from pipelines.params import RetrainSpec
from pipelines.release.directory import DirectoryStore

START = datetime(2026, 1, 5, tzinfo=UTC)
LIMITS = RetrainSpec(cool_down_h=24, runs_per_week=3, cpu_hours_per_week=10, lease_s=120)
DRIFT = Drift("f1", "site-a: vibration rose", START)


class Clock:
    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now

    def forward(self, **time):
        self.now += timedelta(**time)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ledger(tmp_path, clock):
    return Ledger(DirectoryStore(tmp_path), "pumps", LIMITS, clock)


def whole_run(ledger, cause, run, snapshot="s1", outcome="published", records=1000, cpu_hours=1.0):
    """Ask, weigh and end; the first refusal, or the last answer."""
    for answer in (ledger.ask(cause, run), ledger.weigh(run, Counts(snapshot, records, 0))):
        if not answer.admitted:
            return answer
    ledger.finish(run, outcome, "", cpu_hours)
    return answer


def test_a_hundred_events_in_a_minute_make_one_run_and_every_refusal_is_on_record(ledger, clock):
    ledger.found([DRIFT])
    answers = []
    for i in range(100):
        answers.append(ledger.ask("drift", f"r{i}"))
        clock.forward(seconds=0.6)
    assert sum(answer.admitted for answer in answers) == 1
    admitted, refused = ledger.read().lines
    assert (admitted.run, refused.rule, refused.times) == ("r0", "in flight", 99)


def test_a_hundred_events_after_the_run_make_no_second_one(ledger, clock):
    ledger.found([DRIFT])
    whole_run(ledger, "drift", "r0")
    clock.forward(hours=30)
    assert {ledger.ask("drift", f"r{i}").rule for i in range(1, 100)} == {"pending"}


def test_twelve_missed_schedules_make_one_run(ledger, clock):
    answers = [whole_run(ledger, "schedule", f"r{i}") for i in range(12)]
    assert Counter(answer.rule for answer in answers) == {"": 1, "cool-down": 11}
    clock.forward(hours=25)
    assert whole_run(ledger, "schedule", "late").rule == "done"


def test_a_crashed_run_frees_its_lease_and_is_charged(ledger, clock):
    ledger.ask("schedule", "crashed")
    clock.forward(seconds=100)
    assert ledger.ask("schedule", "next").rule == "in flight"
    clock.forward(seconds=21)
    assert ledger.ask("schedule", "next").admitted
    lost = ledger.read().line_of("crashed")
    assert lost.outcome == "lost" and lost.cpu_hours == pytest.approx(120 / 3600)


def test_a_sign_of_life_keeps_the_lease_and_a_late_one_does_not_win_it_back(ledger, clock):
    ledger.ask("schedule", "one")
    for _ in range(10):
        clock.forward(seconds=100)
        assert ledger.renew("one").admitted
    clock.forward(seconds=121)
    ledger.ask("schedule", "two")
    answer = ledger.renew("one")
    assert not answer.admitted and "run two holds it now" in answer.reason


def test_drift_is_what_the_store_says_not_what_an_event_says(ledger):
    assert ledger.ask("drift", "r0").rule == "pending"
    ledger.found([DRIFT])
    assert ledger.ask("drift", "r1").admitted


def test_what_was_held_waits_on_and_is_tried_again_only_with_new_data(ledger, clock):
    ledger.found([DRIFT])
    whole_run(ledger, "drift", "r0", outcome="held")
    assert ledger.read().findings == (DRIFT,)
    clock.forward(hours=25)
    assert whole_run(ledger, "drift", "r1").rule == "done"
    assert whole_run(ledger, "drift", "r2", snapshot="s2").admitted
    assert ledger.read().findings == ()


def test_a_failed_run_answers_nothing_and_may_be_tried_again(ledger):
    assert whole_run(ledger, "schedule", "r0", outcome="failed").admitted
    assert whole_run(ledger, "schedule", "r1").admitted


def test_the_week_s_runs_and_cpu_hours_are_bounded_and_come_back(ledger, clock):
    for i in range(3):
        assert whole_run(ledger, "schedule", f"r{i}", snapshot=f"s{i}").admitted
        clock.forward(hours=25)
    assert whole_run(ledger, "schedule", "r3", snapshot="s3").rule == "runs"
    clock.forward(days=7)
    assert whole_run(ledger, "schedule", "dear", snapshot="s4", cpu_hours=11.0).admitted
    clock.forward(hours=25)
    assert whole_run(ledger, "schedule", "r5", snapshot="s5").rule == "CPU-hours"


@pytest.mark.parametrize(("records", "rule"), [(1099, "new rows"), (1100, "")])
def test_too_few_new_rows_are_not_worth_a_run(tmp_path, clock, records, rule):
    ledger = Ledger(DirectoryStore(tmp_path), "pumps", RetrainSpec(cool_down_h=0, new_rows=100), clock)
    whole_run(ledger, "schedule", "r0")
    answer = whole_run(ledger, "schedule", "r1", snapshot="s2", records=records)
    assert answer.rule == rule and ("at least 100 (retrain.new_rows)" in answer.reason) == bool(rule)


def test_a_person_s_word_outweighs_cool_down_and_budget_but_not_the_lease(ledger):
    whole_run(ledger, "hand", "r0", cpu_hours=50)
    assert whole_run(ledger, "hand", "r1").admitted
    ledger.ask("hand", "r2")
    assert ledger.ask("hand", "r3").rule == "in flight"


def test_asking_again_after_a_retry_is_the_same_admission(ledger):
    ledger.ask("schedule", "r0")
    assert ledger.ask("schedule", "r0").admitted
    assert len(ledger.read().lines) == 1


def test_many_at_once_on_one_store_admit_one(tmp_path, clock):
    answers = []

    def ask(name):
        answers.append(Ledger(DirectoryStore(tmp_path), "pumps", LIMITS, clock).ask("schedule", name))

    threads = [threading.Thread(target=ask, args=(f"r{i}",)) for i in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(answer.admitted for answer in answers) == 1
    assert sum(line.times for line in Ledger(DirectoryStore(tmp_path), "pumps", LIMITS, clock).read().lines) == 12


class Memory:
    """A store of one pointer, with compare-and-swap."""

    url = "memory"

    def __init__(self):
        self.value = None

    def read_pointer(self, key):
        return None if self.value is None else (self.value, str(hash(self.value)))

    def swap_pointer(self, key, value, etag):
        self.value = value


class Runs(RuleBasedStateMachine):
    """Any order of asking, weighing, living, dying and ending: never two runs that may act, never over budget."""

    @initialize()
    def begin(self):
        self.clock, self.count, self.alive = Clock(), 0, set()
        self.ledger = Ledger(Memory(), "pumps", LIMITS, self.clock)

    @rule(cause=st.sampled_from(["drift", "schedule", "ci"]))
    def ask(self, cause):
        self.count += 1
        if self.ledger.ask(cause, f"r{self.count}").admitted:
            self.alive.add(f"r{self.count}")

    @rule(name=st.sampled_from("abc"))
    def drift(self, name):
        self.ledger.found([Drift(name, name, self.clock.now)])

    @rule(snapshot=st.sampled_from("xyz"))
    def weigh(self, snapshot):
        for run in sorted(self.alive):
            if not self.ledger.weigh(run, Counts(snapshot, 1000, 0)).admitted:
                self.alive.discard(run)

    @rule(seconds=st.sampled_from([1, 60, 119, 121, 7200, 90000]))
    def wait(self, seconds):
        self.clock.forward(seconds=seconds)

    @rule()
    def live(self):
        for run in self.alive:
            self.ledger.renew(run)

    @rule(outcome=st.sampled_from(["published", "held", "failed", "cancelled"]), hours=st.sampled_from([0.1, 6.0]))
    def end(self, outcome, hours):
        if self.alive:
            self.ledger.finish(run := min(self.alive), outcome, "", hours)
            self.alive.discard(run)

    @invariant()
    def one_may_act(self):
        assert sum(self.ledger.renew(run).admitted for run in self.alive) <= 1

    @invariant()
    def within_budget(self):
        lines = self.ledger.read().lines
        for line in lines:
            week = [other for other in lines if other.admitted and line.at - timedelta(days=7) < other.at <= line.at]
            assert len(week) <= LIMITS.runs_per_week

    @invariant()
    def nothing_is_answered_twice(self):
        done = [line for line in self.ledger.read().lines if line.done and line.cause == "schedule"]
        assert len({line.snapshot for line in done if line.snapshot}) == len([x for x in done if x.snapshot])


TestRuns = Runs.TestCase
TestRuns.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
