"""Which kind of workload each deployment mode makes."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from omectl.planner.inputs import LiveState
from omectl.planner.modes import MULTI_NODE, RAW, RAY, SERVERLESS
from omectl.planner.workloads.knative import KNATIVE_SERVICE
from omectl.planner.workloads.lws import LEADER_WORKER_SET
from omectl.planner.workloads.raw import DEPLOYMENT
from omectl.planner.workloads.ray import RAY_CLUSTER
from omectl.planner.workloads.workload import Workload, WorkloadKind, WorkloadState

WORKLOAD_KINDS: Final[Mapping[str, WorkloadKind]] = {
    RAW: DEPLOYMENT,
    SERVERLESS: KNATIVE_SERVICE,
    MULTI_NODE: LEADER_WORKER_SET,
    RAY: RAY_CLUSTER,
}
"""By mode of the component."""


MODES: Final[Mapping[str, str]] = {kind.group_kind: mode for mode, kind in WORKLOAD_KINDS.items()}
"""The mode of each kind of workload."""


def in_service(workload: Workload, live: LiveState, count: int) -> Workload:
    """Whose pods Services lead to: the workload's own, or those of the one that it replaces until it serves itself."""
    name = workload.component.object_name
    own = workload.of.state(live, name, count)
    if own is not None and own.available:
        return workload
    others = (kind for kind in WORKLOAD_KINDS.values() if kind is not workload.of and kind.own_service)
    before = next((kind for kind in others if (seen := kind.state(live, name)) is not None and seen.available), None)
    return replace(workload, of=before, outgoing=True) if before is not None else workload


def live_state(live: LiveState, object_name: str, but: WorkloadKind | None = None) -> WorkloadState | None:
    """What the live workload of a component says, of whichever kind `but` one it is; None when there is none.

    Of several, while one replaces another, one that serves.
    """
    states = (kind.state(live, object_name) for kind in WORKLOAD_KINDS.values() if kind is not but)
    return max((state for state in states if state is not None), key=lambda one: one.available, default=None)
