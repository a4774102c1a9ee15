"""What an installation of the operator is called on a cluster, and where models lie on its nodes."""

from typing import Final

from omectl.api.labels import shorten

OPERATOR_NAMESPACE: Final = "ome"
"""The manager, the settings, and the nodes' ConfigMaps and Leases."""
AGENT_NAMESPACE: Final = "ome-agents"
"""The agents' pods, which may do what pods elsewhere may not."""
MANAGER_ACCOUNT: Final = "ome-controller-manager"
AGENT_ACCOUNT: Final = "ome-model-agent"
AGENT_DAEMON_SET: Final = "ome-model-agent-daemonset"
LEADER_LEASE: Final = "ome-controller-manager-leader-lock"
SETTINGS_CONFIG_MAP: Final = "inferenceservice-config"
DEFAULT_MODELS_ROOT: Final = "/raid/models"
"""The directory on every node that all models lie under, unless the settings name another."""

_NAME_LIMIT: Final = 253


def agent_lease_name(node_name: str) -> str:
    """`ome-model-agent-<node>`, shortened to what a name may have."""
    return shorten(f"{AGENT_ACCOUNT}-{node_name}", _NAME_LIMIT)
