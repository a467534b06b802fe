"""A lap as the worker's image runs it: a read-only machine on which only the checkout, /cache and /tmp can be written.

There is no container engine here; a mount namespace makes the machine read-only, with the image's own settings.
"""

import os
import re
import subprocess
import sys

import pytest

from flows.environment import child_environment
from tests.builders.stub import ROOT, stub_checkout
from tests.infra.test_infra_containers import instructions

pytestmark = pytest.mark.slow

CONFINE = """
set -e
for folder in "$1" "$2"; do mount --bind "$folder" "$folder"; done
mount --bind / / && mount -o remount,ro,bind /
for folder in /var/tmp /home /root; do mount --bind $folder $folder && mount -o remount,ro,bind $folder; done
! touch /var/tmp/not-writable 2>/dev/null
cd "$1" && exec "$3" -m dvc repro
"""


@pytest.fixture(scope="module")
def unshare():
    tried = subprocess.run(["unshare", "--mount", "mount", "--bind", "/", "/"], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"no mount namespace here: {tried.stderr.strip()}")


def settings(image, root):
    """ENV of a container file, with its writable folders below `root`."""
    pairs = " ".join(rest for name, rest in instructions(image) if name == "ENV").split()
    found = dict(re.fullmatch(r"(\w+)=(.*)", pair).groups() for pair in pairs if not pair.startswith("PATH="))
    return {name: re.sub("^/(cache|tmp)", rf"{root}/\1", value) for name, value in found.items()}


def test_a_lap_writes_nowhere_but_where_the_worker_s_container_lets_it(unshare, tmp_path):
    work, others = stub_checkout(tmp_path / "work"), tmp_path / "others"
    (others / "tmp").mkdir(parents=True)
    subprocess.run(["dvc", "config", "--local", "core.no_scm", "true"], cwd=work, check=True)
    environment = child_environment(work) | settings(ROOT / "infra/containers/worker.Dockerfile", others)
    environment |= {
        "TMPDIR": str(others / "tmp"),
        "HOME": "/home/fleetloop",
        "PYTHONPATH": os.pathsep.join(map(str, [ROOT])),
    }
    done = subprocess.run(
        ["unshare", "--mount", "bash", "-c", CONFINE, "confine", str(work), str(others), sys.executable],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert (work / "data/a/export/bundle/manifest.json").exists() and (others / "tmp" / "dvc").is_dir()
