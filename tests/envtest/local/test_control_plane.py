"""The control plane as tests and `omectl up` use it."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from omectl.api.json import JsonObject
from omectl.kube.client import Client
from omectl.kube.credentials import load_config
from omectl.kube.errors import Forbidden
from omectl.kube.resources import CONFIG_MAPS, NAMESPACES, PODS, SERVICE_ACCOUNTS
from omectl.local import ports
from omectl.local.child import Child, ChildExited
from omectl.local.control_plane import ControlPlane, ControlPlaneOptions, Profile, StartTimeout

pytestmark = pytest.mark.usefixtures("binaries")
STOP_LIMIT_S = 15.0


def config_map(name: str, namespace: str) -> JsonObject:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}}


def stand_in(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


async def test_fresh_namespace_takes_objects(client: Client, namespace: str) -> None:
    made = await client.create(CONFIG_MAPS, config_map("a", namespace), field_manager="test")
    assert (await client.get(CONFIG_MAPS, "a", namespace))["metadata"]["uid"] == made["metadata"]["uid"]


async def test_stopping_ends_every_process_and_removes_the_temporary_folder() -> None:
    async with ControlPlane() as control_plane:
        children = control_plane.children
        directory = control_plane.directory
        assert [child.name for child in children] == ["etcd", "kube-apiserver"]
    assert not any(child.running for child in children)
    assert not directory.exists()


async def test_stopping_is_quick_with_an_open_watch() -> None:
    control_plane = ControlPlane()
    async with control_plane, Client(control_plane.admin_config) as client, asyncio.TaskGroup() as group:
        watching = group.create_task(client.read("/api/v1/namespaces?watch=true", deadline_s=60))
        await asyncio.sleep(0.5)
        assert not watching.done()
        started = time.monotonic()
        await control_plane.stop()
        assert time.monotonic() - started < STOP_LIMIT_S
        watching.cancel()


async def test_stopping_that_is_cancelled_still_ends_every_process() -> None:
    control_plane = ControlPlane()
    await control_plane.__aenter__()
    children = control_plane.children
    stopping = asyncio.create_task(control_plane.stop())
    await asyncio.sleep(0)
    stopping.cancel()
    await asyncio.wait([stopping])
    assert not any(child.running for child in children)


async def test_restarted_api_server_keeps_address_and_data() -> None:
    async with ControlPlane() as control_plane:
        server = control_plane.server
        await control_plane.create_namespace("kept")
        await control_plane.restart_apiserver()
        assert control_plane.server == server
        async with Client(control_plane.admin_config) as client:
            assert (await client.get(NAMESPACES, "kept"))["metadata"]["name"] == "kept"


async def test_program_that_ends_early_is_shown_with_command_and_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = stand_in(tmp_path / "etcd", "echo cannot open the data directory >&2; exit 3")
    monkeypatch.setenv("TEST_ASSET_ETCD", str(broken))
    control_plane = ControlPlane(ControlPlaneOptions(directory=tmp_path / "plane"))
    with pytest.raises(ChildExited) as raised:
        await control_plane.__aenter__()
    assert "etcd ended early with exit code 3" in str(raised.value)
    assert f"{broken} --data-dir={tmp_path / 'plane' / 'etcd'}" in str(raised.value)
    assert "cannot open the data directory" in str(raised.value)
    assert control_plane.children == ()


async def test_api_server_that_does_not_start_leaves_no_etcd_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = stand_in(tmp_path / "kube-apiserver", "echo bad flag >&2; exit 1")
    monkeypatch.setenv("TEST_ASSET_KUBE_APISERVER", str(broken))
    before = set(psutil.Process().children(recursive=True))
    with pytest.raises(ChildExited, match="kube-apiserver ended early with exit code 1"):
        await ControlPlane().__aenter__()
    assert set(psutil.Process().children(recursive=True)) <= before


async def test_program_that_never_becomes_ready_is_given_up_with_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = stand_in(tmp_path / "etcd", "echo still thinking; exec sleep 60")
    monkeypatch.setenv("TEST_ASSET_ETCD", str(silent))
    control_plane = ControlPlane(ControlPlaneOptions(start_timeout_s=0.5))
    with pytest.raises(StartTimeout, match=r"etcd was not ready after 0 s(.|\n)*still thinking"):
        await control_plane.__aenter__()


async def test_taken_port_is_replaced_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        offered = iter([ports.free_port(), ports.free_port(), number])
        monkeypatch.setattr(
            "omectl.local.control_plane.server.free_port", lambda: next(offered, None) or ports.free_port()
        )
        async with ControlPlane() as control_plane:
            assert not control_plane.server.endswith(f":{number}")
            assert "address already in use" in control_plane.directory.joinpath("logs/kube-apiserver.log").read_text()


async def test_two_at_once_do_not_meet() -> None:
    planes = (ControlPlane(), ControlPlane())
    try:
        await asyncio.gather(*(plane.__aenter__() for plane in planes))
        for plane in planes:
            await plane.create_namespace("mine")
        assert planes[0].server != planes[1].server
    finally:
        for plane in planes:
            await plane.stop()


async def test_interpreter_that_ends_without_stopping_leaves_neither_process_nor_folder() -> None:
    script = (
        "import asyncio; from omectl.local.control_plane import ControlPlane\n"
        "control_plane = ControlPlane(); asyncio.run(control_plane.__aenter__())\n"
        "print(control_plane.directory, *(child.pid for child in control_plane.children))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    directory, *pids = ran.stdout.split()
    async with asyncio.timeout(STOP_LIMIT_S):
        while any(psutil.pid_exists(int(pid)) for pid in pids):
            await asyncio.sleep(0.05)
    assert not Path(directory).exists()


async def test_user_has_the_rights_of_its_name_and_groups(full_control_plane: ControlPlane) -> None:
    ann = await full_control_plane.user("ann", ["team-a"])
    async with Client(ann) as client:
        with pytest.raises(Forbidden, match="ann"):
            await client.list(PODS, "default")
    async with Client(await full_control_plane.user("root", ["system:masters"])) as client:
        await client.list(PODS, "default")


async def test_token_of_a_service_account_is_that_service_account(full_control_plane: ControlPlane) -> None:
    async with Client(full_control_plane.admin_config) as admin:
        account: JsonObject = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "worker"}}
        account["metadata"] = {"name": "worker", "namespace": "default"}
        await admin.create(SERVICE_ACCOUNTS, account, field_manager="test")
    await full_control_plane.add_node("bound")
    for node in (None, "bound"):
        async with Client(await full_control_plane.service_account("default", "worker", node=node)) as client:
            with pytest.raises(Forbidden, match="system:serviceaccount:default:worker"):
                await client.list(PODS, "default")


async def test_audit_log_names_who_wrote_what(full_control_plane: ControlPlane) -> None:
    async with Client(full_control_plane.admin_config) as client:
        await client.create(CONFIG_MAPS, config_map("audited", "default"), field_manager="test")
        await client.get(CONFIG_MAPS, "audited", "default")
    events = [json.loads(line) for line in full_control_plane.audit_log_path.read_text().splitlines()]
    ours = [event for event in events if event["objectRef"].get("name") == "audited"]
    assert [(event["verb"], event["user"]["username"]) for event in ours] == [("create", "admin")]


async def test_control_plane_without_an_audit_log_says_so(control_plane: ControlPlane) -> None:
    with pytest.raises(RuntimeError, match="audit=True"):
        _ = control_plane.audit_log_path


async def test_written_kubeconfig_reaches_the_server(control_plane: ControlPlane) -> None:
    async with Client(load_config(control_plane.kubeconfig())) as client:
        assert (await client.version())["gitVersion"] == "v1.36.3"


async def test_child_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from omectl.local.child import Child\n"
        f"print(Child('sleeper', ['sleep', '300'], Path({str(tmp_path / 'log')!r})).pid, flush=True); time.sleep(300)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        sleeper = psutil.Process(int(parent.stdout.readline()))
        assert sleeper.name() == "sleep"
        parent.send_signal(signal.SIGKILL)
    _, alive = psutil.wait_procs([sleeper], timeout=5)
    assert not alive


async def test_ended_child_keeps_its_number_until_it_is_reaped(tmp_path: Path) -> None:
    child = Child("quick", ["sh", "-c", "exit 7"], tmp_path / "log")
    async with asyncio.timeout(5):
        while child.running:
            await asyncio.sleep(0.01)
    assert child.exit_code == 7
    assert os.getpgid(child.pid) == child.pid
    child.kill()
    assert child.exit_code == 7
    assert not psutil.pid_exists(child.pid)


async def test_whole_group_of_a_child_ends_with_it(tmp_path: Path) -> None:
    child = Child("shell", ["sh", "-c", "sleep 300 & echo $!; wait"], tmp_path / "log")
    async with asyncio.timeout(5):
        while not child.log_tail().strip():
            await asyncio.sleep(0.01)
    inner = psutil.Process(int(child.log_tail()))
    await child.stop(0)
    _, alive = psutil.wait_procs([inner], timeout=5)
    assert not alive


async def test_fast_profile_serves_no_roles_and_full_does(
    control_plane: ControlPlane, full_control_plane: ControlPlane
) -> None:
    assert control_plane.options.profile is Profile.FAST
    async with Client(control_plane.admin_config) as fast, Client(full_control_plane.admin_config) as full:
        groups = [[found["name"] for found in (await c.read_object("/apis"))["groups"]] for c in (fast, full)]
    assert ["rbac.authorization.k8s.io" in found for found in groups] == [False, True]
