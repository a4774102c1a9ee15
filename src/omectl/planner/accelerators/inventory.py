"""How many nodes and accelerators each class has, from nodes and pods: what the class's status tells.

Only nodes that are ready and take new pods count. An accelerator is free when no pod of its node has asked for it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from omectl.planner.accelerators.findings import Finding, FindingCode, Wrong
from omectl.planner.accelerators.nodes import NodeView
from omectl.planner.accelerators.recognition import Recognition


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """One class's nodes, in alphabetical order, and its accelerators there.

    `held_back` are nodes of the class that are not ready or take no pods. `largest_free` is the most that one node has
    free, which is what one pod can get; `largest` is the most that one has at all, held back or not. `nearest` tells,
    where there is none, why the nearest node is not of the class.
    """

    nodes: tuple[str, ...] = ()
    held_back: tuple[str, ...] = ()
    allocatable: int = 0
    requested: int = 0
    free: int = 0
    largest_free: int = 0
    largest: int = 0
    looked_at: int = 0
    nearest: str = ""
    findings: tuple[Finding, ...] = ()


def take_inventory(
    recognition: Recognition,
    nodes: Iterable[NodeView],
    requests: Mapping[str, Mapping[str, int]],
    *,
    refusal: Callable[[NodeView], str] | None = None,
) -> Inventory:
    """Count a class. `requests` holds by node name what the pods there ask for, in whole units of each resource.

    `refusal` is for a caller who remembers what the class's own answered for each node.
    """
    ask = refusal or recognition.refusal
    found: list[str] = []
    held_back: list[str] = []
    findings = list(recognition.findings)
    refused: list[tuple[NodeView, str]] = []
    looked_at, allocatable, requested, free, largest, largest_free = 0, 0, 0, 0, 0, 0
    for node in sorted(nodes, key=lambda one: one.name):
        looked_at += 1
        against = ask(node)
        if against:
            refused.append((node, against))
            continue
        findings += node.findings
        wrong = recognition.memory_finding(node)
        findings += [wrong] if wrong is not None else []
        there = recognition.accelerators(node.allocatable)
        largest = max(largest, there)
        if not node.usable:
            held_back.append(node.name)
            continue
        found.append(node.name)
        taken = recognition.accelerators(requests.get(node.name, {}))
        if taken > there:
            over = Wrong(f"at most {there} accelerators in use", f"requests for {taken}", "none counted as free")
            findings.append(Finding(f"Node {node.name}", "status.allocatable", FindingCode.OVERCOMMITTED, over))
        left = max(there - taken, 0)
        allocatable, requested, free = allocatable + there, requested + taken, free + left
        largest_free = max(largest_free, left)
    return Inventory(
        nodes=tuple(found),
        held_back=tuple(held_back),
        allocatable=allocatable,
        requested=requested,
        free=free,
        largest_free=largest_free,
        largest=largest,
        looked_at=looked_at,
        nearest="" if found or held_back else _nearest(recognition, refused),
        findings=tuple(dict.fromkeys(findings)),
    )


def _nearest(recognition: Recognition, refused: list[tuple[NodeView, str]]) -> str:
    if not refused:
        return ""
    node, against = max(refused, key=lambda one: recognition.closeness(one[0]))  # of equals the first by name
    return f"{node.name}: {against}"
