"""The nodes that carry accelerators and what their pods ask for, held ready for the classes.

A node is read once per event, and a class asks each node once until one of the two changes: a pod that comes or goes
costs its own node's classes a sum, and a heartbeat nothing. The labels that agents write themselves are left out.

Runs on the event loop's thread only. `node_event` and `pod_event` are told of every event, in order, and answer the
classes whose nodes or counts may differ by it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from omectl.api.labels import MODEL_LABEL_PREFIX
from omectl.api.resource import ObjectKey
from omectl.informers import EventType, ObjectEvent
from omectl.planner.accelerators.inventory import Inventory, take_inventory
from omectl.planner.accelerators.nodes import NodeView, view_node
from omectl.planner.accelerators.pods import PodView, view_pod
from omectl.planner.accelerators.recognition import Recognition


@dataclass(slots=True)
class _Known:
    """A class as it was last asked for, and what it answered for each node: why it is not of the class, or ""."""

    recognition: Recognition
    refusals: dict[str, str] = field(default_factory=dict[str, str])
    nodes: int = 0


class AcceleratorNodes:
    """Nodes, what their pods ask for, and the classes that were asked for so far."""

    def __init__(self) -> None:
        self._told: dict[str, NodeView] = {}
        self._nodes: dict[str, NodeView] = {}
        self._devices: dict[str, tuple[Mapping[str, int], Mapping[str, int]]] = {}
        self._pods: dict[ObjectKey, PodView] = {}
        self._requests: dict[str, Counter[str]] = {}
        self._classes: dict[str, _Known] = {}

    def inventory(self, recognition: Recognition) -> Inventory:
        """Count a class, which is remembered from then on."""
        known = self._classes.get(recognition.name)
        if known is None or known.recognition != recognition:
            known = self._classes[recognition.name] = _Known(recognition)

        def refusal(node: NodeView) -> str:
            found = known.refusals.get(node.name)
            if found is None:
                found = known.refusals[node.name] = recognition.refusal(node)
            return found

        requests = {name: self._taken(name) for name in self._nodes}
        made = take_inventory(recognition, self._nodes.values(), requests, refusal=refusal)
        known.nodes = len(made.nodes) + len(made.held_back)
        return made

    def of_resources(self, names: Iterable[str]) -> list[ObjectKey]:
        """The classes that are recognised by one of these resources."""
        wanted = set(names)
        return [
            ObjectKey("", class_name)
            for class_name, known in self._classes.items()
            if not wanted.isdisjoint(known.recognition.resources)
        ]

    def forget(self, name: str) -> None:
        """The class is gone."""
        self._classes.pop(name, None)

    def node_event(self, event: ObjectEvent) -> list[ObjectKey]:
        """Take in an event of a Node. A class without nodes is told too: its status says why the nodes are not its."""
        name = event.key.name
        if event.type is EventType.DELETED:
            self._told.pop(name, None)
        else:
            self._told[name] = _without_model_labels(view_node(event.object()))
        return self._renew(name)

    def devices(self, name: str, offered: Mapping[str, int], taken: Mapping[str, int]) -> list[ObjectKey]:
        """Take in what of its devices a node offers by resource name, and what claims have taken of it."""
        before = self._devices.pop(name, ({}, {}))
        if offered:
            self._devices[name] = (offered, taken)
        if before == (offered, taken):
            return []
        return sorted({*self._renew(name), *self._of_nodes({name})})

    def _renew(self, name: str) -> list[ObjectKey]:
        """Put a node together again from what it tells and the devices that drivers publish for it."""
        before, told = self._nodes.pop(name, None), self._told.get(name)
        if told is not None:
            offered, _ = self._devices.get(name, ({}, {}))
            self._nodes[name] = replace(told, allocatable={**offered, **told.allocatable})
        after = self._nodes.get(name)
        if before == after:
            return []
        concerned: list[ObjectKey] = []
        for class_name, known in self._classes.items():
            was = known.refusals.pop(name, None) if before is not None else None
            now = known.recognition.refusal(after) if after is not None else None
            if now is not None:
                known.refusals[name] = now
            if "" in (was, now) or not known.nodes:
                concerned.append(ObjectKey("", class_name))
        return concerned

    def pod_event(self, event: ObjectEvent) -> list[ObjectKey]:
        """Take in an event of a Pod."""
        before = self._pods.pop(event.key, None) or PodView()
        after = PodView() if event.type is EventType.DELETED else view_pod(event.object())
        if after.requests:
            self._pods[event.key] = after
        else:
            after = PodView()
        if before == after:
            return []
        self._add(before.node, before.requests, -1)
        self._add(after.node, after.requests, 1)
        return self._of_nodes({before.node, after.node})

    def _of_nodes(self, nodes: set[str]) -> list[ObjectKey]:
        """The classes that one of these nodes is of."""
        return [
            ObjectKey("", class_name)
            for class_name, known in self._classes.items()
            if any(known.refusals.get(node) == "" for node in nodes)
        ]

    def _taken(self, name: str) -> Mapping[str, int]:
        """What of a node's resources is taken: of devices by claims, of everything else by pods.

        A pod that asks for devices by the name of a resource has a claim as well, which the scheduler makes.
        """
        asked = self._requests.get(name, Counter[str]())
        offered, taken = self._devices.get(name, ({}, {}))
        told = self._told.get(name)
        ours = {one: taken.get(one, 0) for one in offered if told is None or one not in told.allocatable}
        return {**asked, **ours}

    def _add(self, node: str, requests: Mapping[str, int], sign: int) -> None:
        if not requests:
            return
        total = self._requests.setdefault(node, Counter())
        for name, count in requests.items():
            total[name] += sign * count
        if not +total:
            del self._requests[node]


def _without_model_labels(node: NodeView) -> NodeView:
    labels = {key: value for key, value in node.labels.items() if not key.startswith(MODEL_LABEL_PREFIX)}
    return replace(node, labels=labels)
