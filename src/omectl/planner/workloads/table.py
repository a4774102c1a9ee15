"""Which kind of workload each deployment mode makes."""

from collections.abc import Mapping
from typing import Final

from omectl.planner.inputs import LiveState
from omectl.planner.modes import RAW, RAY, SERVERLESS
from omectl.planner.workloads.knative import KNATIVE_SERVICE
from omectl.planner.workloads.raw import DEPLOYMENT
from omectl.planner.workloads.ray import RAY_CLUSTER
from omectl.planner.workloads.workload import WorkloadKind, WorkloadState

WORKLOAD_KINDS: Final[Mapping[str, WorkloadKind]] = {
    RAW: DEPLOYMENT,
    SERVERLESS: KNATIVE_SERVICE,
    RAY: RAY_CLUSTER,
}
"""By mode of the component."""


def live_state(live: LiveState, object_name: str) -> WorkloadState | None:
    """What the live workload of a component says, of whichever kind it is; None when there is none."""
    states = (kind.state(live, object_name) for kind in WORKLOAD_KINDS.values())
    return next((state for state in states if state is not None), None)
