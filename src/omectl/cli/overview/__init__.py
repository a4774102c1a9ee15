"""What a person wants to see of a cluster: nodes with their model files, models, services. Objects in, rows out."""

from omectl.cli.overview.snapshot import ModelRow, NodeModelRow, NodeRow, ServiceRow, Snapshot, take_snapshot
from omectl.cli.overview.tables import models_table, nodes_table, services_table

__all__ = [
    "ModelRow",
    "NodeModelRow",
    "NodeRow",
    "ServiceRow",
    "Snapshot",
    "models_table",
    "nodes_table",
    "services_table",
    "take_snapshot",
]
