"""ServingRuntime and ClusterServingRuntime: how a family of models is served."""

from typing import Annotated

from pydantic import Field

from omectl.api.component import EngineSpec, RouterSpec
from omectl.api.json import JsonObject
from omectl.api.kinds import CLUSTER_SERVING_RUNTIMES, SERVING_RUNTIMES
from omectl.api.model_spec import DiffusionPipelineSpec, ModelFormat, ModelFrameworkSpec
from omectl.api.object import Resource
from omectl.api.wire import (
    ATOMIC,
    NAMELESS_IS_ABSENT,
    NON_NEGATIVE,
    REQUIRED,
    Flag,
    Int,
    Int32,
    Int64,
    PodPart,
    SchemaPart,
    StringMap,
    Strings,
    WireType,
    keyed,
)


class TensorParallelismConfig(WireType):
    """Parallelism of an engine on one class of accelerators."""

    tensor_parallel_size: Annotated[Int64, NON_NEGATIVE] | None = None
    pipeline_parallel_size: Annotated[Int64, NON_NEGATIVE] | None = None
    data_parallel_size: Annotated[Int64, NON_NEGATIVE] | None = None


class AcceleratorModelConfig(WireType):
    """Overrides for one accelerator class."""

    min_memory_per_billion_params: Annotated[Int64, NON_NEGATIVE] | None = None
    tensor_parallelism_override: TensorParallelismConfig | None = None
    runtime_args_override: Strings | None = None
    environment_override: StringMap | None = None


class SupportedModelFormat(WireType):
    """One kind of model that a runtime can serve.

    The last five fields are omectl's own, and OME knows none of them. `modelArchitectures`, `quantizations` and the two
    of versions take the place of the older field that says less, which may stay beside them for OME.
    """

    model_format: ModelFormat
    model_framework: Annotated[ModelFrameworkSpec | None, REQUIRED, NAMELESS_IS_ABSENT] = None
    name: str | None = None
    version: str | None = None
    model_type: str | None = None
    model_architecture: str | None = None
    quantization: str | None = None
    diffusion_pipeline: DiffusionPipelineSpec | None = None
    """Required parts; here `{}` is not absent."""
    auto_select: Flag | None = None
    priority: Annotated[Int32, SchemaPart({"minimum": 1})] | None = None
    accelerator_config: dict[str, AcceleratorModelConfig] | None = None
    model_architectures: Strings | None = None
    """Names and globs (`Llama*`), of which one has to match; `any` is every model, `none` one that states nothing."""
    quantizations: Strings | None = None
    """As `model_architectures`."""
    model_format_versions: str | None = None
    """Versions of the format as a specifier set: `>=1,<3`."""
    model_framework_versions: str | None = None
    """Versions of the framework that wrote the model: `>=4.43,<5`."""
    required_capabilities: Strings | None = None
    """Capabilities that the model has to have, all of them."""


class ModelSizeRangeSpec(WireType):
    """Accepted parameter counts, both ends included, in the form of `modelParameterSize`."""

    min: str | None = None
    max: str | None = None


class AcceleratorRequirements(WireType):
    """Accelerators that a runtime can use, in order of preference. Memory is in GB."""

    accelerator_classes: Strings | None = None
    min_memory: Annotated[Int64, NON_NEGATIVE] | None = None
    min_compute_performance_tflops: Annotated[Int64, NON_NEGATIVE] | None = None
    min_architecture_version: str | None = None
    required_features: Strings | None = None
    preferred_precisions: Strings | None = None


class ServingRuntimePodSpec(WireType):
    """A runtime's old top-level pod fields."""

    containers: Annotated[tuple[Annotated[JsonObject, PodPart("Container")], ...], keyed("name")] | None = None
    volumes: Annotated[tuple[Annotated[JsonObject, PodPart("Volume")], ...], keyed("name")] | None = None
    node_selector: StringMap | None = None
    affinity: Annotated[JsonObject, PodPart("Affinity")] | None = None
    tolerations: Annotated[tuple[Annotated[JsonObject, PodPart("Toleration")], ...], ATOMIC] | None = None
    labels: StringMap | None = None
    annotations: StringMap | None = None
    image_pull_secrets: (
        Annotated[tuple[Annotated[JsonObject, PodPart("LocalObjectReference")], ...], keyed("name")] | None
    ) = None
    scheduler_name: str | None = None
    host_ipc: Flag | None = None
    dns_policy: str | None = None
    host_network: Flag | None = None


class WorkerPodSpec(ServingRuntimePodSpec):
    """A runtime's old worker template."""

    size: Int | None = None


class ServingRuntimeSpec(ServingRuntimePodSpec):
    """The models that a runtime serves and the templates of the components."""

    supported_model_formats: Annotated[tuple[SupportedModelFormat, ...], ATOMIC] | None = None
    model_size_range: ModelSizeRangeSpec | None = None
    disabled: Flag | None = None
    router_config: RouterSpec | None = None
    engine_config: EngineSpec | None = None
    decoder_config: EngineSpec | None = None
    protocol_versions: Strings | None = None
    workers: WorkerPodSpec | None = None
    accelerator_requirements: AcceleratorRequirements | None = None


class ServingRuntimeStatus(WireType):
    """Empty: nothing is reported on runtimes."""


class ServingRuntime(Resource):
    """A runtime of one namespace."""

    resource_kind = SERVING_RUNTIMES
    spec: ServingRuntimeSpec = Field(default_factory=ServingRuntimeSpec)
    status: ServingRuntimeStatus | None = None


class ClusterServingRuntime(Resource):
    """A runtime for the whole cluster."""

    resource_kind = CLUSTER_SERVING_RUNTIMES
    spec: ServingRuntimeSpec = Field(default_factory=ServingRuntimeSpec)
    status: ServingRuntimeStatus | None = None
