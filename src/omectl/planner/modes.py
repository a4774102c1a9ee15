"""How each component is deployed, and which requests are not served yet: those are refused by name, never faked."""

from collections.abc import Iterator
from typing import Final

from omectl.api.inference_service import InferenceService
from omectl.api.labels import (
    AUTOSCALER_CLASS,
    DEPLOYMENT_MODE,
    INJECT_FINE_TUNED_ADAPTER,
    INJECT_MODEL_INIT,
    INJECT_SERVING_SIDECAR,
)
from omectl.planner.component import Component
from omectl.planner.names import ENGINE
from omectl.planner.result import PlanRefused, Reason

RAW: Final = "RawDeployment"
SERVERLESS: Final = "Serverless"
MULTI_NODE: Final = "MultiNode"
PREFILL_DECODE: Final = "PDDisaggregated"
_MODES: Final = frozenset({RAW, SERVERLESS, MULTI_NODE, "MultiNodeRayVLLM", "VirtualDeployment"})
_AUTOSCALERS: Final = ("hpa", "keda", "external")


def check_service(service: InferenceService) -> None:
    """Refuse what the service as a whole asks for and cannot have yet. Raises `PlanRefused`."""
    for field, wish, instead in _unsupported(service):
        raise not_supported(field, wish, instead)


def check_component(component: Component) -> None:
    """Refuse a component whose mode or autoscaler is not there yet. Raises `PlanRefused`."""
    mode, field = _mode(component)
    if mode != RAW:
        raise not_supported(field, f"deployment mode {mode}", _instead(component, mode))
    scaler = component.annotations.get(AUTOSCALER_CLASS, "")
    if scaler and scaler not in _AUTOSCALERS:
        message = f"annotation {AUTOSCALER_CLASS} of the {component.name}: wanted hpa or external, found {scaler}"
        raise PlanRefused(Reason.INVALID_SPEC, message, "correct the annotation")
    keda = component.scaling.keda_config
    if scaler == "keda" or (keda is not None and keda.enable_keda):
        field = f"annotation {AUTOSCALER_CLASS}" if scaler == "keda" else f"spec.{component.name}.kedaConfig"
        raise not_supported(field, "KEDA", f"remove it: the {component.name} then gets a HorizontalPodAutoscaler")


def not_supported(field: str, wish: str, instead: str) -> PlanRefused:
    """The refusal of a request that a later release may serve."""
    message = f"{field} asks for {wish}, which is not supported yet"
    return PlanRefused(Reason.NOT_SUPPORTED_YET, message, instead, field=field)


def _unsupported(service: InferenceService) -> Iterator[tuple[str, str, str]]:
    spec, annotations = service.spec, service.metadata.annotations
    if spec.decoder is not None:
        yield "spec.decoder", "disaggregated prefill and decode", "remove spec.decoder and use a runtime that does both"
    if spec.model is not None and spec.model.fine_tuned_weights:
        yield "spec.model.fineTunedWeights", "fine-tuned weights", "serve merged weights as a model of their own"
    if spec.keda_config is not None and spec.keda_config.enable_keda:
        yield "spec.kedaConfig.enableKeda", "KEDA", "set it to false: components then get a HorizontalPodAutoscaler"
    for key, wanted in ((INJECT_MODEL_INIT, "true"), (INJECT_SERVING_SIDECAR, "true"), (INJECT_FINE_TUNED_ADAPTER, "")):
        if key in annotations and (not wanted or annotations[key] == wanted):
            yield f"annotation {key}", "an injected container", "remove it; the model is mounted from the node"
    mode = annotations.get(DEPLOYMENT_MODE, "")
    if mode in _MODES - {RAW}:
        yield f"annotation {DEPLOYMENT_MODE}", f"deployment mode {mode}", f"set it to {RAW}"


def _mode(component: Component) -> tuple[str, str]:
    """The mode and what asks for it. A word that is no mode counts as absent."""
    stated = component.own_annotations.get(DEPLOYMENT_MODE, "")
    if component.name == ENGINE and stated in _MODES:
        return stated, f"annotation {DEPLOYMENT_MODE} of the engine"
    for part in ("leader", "worker"):
        if part in component.document:
            return MULTI_NODE, component.origin(part)
    if component.scaling.min_replicas == 0:
        return SERVERLESS, f"{component.origin('minReplicas')} of 0"
    return RAW, ""


def _instead(component: Component, mode: str) -> str:
    if mode == SERVERLESS:
        return f"set spec.{component.name}.minReplicas to 1 or more"
    if component.runtime is not None:
        return f"use a runtime for one node instead of {component.runtime.name}"
    return f"remove it from spec.{component.name}"
