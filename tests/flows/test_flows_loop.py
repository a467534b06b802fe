"""The loop, closed on the simulated fleet: a drift is ordered, watch says so, retraining pays on what came after."""

import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from flows.environment import child_environment
from pipelines.files import Place
from pipelines.release import champion, open_store
from pipelines.split import read_sides
from pipelines.watch.field_log import read_log
from tests.builders.laps import edit, run, tiny_checkout
from tests.builders.stub import ROOT

pytestmark = pytest.mark.slow

ENOUGH = {  # for a null with some power, and for models that know the fleet
    "datasets.pumps.simulate.devices": 60,
    "datasets.pumps.simulate.days": 60,
    "datasets.pumps.simulate.life_days": 24.0,
    "use_cases.pumps.split.calibration": 0.3,
    "use_cases.pumps.watch.window": 96,
    "use_cases.pumps.train.baseline.trees": 100,
    "use_cases.pumps.train.sequence.hidden": 16,
    "use_cases.pumps.train.sequence.steps": 200,
}
HORIZON = np.timedelta64(48, "h")


def field(folder, bundle, log):
    """The field log of a bundle over all that the fleet has sent."""
    run(folder, "fleetloop", "stage", "ingest", "pumps")
    run(folder, "fleetloop", "score", str(bundle), "data/pumps/ingest/tables", "-o", log, "--by", "batch")
    return read_log(folder / log)


def average_precision(log, devices, since):
    """Of a log's scores of rows since a moment: does the machine fail within the horizon? Counted row by row."""
    asked = log.decisions[log.decisions["device"].isin(devices) & (log.decisions["time"] >= since)]
    known = asked[(asked["time"] <= log.rows["time"].max() - HORIZON) & asked["score"].notna()]
    failures = log.labels[log.labels["label"] == "failure"].groupby("device")["from"]
    ahead = {name: times.to_numpy() for name, times in failures}
    truth = [
        any(time <= failure <= time + HORIZON for failure in ahead.get(device, ()))
        for device, time in zip(known["device"], known["time"].to_numpy(), strict=True)
    ]
    return average_precision_score(truth, known["score"])


def test_an_ordered_drift_is_found_and_the_retrained_champion_is_better_on_what_came_after(tmp_path, prefect_server):
    folder = tiny_checkout(ROOT, tmp_path / "checkout")
    edit(folder, **ENOUGH)
    run(folder, "fleetloop", "data", "simulate", "pumps")
    run(folder, "fleetloop", "run", "pumps")
    store, first = open_store(Place(folder)), tmp_path / "first"
    assert champion(store, "pumps").version == 1
    shutil.copytree(folder / "data/pumps/export/bundle", first)

    run(folder, "fleetloop", "data", "simulate", "pumps", "--days", "28", "--drift", "wear")
    seen = field(folder, first, "LOG")
    told = subprocess.run(
        ["fleetloop", "watch", "pumps", "LOG"], cwd=folder, env=child_environment(folder), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert told.returncode == 1, told.stdout
    run(folder, "fleetloop", "retrain", "pumps")
    assert champion(store, "pumps").version == 2

    run(folder, "fleetloop", "data", "simulate", "pumps", "--days", "14")
    since = pd.Timestamp(seen.rows["time"].max())
    sides = read_sides(Place(folder), "pumps")
    held_out = sides.loc[sides["side"] == "test", "device"]
    before, after = (field(folder, bundle, "LATER") for bundle in (first, folder / "data/pumps/export/bundle"))
    assert average_precision(after, held_out, since) > average_precision(before, held_out, since) + 0.1
