"""The agent's sign of life: one Lease, renewed again and again. At rest it is the only thing the agent writes."""

from __future__ import annotations

import asyncio

import structlog

from omectl.api.installation import agent_lease_name
from omectl.api.json import JsonObject
from omectl.api.labels import AGENT_MANAGER
from omectl.clock import Clock, format_micro_time
from omectl.kube.client import Client
from omectl.kube.errors import Conflict, KubeError, NotFound
from omectl.kube.resources import LEASES

_LIFETIMES = 4

_log = structlog.stdlib.get_logger(__name__)


class Heartbeat:
    """Renews the Lease every `interval_s`; it counts as expired after four missed beats."""

    name = "heartbeat"
    needs_leader = False

    def __init__(self, client: Client, node_name: str, namespace: str, interval_s: float, clock: Clock) -> None:
        self._client = client
        self._node_name = node_name
        self._namespace = namespace
        self._interval_s = interval_s
        self._clock = clock
        self._live: JsonObject | None = None

    async def run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._interval_s):
                    await self.beat()
            except (KubeError, TimeoutError) as error:
                self._live = None
                _log.warning("heartbeat_failed", error=str(error) or "no answer in time")
            await asyncio.sleep(self._interval_s)

    async def beat(self) -> None:
        """Renew once; creates the Lease when there is none."""
        spec: JsonObject = {
            "holderIdentity": self._node_name,
            "leaseDurationSeconds": max(1, round(self._interval_s * _LIFETIMES)),
            "renewTime": format_micro_time(self._clock.now()),
        }
        name = agent_lease_name(self._node_name)
        try:
            live = self._live or await self._client.get(LEASES, name, self._namespace)
            self._live = await self._client.replace(LEASES, {**live, "spec": spec}, field_manager=AGENT_MANAGER)
        except Conflict:
            self._live = None  # somebody else wrote it: read it at the next beat
        except NotFound:
            lease: JsonObject = {
                "apiVersion": LEASES.api_version,
                "kind": LEASES.kind,
                "metadata": {"name": name, "namespace": self._namespace},
                "spec": spec,
            }
            self._live = await self._client.create(LEASES, lease, field_manager=AGENT_MANAGER)
