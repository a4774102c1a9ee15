"""Should this node hold this model? Pure; Kubernetes' own selector semantics come from `omectl.api.matching`."""

from __future__ import annotations

from omectl.api.matching import Match, NodeFacts, node_matches
from omectl.modelagent.wanted import WantedModel

_NOT_THE_AGENTS = "pvc://"


def should_hold(model: WantedModel, node: NodeFacts | None) -> Match:
    """Whether the model belongs on `node`, with the reason when not."""
    if node is None:
        return Match(ok=False, reason="the node's own object is not known yet")
    if model.deleting:
        return Match(ok=False, reason="the model is being deleted")
    if model.storage.storage_uri.startswith(_NOT_THE_AGENTS):
        return Match(ok=False, reason="a volume claim is mounted, not downloaded")
    return node_matches(model.storage, node)
