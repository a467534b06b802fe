"""The loop closes by itself, as a team runs it: field log, report, event, automation, retraining, release or hold."""

import shutil
import urllib.request
from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from pipelines.files import Place
from pipelines.release import champion, fetch
from pipelines.split import read_sides
from pipelines.watch.field_log import read_log
from tests.builders.laps import commit_all, edit, git
from tests.builders.loops import links_of, until

pytestmark = pytest.mark.slow

PAPERS = {
    "Lap report", "Model card", "Data Docs of the contract", "Comparison in figures", "Change of dvc.lock",
    "Evidently report of the newest judgement",
}  # fmt: skip
HORIZON = np.timedelta64(48, "h")


def field(loop, bundle, log):
    """The field log of a bundle over all that the fleet has sent."""
    loop.command("fleetloop", "stage", "ingest", "pumps")
    loop.command("fleetloop", "score", str(bundle), "data/pumps/ingest/tables", "-o", log, "--by", "batch")
    return read_log(loop.root / log)


def average_precision(log, devices, since):
    """Of a log's scores of rows since a moment: does the machine fail within the horizon? Counted row by row."""
    asked = log.decisions[log.decisions["device"].isin(devices) & (log.decisions["time"] >= since)]
    known = asked[(asked["time"] <= log.rows["time"].max() - HORIZON) & asked["score"].notna()]
    failures = log.labels[log.labels["label"] == "failure"].groupby("device")["from"]
    ahead = {name: times.to_numpy() for name, times in failures}
    truth = [
        any(time <= failure <= time + HORIZON for failure in ahead.get(device, ()))
        for device, time in zip(known["device"], known["time"].to_numpy(), strict=True)
    ]
    return average_precision_score(truth, known["score"])


def shown(address):
    with urllib.request.urlopen(address, timeout=30) as answer:
        return answer.read().decode(errors="replace")


@pytest.fixture(scope="module")
def drifted(team_loop, tmp_path_factory):
    """What the loop makes of a drift: the runs of `watch` and `retrain`, the first bundle, the end of the field log."""
    loop, first = team_loop.loop, tmp_path_factory.mktemp("first") / "bundle"
    fetch(loop.store, champion(loop.store, "pumps"), first)
    earlier = len(loop.ended("retrain-pumps", 0))
    loop.command("fleetloop", "data", "simulate", "pumps", "--days", "28", "--drift", "wear")
    seen = field(loop, first, "data/pumps/field")
    watched = loop.start("watch-pumps")["id"]
    assert loop.end_of(watched)["name"] == "Drift", loop.log(watched)
    retrained = until(lambda: loop.ended("retrain-pumps", earlier + 1), seconds=400)[0]
    return watched, retrained, first, pd.Timestamp(seen.rows["time"].max())


def test_a_drift_in_the_field_becomes_a_champion_that_says_why(team_loop, drifted, capsys):
    loop, (_, retrained, *_) = team_loop.loop, drifted
    assert retrained["state"]["name"] == "Completed", loop.log(retrained["id"])
    assert retrained["parameters"]["cause"] == "drift"
    second = champion(loop.store, "pumps")
    assert (second.facts["cause"], second.facts["run"]) == ("drift", retrained["id"])
    record = loop.governor("pumps").read()
    assert record.findings == () and record.lease is None
    told = [(line.run, line.outcome) for line in record.lines if line.admitted and line.cause == "drift"]
    assert told == [(retrained["id"], "published")]
    assert "drift" in loop.command("fleetloop", "history", "pumps")
    assert len(team_loop.notes.of("drift")) == 1
    event = loop.ask("events/filter", filter={"event": {"name": ["fleetloop.drift"]}})["events"][0]["occurred"]
    lines = [line for line in loop.log(retrained["id"]) if line["message"].startswith("retrain pumps, cause: drift")]
    first_line = lines[0]["timestamp"]  # of the flow itself: the worker's own words come before
    seconds = (datetime.fromisoformat(first_line) - datetime.fromisoformat(event)).total_seconds()
    with capsys.disabled():
        print(f"\nfrom event to the run's first line: {seconds:.1f} s")


def test_the_pages_of_both_runs_lead_to_all_that_an_operator_asks_for(team_loop, drifted):
    loop, (watched, retrained, *_) = team_loop.loop, drifted
    judged, made = loop.artifacts(watched), loop.artifacts(retrained["id"])
    report = links_of(judged["pumps-judgement"])["Evidently report"]
    assert "root_metric_" in shown(report)  # as Evidently draws it
    assert links_of(made["pumps-governor"])["Evidently report"] == report and "cause: drift" in made["pumps-governor"]
    links = links_of(made["pumps-report"])
    assert set(links) == PAPERS
    assert all(shown(address) for address in links.values())
    figures = [address for key, address in made.items() if key.startswith("pumps-figure-")]
    assert figures and all("<svg" in shown(address) for address in figures)
    assert "log loss" in made["pumps-gates"] and "candidate" in made["pumps-against-champion"]
    assert "average precision" in made["pumps-scores"] and "train_sequence@pumps" in made["pumps-dvc-lock"]
    assert "```diff" in made["pumps-dvc-lock"] and "| cause | drift |" in made["pumps-report"]
    branch = f"retrain/pumps/{retrained['id']}"
    assert "dvc.lock" in git(loop.root, "diff", "--name-only", f"main...{branch}")


