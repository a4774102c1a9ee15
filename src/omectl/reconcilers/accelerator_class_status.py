"""A class's status, worked out from its inventory. Pure: equal inventories give equal status, times apart.

`NodesFound` says whether a node that takes pods carries the class, `Consistent` whether what the class and its nodes
state can be read, and `Ready` is True when the class has nodes and its own fields can be read.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from omectl.api.accelerator_class import AcceleratorClass, AcceleratorClassStatus
from omectl.api.conditions import FALSE, TRUE, Condition, format_time, merge_conditions
from omectl.planner.accelerators.findings import Finding, FindingCode
from omectl.planner.accelerators.inventory import Inventory

READY: Final = "Ready"
NODES_FOUND: Final = "NodesFound"
CONSISTENT: Final = "Consistent"

_SHOWN: Final = 3
_MESSAGE_LIMIT: Final = 2000
_Verdict = tuple[str, str, str]


def class_status(one: AcceleratorClass, found: Inventory, now: datetime) -> AcceleratorClassStatus:
    """The status of a class. `lastUpdated` moves when anything else does."""
    previous = one.status or AcceleratorClassStatus()
    findings = [finding for finding in found.findings if finding.code is not FindingCode.NOTHING_TO_RECOGNISE]
    nodes, consistent = _nodes_found(found), _consistent(findings)
    own = [one for one in findings if not one.object.startswith("Node ")]
    unreadable = [one for one in own if one.code is not FindingCode.MEMORY_UNIT_ASSUMED]
    ready = nodes if nodes[0] == FALSE or not unreadable else _consistent(unreadable)
    verdicts = {READY: ready, NODES_FOUND: nodes, CONSISTENT: consistent}
    written = [
        Condition(
            type=kind,
            status=status,
            reason=reason,
            message=message[:_MESSAGE_LIMIT],
            observed_generation=one.metadata.generation,
        )
        for kind, (status, reason, message) in verdicts.items()
    ]
    made = AcceleratorClassStatus(
        nodes=found.nodes,
        available_nodes=len(found.nodes),
        total_accelerators=found.allocatable,
        available_accelerators=found.free,
        accelerators_per_node=found.largest,
        last_updated=previous.last_updated,
        conditions=_merged(previous.conditions, written, now),
    )
    if made.last_updated is not None and made == previous:
        return made
    return made.model_copy(update={"last_updated": format_time(now)})


def _nodes_found(found: Inventory) -> _Verdict:
    nothing = next((one for one in found.findings if one.code is FindingCode.NOTHING_TO_RECOGNISE), None)
    if nothing is not None:
        step = "state under spec.discovery how its nodes are labelled, or list its resource in spec.resources"
        return FALSE, nothing.code.value, f"{nothing.field}: {nothing.text}; next: {step}"
    held_back = f"{_names(found.held_back)} not ready or cordoned" if found.held_back else ""
    if found.nodes:
        counts = (
            f"{_count(len(found.nodes), 'node')} with {_count(found.allocatable, 'accelerator')}: "
            f"{found.requested} requested, {found.free} free, at most {found.largest_free} of them on one node"
        )
        return TRUE, "NodesFound", f"{counts}; {held_back}" if held_back else counts
    if found.held_back:
        return FALSE, "NodesNotReady", f"{held_back}; next: mend or uncordon one"
    detail = f" ({found.nearest})" if found.nearest else ""
    step = "label a node, start its device plugin, or correct the class"
    message = f"none of {_count(found.looked_at, 'node')} is of the class{detail}; next: {step}"
    return FALSE, "NoMatchingNode", message


def _consistent(findings: list[Finding]) -> _Verdict:
    if not findings:
        return TRUE, "AllReadable", "every field that was read has a usable value"
    told = "; ".join(str(one) for one in findings[:_SHOWN])
    more = f"; and {len(findings) - _SHOWN} more" if len(findings) > _SHOWN else ""
    return FALSE, findings[0].code.value, f"{told}{more}; next: correct the field"


def _names(nodes: tuple[str, ...]) -> str:
    shown = ", ".join(nodes[:_SHOWN])
    more = f" and {len(nodes) - _SHOWN} more" if len(nodes) > _SHOWN else ""
    return f"{'node' if len(nodes) == 1 else 'nodes'} {shown}{more}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _merged(old: Iterable[Condition] | None, new: list[Condition], now: datetime) -> tuple[Condition, ...]:
    """Merge; what changes without another status or reason, such as a count, keeps its time."""
    said = {condition.type: condition for condition in new}
    renewed = [
        said[condition.type].model_copy(update={"last_transition_time": condition.last_transition_time})
        if condition.type in said
        and (condition.status, condition.reason) == (said[condition.type].status, said[condition.type].reason)
        else condition
        for condition in old or ()
    ]
    return merge_conditions(renewed, new, now)
