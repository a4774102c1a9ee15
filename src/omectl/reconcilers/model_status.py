"""A model's status, worked out from what its nodes say. Pure: equal observations give equal status, times apart.

OME's rule stands for `state`: one node that is Ready makes the model Ready; else one that Failed makes it Failed;
else it is In_Transit. What that hides is said by the conditions: `Ready` with the reason and the next step,
`AllNodesReady` with the counts, `FactsKnown` with what the model is.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from omectl.api.base_model import BaseModel, ClusterBaseModel
from omectl.api.conditions import FALSE, TRUE, Condition, merge_conditions
from omectl.api.facts import ModelFacts, RecordedFacts
from omectl.api.installation import AGENT_DAEMON_SET, AGENT_NAMESPACE
from omectl.api.labels import FORCE_DELETE
from omectl.api.model_status import ModelProgress, ModelStatusSpec
from omectl.api.node_entry import NodeEntry
from omectl.api.storage_uri import MOUNTED_BY_PODS

READY = "Ready"
ALL_NODES_READY = "AllNodesReady"
FACTS_KNOWN = "FactsKnown"

_REASON = re.compile(r"[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?")
_NAMES_SHOWN = 3
_MESSAGE_LIMIT = 2000
_PHASES = ("scanning", "downloading", "verifying", "finalizing")
"""From the beginning to the end; a model's phase is that of the node that has the longest way to go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Which nodes should hold the model.

    `matching` counts the cluster's nodes that the storage's selectors accept, `wanted` names those of them that
    have an agent; `mismatch` is one node's reason for not matching.
    """

    nodes: int = 0
    matching: int = 0
    wanted: frozenset[str] = field(default_factory=frozenset[str])
    mismatch: str = ""


@dataclass(frozen=True, slots=True)
class NodeReport:
    """One node's entry of the model. `entry` is None when it cannot be read, and `problem` says why."""

    node: str
    entry: NodeEntry | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A condition's status with its reason and message."""

    status: str
    reason: str
    message: str


def model_status(
    model: BaseModel | ClusterBaseModel,
    reports: Iterable[NodeReport],
    placement: Placement,
    *,
    filled: tuple[str, ...],
    now: datetime,
) -> ModelStatusSpec:
    """The status of a model. `reports` are of nodes that exist; `filled` names the spec fields filled from facts."""
    previous = model.status or ModelStatusSpec(state="In_Transit")
    mounted = model.spec.storage.storage_uri.startswith(MOUNTED_BY_PODS) and not model.metadata.deleting
    tally = _Tally(model.metadata.uid, tuple(reports), Placement() if mounted else placement)
    facts = _facts(tally, previous.facts, filled)
    verdict = _deleting(tally) if model.metadata.deleting else _mounted(model) if mounted else _ready(tally)
    conditions = {
        READY: verdict,
        ALL_NODES_READY: verdict if mounted else _all_nodes_ready(tally, verdict),
        FACTS_KNOWN: _facts_known(tally, facts, mounted=mounted),
    }
    written = [
        Condition(
            type=name,
            status=found.status,
            reason=found.reason,
            message=found.message[:_MESSAGE_LIMIT],
            observed_generation=model.metadata.generation,
            last_transition_time="",
        )
        for name, found in conditions.items()
    ]
    return ModelStatusSpec(
        state="Ready" if tally.ready or mounted else "Failed" if tally.failed else "In_Transit",
        lifecycle=previous.lifecycle,
        nodes_ready=tuple(sorted(tally.ready)),
        nodes_failed=tuple(sorted(tally.failed)),
        conditions=_merged(previous.conditions, written, now),
        observed_generation=model.metadata.generation,
        progress=ModelProgress(phase="Ready", nodes_wanted=0, nodes_ready=0) if mounted else _progress(tally),
        facts=facts,
    )