@pytest.fixture
def page():
    """A tab of Debian's Chromium."""
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("no chromium here; Debian's package of that name brings it")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        yield chromium.new_page(viewport={"width": 1280, "height": 2400})  # the page draws what is in sight
        chromium.close()


def test_an_operator_s_browser_shows_the_run_and_all_that_its_page_leads_to(team_loop, drifted, page):
    def shows(words):
        page.get_by_text(words, exact=True).last.wait_for(timeout=60_000)

    plan, run = team_loop.loop.plan, drifted[1]["id"]
    page.goto(f"{plan.server_url}/runs/flow-run/{run}")
    for words in ("pumps-retrain-drift", "Completed", "fleetloop: drift retrains pumps"):
        shows(words)
    page.get_by_text("Parameters", exact=True).last.click()
    shows('"drift"')
    page.get_by_text("Artifacts", exact=True).last.click()
    for name in ("governor", "gates", "scores", "against-champion", "figure-truth", "dvc-lock", "contract"):
        shows(f"pumps-{name}")
    page.get_by_text("pumps-report", exact=True).last.click()
    shows("Change of dvc.lock")
    found = page.locator(f"a[href^='{plan.pages_url}']").all()
    links = {link.inner_text(): link.get_attribute("href") for link in found}
    assert set(links) == PAPERS
    assert {page.request.get(address).status for address in links.values()} == {200}
    page.goto(plan.pages_url)
    assert page.get_by_text(f"run {run[:8]}").get_attribute("href") == f"{plan.server_url}/runs/flow-run/{run}"


def test_the_retrained_champion_is_better_on_what_came_after(team_loop, drifted, tmp_path):
    loop, (*_, first, since) = team_loop.loop, drifted
    fetch(loop.store, champion(loop.store, "pumps"), tmp_path / "second")
    loop.command("fleetloop", "data", "simulate", "pumps", "--days", "14")
    sides = read_sides(Place(loop.root), "pumps")
    held_out = sides.loc[sides["side"] == "test", "device"]
    before, after = (field(loop, bundle, "LATER") for bundle in (first, tmp_path / "second"))
    assert average_precision(after, held_out, since) > average_precision(before, held_out, since) + 0.1


def test_a_past_span_is_judged_step_by_step_and_what_is_done_is_skipped(team_loop, drifted):
    loop, end = team_loop.loop, drifted[-1].floor("D")
    span = [f"{end - pd.Timedelta(days=days):%Y-%m-%d}" for days in (28, 0)]
    command = ["fleetloop", "backfill", "pumps", "data/pumps/field", "--from", span[0], "--to", span[1]]
    tickets, record = loop.command("fleetloop", "tickets", "pumps"), loop.governor("pumps").read()
    first = loop.command(*command, "--every-days", "14", "--max-parallel", "2")
    assert "2 judgements, 2 of them made now" in first
    again = loop.start("backfill-pumps", start=span[0], stop=span[1], every_days=14)["id"]
    state = loop.end_of(again)
    assert "2 judgements, 0 of them made now" in state["message"], loop.log(again)
    assert span[1] in loop.artifacts(again)["pumps-backfill"]
    (loop.root / ".fleetloop" / "backfill" / "pumps" / span[1] / "done.json").unlink()
    assert "2 judgements, 1 of them made now" in loop.command(*command, "--every-days", "14")
    assert (loop.command("fleetloop", "tickets", "pumps"), loop.governor("pumps").read()) == (tickets, record)


WORSE = {"use_cases.pumps.train.sequence.steps": 1, "use_cases.pumps.train.baseline.trees": 1}


def test_a_candidate_that_does_not_win_is_held_in_words_and_figures(team_loop, drifted):
    loop = team_loop.loop
    before = champion(loop.store, "pumps")
    edit(loop.root, **WORSE)
    commit_all(loop.root, "worse")
    run = loop.start("retrain-pumps", cause="hand")["id"]
    state = loop.end_of(run)
    assert (state["name"], state["type"]) == ("Held", "FAILED"), loop.log(run)
    for words in (f"of the champion (release {before.version})", f"release {before.version} stays champion"):
        assert words in state["message"]
    assert champion(loop.store, "pumps") == before
    assert loop.governor("pumps").read().line_of(run).outcome == "held"
    (note,) = team_loop.notes.of("held")
    assert (note["sentence"], note["cause"]) == (state["message"], "hand")
    made = loop.artifacts(run)
    assert "pumps-gates" in made and "candidate" in made["pumps-against-champion"]
    assert "Data Docs of the contract" in links_of(made["pumps-report"])  # though DVC had no reason to make them anew
