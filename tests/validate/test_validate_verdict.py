"""The contract through Great Expectations, and the stage."""

import json

import numpy as np
import pytest
import yaml

from pipelines.errors import DataError, ParamsError, Refused
from pipelines.files import Place, write_json
from pipelines.ingest import write_rows
from pipelines.params import Contract, PairRule, Storage
from pipelines.validate import read_rejected, read_verdict, validate
from pipelines.validate.contract import NAMES, TableResult, compile_rules, judged
from pipelines.validate.stage import main
from pipelines.validate.suggest import suggest
from pipelines.validate.validate import gather, tables_of
from pipelines.validate.verdict import Verdict
from tests.builders.contract import CHANNELS, CONTRACT, contract_rows, report_of

STRICT = CONTRACT.model_copy(update={"gap_s_max": 7200.0, "flat_rows_max": 5})


@pytest.fixture(scope="session")
def broken(tmp_path_factory):
    """A fleet that breaks every optional rule: a stuck, often missing pressure, a silence, much quarantine."""
    rows = contract_rows()
    rows.loc[10:30, "pressure"] = np.float32(6.25)
    rows.loc[50:75, "pressure"] = np.nan
    rows.loc[0, "flow"] = np.float32(99.0)
    rows = rows.drop(index=[100, 101, 102, 103])
    docs = tmp_path_factory.mktemp("validate") / "docs"
    return validate("pumps", rows, report_of(rows, 30), CHANNELS, STRICT, docs), docs


@pytest.mark.slow
def test_every_broken_rule_is_named_with_value_limit_and_next_step(broken):
    found = {(t.rule, t.column): t for t in broken[0].verdict.failures}
    assert set(found) == {
        ("missing_share", "pressure.missing_share"), ("quarantine_share", "quarantine_share"),
        ("longest_gap_s", "longest_gap_s"), ("longest_flat", "pressure.longest_flat"),
    }  # fmt: skip
    assert found["longest_gap_s", "longest_gap_s"].sentence == (
        "device 'pump-2' is silent for 18000 s, limit 7200 s; look for files that never came, or raise "
        "datasets.pumps.contract.gap_s_max in params.yaml"
    )


@pytest.mark.slow
def test_a_rejected_row_leaves_the_kept_ones_in_range(broken):
    verdict = broken[0].verdict
    assert verdict.rows_rejected == {"not_finite": 0, "out_of_range": 1, "row_missing": 0, "duplicate": 0}
    assert all(t.passed for t in verdict.tables if t.rule == "in_range")


@pytest.mark.slow
def test_the_verdict_fits_one_screen(broken):
    lines = broken[0].verdict.screen().splitlines()
    assert len(lines) < 24
    assert lines[0].startswith("contract of 'pumps' is BROKEN: 8 of 12 table rules hold, 0 warn, 4 fail")


@pytest.mark.slow
def test_data_docs_are_a_site_in_the_folder_asked_for(broken):
    page = broken[1] / "index.html"
    assert page.is_file()
    assert len(list((broken[1] / "validations").rglob("*.html"))) == 3


@pytest.mark.slow
def test_a_rule_named_in_warn_only_does_not_fail():
    rows = contract_rows(devices=1)
    contract = CONTRACT.model_copy(update={"warn_only": ("devices",)})
    verdict = validate("pumps", rows, report_of(rows), CHANNELS, contract).verdict
    assert verdict.passed
    assert [t.sentence for t in verdict.warnings] == [
        "there are 1 devices, at least 2 wanted; add raw files, or lower datasets.pumps.contract.devices_min in "
        "params.yaml"
    ]


def test_an_unknown_rule_in_warn_only_is_an_error_that_lists_the_known():
    contract = CONTRACT.model_copy(update={"warn_only": ("gaps",)})
    with pytest.raises(ParamsError, match="warn_only: no table rule 'gaps'; expected one of in_range"):
        validate("pumps", contract_rows(), {}, CHANNELS, contract)


def test_no_rows_at_all_is_an_error_that_points_to_the_quarantine():
    with pytest.raises(DataError, match="has no rows; look at its quarantine"):
        validate("pumps", contract_rows().iloc[:0], {}, CHANNELS, CONTRACT)


