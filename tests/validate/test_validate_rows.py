"""Row rules and facts, without Great Expectations."""

import numpy as np
import pandas as pd
import pytest

from pipelines.validate.facts import dataset_facts, device_facts
from pipelines.validate.rows import rejected_rows
from tests.builders.contract import CHANNELS, contract_rows


def rejected(rows: pd.DataFrame) -> list[tuple[str, str]]:
    found = rejected_rows(rows, CHANNELS, 0.5)
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
    assert rejected_rows(rows, channels, 1.0).empty


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
    rejected_rows(rows, CHANNELS, 0.5)
    pd.testing.assert_frame_equal(rows, before)


def test_the_longest_silence_is_found_within_a_device_only():
    rows = contract_rows(devices=2, count=10).drop(index=[4, 5, 6])
    facts = device_facts(rows, ("pressure",)).set_index("device")
    assert facts["longest_gap_s"].tolist() == [4 * 3600.0, 3600.0]


def test_a_flat_run_skips_missing_values_and_ends_at_the_device():
    rows = contract_rows(devices=2, count=10)
    rows.loc[5:12, "pressure"] = np.float32(6.5)
    rows.loc[7, "pressure"] = np.nan
    facts = device_facts(rows, ("pressure",))
    assert facts["pressure.longest_flat"].tolist() == [4, 3]


def test_shares_are_of_rows_and_of_records():
    rows = contract_rows(devices=2, count=10)
    facts = dataset_facts(rows, rows.iloc[:5][["device", "time"]], records=50, quarantined=2)
    assert facts.iloc[0].to_dict() == {"rows": 20, "devices": 2, "rejected_share": 0.25, "quarantine_share": 0.04}
