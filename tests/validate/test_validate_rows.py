"""Row rules and facts, without Great Expectations."""

import numpy as np
import pandas as pd
import pytest
import yaml

from pipelines.files import Place
from pipelines.ingest import read_quarantine, redrive
from pipelines.ingest.stage import main as ingest_main
from pipelines.params import Contract, Healthy, PairRule, load_params
from pipelines.validate import History, Verdict
from pipelines.validate.facts import Facts, device_facts
from pipelines.validate.rows import rejected_rows
from pipelines.validate.stage import judge_again
from pipelines.validate.stage import main as validate_main
from pipelines.validate.suggest import suggest
from tests.builders.contract import CHANNELS, CONTRACT, contract_rows, report_of
from tests.builders.raw import dataset, table_source


def rejected(rows: pd.DataFrame) -> list[tuple[str, str]]:
    found = rejected_rows(rows, CHANNELS, CONTRACT)
    return list(zip(found["device"], found["rule"], strict=True))


def test_a_healthy_fleet_has_no_rejected_rows():
    assert rejected(contract_rows()) == []


@pytest.mark.parametrize(("pressure", "rule"), [(np.inf, "not_finite"), (16.5, "out_of_range"), (-0.1, "out_of_range")])
def test_a_row_that_breaks_a_rule_is_rejected_by_its_name(pressure, rule):
    rows = contract_rows()
    rows.loc[3, "pressure"] = np.float32(pressure)
    assert rejected(rows) == [("pump-0", rule)]


def test_values_at_the_limits_are_kept_whatever_float32_makes_of_them():
    rows = contract_rows()
    channels = {"pressure": CHANNELS["pressure"].model_copy(update={"max": 0.1, "min": -0.1})}
    rows["pressure"] = np.where(np.arange(len(rows)) % 2, 0.1, -0.1).astype(np.float32)
    assert rejected_rows(rows, channels, Contract(row_missing_max=1.0)).empty


def test_a_row_without_values_is_rejected_and_one_silent_channel_is_not():
    rows = contract_rows()
    rows.loc[4, ["pressure", "flow"]] = np.nan
    rows.loc[5, "pressure"] = np.nan
    assert rejected(rows) == [("pump-0", "row_missing")]


def test_two_rows_that_contradict_each_other_are_rejected():
    rows = contract_rows()
    twin = rows.iloc[[7]].assign(pressure=np.float32(1.0))
    assert rejected(pd.concat([rows, twin]).sort_values(["device", "time"])) == [("pump-0", "duplicate")]


def test_two_rows_that_complete_each_other_are_kept():
    rows = contract_rows()
    twin = rows.iloc[[7]].assign(flow=np.float32(np.nan))
    rows.loc[7, "pressure"] = np.nan
    assert rejected(pd.concat([rows, twin]).sort_values(["device", "time"])) == []


def test_rows_are_not_changed_by_judging_them():
    rows = contract_rows()
    before = rows.copy()
    rejected_rows(rows, CHANNELS, CONTRACT)
    pd.testing.assert_frame_equal(rows, before)


def test_the_longest_silence_is_found_within_a_device_only():
    rows = contract_rows(devices=2, count=10).drop(index=[4, 5, 6])
    facts = device_facts(rows, ("pressure",), 3600).set_index("device")
    assert facts["longest_gap_s"].tolist() == [4 * 3600.0, 3600.0]


def test_a_flat_run_skips_missing_values_and_ends_at_the_device():
    rows = contract_rows(devices=2, count=10)
    rows.loc[5:12, "pressure"] = np.float32(6.5)
    rows.loc[7, "pressure"] = np.nan
    facts = device_facts(rows, ("pressure",), 3600)
    assert facts["pressure.longest_flat"].tolist() == [4, 3]


def seen(*pieces: pd.DataFrame, contract: Contract = CONTRACT) -> Facts:
    facts = Facts(CHANNELS, contract, 3600)
    for rows in pieces:
        facts.see(rows)
    return facts


def test_shares_are_of_rows_and_of_records():
    rows = contract_rows(devices=2, count=10)
    rows.loc[:4, "flow"] = np.float32(99)
    line = seen(rows).dataset_table(records=50, quarantined=2, duplicates=5).iloc[0]
    assert line[["rows", "devices", "rejected_share", "quarantine_share", "duplicates_share"]].tolist() == [
        20, 2, 0.25, 0.04, 0.1,
    ]  # fmt: skip


def test_a_bucket_at_a_time_tells_the_same_as_all_at_once():
    rows = contract_rows(devices=4)
    rows.loc[3, "pressure"] = np.float32(np.inf)
    half = rows["device"] < "pump-2"
    whole, parts = seen(rows), seen(rows[~half].reset_index(drop=True), rows[half].reset_index(drop=True))
    for table in ("channel_table", "device_table", "rejected_table"):
        pd.testing.assert_frame_equal(getattr(whole, table)(), getattr(parts, table)())


PAIR = PairRule(name="flow_needs_pressure", low="flow", high="pressure", margin=30.0)


def test_a_pair_rule_rejects_rows_and_says_nothing_where_one_side_is_missing():
    rows = contract_rows()
    rows.loc[:, ["pressure", "flow"]] = np.array([10.0, 20.0], dtype=np.float32)
    rows.loc[3, "flow"] = np.float32(41)
    rows.loc[4, ["pressure", "flow"]] = np.array([np.nan, 70.0], dtype=np.float32)
    rows.loc[5, "flow"] = np.nan
    contract = CONTRACT.model_copy(update={"pairs": (PAIR,)})
    found = rejected_rows(rows, CHANNELS, contract)
    assert list(zip(found["time"], found["rule"], strict=True)) == [(rows["time"][3], "flow_needs_pressure")]
    judged_only = CONTRACT.model_copy(update={"pairs": (PAIR.model_copy(update={"reject": False}),)})
    facts = seen(rows, contract=judged_only)
    assert facts.rejected_table().empty and facts.pairs == {"flow_needs_pressure": 1}


