"""Should this node hold this model? Pure; Kubernetes' own selector semantics come from `omectl.api.matching`."""

from __future__ import annotations

from omectl.api.matching import Match, NodeFacts, node_matches
from omectl.api.storage_uri import MOUNTED_BY_PODS
from omectl.modelagent.wanted import WantedModel


def should_hold(model: WantedModel, node: NodeFacts | None) -> Match:
    """Whether the model belongs on `node`, with the reason when not."""
    if node is None:
        return Match(ok=False, reason="the node's own object is not known yet")
    if model.deleting:
        return Match(ok=False, reason="the model is being deleted")
    if model.storage.storage_uri.startswith(MOUNTED_BY_PODS):
        return Match(ok=False, reason="pods mount its volume themselves, nothing is downloaded")
    return node_matches(model.storage, node)
