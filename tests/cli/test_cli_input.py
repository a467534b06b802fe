"""What a person gets wrong at the command line ends in one clear line and an exit code, never in a traceback."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders.stub import environment

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path):
    """A folder with params.yaml, dvc.yaml and DVC's settings, and no git history."""
    folder = tmp_path / "checkout"
    (folder / ".dvc").mkdir(parents=True)
    shutil.copyfile(ROOT / ".dvc" / "config", folder / ".dvc" / "config")
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copyfile(ROOT / name, folder / name)
    return folder


def fleetloop(folder, *words, **more):
    return subprocess.run(
        [sys.executable, "-c", "from flows.cli import main; main()", *words],
        cwd=folder, env=environment(**more), capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def says(done, code, *parts):
    """One line on stderr with all parts, the exit code, and no traceback."""
    assert done.returncode == code, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert all(part in done.stderr for part in parts), done.stderr
    return True


@pytest.mark.parametrize("words", [["run", "pump"], ["report", "pump"], ["retrain", "pump"], ["activate", "pump"],
                                   ["deactivate", "pump"], ["stage", "features", "pump"]])  # fmt: skip
def test_an_unknown_use_case_is_named_with_the_near_one(checkout, words):
    assert says(fleetloop(checkout, *words), 2, "no use case 'pump'", "did you mean 'pumps'")


@pytest.mark.parametrize("words", [["data", "add", "skabb", "."], ["data", "simulate", "skabb"],
                                   ["stage", "ingest", "skabb"]])  # fmt: skip
def test_an_unknown_dataset_is_named_with_the_known_ones(checkout, words):
    assert says(fleetloop(checkout, *words), 2, "no dataset 'skabb'", "expected one of pumps, cmapss_fd001")


def test_an_unknown_stage_is_named_with_the_known_ones(checkout):
    assert says(fleetloop(checkout, "stage", "fly", "pumps"), 2, "no stage 'fly'", "ingest, validate, features")


def test_an_inactive_use_case_names_the_command_that_activates_it(checkout):
    assert says(fleetloop(checkout, "run", "turbofan"), 2, "`fleetloop activate turbofan`")


def test_a_params_typo_is_named_with_its_path(checkout):
    text = (checkout / "params.yaml").read_text()
    (checkout / "params.yaml").write_text(text.replace("horizon: 48", "horizn: 48"))
    assert says(fleetloop(checkout, "run"), 2, "use_cases.pumps.task.horizn is not a known key")


def test_a_folder_without_params_says_where_to_go(tmp_path):
    assert says(fleetloop(tmp_path, "use-cases"), 2, "params.yaml does not exist", "run fleetloop in the folder")


def test_a_dataset_that_is_not_simulated_says_how_its_files_come(checkout):
    assert says(fleetloop(checkout, "data", "simulate", "cmapss_fd001"), 2, "fleetloop data add cmapss_fd001")


def test_a_folder_that_is_not_there_is_named(checkout):
    assert says(fleetloop(checkout, "data", "add", "pumps", "nowhere"), 2, "nowhere is not a folder")


def test_a_source_without_a_file_is_named_and_nothing_is_copied(checkout, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "train_FD001.txt").write_text("1 1\n")
    done = fleetloop(checkout, "data", "add", "cmapss_fd001", str(tmp_path / "in"))
    assert says(done, 2, "test (test_FD001.txt*), truth (RUL_FD001.txt*)", "nothing was copied")
    assert not (checkout / "data").exists()


def test_a_file_and_its_gzip_form_are_not_both_taken(checkout, tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("train_FD001.txt", "train_FD001.txt.gz", "test_FD001.txt", "RUL_FD001.txt"):
        (tmp_path / "in" / name).write_text("1 1\n")
    done = fleetloop(checkout, "data", "add", "cmapss_fd001", str(tmp_path / "in"))
    assert says(done, 2, "train_FD001.txt and train_FD001.txt.gz", "keep one of them")


def test_a_field_log_that_is_not_there_is_named(checkout):
    assert says(fleetloop(checkout, "watch", "pumps", "nolog"), 2, "nolog does not exist", "fleetloop score")


def test_a_bundle_that_is_not_there_is_named(checkout):
    assert says(fleetloop(checkout, "score", "nobundle", ".", "-o", "log"), 2, "nobundle does not exist")


def test_help_imports_nothing_heavy(checkout):
    code = ("import sys\nfrom flows.cli.app import app\nfrom typer.testing import CliRunner\n"
            "r = CliRunner().invoke(app, ['--help'])\nassert r.exit_code == 0 and 'Exit codes' in r.output, r.output\n"
            "heavy = {'pandas', 'numpy', 'prefect', 'dvc', 'torch', 'pyarrow', 'pydantic'} & set(sys.modules)\n"
            "assert not heavy, heavy")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_files_that_were_added_are_tracked_by_dvc_and_activate_nothing(checkout, tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("train_FD001.txt", "test_FD001.txt", "RUL_FD001.txt", "readme.txt"):
        (tmp_path / "in" / name).write_text("1 1\n")
    done = fleetloop(checkout, "data", "add", "cmapss_fd001", str(tmp_path / "in"))
    assert done.returncode == 0, done.stderr
    assert (checkout / "data/raw/cmapss_fd001.dvc").is_file()
    assert sorted(p.name for p in (checkout / "data/raw/cmapss_fd001").iterdir()) == [
        "RUL_FD001.txt", "test_FD001.txt", "train_FD001.txt"]  # fmt: skip
    assert (checkout / "params.yaml").read_bytes() == (ROOT / "params.yaml").read_bytes()


@pytest.mark.slow
def test_missing_raw_files_stop_a_lap_with_the_command_that_brings_them(checkout, prefect_server):
    done = fleetloop(checkout, "run", "pumps")
    assert says(done, 2, "data/raw/pumps does not exist", "fleetloop data simulate pumps")


@pytest.fixture
def full_disk(tmp_path):
    """A file system of 64 KB."""
    folder = tmp_path / "full"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root and the right to mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_one_clear_line_and_nothing_half_written(checkout, full_disk, tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("train_FD001.txt", "test_FD001.txt", "RUL_FD001.txt"):
        (tmp_path / "in" / name).write_text("1 1\n" * 40_000)
    (checkout / "data").symlink_to(full_disk)
    done = fleetloop(checkout, "data", "add", "cmapss_fd001", str(tmp_path / "in"))
    assert says(done, 2, "no space left on the disk", "run the same command again")
    assert not [path for path in full_disk.rglob("*") if path.is_file()]


@pytest.mark.slow
def test_a_disk_that_fills_up_during_ingest_is_one_clear_line_and_the_next_run_goes_on(checkout, full_disk):
    raw = checkout / "data" / "raw" / "cmapss_fd001"
    raw.mkdir(parents=True)
    values = " ".join(["0", "0", "100", *["500"] * 21])
    lines = "".join(f"{unit} {cycle} {values}\n" for unit in range(1, 6) for cycle in range(1, 301))
    for name, text in (("train_FD001.txt", lines), ("test_FD001.txt", lines), ("RUL_FD001.txt", "9\n" * 5)):
        (raw / name).write_text(text)
    room = checkout / "data" / "cmapss_fd001"
    room.symlink_to(full_disk)
    assert says(fleetloop(checkout, "stage", "ingest", "cmapss_fd001"), 2, "no space left on the disk")
    room.unlink()
    assert fleetloop(checkout, "stage", "ingest", "cmapss_fd001").returncode == 0
