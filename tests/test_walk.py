"""The walk of one row: on the device step by step, and the same row again in the cloud, to the same features."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from fleetloop_edge.bundle import load
from fleetloop_edge.check import check
from fleetloop_edge.decide import Decider, missing_share
from fleetloop_edge.decoders import decode
from fleetloop_edge.features import FeatureState, input_columns
from fleetloop_edge.grid import GridState
from fleetloop_edge.rows import build_rows
from fleetloop_edge.runtime import Runtime
from fleetloop_edge.spec import Spike, Trailing
from fleetloop_edge.spool import Spool
from fleetloop_edge.window import SequenceWindow
from pipelines.features import build_grid, compute
from pipelines.ingest import channels_of, compile_source, ingest, read_rows_from
from pipelines.params import Contract, DatasetSpec
from pipelines.validate import validate
from tests.builders.bundles import FEATURES, write_bundle

START = 1_700_002_800  # a whole hour
DELAY = 5.0
DATASET = DatasetSpec.model_validate(
    {
        "title": "pump 17",
        "period_s": 3600,
        "channels": {"pressure": {"unit": "bar", "min": 0, "max": 16}, "flow": {"unit": "l/s", "min": 0, "max": 80}},
        "sources": {
            "plant": {
                "files": "*.senml",
                "decoder": "senml",
                "device": "{device}",
                "time": {"field": "t", "format": "epoch_s"},
                "delay_s": DELAY,
                "channels": {"pressure": {"field": "pressure", "unit": "Pa"}, "flow": {"field": "flow", "unit": "l/s"}},
            }
        },
    }
)
SPEC = dataclasses.replace(
    FEATURES,
    spike=Spike(window=5, sigmas=4.0),
    trailing=(Trailing(("mean", "std", "slope"), (4, 12)),),
    ewma=(0.1,),
    missing=True,
)
SOURCE = compile_source("plant", DATASET.sources["plant"], DATASET)
CHANNELS = tuple(channels_of(DATASET).values())


def pack(hour: int, pressure: float | None, flow: float | None) -> bytes:
    """`[{"bn":"pump-17/","bt":1.7e9,"n":"pressure","u":"Pa","v":640000},{"n":"flow","u":"l/s","v":31.2}]`"""
    records = [{"n": "pressure", "u": "Pa", "v": pressure}, {"n": "flow", "u": "l/s", "v": flow}]
    told = [record for record in records if record["v"] is not None]
    return json.dumps([{"bn": "pump-17/", "bt": START + 3600 * hour + 40, **told[0]}, *told[1:]]).encode()


def payloads() -> list[tuple[float, bytes]]:
    """Two days of pump 17: a spike, an impossible value, a silent channel, a silence and a reading that comes late."""
    rng = np.random.default_rng(17)
    cells = {h: [rng.normal(640_000, 20_000), rng.normal(31.2, 1.0)] for h in range(48) if h not in (20, 21, 22, 23)}
    cells[12][0], cells[15][0], cells[18][1] = 1_500_000, 9e9, None
    return [(START + 3600.0 * hour + 40 + DELAY, pack(hour, *values)) for hour, values in cells.items()]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A bundle with a small ONNX model over the features of this walk."""
    folder = tmp_path_factory.mktemp("walk") / "bundle"
    changes = {"features": SPEC, "sources": {"plant": SOURCE}, "channels": CHANNELS}
    return load(write_bundle(folder, primary="baseline", fallback=None, **changes))


def on_the_device(bundle) -> tuple[np.ndarray, list[float], list]:
    """The eight steps by name: features (n, F), their slots' times, decisions."""
    grid, features, window = GridState(SPEC, CHANNELS), FeatureState(SPEC), SequenceWindow(SPEC)
    model, rule = bundle.models["baseline"], bundle.manifest.models["baseline"]
    decider, vectors, times, decisions = Decider(rule.decision), [], [], []

    def slots():
        for received, payload in payloads():
            readings = decode(payload, SOURCE, received)
            checked, _ = check(readings, SOURCE, channels_of(DATASET))
            for row in build_rows(checked, SPEC.channels):
                yield from grid.push(row)
        yield from grid.flush()

    for slot in slots():
        vector = features.push(slot)
        steps = window.push(vector[input_columns(SPEC)], slot.segment)
        assert steps.shape == (SPEC.sequence.steps, len(input_columns(SPEC)))
        vectors.append(vector)
        times.append(slot.time)
        if features.rows >= SPEC.min_rows and missing_share(slot.values) <= rule.decision.max_missing:
            score = float(model.predict(vector[None])[0])
            low, high = score - rule.interval, score + rule.interval
            at = {"device": "pump-17", "time": slot.time, "received": slot.received, "segment": slot.segment}
            decisions.append(decider.push(score, low, high, model="baseline", **at))
    return np.array(vectors), times, decisions


def in_the_cloud(raw, tables) -> tuple[np.ndarray, pd.DataFrame, dict]:
    """ingest → validate → features: features (n, F), the grid, and ingest's account."""
    raw.mkdir()
    (raw / "pump-17.senml").write_bytes(b"\n".join(payload for _, payload in payloads()) + b"\n")
    report = ingest("plant", DATASET, raw, tables)
    rows = read_rows_from(tables)
    contract = Contract(devices_min=1, quarantine_share_max=0.0)
    found = validate("plant", rows, report, DATASET.channels, contract)
    assert found.verdict.passed, found.verdict.screen()
    grid = build_grid(rows, found.rejected, SPEC, CHANNELS)
    return compute(grid, SPEC), grid, report


def test_a_payload_becomes_a_decision_that_waits_on_the_disk(bundle, tmp_path):
    runtime = Runtime(bundle, Spool(tmp_path, 1_000_000))
    decided = [d for received, payload in payloads() for d in runtime.push("plant", payload, received)]
    decided += runtime.flush()
    assert [d for d in decided if d.action != "abstain"] == on_the_device(bundle)[2]
    assert [d["time"] for d in Spool(tmp_path, 1_000_000).decisions(999)] == [d.time for d in decided]
    assert (runtime.counters.rejected, runtime.counters.undecodable) == (1, 0)


@pytest.mark.slow
def test_the_same_rows_in_the_cloud_give_the_same_features_to_the_bit(bundle, tmp_path):
    vectors, times, _ = on_the_device(bundle)
    features, grid, report = in_the_cloud(tmp_path / "raw", tmp_path / "tables")
    assert (report["records"], report["accepted"], report["cells_quarantined"]) == (44, 44, 1)
    assert (grid["time"].astype("int64") / 1e6).tolist() == times
    np.testing.assert_array_equal(features, vectors)
    assert set(grid["segment"]) == {0, 1}  # the silence was longer than the fill bound


def test_what_the_walk_passes_is_there_to_be_passed():
    spike, impossible, silent = (dict(enumerate(payloads()))[hour][1] for hour in (12, 15, 18))
    assert b"1500000" in spike
    assert b"9000000000" in impossible
    assert b"flow" not in silent
