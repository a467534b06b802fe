"""The features stage: tables in, a bucketed grid and the frozen spec out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fleetloop_edge.spec import from_dict
from flows.checkout import set_params
from pipelines import by_device
from pipelines.errors import DataError, ParamsError
from pipelines.features import build_grid, read_grid, read_spec
from pipelines.features.stage import main
from pipelines.files import read_json
from tests.builders.checkout import ingested
from tests.builders.telemetry import CHANNELS, SPEC, failures, fleet, nothing_rejected

ROWS = fleet(6, 30)


def test_the_stored_grid_is_the_grid_in_order(tmp_path: Path) -> None:
    place = ingested(tmp_path, ROWS, failures(ROWS))
    main(place, "lives")
    pd.testing.assert_frame_equal(read_grid(place, "lives"), build_grid(ROWS, nothing_rejected(), SPEC, CHANNELS))
    assert read_spec(place, "lives") == SPEC


def test_a_device_lies_in_one_bucket_of_several(tmp_path: Path) -> None:
    place = ingested(tmp_path, ROWS, failures(ROWS))
    main(place, "lives")
    buckets = [set(pd.read_parquet(file)["device"]) for file in sorted(tmp_path.glob("data/lives/features/grid/*"))]
    assert len(buckets) > 1 and sum(map(len, buckets)) == len(set.union(*buckets)) == 6


def test_running_it_again_gives_the_same_bytes(tmp_path: Path) -> None:
    place = ingested(tmp_path, ROWS, failures(ROWS))
    main(place, "lives")
    first = {file: file.read_bytes() for file in tmp_path.glob("data/lives/**/*.*")}
    main(place, "lives")
    assert first and all(file.read_bytes() == content for file, content in first.items())


@pytest.mark.slow
def test_a_cluster_gives_the_bytes_that_threads_give(tmp_path: Path, dask_scheduler: str) -> None:
    made = {}
    for name, compute in {"threads": {"threads": 3}, "cluster": {"scheduler": dask_scheduler}}.items():
        (tmp_path / name).mkdir()
        place = ingested(tmp_path / name, ROWS, failures(ROWS), since=["maintenance"])
        set_params(place.root, {"compute": compute})
        main(place, "lives")
        files = place.room("lives", "features").rglob("*.*")
        made[name] = {file.name: file.read_bytes() for file in files}
    assert len(made["threads"]) > 2 and made["cluster"] == made["threads"]


def test_the_grid_does_not_depend_on_how_many_rows_are_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = ingested(tmp_path, ROWS, failures(ROWS))
    main(place, "lives")
    whole = read_grid(place, "lives")
    monkeypatch.setattr(by_device.blocks_of, "__defaults__", (None, 1))
    main(place, "lives")
    pd.testing.assert_frame_equal(read_grid(place, "lives"), whole)


def test_the_rows_are_accounted_for_beside_the_grid(tmp_path: Path) -> None:
    place = ingested(tmp_path, ROWS, failures(ROWS))
    main(place, "lives")
    count = read_json(place.untracked("lives", "features") / "rows.json", "")
    assert count["rows"] == len(ROWS) == count["used"] + count["late"] + count["early"] + count["silent"]


def test_a_channel_that_the_dataset_lacks_is_named_with_those_it_has(tmp_path: Path) -> None:
    place = ingested(tmp_path, ROWS, failures(ROWS), channels=["flow", "heat"])
    with pytest.raises(
        ParamsError, match=r"lives.features.channels: .* no channel 'heat'; expected some of pressure, "
    ):
        main(place, "lives")


def test_rows_that_all_come_too_late_are_told_with_the_key_to_change(tmp_path: Path) -> None:
    late = ROWS.assign(received=ROWS["received"] + pd.Timedelta("1D"))
    place = ingested(tmp_path, late, failures(ROWS))
    with pytest.raises(DataError, match=rf"none of {len(late)} rows can be used \({len(late)} late.*features.late_s"):
        main(place, "lives")


def test_a_grid_that_is_not_there_names_the_command(tmp_path: Path) -> None:
    place = ingested(tmp_path, ROWS, failures(ROWS))
    for read in (read_grid, read_spec):
        with pytest.raises(DataError, match="fleetloop stage features lives"):
            read(place, "lives")


def test_the_stored_spec_is_plain_json(tmp_path: Path) -> None:
    place = ingested(tmp_path, ROWS, failures(ROWS))
    main(place, "lives")
    stored = read_json(tmp_path / "data/lives/features/spec.json", "")
    assert from_dict(type(SPEC), stored) == SPEC and np.isscalar(stored["period_s"])
