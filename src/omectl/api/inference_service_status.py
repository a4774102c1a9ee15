"""What is reported on a service."""

from typing import Annotated

from omectl.api.conditions import KnativeCondition
from omectl.api.selection_status import SelectionStatus
from omectl.api.wire import (
    ATOMIC,
    EMPTY_IS_ABSENT,
    REQUIRED_WITH_DEFAULT,
    Flag,
    Int,
    Int32,
    Int64,
    StringMap,
    Time,
    WireType,
    one_of,
)

_LOAD_STATES = one_of("", "Pending", "Standby", "Loading", "Loaded", "FailedToLoad")


class KnativeStatus(WireType):
    """Knative's duck type."""

    observed_generation: Int64 | None = None
    conditions: tuple[KnativeCondition, ...] | None = None
    annotations: StringMap | None = None


class Addressable(WireType):
    """An address inside the cluster."""

    name: str | None = None
    url: str | None = None
    ca_certs: str | None = None
    audience: str | None = None


class TrafficTarget(WireType):
    """A share of the traffic."""

    tag: str | None = None
    revision_name: str | None = None
    configuration_name: str | None = None
    latest_revision: Flag | None = None
    percent: Int64 | None = None
    url: str | None = None


class AcceleratorSelection(WireType):
    """The accelerator class that a component got."""

    accelerator_class: str
    reason: str | None = None
    node_selector: StringMap | None = None
    resource_requests: StringMap | None = None


class ScaleTargetRef(WireType):
    """The object whose replicas a scaler of somebody else is to set."""

    api_version: str | None = None
    kind: str | None = None
    name: str | None = None


class AutoscalerStatus(WireType):
    """Who scales a component, where that was asked for, and between which numbers it is."""

    scaler_class: Annotated[str, one_of("HPA", "KEDA", "External", "None")] | None = None
    managed_by: Annotated[str, one_of("ome", "external", "none")] | None = None
    spec_source: Annotated[str, one_of("isvc", "policy", "runtime", "legacy", "default")] | None = None
    current_replicas: Int32 | None = None
    desired_replicas: Int32 | None = None
    last_scale_time: Time | None = None


class ComponentStatusSpec(WireType):
    """State of one component. A replica is what serves by itself: a pod, or a group of pods.

    `revision_hash` is that of what reaches its newest pods.
    """

    latest_ready_revision: str | None = None
    latest_created_revision: str | None = None
    previous_rolledout_revision: str | None = None
    latest_rolledout_revision: str | None = None
    traffic: Annotated[tuple[TrafficTarget, ...], ATOMIC] | None = None
    url: str | None = None
    rest_url: str | None = None
    address: Addressable | None = None
    selected_accelerator: AcceleratorSelection | None = None
    autoscaler: AutoscalerStatus | None = None
    scale_target_ref: ScaleTargetRef | None = None
    deployment_mode: str | None = None
    revision_hash: str | None = None
    replicas: Int32 | None = None
    ready_replicas: Int32 | None = None


class ModelRevisionStates(WireType):
    """The state that is served and the one that is aimed at."""

    active_model_state: Annotated[str, REQUIRED_WITH_DEFAULT, _LOAD_STATES] = "Pending"
    target_model_state: Annotated[str, _LOAD_STATES] = ""


class FailureInfo(WireType):
    """The failure that is in the way. `location` is the component; `pod` and `node` are ours."""

    location: str | None = None
    reason: (
        Annotated[
            str,
            one_of(
                "BaseModelNotReady",
                "BaseModelNotFound",
                "ModelLoadFailed",
                "RuntimeUnhealthy",
                "RuntimeDisabled",
                "NoSupportingRuntime",
                "RuntimeNotRecognized",
                "InvalidPredictorSpec",
            ),
        ]
        | None
    ) = None
    message: str | None = None
    model_revision_name: str | None = None
    time: Time | None = None
    exit_code: Int32 | None = None
    pod: str | None = None
    node: str | None = None


class ModelCopies(WireType):
    """Copies of the model in pods."""

    failed_copies: Annotated[Int, REQUIRED_WITH_DEFAULT] = 0
    total_copies: Int | None = None


class ModelStatus(WireType):
    """Whether the served model is the one in the spec."""

    transition_status: Annotated[
        str, REQUIRED_WITH_DEFAULT, one_of("", "UpToDate", "InProgress", "BlockedByFailedLoad", "InvalidSpec")
    ] = "UpToDate"
    model_revision_states: ModelRevisionStates | None = None
    last_failure_info: FailureInfo | None = None
    model_copies: ModelCopies | None = None


class InferenceServiceStatus(KnativeStatus):
    """Addresses, components and the model's state, as OME has them; the rest is ours.

    `summary` says in one line what is happening and what to do. `replicas` and `label_selector` are the engine's, for
    the scale subresource. `pinned_revision_name` is the ControllerRevision that keeps the runtime of a service that
    pins it.
    """

    address: Addressable | None = None
    url: str | None = None
    components: dict[str, ComponentStatusSpec] | None = None
    model_status: Annotated[ModelStatus | None, EMPTY_IS_ABSENT] = None
    selection: SelectionStatus | None = None
    summary: str | None = None
    replicas: Int32 | None = None
    label_selector: str | None = None
    pinned_revision_name: str | None = None