class _Tally:
    """The reports sorted by what they say. Entries of another object that had this name are not counted."""

    def __init__(self, uid: str, reports: tuple[NodeReport, ...], placement: Placement) -> None:
        self.reports = reports
        self.placement = placement
        self.unreadable = {report.node: report.problem for report in reports if report.entry is None}
        mine = {
            report.node: report.entry
            for report in reports
            if report.entry is not None and report.entry.uid in (None, "", uid)
        }
        self.ready = {node: entry for node, entry in mine.items() if entry.status == "Ready"}
        self.failed = {node: entry for node, entry in mine.items() if entry.status == "Failed"}
        self.updating = {node: entry for node, entry in mine.items() if entry.status == "Updating"}
        self.wanted = placement.wanted | self.ready.keys() | self.failed.keys() | self.updating.keys()


def _mounted(model: BaseModel | ClusterBaseModel) -> Verdict:
    uri = model.spec.storage.storage_uri
    message = f"pods mount {uri} themselves, and no node holds it; whether it is there shows when pods start"
    return Verdict(TRUE, "MountedByPods", message)


def _ready(tally: _Tally) -> Verdict:
    if tally.ready:
        return Verdict(TRUE, "NodesReady", f"{len(tally.ready)} of {_nodes(len(tally.wanted))} hold the model")
    if tally.failed:
        return _failure(tally.failed)
    if tally.updating:
        return Verdict(
            FALSE, "Downloading", f"{_names(tally.updating)}: {_phase(tally)} the model's files; nothing to do"
        )
    if tally.unreadable:
        node, problem = min(tally.unreadable.items())
        message = f"the entry of node {node} cannot be read: {problem}; next: remove it, its agent writes it again"
        return Verdict(FALSE, "EntryUnreadable", message)
    return _nowhere(tally.placement)


def _nowhere(placement: Placement) -> Verdict:
    if not placement.matching:
        detail = f" ({placement.mismatch})" if placement.mismatch else ""
        message = (
            f"none of {_nodes(placement.nodes)} matches spec.storage.nodeSelector and nodeAffinity{detail}; "
            "next: label a node, or change what the model asks for"
        )
        return Verdict(FALSE, "NoMatchingNode", message)
    if not placement.wanted:
        message = (
            f"no agent of the {_nodes(placement.matching)} that should hold the model has answered yet; "
            f"next: if it stays so, look at DaemonSet {AGENT_DAEMON_SET} in namespace {AGENT_NAMESPACE}"
        )
        return Verdict(FALSE, "WaitingForAgent", message)
    return Verdict(FALSE, "WaitingForAgent", f"waiting for the agents of {_names(placement.wanted)}; nothing to do")


def _failure(failed: dict[str, NodeEntry]) -> Verdict:
    """The failure that most nodes share, told by the first of them."""
    reasons = Counter(_reason(entry) for entry in failed.values())
    reason = min(reasons, key=lambda name: (-reasons[name], name))
    affected = sorted(node for node, entry in failed.items() if _reason(entry) == reason)
    entry = failed[affected[0]]
    next_step = entry.next_step or "look at the log of the node's model agent"
    others = f" (other nodes failed otherwise: {_names(failed.keys() - set(affected))})" if len(reasons) > 1 else ""
    message = f"{_names(affected)}: {entry.message or 'the agent gave no reason'}; next: {next_step}{others}"
    return Verdict(FALSE, reason, message)


def _all_nodes_ready(tally: _Tally, ready: Verdict) -> Verdict:
    if not tally.ready or ready.reason == "Deleting":
        return Verdict(FALSE, ready.reason, ready.message)
    missing = tally.wanted - tally.ready.keys()
    counts = f"{len(tally.ready)} of {_nodes(len(tally.wanted))} hold the model"
    if not missing:
        return Verdict(TRUE, "NodesReady", counts)
    if tally.failed:
        failure = _failure(tally.failed)
        return Verdict(FALSE, failure.reason, f"{counts}; {failure.message}")
    return Verdict(FALSE, "Downloading", f"{counts}; {_names(missing)} still to come; nothing to do")


def _deleting(tally: _Tally) -> Verdict:
    holding = sorted(holding_nodes(tally.reports))
    if not holding:
        return Verdict(FALSE, "Deleting", "no node holds the model any more; nothing to do")
    message = (
        f"waiting for {_names(holding)} to remove the files; "
        f"next: delete the Node of one that will never come back, or annotate the model with {FORCE_DELETE}=true"
    )
    return Verdict(FALSE, "Deleting", message)


