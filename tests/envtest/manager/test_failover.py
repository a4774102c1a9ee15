"""Leaders that are killed, blocked or stopped, as processes, and who follows them."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from omectl.kube.client import Client
from omectl.kube.resources import LEASES
from omectl.local.control_plane import ControlPlane
from omectl.manager import BLOCKED_EXIT_CODE, Manager, ManagerOptions

LEASE_S, DEADLINE_S, RETRY_S = 4.0, 3.0, 0.4
TIMES: dict[str, float] = {"lease_duration_s": LEASE_S, "renew_deadline_s": DEADLINE_S, "retry_period_s": RETRY_S}
LASTING = {**TIMES, "lease_duration_s": 60.0, "renew_deadline_s": 30.0}
PATIENCE_S = 30.0

PROGRAM = """
import asyncio, sys, time
from pathlib import Path
from omectl.kube.client import Client
from omectl.kube.credentials import load_config
from omectl.manager import Manager, ManagerOptions

async def main(kubeconfig, namespace, blocked_s, lease_s, deadline_s, retry_s):
    options = ManagerOptions(
        leader_election=True,
        identity="process",
        namespace=namespace,
        lease_duration_s=float(lease_s),
        renew_deadline_s=float(deadline_s),
        retry_period_s=float(retry_s),
    )
    async with Client(load_config(Path(kubeconfig))) as client:
        manager = Manager(client, options)
        running = asyncio.create_task(manager.run_until_signal())
        await manager.elected.wait()
        print("leading", flush=True)
        time.sleep(float(blocked_s))
        print("awake", manager.is_leader, flush=True)
        await running

asyncio.run(main(*sys.argv[1:]))
"""


@asynccontextmanager
async def leading_process(
    control_plane: ControlPlane, namespace: str, *, blocked_s: float = 0.0, times: dict[str, float] = TIMES
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A manager in a process of its own that leads already; its loop is blocked for a while from then on."""
    arguments = [str(control_plane.kubeconfig()), namespace, str(blocked_s), *(str(limit) for limit in times.values())]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        await said(process, "leading")
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def said(process: asyncio.subprocess.Process, word: str) -> str:
    """The next line with the word."""
    assert process.stdout is not None
    async with asyncio.timeout(30.0):
        async for line in process.stdout:
            if word in line.decode():
                return line.decode()
    raise AssertionError(f"the process ended without saying {word!r}")


@asynccontextmanager
async def follower(client: Client, namespace: str, times: dict[str, float] = TIMES) -> AsyncIterator[Manager]:
    """A manager here that waits for its turn."""
    options = ManagerOptions(leader_election=True, identity="follower", namespace=namespace, **times)  # type: ignore[arg-type]
    manager = Manager(client, options)
    task = asyncio.create_task(manager.run())
    try:
        async with asyncio.timeout(PATIENCE_S):
            while manager.statistics().election.holder != "process":  # type: ignore[union-attr]
                await asyncio.sleep(0.02)
        yield manager
    finally:
        manager.stop()
        await task


async def lease_spec(client: Client, namespace: str) -> dict[str, Any]:
    lease: Any = await client.get(LEASES, ManagerOptions().lease_name, namespace)
    return lease["spec"]


async def test_a_leader_killed_at_once_is_followed_when_its_lease_has_run_out(
    control_plane: ControlPlane, client: Client, namespace: str
) -> None:
    async with leading_process(control_plane, namespace) as process, follower(client, namespace) as manager:
        await asyncio.sleep(1.0)
        os.kill(process.pid, signal.SIGKILL)
        killed_at = time.monotonic()
        async with asyncio.timeout(PATIENCE_S):
            await manager.elected.wait()
        # The lease ran since its last renewal, which is late on a slow machine.
        assert time.monotonic() - killed_at >= 1.0
        found = await lease_spec(client, namespace)
        assert (found["holderIdentity"], found["leaseTransitions"]) == ("follower", 1)


async def test_a_leader_asked_to_stop_hands_over_at_once(
    control_plane: ControlPlane, client: Client, namespace: str
) -> None:
    async with (
        leading_process(control_plane, namespace, times=LASTING) as process,
        follower(client, namespace, LASTING) as manager,
    ):
        os.kill(process.pid, signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            await manager.elected.wait()
        assert await process.wait() == 0


async def test_a_leader_whose_loop_is_blocked_for_a_while_keeps_the_lease(
    control_plane: ControlPlane, client: Client, namespace: str
) -> None:
    async with leading_process(control_plane, namespace, blocked_s=2.0) as process:
        before = await lease_spec(client, namespace)
        assert await said(process, "awake") == "awake True\n"
        after = await lease_spec(client, namespace)
        assert after["renewTime"] > before["renewTime"]
        assert (after["holderIdentity"], after["leaseTransitions"]) == ("process", 0)


async def test_a_leader_whose_loop_stays_blocked_ends_and_is_followed(
    control_plane: ControlPlane, client: Client, namespace: str
) -> None:
    async with (
        leading_process(control_plane, namespace, blocked_s=60.0) as process,
        follower(client, namespace) as manager,
    ):
        line = PROGRAM.splitlines().index("        time.sleep(float(blocked_s))") + 1
        assert f"<string>:{line} main" in await said(process, "leader_blocked")
        assert await asyncio.wait_for(process.wait(), PATIENCE_S) == BLOCKED_EXIT_CODE
        async with asyncio.timeout(PATIENCE_S):
            await manager.elected.wait()
