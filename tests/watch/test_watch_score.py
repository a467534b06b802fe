"""History through the device's runtime, and the log that it leaves."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from fleetloop_edge.bundle import load
from fleetloop_edge.spec import spec_hash
from pipelines.errors import DataError
from pipelines.ingest import write_rows
from pipelines.params import Storage
from pipelines.watch import read_log, score
from pipelines.watch.decide import by_batch, by_row
from tests.builders.bundles import FEATURES, write_bundle
from tests.builders.fleets import pump_rows


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return write_bundle(tmp_path_factory.mktemp("score") / "bundle")


def dirty(seed: int = 0) -> pd.DataFrame:
    """Rows with silences, missing cells, late arrivals and twins."""
    rng = np.random.default_rng(seed)
    rows = pump_rows(3, 80, "2026-01-01", seed)
    rows.loc[rng.random(len(rows)) < 0.3, "pressure"] = np.nan
    rows.loc[rng.random(len(rows)) < 0.1, "flow"] = np.nan
    late = rng.random(len(rows)) < 0.1
    rows.loc[late, "received"] += pd.Timedelta(hours=3)
    rows = rows[(rng.random(len(rows)) > 0.2) & ~((rows.index % 80 > 30) & (rows.index % 80 < 40))]
    twins = rows.sample(5, random_state=seed).assign(pressure=np.float32(2.0))
    return pd.concat([rows, twins]).sort_values(["device", "time", "received"], kind="stable", ignore_index=True)


def dicts(decisions):
    """Decisions that compare equal also where they are NaN."""
    return [{k: "nan" if v != v else v for k, v in dataclasses.asdict(d).items()} for d in decisions]


@pytest.mark.parametrize("pad", ["first", "zero"])
@pytest.mark.parametrize("seed", range(3))
def test_batch_and_row_give_the_same_decisions_to_the_bit(tmp_path, seed, pad):
    spec = dataclasses.replace(FEATURES, sequence=dataclasses.replace(FEATURES.sequence, pad=pad))
    made = load(write_bundle(tmp_path / "bundle", features=spec, features_hash=spec_hash(spec)))
    rows = dirty(seed)
    found = dicts(by_batch(made, rows))
    assert found == dicts(by_row(made, rows))
    assert {d["model"] for d in found} == {"sequence", "baseline"}


def test_rows_in_any_order_give_the_same_decisions(bundle):
    rows = dirty().drop_duplicates(["device", "time"])  # of two that came at once, the later pushed counts
    shuffled = rows.sample(frac=1.0, random_state=1)
    assert dicts(by_row(load(bundle), shuffled)) == dicts(by_row(load(bundle), rows))


def tables(folder, rows):
    """A tables folder of ingest, with one failure."""
    write_rows(folder / "rows", rows, ("pressure", "flow"), Storage())
    when = rows["time"].iloc[40]
    events = {"device": ["pump-00"], "time": [when], "received": [when], "kind": ["failure"], "value": [np.nan]}
    pd.DataFrame(events).to_parquet(folder / "events.parquet", index=False)
    return folder


def test_the_log_holds_rows_decisions_heartbeats_and_labels(bundle, tmp_path):
    summary = score(bundle, tables(tmp_path / "tables", dirty()), tmp_path / "log", by="batch")
    log = read_log(tmp_path / "log")
    assert (len(log.rows), len(log.decisions)) == (summary.rows, summary.decisions)
    assert log.labels[["device", "label", "by"]].values.tolist() == [["pump-00", "failure", "events"]]
    last = log.heartbeats.groupby("device")["counters"].last()
    assert '"decisions": ' in last["pump-01"]
    assert set(log.decisions["bundle"]) == {load(bundle).id}


def test_scoring_twice_gives_the_same_bytes(bundle, tmp_path):
    rows = tables(tmp_path / "tables", dirty())
    names = []
    for log, by in ((tmp_path / "a", "row"), (tmp_path / "b", "batch")):
        score(bundle, rows, log, by=by)
        names.append({p.relative_to(log): p.read_bytes() for p in log.rglob("*") if p.is_file()})
    assert names[0] == names[1]


def test_an_older_log_is_replaced_and_any_other_folder_is_not(bundle, tmp_path):
    rows = tables(tmp_path / "tables", dirty())
    score(bundle, rows, tmp_path / "log", by="batch")
    score(bundle, rows, tmp_path / "log", by="batch")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("kept")
    with pytest.raises(DataError, match="exists and is no field log; name a new folder"):
        score(bundle, rows, tmp_path / "mine", by="batch")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "kept"


def test_rows_may_be_one_parquet_file_and_have_no_labels(bundle, tmp_path):
    dirty().to_parquet(tmp_path / "rows.parquet", index=False)
    assert score(bundle, tmp_path / "rows.parquet", tmp_path / "log", by="batch").labels == 0
    assert read_log(tmp_path / "log").labels.empty


def test_a_channel_that_the_bundle_needs_and_the_rows_lack_is_named(bundle, tmp_path):
    dirty().drop(columns="flow").to_parquet(tmp_path / "rows.parquet", index=False)
    with pytest.raises(DataError, match="has no column 'flow', which the bundle needs"):
        score(bundle, tmp_path / "rows.parquet", tmp_path / "log")


def test_a_broken_bundle_is_one_clear_line(bundle, tmp_path):
    with pytest.raises(DataError, match="the bundle is rejected: .*manifest.json cannot be read"):
        score(tmp_path, tmp_path / "rows", tmp_path / "log")
