"""Which kind of workload each deployment mode makes."""

from collections.abc import Mapping
from typing import Final

from omectl.api.json import JsonObject
from omectl.planner.inputs import LiveState
from omectl.planner.modes import MULTI_NODE, RAW, RAY, SERVERLESS
from omectl.planner.workloads.knative import KNATIVE_SERVICE
from omectl.planner.workloads.lws import LEADER_WORKER_SET
from omectl.planner.workloads.raw import DEPLOYMENT
from omectl.planner.workloads.ray import RAY_CLUSTER
from omectl.planner.workloads.workload import WorkloadKind, WorkloadState

WORKLOAD_KINDS: Final[Mapping[str, WorkloadKind]] = {
    RAW: DEPLOYMENT,
    SERVERLESS: KNATIVE_SERVICE,
    MULTI_NODE: LEADER_WORKER_SET,
    RAY: RAY_CLUSTER,
}
"""By mode of the component."""


MODES: Final[Mapping[str, str]] = {kind.group_kind: mode for mode, kind in WORKLOAD_KINDS.items()}
"""The mode of each kind of workload."""


def maker_of(pod: JsonObject) -> tuple[str, str]:
    """The workload that a pod belongs to: its kind with the group, and its name; empty where it is none of these.

    Knative makes Deployments of its own, and so counts before these.
    """
    found = ((kind.group_kind, kind.maker(pod)) for kind in reversed(WORKLOAD_KINDS.values()))
    return next(((kind, name) for kind, name in found if name), ("", ""))


def live_state(live: LiveState, object_name: str, but: WorkloadKind | None = None) -> WorkloadState | None:
    """What the live workload of a component says, of whichever kind `but` one it is; None when there is none.

    Of several, while one replaces another, one that serves.
    """
    states = (kind.state(live, object_name) for kind in WORKLOAD_KINDS.values() if kind is not but)
    return max((state for state in states if state is not None), key=lambda one: one.available, default=None)
