"""The shipped service account has the rights that a manager needs for itself."""

import asyncio
import secrets
from typing import Any

import aiohttp

from omectl.api.json import JsonObject
from omectl.kube.client import Client
from omectl.kube.resources import CLUSTER_ROLE_BINDINGS, EVENTS, LEASES, NAMESPACES, SERVICE_ACCOUNTS
from omectl.manager import Manager, ManagerOptions


async def test_the_shipped_manager_leads_and_tells_events(shipped: Any) -> None:
    about: JsonObject = {"apiVersion": "v1", "kind": "Namespace", "name": "default"}
    async with Client(await shipped.manager()) as client, Client(shipped.control_plane.admin_config) as admin:
        manager = Manager(client, ManagerOptions(leader_election=True, identity="shipped-test"))
        task = asyncio.create_task(manager.run())
        async with asyncio.timeout(20.0):
            await manager.elected.wait()
            manager.events.event(about, "Normal", "ShippedRightsTest", "told by the manager")
            while manager.events.statistics().pending:
                await asyncio.sleep(0.02)
        told = manager.events.statistics()
        lease: Any = await admin.get(LEASES, manager.options.lease_name, "ome")
        assert lease["spec"]["holderIdentity"] == "shipped-test"
        manager.stop()
        await task
        found = await admin.list(EVENTS, "default", field_selector="reason=ShippedRightsTest")
        assert (told.last_error, len(found.items)) == ("", 1)
        lease = await admin.get(LEASES, manager.options.lease_name, "ome")
        assert lease["spec"]["holderIdentity"] == ""


async def test_the_shipped_manager_serves_metrics_to_whom_the_server_lets_read(shipped: Any) -> None:
    namespace = f"scrape-{secrets.token_hex(3)}"
    control_plane = shipped.control_plane
    async with Client(await shipped.manager()) as client, Client(control_plane.admin_config) as admin:
        await admin.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        for name in ("reader", "stranger"):
            metadata: JsonObject = {"name": name, "namespace": namespace}
            await admin.create(SERVICE_ACCOUNTS, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
        binding: JsonObject = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": namespace},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "ome-metrics-reader"},
            "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": namespace}],
        }
        await admin.create(CLUSTER_ROLE_BINDINGS, binding)
        reader = (await control_plane.service_account(namespace, "reader")).token or ""
        stranger = (await control_plane.service_account(namespace, "stranger")).token or ""
        manager = Manager(client, ManagerOptions(metrics_address="127.0.0.1:0", metrics_secure=True))
        task = asyncio.create_task(manager.run())
        async with asyncio.timeout(20.0), aiohttp.ClientSession() as session:
            while not manager.metrics_url:
                await asyncio.sleep(0.02)

            async def status(token: str, path: str = "/metrics") -> int:
                headers = {"Authorization": f"Bearer {token}"} if token else {}
                url = manager.metrics_url + path
                async with session.get(url, headers=headers, ssl=False) as response:
                    return response.status

            assert await status("") == 401
            assert await status("no.such.token") == 401
            assert await status(stranger) == 403
            assert await status(reader, "/debug/statistics") == 403
            assert await status(reader) == 200
        manager.stop()
        await task
