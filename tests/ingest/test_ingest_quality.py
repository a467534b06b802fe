"""The ingest report: what the data are like, by channel and device, whatever parts they came in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.ingest import read_rows
from pipelines.ingest.quality import quality
from pipelines.ingest.quality_page import quality_page
from pipelines.report.render import to_html
from tests.builders.raw import Checkout, dataset, table, table_source

T = 1_700_006_400  # midnight: a part is a day


def fleet(root: Path, **changes: Any) -> tuple[Checkout, dict[str, Any]]:
    """Two devices over three days of hours with jitter, silences within and between days, and bad cells."""
    spec = dataset(**({"enough": {"devices": 2, "rows_a_device": 10, "failures": 0}} | changes))
    here = Checkout(root, spec)
    rng = np.random.default_rng(0)
    rows = []
    for device in "pq":
        for hour in range(72):
            if device == "q" and hour in (5, 6, 7, 20, 21, 22, 23, 24, 25, 26):
                continue
            bad = "x" if hour == 3 else 99 if hour == 4 else 5 + hour % 2
            rows.append((device, T + hour * 3600 + int(rng.integers(0, 20)), 1e5 if device == "p" else 2e5, bad))
    here.write("a.csv", table(rows))
    here.ingest()
    return here, quality(here.tables, spec)


def test_silences_rate_and_jitter_equal_a_plain_loop_over_the_rows(tmp_path: Path) -> None:
    here, found = fleet(tmp_path)
    for device, own in read_rows(here.place, "some").groupby("device"):
        steps = own["time"].diff().dt.total_seconds().dropna()
        one = found["devices"][device]
        gaps, regular = steps[steps > 5400], steps[steps <= 5400]
        assert (one["rows"], one["gaps"], one["gap_longest_s"]) == (len(own), len(gaps), gaps.max() if len(gaps) else 0)
        assert one["gap_total_s"] == pytest.approx(gaps.sum())
        # the step from one part to the next is among the gaps, but not among the regular steps
        assert one["period_s"] == pytest.approx(regular.mean(), rel=1e-3)
        assert one["jitter_s"] == pytest.approx(regular.std(ddof=0), rel=0.1)


def test_cells_flat_lines_and_categories_are_told_by_channel(tmp_path: Path) -> None:
    _, found = fleet(tmp_path)
    flow, pressure = found["channels"]["flow"], found["channels"]["pressure"]
    assert (flow["invalid"], flow["out_of_range"], flow["category_like"]) == (2, 2, True)
    assert (pressure["longest_flat"], pressure["missing"], pressure["constant"]) == (72, 0, False)
    assert "channels 'pressure', 'flow': like codes of categories (whole numbers, few of them)" in found["warnings"]


def test_too_little_to_learn_from_says_how_much_would_do(tmp_path: Path) -> None:
    log = {"files": "*.log", "kind": "events", "decoder": "table", "device": "{device}", "event": "{kind}",
           "time": {"field": "t", "format": "epoch_s"}}  # fmt: skip
    spec = dataset(table_source(), log, enough={"devices": 5, "rows_a_device": 100, "failures": 3})
    here = Checkout(tmp_path, spec)
    here.write("a.csv", table([("p", T, 1e5, 1), ("p", T + 60, 2e5, 2.5)]))
    here.write("a.log", table([("p", T, "failure")], "device,t,kind"))
    here.ingest()
    said = quality(here.tables, spec)["warnings"]
    assert said[:3] == [
        "1 devices are too few to hold some back for a test; 5 would do",
        "1 of 1 devices have a short history, below 100 rows; that is 4.17 days each",
        "1 failures are too few to learn from; 3 would do, 2 more (of 1 devices so far)",
    ]


def test_the_page_shows_tables_and_figures(tmp_path: Path) -> None:
    here, found = fleet(tmp_path)
    page = to_html(quality_page("some", here.spec, here.ingest(), found))
    assert page.count("<svg") == 3 and "longest gap" in page
    assert pd.notna(found["devices"]["q"]["gap_longest_s"])


def test_channels_are_told_device_by_device_and_devices_by_what_they_sent_twice(tmp_path: Path) -> None:
    here, found = fleet(tmp_path)
    here.write("b.csv", table([("p", T + 3600 * 80, 3e5, flow) for flow in (7, 7, 8)]))
    here.ingest()
    found = quality(here.tables, here.spec)
    cells = {(one["channel"], one["device"]): one for one in found["worst_cells"]}
    assert set(cells) == {("flow", "p"), ("flow", "q")}
    assert [cells["flow", "q"][key] for key in ("missing", "invalid", "out_of_range")] == [2, 1, 1]
    assert (found["devices"]["p"]["duplicates"], found["devices"]["p"]["conflicts"]) == (1, 1)


def test_a_flat_line_goes_on_from_part_to_part(tmp_path: Path) -> None:
    here = Checkout(tmp_path)  # a part a day
    here.write("a.csv", table([("p", T + 3600 * h, 1e5 if 5 <= h < 60 else 1e5 + h, h) for h in range(72)]))
    here.ingest()
    assert quality(here.tables, here.spec)["channels"]["pressure"]["longest_flat"] == 55


def test_what_never_changes_is_said_once_for_all_channels(tmp_path: Path) -> None:
    here = Checkout(tmp_path)
    here.write("a.csv", table([("p", T + 3600 * h, 1e5, 2) for h in range(5)]))
    here.ingest()
    strange = [line for line in quality(here.tables, here.spec)["warnings"] if "never changed" in line]
    assert len(strange) == 1 and strange[0].startswith("channels 'pressure', 'flow': never changed")
