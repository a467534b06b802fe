"""Parts on a Dask cluster: the same bytes as by threads, and one clear line where none answers."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from pipelines.errors import StoreError
from pipelines.ingest import ingest
from pipelines.params import Compute
from tests.builders.raw import Checkout, table

T = 1_700_000_000


def checkout(root: Path) -> Checkout:
    here = Checkout(root)
    rows = [(f"p{i % 5}", T + i * 3600, 1e5 * (i % 9), i % 7) for i in range(200)]
    here.write("a.csv", table(rows + rows[:3] + [("p0", T, 9e5, 3)]))
    return here


@pytest.mark.slow
def test_a_cluster_gives_the_bytes_that_threads_give(tmp_path: Path, dask_scheduler: str) -> None:
    here, there = checkout(tmp_path / "threads"), checkout(tmp_path / "cluster")
    report = here.ingest()
    assert ingest("some", there.spec, there.raw, there.tables, Compute(scheduler=dask_scheduler)) == report
    assert here.files() == there.files()


def test_a_cluster_that_does_not_answer_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    here = checkout(tmp_path)
    from dask import config

    with config.set({"distributed.comm.timeouts.connect": "1s"}), pytest.raises(StoreError, match="no Dask scheduler"):
        ingest("some", here.spec, here.raw, here.tables, Compute(scheduler=f"tcp://127.0.0.1:{port}"))
