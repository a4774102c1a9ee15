"""What every node says of every model, held ready for the model reconcilers.

A node's ConfigMap holds one entry for each model that the node deals with. `NodeReports` follows those ConfigMaps,
decodes each once per event and keeps the entries by model, so that a pass over one model costs its own nodes and
not all entries of all nodes.

Runs on the event loop's thread only. `changed_keys` is called with every event in order, and what it yields are the
entry keys that this event added, changed or removed: a download's progress wakes one model and not its neighbours.
"""

from collections.abc import Iterator, Mapping

from omectl.api.document import text_values
from omectl.api.node_entry import NodeEntry, NodeEntryError
from omectl.informers import EventType, ObjectEvent
from omectl.reconcilers.model_status import NodeReport


class NodeReports:
    """The entries of all node ConfigMaps, by entry key and node."""

    def __init__(self) -> None:
        self._texts: dict[str, Mapping[str, str]] = {}
        self._nodes: frozenset[str] = frozenset()
        self._reports: dict[str, dict[str, NodeReport]] = {}

    def of(self, entry_key: str) -> tuple[NodeReport, ...]:
        """What the nodes say under this key, by node name."""
        reports = self._reports.get(entry_key, {})
        return tuple(reports[node] for node in sorted(reports))

    @property
    def nodes(self) -> frozenset[str]:
        """The nodes that have a ConfigMap, and so an agent."""
        return self._nodes

    def changed_keys(self, event: ObjectEvent) -> Iterator[str]:
        """Take in one event of a node's ConfigMap and yield the entry keys that differ."""
        node = event.key.name
        if event.type is EventType.ADDED:
            self._nodes |= {node}
        elif event.type is EventType.DELETED:
            self._nodes -= {node}
        texts = {} if event.type is EventType.DELETED else text_values(event.object().get("data"))
        before = self._texts.get(node, {})
        if texts:
            self._texts[node] = texts
        else:
            self._texts.pop(node, None)
        for key in sorted(before.keys() | texts.keys()):
            text = texts.get(key)
            if before.get(key) != text:
                self._put(key, node, text)
                yield key

    def _put(self, key: str, node: str, text: str | None) -> None:
        reports = self._reports.setdefault(key, {})
        if text is None:
            reports.pop(node, None)
        else:
            reports[node] = _report(node, text)
        if not reports:
            del self._reports[key]


def _report(node: str, text: str) -> NodeReport:
    try:
        return NodeReport(node, NodeEntry.parse(text))
    except NodeEntryError as error:
        return NodeReport(node, None, str(error))