def test_every_rule_can_say_its_sentence():
    rows = contract_rows()
    pair = PairRule(name="flow_above", low="pressure", high="flow", reject=False)
    whole = {"rate_min": 0.5, "turned_share_max": 0.1, "ahead_s_max": 1, "skew_s_max": 1, "delay_s_max": 60}
    contract = STRICT.model_copy(update=whole | {"stale_s_max": 60, "duplicates_share_max": 0.1, "pairs": (pair,)})
    tables = tables_of(gather("pumps", [rows], CHANNELS, contract, 3600), report_of(rows))
    rules = compile_rules("pumps", CHANNELS, contract)
    assert {rule.name for rule in rules} == set(NAMES)
    for rule in rules:
        assert "params.yaml" in judged(rule, False, tables).sentence


def checkout(root, rows, quarantined=0):
    """A checkout whose dataset pumps has these rows."""
    sources = "{plant: {files: '*.jsonl', device: '{d}', time: {field: t}, channels: {pressure: {field: p}}}}"
    channels = "{pressure: {unit: bar, min: 0, max: 16}, flow: {unit: l/s, min: 0, max: 80}}"
    (root / "params.yaml").write_text(
        "active: {datasets: [pumps], use_cases: {}}\n"
        f"datasets: {{pumps: {{title: t, period_s: 3600, channels: {channels}, sources: {sources}}}}}\n"
        "use_cases: {}\n"
    )
    place = Place(root)
    folder = place.room("pumps", "ingest")
    write_rows(folder / "tables" / "rows", rows, tuple(CHANNELS), Storage())
    write_json(folder / "report.json", report_of(rows, quarantined))
    return place


@pytest.mark.slow
def test_the_stage_writes_the_same_bytes_twice(tmp_path):
    rows = contract_rows()
    rows.loc[3, "pressure"] = np.float32(np.inf)
    place = checkout(tmp_path, rows)
    outputs = [place.room("pumps", "validate") / name for name in ("rejected.parquet", "verdict.json")]
    main(place, "pumps")
    first = [path.read_bytes() for path in outputs]
    main(place, "pumps")
    assert [path.read_bytes() for path in outputs] == first
    assert read_rejected(place, "pumps")["rule"].tolist() == ["not_finite"]


@pytest.mark.slow
def test_a_refused_stage_leaves_its_verdict_and_no_outputs(tmp_path):
    place = checkout(tmp_path, contract_rows(), quarantined=60)
    with pytest.raises(Refused, match="33.33% of the records are in quarantine, limit 5.00%; see `fleetloop"):
        main(place, "pumps")
    assert not place.room("pumps", "validate").exists()
    assert json.dumps(read_verdict(place, "pumps")["passed"]) == "false"


def test_a_drafted_contract_holds_for_the_history_it_was_drafted_from():
    rows = contract_rows(devices=4)
    rows.loc[10:13, "pressure"] = np.float32(6.25)
    drafted = suggest("pumps", [rows], report_of(rows, 1), CHANNELS, 3600)
    contract = Contract.model_validate(yaml.safe_load(drafted)["contract"])
    tables = tables_of(gather("pumps", [rows], CHANNELS, contract, 3600), report_of(rows, 1))
    for rule in compile_rules("pumps", CHANNELS, contract):
        column = tables[rule.table][rule.column]
        assert (rule.low is None or column.min() >= rule.low) and (rule.high is None or column.max() <= rule.high), rule
    assert contract.flat_rows_max == 6 and contract.gap_s_max == 5400


def test_the_verdict_as_markdown_has_a_line_for_every_rule_that_does_not_hold():
    results = (TableResult("devices", "devices", 1, 2, False, False, "there are 1 devices"),
               TableResult("rate", "rate", 1, 0.5, True, False, "fine"))  # fmt: skip
    text = Verdict("pumps", results, 10, {"duplicate": 2}, report_of(contract_rows())).markdown()
    assert "is BROKEN" in text and "| devices | there are 1 devices | fails |" in text and "fine" not in text