def _facts_known(tally: _Tally, facts: RecordedFacts | None, *, mounted: bool) -> Verdict:
    incomplete = {node: entry for node, entry in tally.ready.items() if entry.reason}
    if len(incomplete) == len(tally.ready) > 0:
        return _failure(incomplete)
    if facts is not None and (facts.architecture or facts.format):
        name = facts.architecture or (facts.format.name if facts.format else "")
        size = f", {facts.parameter_count:,} parameters" if facts.parameter_count else ""
        return Verdict(TRUE, "ReadFromFiles", f"{name}{size}")
    if mounted:
        message = "no agent reads what pods mount; next: state the format, framework, architecture and size in the spec"
        return Verdict(FALSE, "NobodyReads", message)
    if tally.failed:
        return _failure(tally.failed)
    return Verdict(FALSE, "NotReadYet", "no node has read the model's files yet; nothing to do")


def _facts(tally: _Tally, previous: RecordedFacts | None, filled: tuple[str, ...]) -> RecordedFacts | None:
    """Facts of the node that is furthest, the first by name among equals; what was known stays known."""
    found: ModelFacts | None = previous
    for entries in (tally.ready, tally.updating, tally.failed):
        told = [entries[node].facts for node in sorted(entries) if entries[node].facts is not None]
        if told:
            found = told[0]
            break
    if found is None:
        return RecordedFacts(filled=filled) if filled else None
    # Only what the definition knows: an agent of another release may say more, and the server would drop it each time.
    fields = found.model_dump(mode="json", by_alias=True, exclude_none=True, include=set(ModelFacts.model_fields))
    return RecordedFacts.model_validate({**fields, "filled": list(filled)})


def _progress(tally: _Tally) -> ModelProgress:
    ready, wanted = len(tally.ready), len(tally.wanted)
    if not tally.updating:
        phase = "Ready" if ready and ready == wanted else "Failed" if tally.failed else "Pending"
        return ModelProgress(phase=phase, nodes_wanted=wanted, nodes_ready=ready)
    moving = [entry.progress for entry in tally.updating.values() if entry.progress is not None]
    return ModelProgress(
        phase=_phase(tally),
        nodes_wanted=wanted,
        nodes_ready=ready,
        total_bytes=sum(progress.total_bytes or 0 for progress in moving),
        completed_bytes=sum(progress.completed_bytes or 0 for progress in moving),
        bytes_per_second=sum(int(progress.speed_bytes_per_sec or 0) for progress in moving),
    )


def _phase(tally: _Tally) -> str:
    phases = {entry.progress.phase for entry in tally.updating.values() if entry.progress is not None}
    return next((phase for phase in _PHASES if phase in phases), "downloading")


def holding_nodes(reports: Iterable[NodeReport]) -> tuple[str, ...]:
    """Nodes that have not said that the model's files are gone; an entry that cannot be read counts as one."""
    return tuple(report.node for report in reports if report.entry is None or report.entry.status != "Deleted")


def _reason(entry: NodeEntry) -> str:
    return entry.reason if entry.reason and _REASON.fullmatch(entry.reason) else "DownloadFailed"


def _nodes(count: int) -> str:
    return "1 node" if count == 1 else f"{count} nodes"


def _names(nodes: Iterable[str]) -> str:
    names = sorted(nodes)
    shown = ", ".join(names[:_NAMES_SHOWN])
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return f"{'node' if len(names) == 1 else 'nodes'} {shown}{more}"


def _merged(old: tuple[Condition, ...] | None, new: list[Condition], now: datetime) -> tuple[Condition, ...]:
    """Merge; a condition that says the same of a newer generation keeps its time."""
    generations = {condition.type: condition.observed_generation for condition in new}
    renewed = [
        condition.model_copy(update={"observed_generation": generations.get(condition.type)}) for condition in old or ()
    ]
    return merge_conditions(renewed, new, now)
