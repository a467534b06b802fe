"""A file is written whole or not at all, and the same frame gives the same bytes."""

import pandas as pd
import pytest

from pipelines.errors import DataError
from pipelines.files import read_json, read_table, replacing_folder, write_bytes, write_json, write_table


class Crash(Exception):
    pass


def test_a_crash_while_writing_leaves_the_old_file_and_no_temporary(tmp_path):
    write_bytes(tmp_path / "a", b"old")
    with pytest.raises(TypeError):
        write_bytes(tmp_path / "a", "no bytes")  # type: ignore[arg-type]
    assert (tmp_path / "a").read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_crash_while_filling_a_folder_leaves_the_old_folder(tmp_path):
    with replacing_folder(tmp_path / "f") as new:
        (new / "x").write_text("old")
    with pytest.raises(Crash), replacing_folder(tmp_path / "f") as new:
        (new / "x").write_text("half")
        raise Crash
    assert (tmp_path / "f" / "x").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_a_folder_is_replaced_whole(tmp_path):
    for name in ("x", "y"):
        with replacing_folder(tmp_path / "f") as new:
            (new / name).write_text(name)
    assert [p.name for p in (tmp_path / "f").iterdir()] == ["y"]


def test_the_same_frame_gives_the_same_bytes(tmp_path):
    frame = pd.DataFrame({"device": ["a", "b"], "x": [1.5, float("nan")]})
    write_table(tmp_path / "a.parquet", frame)
    write_table(tmp_path / "b.parquet", frame.copy())
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_nan_is_refused_in_json(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"x": float("nan")})


def test_a_missing_file_names_the_command_that_makes_it(tmp_path):
    with pytest.raises(DataError, match="make it with `fleetloop stage ingest pumps`"):
        read_json(tmp_path / "a.json", "fleetloop stage ingest pumps")


def test_a_truncated_table_says_what_to_do(tmp_path):
    write_table(tmp_path / "a.parquet", pd.DataFrame({"x": range(100)}))
    data = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match="delete it and run `make it` again"):
        read_table(tmp_path / "a.parquet", "make it")
