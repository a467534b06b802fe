"""`active` is edited in place: every other byte of params.yaml stays, and what is written loads."""

from pathlib import Path

import pytest

from flows.active import activate, deactivate
from pipelines.errors import ParamsError
from pipelines.params import load_params

TEXT = (Path(__file__).parents[2] / "params.yaml").read_text()


@pytest.fixture
def root(tmp_path):
    (tmp_path / "params.yaml").write_text(TEXT)
    return tmp_path


def test_an_activated_use_case_and_its_dataset_are_active(root):
    assert activate(root, "turbofan")
    active = load_params(root).active
    assert active.datasets == ("pumps", "cmapss_fd001") and list(active.use_cases) == ["pumps", "turbofan"]


def test_activate_and_back_leaves_every_byte_as_it_was(root):
    activate(root, "turbofan")
    deactivate(root, "turbofan")
    assert (root / "params.yaml").read_text() == TEXT


def test_only_the_block_changes_and_its_comments_stay(root):
    text = TEXT.replace("active:\n", "active: # mine\n").replace("\ndatasets:", "\n# about the data\ndatasets:")
    (root / "params.yaml").write_text(text)
    activate(root, "turbofan")
    new = (root / "params.yaml").read_text().splitlines()
    assert set(text.splitlines()) - set(new) == {"  datasets: [pumps]"}
    assert sum(line == "# about the data" for line in new) == 1


def test_doing_it_again_changes_nothing_and_says_so(root):
    assert not activate(root, "pumps")
    assert not deactivate(root, "turbofan")
    assert (root / "params.yaml").read_text() == TEXT


def test_a_dataset_that_another_use_case_needs_stays_active(root):
    text = TEXT.replace("    pumps: {dataset: pumps}", "    pumps: {dataset: pumps}\n    twin: {dataset: pumps}")
    twin = TEXT[TEXT.index("  pumps:\n    title: Pumps") : TEXT.index("  turbofan:")].replace("  pumps:", "  twin:", 1)
    (root / "params.yaml").write_text(text + "\n" + twin)
    deactivate(root, "twin")
    assert load_params(root).active.datasets == ("pumps",)


def test_the_last_use_case_may_go_and_come_back(root):
    deactivate(root, "pumps")
    assert not load_params(root).active.use_cases
    activate(root, "pumps")
    assert list(load_params(root).active.use_cases) == ["pumps"]


def test_an_unknown_name_suggests_the_near_one(root):
    with pytest.raises(ParamsError, match="no use case 'turbofn'; did you mean 'turbofan'"):
        activate(root, "turbofn")


def test_a_block_at_odds_with_the_use_cases_is_mended(root):
    (root / "params.yaml").write_text(TEXT.replace("  datasets: [pumps]", "  datasets: []"))
    assert activate(root, "pumps")
    assert load_params(root).active.datasets == ("pumps",)


@pytest.mark.parametrize("text", ["", "active: [", "active: 3\n"])
def test_a_file_that_does_not_load_is_left_alone_with_the_reason(root, text):
    (root / "params.yaml").write_text(text)
    with pytest.raises(ParamsError, match="params.yaml"):
        activate(root, "pumps")
    assert (root / "params.yaml").read_text() == text


def test_blocks_that_dvc_watches_are_written_where_they_are_left_out(root):
    start, end = TEXT.index("    features:\n      channels: [s2"), TEXT.index("    split: {seed: 24")
    text = TEXT[:start] + TEXT[end:]
    (root / "params.yaml").write_text(text)
    assert activate(root, "turbofan")
    new = (root / "params.yaml").read_text()
    (line,) = [line for line in new.splitlines() if "features show" in line]
    assert line.startswith("    features: {} #") and not activate(root, "turbofan")
    deactivate(root, "turbofan")
    assert (root / "params.yaml").read_text().replace(f"{line}\n", "") == text


def test_a_key_within_a_block_that_dvc_would_miss_is_named_with_its_default(root):
    where = TEXT.index("  turbofan:")
    (root / "params.yaml").write_text(TEXT[:where] + TEXT[where:].replace("      threads: 1\n", "", 1))
    with pytest.raises(
        ParamsError, match="use_cases.turbofan.train lacks threads, which DVC watches; add `threads: 1`"
    ):
        activate(root, "turbofan")


def test_a_dataset_without_a_use_case_is_activated_by_its_own_name(root):
    assert activate(root, "skab") and not activate(root, "skab")
    assert load_params(root).active.datasets == ("pumps", "skab")
    assert deactivate(root, "skab") and (root / "params.yaml").read_text() == TEXT


def test_a_dataset_that_a_use_case_needs_stays_active(root):
    activate(root, "turbofan")
    with pytest.raises(ParamsError, match="used by turbofan; run `fleetloop deactivate turbofan`"):
        deactivate(root, "cmapss_fd001")
