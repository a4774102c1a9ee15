"""Gateway API Inference Extension: a pool of the pods that serve, of which a picker chooses one for each request.

A Gateway asks the picker, which knows queues and caches of the pods. So a pool stands where nothing else chooses: with
a router, which pairs prefill and decode, the router does.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from omectl.api import labels as keys
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject
from omectl.api.settings import InferencePoolSettings, IngressSettings
from omectl.planner.names import DECODER, ROUTER, component_name, label_value, service_object_name
from omectl.planner.placeholders import Placeholders
from omectl.planner.result import PlanRefused, Reason
from omectl.planner.routing.backend import Backend
from omectl.planner.workloads.workload import Workload

POOL_GROUP: Final = "inference.networking.k8s.io"
INFERENCE_POOL: Final = "InferencePool"
PICKER_PORT: Final = 9002
"""Where every picker of the Inference Extension listens by default."""
_HIGHEST_PORT: Final = 65535
_SETTINGS: Final = "omectl.inferencePool of the settings"


@dataclass(frozen=True, slots=True)
class Picker:
    """The Service of a pool's picker; `made`: omectl makes it, with what runs behind it."""

    name: str
    port: int
    made: bool


def picker_of(
    service: InferenceService,
    parts: Collection[str],
    workload: Workload,
    ingress: IngressSettings,
    settings: InferencePoolSettings,
) -> Picker | None:
    """The picker of the service's pool, None where there is to be no pool. `parts` are its components.

    Raises: `PlanRefused` for a pool that the service asks for and cannot have.
    """
    annotations = service.metadata.annotations
    stated, own = annotations.get(keys.INFERENCE_POOL), annotations.get(keys.ENDPOINT_PICKER, "")
    if stated not in (None, "true", "false"):
        raise _refused(keys.INFERENCE_POOL, f"wanted true or false, found {stated!r}", "correct it, or remove it")
    if stated == "false" or not (stated or own or settings.enabled):
        return None
    if (why := _hindrance(service, parts, workload, ingress)) is not None:
        if stated or own:
            raise _refused(keys.INFERENCE_POOL if stated else keys.ENDPOINT_PICKER, why[0], f"{why[1]}, or remove it")
        return None
    if own:
        return _service(own, f"metadata.annotations.{keys.ENDPOINT_PICKER}")
    if settings.service:
        texts = {"Name": service.name, "Namespace": service.namespace}
        where = f"inferencePool.service in {_SETTINGS}"
        return _service(Placeholders(texts).fill(settings.service, where), where)
    if settings.picker is not None:
        return Picker(service_object_name(component_name(service.name, "epp")), PICKER_PORT, made=True)
    field = f"metadata.annotations.{keys.INFERENCE_POOL}" if stated else f"{_SETTINGS}.enabled"
    message = f"{field}: wanted an endpoint picker for the InferencePool, found none"
    step = f"name its Service in annotation {keys.ENDPOINT_PICKER}, or set picker.image in {_SETTINGS}"
    raise PlanRefused(Reason.INVALID_SPEC, message, step, field=field)


def inference_pool(
    service: InferenceService, workload: Workload, port: int, picker: Picker, settings: InferencePoolSettings
) -> JsonObject:
    """The pool of the workload's pods that serve, at that port of theirs."""
    owner = label_value(service.name)
    selector: JsonObject = {keys.INFERENCE_SERVICE: owner, keys.COMPONENT: workload.component.name, **workload.serving}
    reference: JsonObject = {
        "group": "",
        "kind": "Service",
        "name": picker.name,
        "port": {"number": picker.port},
        "failureMode": settings.failure_mode,
    }
    return {
        "apiVersion": f"{POOL_GROUP}/v1",
        "kind": INFERENCE_POOL,
        "metadata": {
            "name": service.name,
            "namespace": service.namespace,
            "labels": {keys.INFERENCE_SERVICE: owner},
        },
        "spec": {
            "selector": {"matchLabels": selector},
            "targetPorts": [{"number": port}],
            "endpointPickerRef": reference,
        },
    }


def pool_backend(service: InferenceService) -> Backend:
    """The service's pool as a route's backend."""
    return Backend({"group": POOL_GROUP, "kind": INFERENCE_POOL, "name": service.name, "weight": 1})


def _hindrance(
    service: InferenceService, parts: Collection[str], workload: Workload, ingress: IngressSettings
) -> tuple[str, str] | None:
    """What is found instead of what a pool needs, and what to do about it."""
    if service.metadata.labels.get(keys.KNATIVE_VISIBILITY) == keys.CLUSTER_LOCAL:
        return "a pool takes requests from a Gateway, found a service for the cluster only", "remove that label"
    if ingress.disable_ingress_creation or not ingress.enable_gateway_api:
        found = "no route is made" if ingress.disable_ingress_creation else "the route is no HTTPRoute"
        step = "set disableIngressCreation false and enableGatewayAPI true in ingress of the settings"
        return f"only an HTTPRoute leads to a pool, found that {found}", step
    if not workload.of.own_service:
        return "a pool needs pods that are always there, found a serverless component", "choose another mode"
    if ROUTER in parts:
        return "a pool's picker chooses the pods, found a router that does", "remove the router"
    if DECODER in parts:
        return "a pool's pods answer each request alone, found a decoder", "add spec.router, which pairs them"
    return None


def _service(text: str, where: str) -> Picker:
    """The Service that `name` or `name:port` says. Raises `PlanRefused`."""
    name, colon, port = text.partition(":")
    number = int(port) if port.isascii() and port.isdigit() else 0
    good = name and service_object_name(name) == name and name.replace("-", "a").isalnum() and name.isascii()
    if not good or (colon and not 0 < number <= _HIGHEST_PORT):
        message = f"{where}: wanted a Service as name or name:port, found {text!r}"
        raise PlanRefused(Reason.INVALID_SPEC, message, "correct it", field=where)
    return Picker(name, number or PICKER_PORT, made=False)


def _refused(key: str, found: str, step: str) -> PlanRefused:
    field = f"metadata.annotations.{key}"
    return PlanRefused(Reason.INVALID_SPEC, f"{field}: {found}", step, field=field)
