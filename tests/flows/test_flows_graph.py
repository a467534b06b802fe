"""The lap's graph is DVC's own."""

from pathlib import Path

from flows.graph import Step, in_order, needed_for, read_graph
from tests.builders.stub import stub_checkout

ROOT = Path(__file__).parents[2]


def step(address, *after):
    return Step(address, after)


def test_a_stage_waits_for_the_stages_that_make_what_it_reads(tmp_path):
    graph = {step.address: step.after for step in read_graph(_tracked(tmp_path))}
    assert graph["ingest@d"] == ()
    assert graph["left@a"] == graph["right@a"] == ("ingest@d",)
    assert graph["export@a"] == ("left@a", "right@a")


def test_each_step_comes_after_those_it_waits_for():
    steps = in_order([step("c@u", "b@u"), step("a@u"), step("b@u", "a@u")])
    assert [s.address for s in steps] == ["a@u", "b@u", "c@u"]


def test_only_what_a_use_case_needs_is_taken():
    steps = in_order([step("ingest@d"), step("train@a", "ingest@d"), step("train@b", "ingest@d"), step("ingest@e")])
    assert [s.address for s in needed_for(steps, ["b"])] == ["ingest@d", "train@b"]


def test_the_shipped_graph_has_every_stage_of_the_active_use_case(checkout_copy):
    from flows.checkout import fit_dvc_to_git
    from pipelines import STAGES

    fit_dvc_to_git(checkout_copy)
    assert {s.stage for s in read_graph(checkout_copy) if s.name == "pumps"} == set(STAGES)


def _tracked(folder):
    from flows.checkout import fit_dvc_to_git

    checkout = stub_checkout(folder / "checkout")
    fit_dvc_to_git(checkout)
    return checkout
