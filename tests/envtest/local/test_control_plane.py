"""The control plane as tests and `omectl up` use it."""

from pathlib import Path

import pytest

from omectl.kube.client import Client
from omectl.kube.resources import CONFIG_MAPS, NAMESPACES
from omectl.local.child import ChildExited
from omectl.local.control_plane import ControlPlane, ControlPlaneOptions


async def test_fresh_namespace_takes_objects(client: Client, namespace: str) -> None:
    made = await client.create(
        CONFIG_MAPS,
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": namespace}},
        field_manager="test",
    )
    assert (await client.get(CONFIG_MAPS, "a", namespace))["metadata"]["uid"] == made["metadata"]["uid"]


async def test_stopping_ends_every_process_and_removes_the_temporary_folder() -> None:
    async with ControlPlane() as control_plane:
        children = control_plane.children
        directory = control_plane.directory
        assert [child.name for child in children] == ["etcd", "kube-apiserver"]
    assert not any(child.running for child in children)
    assert not directory.exists()


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
    broken = tmp_path / "etcd"
    broken.write_text("#!/bin/sh\necho cannot open the data directory >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("TEST_ASSET_ETCD", str(broken))
    control_plane = ControlPlane(ControlPlaneOptions(directory=tmp_path / "plane"))
    with pytest.raises(ChildExited) as raised:
        await control_plane.__aenter__()
    assert "etcd ended early with exit code 3" in str(raised.value)
    assert f"{broken} --data-dir={tmp_path / 'plane' / 'etcd'}" in str(raised.value)
    assert "cannot open the data directory" in str(raised.value)
    assert control_plane.children == ()