def test_a_device_s_clock_order_rate_and_silence_are_told():
    rows = contract_rows(devices=2, count=10)
    second = pd.Timedelta(seconds=1)
    rows.loc[3, "received"] = rows["time"][3] - 40 * second  # pump-0's clock runs ahead
    rows.loc[15, "received"] = rows["time"][15] + 5 * 3600 * second  # pump-1 sent it hours later
    rows = rows.drop(index=[17, 18, 19]).reset_index(drop=True)
    facts = seen(rows).device_table().set_index("device")
    assert facts["ahead_s"].tolist() == [40.0, 0.0]
    assert facts["turned_share"].round(4).tolist() == [0.0, round(1 / 7, 4)]
    assert facts["delay_s"].tolist() == [5.0, 5.0]
    assert facts["stale_s"].tolist() == [3600.0, 4 * 3600.0]
    assert facts["rate"].tolist() == [1.0, 1.0]


def test_a_clock_is_judged_against_the_fleet_s_where_receipt_is_told():
    rows = contract_rows(devices=4, count=10)
    second = pd.Timedelta(seconds=1)
    way = pd.Series(np.arange(len(rows)) % 10, index=rows.index)
    rows["received"] = rows["time"] + (5 + way) * second
    rows.loc[rows["device"] == "pump-1", "received"] += 90 * second  # this one's clock is behind
    rows.loc[rows["device"] == "pump-3", "received"] = rows["time"] + 60 * second  # computed: says nothing
    assert seen(rows).device_table()["skew_s"].tolist() == [0.0, 90.0, 0.0, 0.0]


def test_what_a_row_rule_rejects_is_quarantined_with_its_record_and_driven_again(tmp_path):
    place = sent(tmp_path, margin=0.0)
    ingest_main(place, "some")
    validate_main(place, "some")
    (entry,) = read_quarantine(place, "some").itertuples()
    assert (entry.file, entry.record, entry.rule, entry.device) == ("a.csv", 3, "inlet_below_outlet", "p")
    assert entry.raw == b"p,1700003600,9,1" and entry.reason == "pressure is above flow by more than 0"
    assert entry.offset == LINES.index("p,1700003600,9,1") and entry.mapping
    sent(tmp_path, margin=9.0)
    done = redrive(place, "some", load_params(tmp_path), lambda: judge_again(place, "some"))
    assert done.released["rule"].tolist() == ["inlet_below_outlet"] and not len(done.added)


LINES = "device,t,pressure,flow\np,1700000000,1,2\np,1700003600,9,1\nq,1700000000,1,\n"


def sent(root, margin):
    """A checkout with one table, one row of which breaks a pair rule; a row with a channel missing breaks none."""
    pair = {"name": "inlet_below_outlet", "low": "pressure", "high": "flow", "margin": margin}
    source = table_source(channels={"pressure": "pressure", "flow": "flow"})
    contract = {"pairs": [pair], "rejected_share_max": 1, "devices_min": 1}
    spec = dataset(source, contract=contract).model_dump(mode="json", exclude_none=True)
    params = {"active": {"datasets": ["some"], "use_cases": {}}, "datasets": {"some": spec}, "use_cases": {}}
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    place = Place(root)
    place.raw("some").mkdir(parents=True, exist_ok=True)
    (place.raw("some") / "a.csv").write_text(LINES)
    return place


def test_a_draft_stands_on_healthy_history_and_says_what_it_left_out():
    rows = contract_rows(devices=3, count=24 * 30)
    failed = pd.Timestamp("2026-01-20", tz="UTC")
    bad = (rows["device"] == "pump-1") & rows["time"].between(failed - pd.Timedelta(days=7), failed)
    rows.loc[bad, "pressure"] = np.float32(15.5)  # it is stuck before it fails
    events = pd.DataFrame({"device": ["pump-1"], "time": [failed], "kind": ["failure"]})
    labels = pd.DataFrame({"device": ["pump-2"], "from": rows["time"][:1], "to": rows["time"][5:6].to_numpy(),
                           "label": ["Anomaly 3"]}).assign(to=rows["time"].iloc[5])  # fmt: skip
    drafted = suggest("pumps", [rows], report_of(rows), CHANNELS, 3600, History(Healthy(), events, labels))
    contract = Contract.model_validate(yaml.safe_load(drafted)["contract"])
    assert contract.flat_rows_max == 2 and contract.gap_s_max == 5400 and contract.devices_min == 2
    assert "# healthy history: 1,961 of 2,160 rows (9.2% excluded)" in drafted
    assert "193 rows, 7 days before and 1 after a failure" in drafted and "6 rows, a label of trouble" in drafted


def test_freshness_is_judged_by_the_clock_that_is_given():
    verdict = Verdict("pumps", (), 1, {}, report_of(contract_rows()), newest=1000.0)
    contract = Contract(fresh_s_max=60)
    assert verdict.fresh(contract, 1050.0).passed and not verdict.fresh(contract, 1100.0).passed
    assert "received 100 s ago, limit 60 s; look whether" in verdict.fresh(contract, 1100.0).sentence
    assert verdict.fresh(Contract(), 1e9) is None
    assert verdict.fresh(Contract(fresh_s_max=60, warn_only=("fresh",)), 1100.0).warning
