"""A service that is stopped: none of its components has pods, and each remembers how many replicas it had.

The number stands on the workload itself, in the very write that takes its replicas away, so that no pass can lose it.
A HorizontalPodAutoscaler leaves a workload at 0 alone; KEDA is told to.
"""

from dataclasses import replace
from typing import Final

from omectl.api import labels as keys
from omectl.api.document import as_object
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject
from omectl.planner.inputs import LiveState
from omectl.planner.scaling.scaling import Scaling, replicas_before_stop
from omectl.planner.scaling.target import invalid

STOPPED_BY_ANNOTATION: Final = f"the service is stopped by its annotation {keys.STOP}: it gets no pods"
_SCALED_OBJECT: Final = "ScaledObject"
_WORDS: Final = {"true": True, "false": False}


def is_stopped(service: InferenceService) -> bool:
    """Whether the service is to have no pods. Raises `PlanRefused`."""
    text = service.metadata.annotations.get(keys.STOP)
    if text is None:
        return False
    if text not in _WORDS:
        raise invalid(f"annotation {keys.STOP}", "true or false", repr(text), "correct the annotation, or remove it")
    return _WORDS[text]


def stopped(scaling: Scaling, live: LiveState) -> Scaling:
    """How the component is scaled meanwhile: not at all."""
    scaler = _paused(scaling.scaler) if scaling.scaler is not None else None
    if scaling.built_in:
        return replace(scaling, stopped=True)
    return replace(scaling, stopped=True, pinned=0, before=replicas_before_stop(scaling, live), scaler=scaler)


def _paused(scaler: JsonObject) -> JsonObject:
    """The scaler, which leaves the workload without replicas."""
    if scaler.get("kind") != _SCALED_OBJECT:
        return scaler
    metadata = as_object(scaler["metadata"])
    annotations: JsonObject = {**as_object(metadata.get("annotations")), keys.KEDA_PAUSED_REPLICAS: "0"}
    return {**scaler, "metadata": {**metadata, "annotations": annotations}}
