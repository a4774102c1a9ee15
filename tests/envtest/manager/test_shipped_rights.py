"""The shipped service account has the rights that a manager needs for itself."""

import asyncio
from typing import Any

from omectl.api.json import JsonObject
from omectl.kube.client import Client
from omectl.kube.resources import EVENTS, LEASES
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
