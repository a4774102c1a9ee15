"""The program in docs/machinery.md does what the page says."""

import asyncio
import os
import re
import signal
import sys
from pathlib import Path

from omectl.api.json import JsonObject
from omectl.kube.client import Client
from omectl.kube.errors import NotFound
from omectl.kube.resources import CONFIG_MAPS
from omectl.local.control_plane import ControlPlane

_GUIDE = Path(__file__).parents[3] / "docs" / "machinery.md"
_WAIT_S = 30.0


def _program() -> str:
    found = re.findall(r"```python\n(.*?)```", _GUIDE.read_text(), re.DOTALL)
    return next(block for block in found if "asyncio.run(" in block)


async def _until_greeted(client: Client, namespace: str, text: str) -> JsonObject:
    async with asyncio.timeout(_WAIT_S):
        while True:
            try:
                greeting = await client.get(CONFIG_MAPS, "a-greeting", namespace)
            except NotFound:
                greeting = {}
            if greeting.get("data") == {"text": text}:
                return greeting
            await asyncio.sleep(0.05)


def test_the_program_has_no_more_than_thirty_lines_of_code() -> None:
    lines = [line for line in _program().splitlines() if line.strip()]
    assert len(lines) <= 30


async def test_the_program_keeps_a_greeting_and_ends_on_a_signal(
    control_plane: ControlPlane, client: Client, namespace: str, tmp_path: Path
) -> None:
    program = tmp_path / "greeter.py"
    program.write_text(_program())
    environment = os.environ | {"KUBECONFIG": str(control_plane.kubeconfig())}
    metadata = {"name": "a", "namespace": namespace, "labels": {"greet": "yes"}}
    process = await asyncio.create_subprocess_exec(sys.executable, str(program), env=environment)
    try:
        await client.create(CONFIG_MAPS, {"metadata": metadata, "data": {"name": "world"}})
        greeting = await _until_greeted(client, namespace, "Hello, world!")
        assert greeting["metadata"]["ownerReferences"][0]["name"] == "a"

        await client.merge_patch(CONFIG_MAPS, "a-greeting", {"data": {"text": "Go away!"}}, namespace)
        await _until_greeted(client, namespace, "Hello, world!")

        await client.merge_patch(CONFIG_MAPS, "a", {"data": {"name": "moon"}}, namespace)
        await _until_greeted(client, namespace, "Hello, moon!")

        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(_WAIT_S):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
