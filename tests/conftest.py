"""Servers and laps that several tests share: each is started once, and only where a test asks for it."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.checkout import copy_checkout
from flows.remote import push
from pipelines.files import Place
from tests.builders.laps import run, small_fleet, tiny_checkout
from tests.builders.loops import TeamLoop, up
from tests.builders.notes import note_taker
from tests.builders.postgres import Postgres, programs
from tests.builders.remotes import commit, new_remote, sh, team_checkout
from tests.builders.trouble import trouble_before

ROOT = Path(__file__).parents[1]
PUBLIC_DATA = Path(os.environ.get("FLEETLOOP_PUBLIC_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session", autouse=True)
def _own_commands() -> Iterator[None]:
    """`fleetloop`, `dvc` and the checkout's code are found by child processes, whoever started pytest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        patch.delenv("FLEETLOOP_STORE", raising=False)
        signal.signal(
            signal.SIGINT, signal.default_int_handler
        )  # a shell's background job, and its children, ignore it
        yield


@pytest.fixture(scope="session")
def public_data() -> Path:
    """The folder of public data sets; the test is skipped where it is absent."""
    if not PUBLIC_DATA.is_dir():
        pytest.skip(f"no public data in {PUBLIC_DATA} (set FLEETLOOP_PUBLIC_DATA)")
    return PUBLIC_DATA


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One Prefect server for the session; its API's address, also in PREFECT_API_URL while the fixture lives."""
    home = tmp_path_factory.mktemp("prefect")
    port = _free_port()
    address = f"http://127.0.0.1:{port}/api"
    with (home / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)],
            env={**os.environ, "PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_for(f"{address}/health", server, home / "server.log")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PREFECT_API_URL", address)
            patch.setenv("PREFECT_HOME", str(home))
            from prefect.settings import PREFECT_API_URL, temporary_settings

            with temporary_settings({PREFECT_API_URL: address}):  # for a Prefect that was imported before
                yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """SeaweedFS, a real S3 server that checks keys; gives the address, and boto3 finds it by its environment."""
    folder = tmp_path_factory.mktemp("s3")
    key, secret = "fleetloop-test", secrets.token_hex(16)
    actions = {key: ["Admin", "Read", "Write", "List"], "fleetloop-reader": ["Read", "List"]}
    identities = [
        {"name": name, "credentials": [{"accessKey": name, "secretKey": secret}], "actions": allowed}
        for name, allowed in actions.items()
    ]
    (folder / "s3.json").write_text(json.dumps({"identities": identities}))
    ports = {name: _free_port() for name in ("master.port", "volume.port", "filer.port", "s3.port")}
    (folder / "data").mkdir()
    weed = Path(sys.executable).parent / "weed"
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [str(weed), "server", f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3",
             f"-s3.config={folder / 's3.json'}", "-volume.max=300", "-master.volumeSizeLimitMB=64",
             "-s3.port.iceberg=0", "-s3.port.lance=0",  # their fixed ports would forbid a second server
             "-master.telemetry=false",
             *(f"-{name}={port}" for name, port in ports.items()),
             *(f"-{name.replace('port', 'port.grpc')}={_free_port()}" for name in ports)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    address = f"http://127.0.0.1:{ports['s3.port']}"
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL_S3", address)
            patch.setenv("AWS_ACCESS_KEY_ID", key)
            patch.setenv("AWS_SECRET_ACCESS_KEY", secret)
            patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
            _make_bucket("fleetloop", server, folder / "server.log")
            yield address
    finally:
        server.kill()  # it takes 25 s to say goodbye to the rest of its cluster, and nothing of it is kept
        server.wait(timeout=30)


@pytest.fixture(scope="session")
def team(s3: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A team's stub checkout whose lap was made, committed and pushed to git and to a DVC remote; for cloning."""
    folder = team_checkout(tmp_path_factory.mktemp("team") / "checkout", new_remote())
    sh(folder, "dvc", "repro", "--quiet")
    commit(folder, "Lap")
    sh(folder, "git", "push", "--quiet", "origin", "main")
    push(folder)
    return folder


def _make_bucket(name: str, server: subprocess.Popen[bytes], log: Path) -> None:
    """Ready means that a bucket can be made and written: the port opens earlier."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    client = boto3.Session().client("s3")
    for _ in range(120):
        try:
            client.create_bucket(Bucket=name)
            client.put_object(Bucket=name, Key="ready", Body=b"yes")
            return
        except (BotoCoreError, ClientError):
            assert server.poll() is None, log.read_text()[-2000:]
            time.sleep(0.5)
    raise AssertionError(f"the S3 server did not become ready: {log.read_text()[-2000:]}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            assert server.poll() is None, log.read_text()[-2000:]
            time.sleep(0.2)
    raise AssertionError(f"{url} did not answer: {log.read_text()[-2000:]}")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres | None]:
    """A PostgreSQL server; None where this machine has no PostgreSQL."""
    binaries = programs()
    if binaries is None:
        yield None
        return
    server = Postgres(binaries)
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def team_loop(postgres: Postgres | None, s3: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TeamLoop]:
    """`fleetloop up` as a team has it: small pumps in git, PostgreSQL where there is one, releases in S3, a webhook.

    Its first champion is there.
    """
    root = small_fleet(ROOT, tmp_path_factory.mktemp("team-loop") / "checkout")
    with trouble_before(s3) as (trouble, address), note_taker() as notes:
        settings = {"AWS_ENDPOINT_URL_S3": address, "FLEETLOOP_WEBHOOK": notes.address}
        database, store = postgres.url if postgres else "", f"s3://fleetloop/{secrets.token_hex(8)}"
        with up(root, database, store, **settings) as loop:
            loop.command("fleetloop", "data", "simulate", "pumps")
            loop.command("fleetloop", "run", "pumps")
            yield TeamLoop(loop, trouble, notes)


@pytest.fixture(scope="session")
def checkout_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This checkout without git, data and results; for reading."""
    return copy_checkout(ROOT, tmp_path_factory.mktemp("copy") / "checkout")


@pytest.fixture(scope="session")
def lap(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A tiny lap of `pumps` by `dvc repro`, in a checkout of its own; for reading (copy it to change it)."""
    folder = tiny_checkout(ROOT, tmp_path_factory.mktemp("lap") / "checkout")
    run(folder, "fleetloop", "data", "simulate", "pumps")
    run(folder, "dvc", "repro")
    return Place(folder)


@pytest.fixture(scope="session")
def dask_scheduler() -> Iterator[str]:
    """The address of a Dask scheduler with two workers in processes of their own."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        yield cluster.scheduler_address
