"""Deployments and automations of one checkout: infra/prefect.yaml for every active use case, infra/automations.yaml.

`fleetloop up` brings them to its own server; `python -m flows.up.deploy`, in the checkout, to that of PREFECT_API_URL.
"""

from __future__ import annotations

import asyncio
import copy
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from flows.environment import child_environment
from flows.up.plan import POOL, Plan, environment
from pipelines.errors import ParamsError, StoreError
from pipelines.files import write_bytes
from pipelines.params import load_params

PATTERN = "pumps"
"""The use case for which infra/prefect.yaml is written out."""
TAG = "fleetloop"


def deployments(written: dict[str, Any], use_cases: list[str]) -> dict[str, Any]:
    """infra/prefect.yaml with the pattern's deployments repeated for every use case, and for no other.

    The minutes of their schedules differ, so that the use cases do not all begin at once.
    """
    made: list[dict[str, Any]] = []
    for entry in written["deployments"]:
        if PATTERN not in entry.get("tags", []):
            made.append(entry)
            continue
        made += [_for(entry, use_case, place) for place, use_case in enumerate(use_cases)]
    return {name: value for name, value in written.items() if name != "definitions"} | {"deployments": made}


def deploy(plan: Plan) -> list[str]:
    """As `deploy_to`, on the server of `fleetloop up`."""
    return deploy_to(Path(plan.root), f"{plan.server_url}/api", environment(plan))


def deploy_to(root: Path, api: str, settings: dict[str, str]) -> list[str]:
    """Bring a server's deployments and automations to what the files say; the deployments' names.

    Those of use cases that are no longer active are deleted: they would go on firing. Raises StoreError with Prefect's
    own words where it refuses.
    """
    written = yaml.safe_load((root / "infra" / "prefect.yaml").read_text())
    wanted = deployments(written, list(load_params(root).active.use_cases))
    names = [str(entry["name"]) for entry in wanted["deployments"]]
    automations = yaml.safe_load((root / "infra" / "automations.yaml").read_text())["automations"]
    asyncio.run(_prepare(api, names, automations))
    file = root / ".fleetloop" / "up" / "prefect.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(file, yaml.safe_dump(wanted, sort_keys=False).encode())
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file)],
        cwd=root, env=settings | {"PREFECT_API_URL": api}, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        reason = " ".join((done.stderr or done.stdout).split())[-400:]
        raise StoreError(f"Prefect refused the deployments of {file}: {reason}")
    return names


def _for(entry: dict[str, Any], use_case: str, place: int) -> dict[str, Any]:
    """The pattern's deployment as another use case's."""
    word = re.compile(rf"(?<![A-Za-z0-9_]){PATTERN}(?![A-Za-z0-9_])")

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: renamed(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [renamed(inner) for inner in value]
        return word.sub(use_case, value) if isinstance(value, str) else value

    made: dict[str, Any] = renamed(copy.deepcopy(entry))
    for schedule in made.get("schedules", []):
        minute, rest = schedule["cron"].split(" ", 1)
        schedule["cron"] = f"{(int(minute) + 7 * place) % 60} {rest}"
    return made


async def _prepare(url: str, names: list[str], automations: list[dict[str, Any]]) -> None:
    """The work pool, our automations as the file has them, and nothing left of deployments that are not wanted."""
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
    from prefect.events.schemas.automations import AutomationCore

    async with PrefectClient(url) as client:
        await client.create_work_pool(WorkPoolCreate(name=POOL, type="process"), overwrite=True)
        ours = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
        for deployment in await client.read_deployments(deployment_filter=ours):
            if deployment.name not in names:
                await client.delete_resource_owned_automations(f"prefect.deployment.{deployment.id}")
                await client.delete_deployment(deployment.id)
        for written in automations:
            for old in await client.read_automations_by_name(written["name"]):
                await client.delete_automation(old.id)
            await client.create_automation(AutomationCore.model_validate(written))


def main() -> None:
    """The working directory's checkout, on the server of a team. Raises ParamsError where none is named."""
    api = os.environ.get("PREFECT_API_URL")
    if not api:
        raise ParamsError("PREFECT_API_URL names no server; set it to the team's, as http://127.0.0.1:4200/api")
    root = Path.cwd()
    print("deployments:", ", ".join(deploy_to(root, api, child_environment(root))))


if __name__ == "__main__":
    main()
