"""A node as accelerator classes see it: its labels, what it has to give, and whether pods may come to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from omectl.api.document import as_object, as_objects, as_text, at, text_values
from omectl.api.json import JsonObject
from omectl.api.matching import NodeFacts
from omectl.planner.accelerators.findings import Finding, FindingCode, Wrong
from omectl.planner.accelerators.resources import whole


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """One node. `allocatable` holds extended resources only, in whole units; `findings` say what it lies about."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    allocatable: Mapping[str, int] = field(default_factory=dict[str, int])
    ready: bool = True
    schedulable: bool = True
    findings: tuple[Finding, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether new pods may come."""
        return self.ready and self.schedulable

    @property
    def facts(self) -> NodeFacts:
        """What selectors and affinities ask."""
        return NodeFacts(self.name, self.labels)


def view_node(node: JsonObject) -> NodeView:
    """The view of a core/v1 Node. What cannot be read counts as 0 and is told."""
    name = as_text(at(node, "metadata", "name"))
    findings: list[Finding] = []
    allocatable: dict[str, int] = {}
    capacity = as_object(at(node, "status", "capacity"))
    for resource, value in sorted(as_object(at(node, "status", "allocatable")).items()):
        if "/" not in resource or resource.startswith("kubernetes.io/"):
            continue
        count, most = whole(value), whole(capacity.get(resource, value))
        where = f"status.allocatable[{resource}]"
        if count is None:
            wrong = Wrong("a whole number", f"{value!r:.40}", "counted as 0")
            findings.append(Finding(f"Node {name}", where, FindingCode.NODE_UNREADABLE, wrong))
            continue
        if most is not None and most < count:
            wrong = Wrong(f"at most the capacity of {most}", str(count), f"counted as {most}")
            findings.append(Finding(f"Node {name}", where, FindingCode.NODE_UNREADABLE, wrong))
            count = most
        allocatable[resource] = count
    conditions = as_objects(at(node, "status", "conditions"))
    return NodeView(
        name=name,
        labels=text_values(at(node, "metadata", "labels")),
        allocatable=allocatable,
        ready=any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions),
        schedulable=at(node, "spec", "unschedulable") is not True and not at(node, "metadata", "deletionTimestamp"),
        findings=tuple(findings),
    )


def what_classes_read(node: JsonObject) -> JsonObject:
    """The part of a Node that `view_node` reads: all that a cache has to keep. A heartbeat does not change it."""
    metadata, status = as_object(node.get("metadata")), as_object(node.get("status"))
    ready = [
        {"type": "Ready", "status": one.get("status")}
        for one in as_objects(status.get("conditions"))
        if one.get("type") == "Ready"
    ]
    amounts = {
        part: {name: value for name, value in as_object(status.get(part)).items() if "/" in name}
        for part in ("allocatable", "capacity")
    }
    kept: JsonObject = {name: value for name, value in node.items() if name in ("apiVersion", "kind")}
    kept["metadata"] = metadata
    if at(node, "spec", "unschedulable") is True:
        kept["spec"] = {"unschedulable": True}
    kept["status"] = {**{part: found for part, found in amounts.items() if found}, "conditions": [*ready]}
    return kept
