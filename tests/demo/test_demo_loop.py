"""The demo in small, through its own server, worker, deployments and automation."""

import json
import os
import shutil

import pytest

from flows.demo import show_loop
from flows.guard import marked
from flows.up.plan import MARK
from pipelines.demo import costs_table
from pipelines.files import Place
from pipelines.release import history, open_store
from tests.builders.laps import TINY, edit, tiny_checkout
from tests.builders.stub import ROOT

pytestmark = pytest.mark.slow

ORDERS = [{"kind": "stuck", "day": 1, "channel": "flow", "devices": ["pump-04"]}, {"kind": "wear", "day": 1}]
SMALL = {
    "demo.devices": 40,
    "demo.history_days": 28,
    "demo.days": 14,
    "demo.every_days": 7,
    "demo.schedule_days": 7,
    "demo.orders": ORDERS,
    "demo.params": {name: value for name, value in TINY.items() if name.startswith("use_cases") and "gates" not in name}
    | {
        "use_cases.pumps.split.calibration": 0.4,
        "use_cases.pumps.split.probe_devices": 1,
        "use_cases.pumps.split.probe_rows": 500,
        "use_cases.pumps.train.baseline.cross_validate": False,
        "use_cases.pumps.watch.window": 48,
        "use_cases.pumps.watch.nominal": 0.4,  # so few devices show little: a nervous watch
    },
}


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """The folder of a small demo, and its story."""
    checkout = tiny_checkout(ROOT, tmp_path_factory.mktemp("demo") / "checkout")
    shutil.copytree(ROOT / "infra", checkout / "infra")
    edit(checkout, **SMALL)
    folder = checkout / "shown"
    environment = dict(os.environ)
    _, story = show_loop(checkout, folder, print)
    assert dict(os.environ) == environment
    return folder, story


def test_the_drift_s_event_starts_a_governed_retraining_which_the_timeline_names(shown):
    folder, _ = shown
    told = json.loads((folder / "timeline.json").read_text())
    kinds = [line["kind"] for line in told]
    assert kinds[0] == "published" and kinds.count("ordered") == 2
    (answer,) = [line for line in told[1:] if line["kind"] in ("published", "held", "refused")]
    assert "new regime" in answer["cause"] and answer["run"]["name"] == "pumps-retrain-drift"
    assert answer["run"]["link"].endswith(answer["run"]["id"])
    releases = history(open_store(Place(folder)), "pumps")
    causes = {release.version: release.facts["cause"] for release in releases}
    assert causes == {1: "hand"} | ({2: "drift"} if answer["kind"] == "published" else {})


def test_a_broken_sensor_becomes_a_ticket_and_no_training(shown):
    _, story = shown
    stuck = next(seen for seen in story.seen if "stuck" in seen.order.what)
    assert (stuck.called, stuck.delay) == ("sensor_fault", 6.0)
    (entry,) = [e for e in story.entries if e.about == ("pump-04", "flow")]
    assert entry.decision.startswith("no training") and entry.run is not None


def test_four_policies_are_told_of_over_the_same_failures(shown):
    _, story = shown
    assert [policy.name for policy in story.policies] == ["the loop", "never", "every 7 days", "at every alarm"]
    assert len({policy.account.failures for policy in story.policies}) == 1
    assert [len(policy.retrained) for policy in story.policies][1:3] == [0, 1]
    assert len(costs_table(story).rows) == 4


def test_no_process_of_it_is_left(shown):
    folder, _ = shown
    plan = json.loads((folder / ".fleetloop" / "up" / "plan.json").read_text())
    assert marked(f"{MARK}={plan['token']}") == set()
