"""How each component is deployed, and which requests are not served yet: those are refused by name, never faked."""

from typing import Final

from omectl.api.inference_service import InferenceService
from omectl.api.labels import (
    CHOSEN_MODE,
    DEPLOYMENT_MODE,
)
from omectl.planner.component import Component
from omectl.planner.names import ENGINE, ROUTER
from omectl.planner.result import PlanRefused, Reason
from omectl.planner.scaling.choice import ScalerChoice, ScalerClass, ScalerSource

RAW: Final = "RawDeployment"
SERVERLESS: Final = "Serverless"
MULTI_NODE: Final = "MultiNode"
RAY: Final = "MultiNodeRayVLLM"
PREFILL_DECODE: Final = "PDDisaggregated"
VIRTUAL: Final = "VirtualDeployment"
_MODES: Final = frozenset({RAW, SERVERLESS, MULTI_NODE, RAY, VIRTUAL})
_STEERING: Final = frozenset({SERVERLESS, RAY})
"""Modes of a service that decide for its engine. `RawDeployment` decides nothing: OME's admission writes it on all."""


def is_virtual(service: InferenceService) -> bool:
    """Whether the service is only an entry for what somebody else runs."""
    return service.metadata.annotations.get(DEPLOYMENT_MODE) == VIRTUAL


def mode_of(component: Component, scaler: ScalerChoice, default: str, *, paired: bool = False) -> str:
    """The component's mode. Raises `PlanRefused` for a contradiction.

    `scaler` is who scales it: KEDA can do without pods, so that a lower bound of 0 asks for no mode of its own.
    `default` is the settings' mode, for engines of which nothing is said. `paired`: the service has a decoder.
    """
    mode, field = _mode(component, scaler, default)
    if mode == SERVERLESS and paired and component.name != ROUTER:
        # An engine and a decoder find each other by their pods, which have to be there.
        return RAW
    if mode == VIRTUAL:
        message = f"{field}: {VIRTUAL} is a mode of a whole service, not of a component"
        raise PlanRefused(Reason.DEPLOYMENT_MODE, message, "set the annotation on the service, or remove it")
    return mode


def _mode(component: Component, scaler: ScalerChoice, default: str) -> tuple[str, str]:
    """The mode and what asks for it. A word that is no mode counts as absent."""
    stated = component.own_annotations.get(DEPLOYMENT_MODE, "")
    asked = component.service.metadata.annotations.get(DEPLOYMENT_MODE, "")
    nodes = next((component.origin(part) for part in ("leader", "worker") if part in component.document), "")
    if component.name == ENGINE and stated in _MODES:
        _check_one_node(stated, f"annotation {DEPLOYMENT_MODE} of the engine", nodes)
        return stated, f"annotation {DEPLOYMENT_MODE} of the engine"
    if component.name == ENGINE and nodes and asked in _STEERING:
        _check_one_node(asked, f"annotation {DEPLOYMENT_MODE} of the service", nodes)
        return asked, f"annotation {DEPLOYMENT_MODE} of the service"
    if nodes:
        return MULTI_NODE, nodes
    if component.scaling.min_replicas == 0 and scaler.scaler_class is not ScalerClass.KEDA:
        if scaler.block is None:
            return SERVERLESS, f"{component.origin('minReplicas')} of 0"
        _check_zero(component, scaler.scaler_class)
    if component.name == ENGINE and asked in _STEERING:
        return asked, f"annotation {DEPLOYMENT_MODE} of the service"
    silent = component.scaling.min_replicas is None and scaler.source is ScalerSource.DEFAULT and asked != RAW
    if component.name == ENGINE and silent and _recorded(component.service) not in (RAW, PREFILL_DECODE):
        return default, "the settings' deploy.defaultDeploymentMode"
    return RAW, ""


def _check_one_node(mode: str, field: str, nodes: str) -> None:
    """Knative runs single pods. `nodes` is the field that asks for several."""
    if mode == SERVERLESS and nodes:
        message = f"{field} asks for {SERVERLESS}, but {nodes} for a group of pods, which Knative does not run"
        raise PlanRefused(Reason.INVALID_SPEC, message, f"remove {nodes}, or the annotation")


def _check_zero(component: Component, scaler_class: ScalerClass) -> None:
    """Somebody else may scale a Deployment to nothing; one that has to scale itself from nothing cannot."""
    if scaler_class is not ScalerClass.EXTERNAL:
        where = f"{component.origin('minReplicas')} is 0, but {component.origin('autoscaler')}.class"
        message = f"{where} is {scaler_class.value}, which needs a pod at least"
        step = "remove the autoscaler for the serverless mode, choose class KEDA, or raise minReplicas"
        raise PlanRefused(Reason.INVALID_SPEC, message, step)


def _recorded(service: InferenceService) -> str:
    """The mode that the service has: a changed setting does not move what runs already."""
    return (service.status.annotations or {}).get(CHOSEN_MODE, "") if service.status is not None else ""
