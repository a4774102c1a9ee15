"""The components of a service: engine, decoder and router, in services and in runtimes alike."""

from typing import Annotated

from omectl.api.autoscaler import AutoscalerPolicyRef, AutoscalerSpec, KedaConfig
from omectl.api.json import JsonObject
from omectl.api.pods import InlinesPod
from omectl.api.wire import (
    Int,
    Int64,
    IntOrString,
    PodPart,
    StringMap,
    Strings,
    WireType,
    one_of,
)

Runner = Annotated[JsonObject, PodPart("Container")]
"""A whole core/v1 container, kept as JSON."""


class ComponentExtensionSpec(WireType):
    """Scaling, labels and rollout of a component."""

    min_replicas: Int | None = None
    max_replicas: Int | None = None
    scale_target: Int | None = None
    scale_metric: (
        Annotated[
            str,
            one_of(
                "cpu",
                "memory",
                "concurrency",
                "rps",
                "tps",
                "queueLength",
                "kvCacheUsage",
                "timeToFirstToken",
                "gpuUtilization",
            ),
        ]
        | None
    ) = None
    container_concurrency: Int64 | None = None
    timeout_seconds: Int64 | None = None
    canary_traffic_percent: Int64 | None = None
    labels: StringMap | None = None
    annotations: StringMap | None = None
    min_available: IntOrString | None = None
    max_unavailable: IntOrString | None = None
    deployment_strategy: Annotated[JsonObject, PodPart("DeploymentStrategy")] | None = None
    keda_config: KedaConfig | None = None
    autoscaler: AutoscalerSpec | None = None
    autoscaler_policy_ref: AutoscalerPolicyRef | None = None


class AcceleratorConstraints(WireType):
    """Filters on accelerator classes. Memory is in GiB."""

    min_memory: Int64 | None = None
    max_memory: Int64 | None = None
    min_compute_performance_tflops: Int64 | None = None
    min_architecture_version: str | None = None
    required_features: Strings | None = None
    excluded_classes: Strings | None = None
    architecture_families: Strings | None = None
    preferred_precisions: Strings | None = None


class AcceleratorSelector(WireType, defer_build=False):
    """Choice of an accelerator class."""

    accelerator_class: str | None = None
    constraints: AcceleratorConstraints | None = None
    policy: Annotated[str, one_of("BestFit", "Cheapest", "MostCapable", "FirstAvailable")] | None = None


class LeaderSpec(InlinesPod):
    """Leader pod of a multi-node group."""

    runner: Runner | None = None


class WorkerSpec(InlinesPod):
    """Worker pods of a multi-node group; `size` does not count the leader."""

    size: Int | None = None
    runner: Runner | None = None


class EngineSpec(InlinesPod, ComponentExtensionSpec, defer_build=False):
    """An engine or a decoder."""

    runner: Runner | None = None
    leader: LeaderSpec | None = None
    worker: WorkerSpec | None = None
    accelerator_override: AcceleratorSelector | None = None


DecoderSpec = EngineSpec


class RouterSpec(InlinesPod, ComponentExtensionSpec, defer_build=False):
    """A router; each pair of `config` becomes an environment variable of the runner."""

    runner: Runner | None = None
    config: StringMap | None = None
