"""Candidate and champion in the device's own runtime: the difference is what the evaluation itself would give."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from fleetloop_edge.bundle import MANIFEST, parse_manifest
from pipelines.errors import Refused
from pipelines.evaluate import read_predictions, row_loss
from pipelines.export import bundle_path
from pipelines.release.compare import compare

pytestmark = pytest.mark.slow


@pytest.fixture
def variant(lap, tmp_path):
    """The lap's bundle with another manifest."""

    def make(**changes):
        folder = tmp_path / "champion"
        shutil.copytree(bundle_path(lap, "pumps"), folder)
        manifest = parse_manifest((folder / MANIFEST).read_bytes())
        (folder / MANIFEST).write_bytes(replace(manifest, **changes).to_bytes())
        return folder

    return make


def test_a_candidate_is_not_worse_than_itself(lap):
    found = compare(lap, "pumps", bundle_path(lap, "pumps"), 1)
    assert found.passed and (found.difference, found.low, found.high) == (0.0, 0.0, 0.0)
    assert found.devices >= 2 and "it is as good" in found.sentence


def test_the_difference_is_the_evaluation_s_own_on_the_same_rows(lap, variant):
    ships = parse_manifest((bundle_path(lap, "pumps") / MANIFEST).read_bytes()).primary
    other = "baseline" if ships == "sequence" else "sequence"
    found = compare(lap, "pumps", variant(primary=other, fallback=None), 1)
    scored = read_predictions(lap, "pumps")
    scored = scored[(scored["side"] == "test") & np.isfinite(scored["target"])]
    loss = {m: row_loss("binary", scored["target"].to_numpy(), scored[m].to_numpy()).mean() for m in (ships, other)}
    assert 0.99 * len(scored) < found.rows <= len(scored)  # where neither abstains
    assert found.difference == pytest.approx(loss[ships] - loss[other], abs=0.01)  # int8 and the fallback's rows
    assert found.low <= found.difference <= found.high


def test_another_question_is_not_compared(lap, variant):
    task = {"kind": "failure_within_horizon", "horizon": 24, "healthy_beyond": 168, "event": "failure"}
    with pytest.raises(Refused, match="release 4 answers another question .*fleetloop run pumps --replace"):
        compare(lap, "pumps", variant(task=task), 4)
