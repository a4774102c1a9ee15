"""Which nodes should hold a model, worked out once per storage rule and not once per pass.

Most models ask for the same nodes, and nodes change their labels seldom: an answer is kept until a node comes, goes or
changes a label that a rule may read. The labels that agents write themselves are no such labels.

Runs on the event loop's thread only. `node_event` and `agents_changed` are told of every change, in order.
"""

from collections.abc import Callable, Mapping

import msgspec

from omectl.api.labels import MODEL_LABEL_PREFIX
from omectl.api.matching import NodeFacts, node_matches
from omectl.api.storage import StorageSpec
from omectl.informers import EventType, Lister, ObjectEvent
from omectl.reconcilers.model_status import Placement

_encode = msgspec.json.Encoder(order="deterministic").encode


class Placements:
    """Answers for storage rules, from the cached nodes and the nodes that have an agent."""

    def __init__(self, nodes: Lister, agents: Callable[[], frozenset[str]]) -> None:
        self._nodes = nodes
        self._agents = agents
        self._known: dict[bytes, Placement] = {}

    def of(self, storage: StorageSpec) -> Placement:
        """Which nodes should hold what lies at `storage`."""
        rule = _encode((storage.node_selector or None, storage.node_affinity or None))
        found = self._known.get(rule)
        if found is None:
            found = self._known[rule] = self._work_out(storage)
        return found

    def node_event(self, event: ObjectEvent) -> bool:
        """Take in an event of a Node; whether an answer may differ now."""
        old = event.old_header
        if event.type is EventType.UPDATED and old is not None:
            changed = _readable(old.labels) != _readable(event.header.labels)
        else:
            changed = True
        if changed:
            self._known.clear()
        return changed

    def agents_changed(self) -> None:
        """A node got its agent, or lost it."""
        self._known.clear()

    def _work_out(self, storage: StorageSpec) -> Placement:
        matching: set[str] = set()
        mismatch, nodes = "", 0
        for header in self._nodes.headers():
            nodes += 1
            match = node_matches(storage, NodeFacts(header.name, header.labels))
            if match.ok:
                matching.add(header.name)
            elif not mismatch:
                mismatch = f"{header.name}: {match.reason}"
        return Placement(
            nodes=nodes, matching=len(matching), wanted=frozenset(matching & self._agents()), mismatch=mismatch
        )


def _readable(labels: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in labels.items() if not name.startswith(MODEL_LABEL_PREFIX)}
