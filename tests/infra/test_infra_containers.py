"""Compose, container files and the Kubernetes example: their schemas, and that nothing runs as root or listens far."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

INFRA = Path(__file__).parents[2] / "infra"
COMPOSE = INFRA / "compose" / "compose.yaml"
IMAGES = sorted((INFRA / "containers").glob("*.Dockerfile"))
MANIFESTS = INFRA / "kubernetes" / "worker.yaml"
POOL = INFRA / "kubernetes" / "work-pool.json"


def services():
    return yaml.safe_load(COMPOSE.read_text())["services"]


def instructions(image):
    """(instruction, rest) of a container file, continued lines joined, comments left out."""
    text = re.sub(r"\\\n\s*", "", re.sub(r"^\s*#.*\n", "", image.read_text(), flags=re.M))
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]


def test_the_compose_specification_accepts_the_file():
    command = ["check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_a_team_s_services_are_there_and_wait_for_what_they_need():
    found = services()
    assert set(found) == {"database", "server", "deployments", "worker", "pages", "evidently", "store"}
    assert found["server"]["depends_on"]["database"] == {"condition": "service_healthy"}
    assert found["worker"]["depends_on"]["server"] == {"condition": "service_healthy"}
    assert all("healthcheck" in found[name] for name in ("database", "server"))


@pytest.mark.parametrize("name", sorted(services()))
def test_a_service_listens_on_this_machine_alone_and_gains_no_rights(name):
    service = services()[name]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert "no-new-privileges:true" in service["security_opt"]
    assert not {"privileged", "network_mode", "pid"} & set(service)
    assert re.fullmatch(r"[\w./-]+:[\w.-]+", service["image"]) and not service["image"].endswith(":latest")


def test_passwords_are_asked_for_and_never_stated():
    for service in services().values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET", name):
                assert value.startswith("${"), name
    stated = (INFRA / "compose" / "example.env").read_text()
    assert re.findall(r"^(\w+)=(.*)$", stated, flags=re.M) == [("POSTGRES_PASSWORD", ""), ("S3_SECRET", "")]


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image.stem)
def test_an_image_is_built_in_two_steps_from_the_lock_and_runs_as_nobody_special(image):
    lines = instructions(image)
    assert [rest.split()[0] for name, rest in lines if name == "FROM"] == ["python:3.11-slim-bookworm"] * 2
    assert [rest for name, rest in lines if name == "USER"][-1] == "10001"
    last = lines[[i for i, (name, _) in enumerate(lines) if name == "FROM"][-1] :]
    assert not any("pip install" in rest for _, rest in last)  # nothing but what was built is in it
    assert "requirements.lock" in "".join(rest for name, rest in lines if name == "COPY")
    assert not any(name == "ADD" for name, _ in lines)


def test_the_edge_image_holds_no_training_code_and_the_lock_s_versions():
    lines = instructions(INFRA / "containers" / "edge.Dockerfile")
    copied = [word for name, rest in lines if name == "COPY" for word in rest.split()[:-1]]
    assert {"edge", "requirements.lock"} == {word for word in copied if not word.startswith("--") and word != "/venv"}
    assert any("--constraint constraints.txt ./edge" in rest for name, rest in lines if name == "RUN")


def test_what_the_images_copy_is_what_the_builder_is_given():
    """.dockerignore leaves everything else out: no data, no keys, no history."""
    lines = (INFRA.parent / ".dockerignore").read_text().splitlines()
    given = {line[1:] for line in lines if line.startswith("!")}
    assert "*" in lines
    for image in IMAGES:
        copied = [
            word for n, rest in instructions(image) if n == "COPY" and "--from" not in rest for word in rest.split()
        ]
        assert {word for word in copied if not word.startswith(("./", "--"))} <= given | {"edge", "pipelines", "flows"}


def test_kubernetes_own_schemas_accept_worker_and_job(tmp_path):
    template = json.loads(POOL.read_text())
    stated = {name: spec.get("default") for name, spec in template["variables"]["properties"].items()}
    stated |= {"name": "lap", "command": ["prefect", "flow-run", "execute"], "env": [{"name": "A", "value": "b"}],
               "labels": {"app": "lap"}}  # fmt: skip
    job = filled(template["job_configuration"]["job_manifest"], stated)
    job["metadata"]["name"] = job["metadata"].pop("generateName") + "x7k2p"  # as the cluster does
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(job))
    for file in (MANIFESTS, tmp_path / "job.yaml"):
        done = subprocess.run(["kubernetes-validate", "--strict", str(file)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def filled(node, stated):
    """A template as Prefect fills it: a text that is one placeholder becomes the value itself."""
    if isinstance(node, dict):
        return {key: filled(value, stated) for key, value in node.items()}
    if isinstance(node, list):
        return [filled(value, stated) for value in node]
    whole = re.fullmatch(r"\{\{ (\w+) \}\}", node) if isinstance(node, str) else None
    if whole:
        return stated[whole.group(1)]
    return re.sub(r"\{\{ (\w+) \}\}", lambda m: str(stated[m.group(1)]), node) if isinstance(node, str) else node


def test_every_pod_is_confined_and_a_run_has_no_right_in_the_cluster():
    documents = list(yaml.safe_load_all(MANIFESTS.read_text()))
    (deployment,) = [d for d in documents if d["kind"] == "Deployment"]
    job = json.loads(POOL.read_text())["job_configuration"]["job_manifest"]
    for pod in (deployment["spec"]["template"]["spec"], job["spec"]["template"]["spec"]):
        assert pod["securityContext"]["runAsNonRoot"] is True
        for container in pod["containers"]:
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert "memory" in container["resources"]["limits"]
    assert job["spec"]["template"]["spec"]["automountServiceAccountToken"] is False
    bound = {s["name"] for d in documents if d["kind"] == "RoleBinding" for s in d["subjects"]}
    assert bound == {"worker"} and job["spec"]["template"]["spec"]["serviceAccountName"] == "run"


def test_a_job_is_not_started_twice_by_kubernetes():
    """Prefect decides about retries; a second pod of the same run would be a second retraining."""
    job = json.loads(POOL.read_text())["job_configuration"]["job_manifest"]
    assert job["spec"]["backoffLimit"] == 0 and job["spec"]["template"]["spec"]["restartPolicy"] == "Never"
