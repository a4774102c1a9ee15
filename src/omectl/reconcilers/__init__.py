"""What makes the cluster as its objects say: models, services, and the nodes' ConfigMaps."""

from omectl.reconcilers.setup import ReconcilerOptions, set_up

__all__ = ["ReconcilerOptions", "set_up"]
