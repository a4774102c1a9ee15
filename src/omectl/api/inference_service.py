"""InferenceService: a model, a runtime and the components that serve it."""

from typing import Annotated

from pydantic import Field

from omectl.api.autoscaler import KedaConfig, ScalingPolicy
from omectl.api.component import (
    AcceleratorSelector,
    ComponentExtensionSpec,
    EngineSpec,
    RouterSpec,
    WorkerSpec,
)
from omectl.api.inference_service_status import InferenceServiceStatus
from omectl.api.kinds import INFERENCE_SERVICES
from omectl.api.object import Resource
from omectl.api.pods import InlinesContainer, InlinesPod
from omectl.api.references import ModelRef, ServingRuntimeRef
from omectl.api.wire import EMPTY_IS_ABSENT, NAMELESS_IS_ABSENT, OPEN, Strings, WireType


class ModelSpec(InlinesContainer):
    """Model and container of the old form; every container field may lie beside ours."""

    runtime: str | None = None
    storage_uri: str | None = None
    runtime_version: str | None = None
    protocol_version: str | None = None
    base_model: str | None = None
    fine_tuned_weights: Strings | None = None


class PredictorSpec(InlinesPod, ComponentExtensionSpec):
    """The old form of a service."""

    model: ModelSpec | None = None
    worker_spec: WorkerSpec | None = None


class InferenceServiceSpec(WireType):
    """A component is served when it is present: `engine: {}` means "as in the runtime"."""

    predictor: Annotated[PredictorSpec | None, EMPTY_IS_ABSENT] = None
    engine: EngineSpec | None = None
    decoder: EngineSpec | None = None
    model: Annotated[ModelRef | None, NAMELESS_IS_ABSENT] = None
    runtime: Annotated[ServingRuntimeRef | None, NAMELESS_IS_ABSENT] = None
    router: RouterSpec | None = None
    keda_config: KedaConfig | None = None
    scaling_policy: ScalingPolicy | None = None
    accelerator_selector: AcceleratorSelector | None = None


class InferenceService(Resource):
    """A served model."""

    resource_kind = INFERENCE_SERVICES
    spec: InferenceServiceSpec = Field(default_factory=InferenceServiceSpec)
    status: Annotated[InferenceServiceStatus | None, OPEN, EMPTY_IS_ABSENT] = None
