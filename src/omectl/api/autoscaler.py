"""How a component is scaled: OME's KEDA settings, and the `autoscaler` block that came after them."""

from typing import Annotated

from omectl.api.json import JsonObject
from omectl.api.wire import (
    ATOMIC,
    NON_NEGATIVE,
    OPEN,
    REQUIRED,
    Flag,
    FreeForm,
    Int32,
    OpaqueObject,
    QuantityText,
    SchemaPart,
    StringMap,
    WireType,
    one_of,
)

MetricSpec = Annotated[JsonObject, OpaqueObject(), OPEN]
"""A whole autoscaling/v2 MetricSpec, kept as JSON."""


class ScalerAuthenticationRef(WireType):
    """KEDA's trigger authentication."""

    name: Annotated[str, REQUIRED, SchemaPart({"minLength": 1})] = ""
    kind: Annotated[str, one_of("TriggerAuthentication", "ClusterTriggerAuthentication")] = "TriggerAuthentication"


class KedaConfig(WireType, defer_build=False):
    """KEDA settings; numbers are written as text."""

    enable_keda: Flag | None = None
    prom_server_address: str | None = None
    custom_prom_query: str | None = None
    scaling_threshold: str | None = None
    scaling_operator: str | None = None
    authentication_ref: ScalerAuthenticationRef | None = None
    auth_modes: str | None = None


class HpaSpec(WireType):
    """What a HorizontalPodAutoscaler measures, and how fast it moves."""

    metrics: Annotated[tuple[MetricSpec, ...], ATOMIC] | None = None
    behavior: FreeForm | None = None
    """An autoscaling/v2 HorizontalPodAutoscalerBehavior."""


class KedaTrigger(WireType):
    """One of KEDA's scalers with its settings, which are all texts."""

    type: Annotated[str, REQUIRED, SchemaPart({"minLength": 1})] = ""
    name: str | None = None
    metadata: Annotated[StringMap | None, REQUIRED] = None
    authentication_ref: ScalerAuthenticationRef | None = None
    metric_type: Annotated[str, one_of("AverageValue", "Value", "Utilization")] | None = None
    use_cached_metrics: Flag | None = None


class KedaFallback(WireType):
    """How many replicas there are to be when a trigger cannot be read so often in a row."""

    failure_threshold: Annotated[Int32, REQUIRED, NON_NEGATIVE] = 0
    replicas: Annotated[Int32, REQUIRED, NON_NEGATIVE] = 0
    behavior: str | None = None


class KedaSpec(WireType):
    """A ScaledObject's part that is stated by people. Times are seconds."""

    triggers: Annotated[tuple[KedaTrigger, ...] | None, ATOMIC, REQUIRED, SchemaPart({"minItems": 1})] = None
    advanced: FreeForm | None = None
    polling_interval: Annotated[Int32, SchemaPart({"minimum": 1})] | None = None
    cooldown_period: Annotated[Int32, NON_NEGATIVE] | None = None
    initial_cooldown_period: Annotated[Int32, NON_NEGATIVE] | None = None
    idle_replica_count: Annotated[Int32, NON_NEGATIVE] | None = None
    fallback: KedaFallback | None = None


class AutoscalerSpec(WireType, defer_build=False):
    """Who scales a component, and on what."""

    scaler_class: Annotated[str, REQUIRED, one_of("HPA", "KEDA", "External", "None")] = ""
    hpa: HpaSpec | None = None
    keda: KedaSpec | None = None


class AutoscalerPolicyRef(WireType):
    """A policy of the service's namespace."""

    name: Annotated[str, REQUIRED, SchemaPart({"minLength": 1})] = ""


class Proportions(WireType):
    """Replicas of components for one replica of the anchor."""

    anchor: Annotated[str, REQUIRED, one_of("engine", "decoder", "router")] = ""
    ratios: Annotated[dict[str, QuantityText] | None, REQUIRED] = None


class ScalingPolicy(WireType):
    """How the numbers of a service's components go together."""

    mode: Annotated[str, one_of("Independent", "Proportional", "Pinned")] = "Independent"
    proportional: Proportions | None = None
