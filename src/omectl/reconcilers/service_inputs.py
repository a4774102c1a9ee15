"""Gathers from caches what a service's plan is made of. No I/O."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import structlog

from omectl.api.accelerator_class import AcceleratorClass
from omectl.api.base_model import BaseModel, ClusterBaseModel
from omectl.api.codec import DecodeError, decode_as
from omectl.api.document import as_object
from omectl.api.fine_tuned_weight import FineTunedWeight
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject
from omectl.api.object import Resource
from omectl.api.resource import ObjectKey, ResourceKind
from omectl.api.serving_runtime import ClusterServingRuntime, ServingRuntime
from omectl.api.settings import Settings
from omectl.informers import Lister
from omectl.kube.resources import PODS
from omectl.planner.inputs import LiveState, PlanInputs
from omectl.planner.references import resolve_model
from omectl.planner.result import Problem, Reason
from omectl.reconcilers.service_references import weight_values

_log = structlog.stdlib.get_logger(__name__)

_T = TypeVar("_T", bound=Resource)


@dataclass(frozen=True, slots=True, kw_only=True)
class InputCaches:
    """The caches that hold what services refer to."""

    models: Lister
    cluster_models: Lister
    weights: Lister
    runtimes: Lister
    cluster_runtimes: Lister
    accelerator_classes: Lister


def gather(
    service: InferenceService,
    raw: JsonObject,
    caches: InputCaches,
    *,
    settings: Settings,
    capabilities: frozenset[str],
    children: Iterable[tuple[ResourceKind, JsonObject]],
    pods: Iterable[JsonObject],
    gateway: JsonObject | None = None,
) -> PlanInputs:
    """The inputs of the service's plan. Raises: `DecodeError` for a model that cannot be read."""

    def model(key: ObjectKey) -> BaseModel | ClusterBaseModel | None:
        if key.namespace:
            return caches.models.decoded(BaseModel, key)
        return caches.cluster_models.decoded(ClusterBaseModel, key)

    return PlanInputs(
        service=service,
        model=resolve_model(service, model),
        weights=tuple(_readable(caches.weights, FineTunedWeight, [ObjectKey("", name) for name in weight_values(raw)])),
        runtimes=(
            *_readable(caches.runtimes, ServingRuntime, _keys_in(caches.runtimes, service.namespace)),
            *_readable(caches.cluster_runtimes, ClusterServingRuntime, caches.cluster_runtimes.keys()),
        ),
        accelerator_classes=tuple(
            _readable(caches.accelerator_classes, AcceleratorClass, caches.accelerator_classes.keys())
        ),
        settings=settings,
        capabilities=capabilities,
        live=live_state(children, pods, gateway),
    )


def readable(raw: JsonObject) -> tuple[InferenceService, Problem | None]:
    """The service; of one that cannot be read only what its status needs, and why not."""
    try:
        return decode_as(InferenceService, raw), None
    except DecodeError as error:
        problem = Problem(Reason.INVALID_SPEC, str(error), "correct the field")
    spec = as_object(raw.get("spec"))
    bare: JsonObject = {name: {} for name in ("engine", "decoder", "router") if spec.get(name) is not None}
    rest: JsonObject = {"metadata": raw["metadata"], "spec": bare}
    try:
        return decode_as(InferenceService, {**rest, "status": raw.get("status")}), problem
    except DecodeError:
        return decode_as(InferenceService, rest), problem


def live_state(
    children: Iterable[tuple[ResourceKind, JsonObject]], pods: Iterable[JsonObject], gateway: JsonObject | None = None
) -> LiveState:
    """What of the service is there; of two children of one name the later counts."""
    return LiveState.of((*children, *((PODS, pod) for pod in pods)), gateway)


def _keys_in(lister: Lister, namespace: str) -> list[ObjectKey]:
    return [header.key for header in lister.headers(namespace)]


def _readable(lister: Lister, wanted: type[_T], keys: Iterable[ObjectKey]) -> list[_T]:
    """The objects that can be read; one broken runtime must not keep services from the others."""
    found: list[_T] = []
    for key in sorted(keys):
        try:
            made = lister.decoded(wanted, key)
        except DecodeError as error:
            _log.warning("object_unreadable", kind=wanted.resource_kind.kind, key=str(key), error=str(error))
            continue
        if made is not None:
            found.append(made)
    return found
