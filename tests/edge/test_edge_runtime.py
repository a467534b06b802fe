"""The walk on the device: payload bytes in, decisions out."""

import json

import numpy as np
import pytest

from fleetloop_edge import runtime as edge_runtime
from fleetloop_edge.bundle import load
from fleetloop_edge.errors import SpoolFull
from fleetloop_edge.features import FeatureState, input_columns
from fleetloop_edge.grid import GridState
from fleetloop_edge.rows import Row
from fleetloop_edge.runtime import Runtime
from fleetloop_edge.spool import Spool
from fleetloop_edge.window import SequenceWindow
from tests.builders.bundles import FEATURES, write_bundle

START = 1_700_002_800.0  # a whole hour


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return load(write_bundle(tmp_path_factory.mktemp("runtime") / "bundle"))


def payload(hour: float, pressure: float | None = 640_000.0, flow: float = 31.2, device: str = "pump-17") -> bytes:
    pack = [{"bn": f"{device}/", "bt": START + 3600 * hour, "n": "flow", "v": flow}]
    if pressure is not None:
        pack.append({"n": "pressure", "u": "Pa", "v": pressure})
    return json.dumps(pack).encode()


def pushed(runtime: Runtime, hours: int, **values: object) -> list:
    return [d for h in range(hours) for d in runtime.push("plant", payload(h, **values), START + 3600 * h + 5)]


def rows(device: str, values: np.ndarray) -> list[Row]:
    return [
        Row(device, START + 3600 * i + 60, START + 3600 * i + 65, v.astype(np.float32)) for i, v in enumerate(values)
    ]


def test_a_decision_comes_once_its_slot_has_closed(bundle):
    runtime = Runtime(bundle)
    assert pushed(runtime, 2) == []
    (decision,) = runtime.push("plant", payload(3), START + 3 * 3600 + 5)[-1:]
    assert (decision.device, decision.time, decision.model) == ("pump-17", START + 2 * 3600, "sequence")


def test_a_score_is_what_the_states_and_the_model_say_by_hand(bundle):
    values = np.random.default_rng(0).normal((6.0, 30.0), (1.0, 3.0), (12, 2))
    runtime = Runtime(bundle)
    decisions = [d for row in rows("pump-1", values) for d in runtime.push_row(row)] + runtime.flush()
    grid, features = GridState(FEATURES, bundle.manifest.channels), FeatureState(FEATURES)
    window, expected = SequenceWindow(FEATURES), []
    for slot in [s for row in rows("pump-1", values) for s in grid.push(row)] + grid.flush():
        steps = window.push(features.push(slot)[input_columns(FEATURES)], slot.segment)
        expected.append(float(bundle.models["sequence"].predict(bundle.manifest.scaler.apply(steps)[None])[0]))
    assert [d.score for d in decisions] == expected[FEATURES.min_rows - 1 :]


def test_an_undecodable_payload_is_put_aside_with_its_bytes_and_reason(bundle):
    runtime = Runtime(bundle)
    assert runtime.push("plant", b"\x00nonsense", START) == []
    assert runtime.push("elsewhere", payload(0), START) == []
    assert runtime.aside[0].payload == b"\x00nonsense"
    assert runtime.aside[1].reason == "the bundle knows no source 'elsewhere'; it has plant"
    assert (runtime.counters.records, runtime.counters.undecodable) == (2, 2)


def test_an_impossible_value_is_counted_and_the_fallback_answers(bundle):
    runtime = Runtime(bundle)
    decisions = pushed(runtime, 8, pressure=9e9)
    assert runtime.counters.rejected == 8
    assert {d.model for d in decisions} == {"baseline"}
    assert runtime.counters.fallback == len(decisions) > 0


def test_nobody_answers_without_a_fallback_and_the_reason_is_said(tmp_path):
    lone = load(write_bundle(tmp_path / "bundle", fallback=None))
    decisions = pushed(Runtime(lone), 8, pressure=None)
    assert {d.action for d in decisions} == {"abstain"}
    assert decisions[0].reason == "50% of the channels are missing, more than 40%, and there is no fallback"


def test_devices_do_not_disturb_each_other(bundle):
    rng = np.random.default_rng(1)
    fleet = [rows(f"pump-{d}", rng.normal((6.0, 30.0), 1.0, (9, 2))) for d in range(3)]
    together, alone = Runtime(bundle), []
    mixed = [d for at in zip(*fleet, strict=True) for row in at for d in together.push_row(row)] + together.flush()
    for history in fleet:
        runtime = Runtime(bundle)
        alone += [d for row in history for d in runtime.push_row(row)] + runtime.flush()
    assert sorted(mixed, key=lambda d: (d.device, d.time)) == alone


def test_every_decision_reaches_the_disk_in_order(bundle, tmp_path):
    runtime = Runtime(bundle, Spool(tmp_path, 100_000))
    decisions = pushed(runtime, 10)
    assert [d["time"] for d in Spool(tmp_path, 100_000).decisions(99)] == [d.time for d in decisions]
    assert runtime.heartbeat("gateway", START, 60.0)["queue"] == len(decisions)


def test_decisions_wait_in_memory_while_the_disk_is_full_and_then_follow(bundle, tmp_path):
    spool = Spool(tmp_path, 450)
    runtime = Runtime(bundle, spool)
    decisions = pushed(runtime, 10)
    assert len(decisions) - spool.queue == runtime.counters.unspooled > 0
    spool.limit = 100_000
    decisions += runtime.flush()
    assert [d["time"] for d in spool.decisions(99)] == [d.time for d in decisions]


def test_more_decisions_than_disk_and_memory_hold_are_an_error(bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(edge_runtime, "UNSPOOLED", 3)
    with pytest.raises(SpoolFull, match="none is dropped"):
        pushed(Runtime(bundle, Spool(tmp_path, 10)), 10)


def test_life_outlasts_the_runtime_and_follows_its_channels(bundle):
    values = np.random.default_rng(2).normal((6.0, 30.0), 1.0, (9, 2))
    old = Runtime(bundle)
    for row in rows("pump-1", values):
        old.push_row(row)
    life = json.loads(json.dumps(old.life()))
    new = Runtime(bundle)
    new.restore({**life, "channels": life["channels"][::-1]})
    restored = new.life()["devices"]["pump-1"]
    assert restored["born"] == life["devices"]["pump-1"]["born"]
    assert restored["count"] == life["devices"]["pump-1"]["count"][::-1]


def test_a_heartbeat_counts_what_happened(bundle):
    runtime = Runtime(bundle)
    pushed(runtime, 4)
    runtime.push("plant", payload(0), START + 9 * 3600)
    counters = runtime.heartbeat("gateway", START, 1.0)["counters"]
    assert (counters["records"], counters["rows"], counters["late"]) == (5, 5, 1)
