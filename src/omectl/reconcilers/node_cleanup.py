"""The ConfigMap of a node that is gone goes too, and with it every entry that models would wait for.

Only this reconciler deletes node ConfigMaps. The caches of nodes and of ConfigMaps do not move together: a new node's
ConfigMap may be seen before the node itself. So the node is asked for once more, live, before anything is deleted.
"""

import structlog

from omectl.api.resource import ObjectKey
from omectl.informers import Lister
from omectl.kube.client import Client
from omectl.kube.errors import Conflict, NotFound
from omectl.kube.resources import CONFIG_MAPS, NODES
from omectl.manager import Result

_log = structlog.stdlib.get_logger(__name__)


class NodeCleanup:
    """Deletes the ConfigMap named as a node that no longer exists. Its keys are the ConfigMaps'."""

    def __init__(self, client: Client, config_maps: Lister, nodes: Lister) -> None:
        self._client = client
        self._config_maps = config_maps
        self._nodes = nodes

    async def reconcile(self, key: ObjectKey) -> Result:
        """One pass over one node's ConfigMap."""
        found = self._config_maps.header(key)
        if found is None or self._nodes.header(ObjectKey("", key.name)) is not None:
            return Result()
        try:
            await self._client.get(NODES, key.name)
        except NotFound:
            pass
        else:
            return Result()
        try:
            await self._client.delete(
                CONFIG_MAPS, key.name, key.namespace, uid=found.uid, resource_version=found.resource_version
            )
        except (NotFound, Conflict):
            # Gone already, or written by an agent that lives: its event brings the key back.
            return Result()
        _log.info("node_config_map_removed", node=key.name)
        return Result()
