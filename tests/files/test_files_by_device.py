"""Files sorted by device are read as one table in the order of devices, whole devices at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines import by_device
from pipelines.by_device import Lengths, blocks_of
from pipelines.errors import DataError


def stored(folder: Path, seed: int, files: int) -> tuple[list[Path], pd.DataFrame]:
    """Some files whose devices overlap, are long or short; and all their rows by device, then by file."""
    rng, parts = np.random.default_rng(seed), []
    for i in range(files):
        names = [f"d{k}" for k in sorted(rng.choice(30, rng.integers(0, 12), replace=False), key=str)]
        device = [name for name in names for _ in range(rng.integers(1, 40))]
        parts.append(pd.DataFrame({"device": pd.array(device, dtype="str"), "at": np.arange(len(device)) + 1000 * i}))
        table = pa.Table.from_pandas(parts[-1], preserve_index=False)
        pq.write_table(table, folder / f"{i}.parquet", row_group_size=17)
    whole = pd.concat(parts).sort_values("device", kind="stable", ignore_index=True)
    return [folder / f"{i}.parquet" for i in range(files)], whole


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), files=st.integers(1, 5), rows=st.integers(1, 200), batch=st.integers(1, 50))
def test_blocks_are_the_whole_in_the_order_of_devices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, files: int, rows: int, batch: int
) -> None:
    monkeypatch.setattr(by_device, "BATCH", batch)
    paths, whole = stored(tmp_path, seed, files)
    blocks = [block.to_pandas() for block in blocks_of(paths, "make it", rows=rows)]
    if len(whole):
        pd.testing.assert_frame_equal(pd.concat(blocks, ignore_index=True), whole)
    devices = [set(block["device"]) for block in blocks]
    assert sum(map(len, devices)) == whole["device"].nunique()  # a device is never divided
    assert all(len(block) <= rows or block["device"].nunique() == 1 for block in blocks)


def test_a_column_or_a_file_that_is_not_there_is_named_with_the_command(tmp_path: Path) -> None:
    (path, *_), _ = stored(tmp_path, 3, 1)
    with pytest.raises(DataError, match=r"0.parquet: there is no column 'heat'; run `make it` again"):
        list(blocks_of([path], "make it", ["device", "heat"]))
    with pytest.raises(DataError, match="does not exist; make it with `make it`"):
        list(blocks_of([tmp_path / "none.parquet"], "make it"))
    path.write_bytes(b"no parquet")
    with pytest.raises(DataError, match="cannot be read"):
        list(blocks_of([path], "make it"))


def test_a_file_is_handed_out_in_the_lengths_that_are_asked_for(tmp_path: Path) -> None:
    (path, *_), whole = stored(tmp_path, 3, 1)
    rows = Lengths(path, "make it", ["at"])
    first, rest, none = rows.take(20), rows.take(10**6), rows.take(1)
    assert first is not None and rest is not None and none is None
    assert first["at"].to_pylist() + rest["at"].to_pylist() == whole["at"].tolist()
