"""The raw mode: a Deployment with its Service, and for a router the right to watch the pods it sends requests to."""

from typing import Final

from omectl.api.conditions import TRUE
from omectl.api.document import as_number, as_object, as_objects, as_text, at
from omectl.api.json import JsonObject, JsonValue
from omectl.api.labels import APP, INFERENCE_SERVICE, LOAD_BALANCER_IP, SERVICE_TYPE
from omectl.planner.component import Component
from omectl.planner.metadata import Metadata
from omectl.planner.names import ROUTER, label_value
from omectl.planner.pod import main_container
from omectl.planner.probes import DEFAULT_PORT
from omectl.planner.workloads.workload import WorkloadKind, WorkloadState, told_condition, told_numbers

_KIND: Final = "Deployment"
_REVISION: Final = "deployment.kubernetes.io/revision"
_RBAC = "rbac.authorization.k8s.io"
_TYPES = ("LoadBalancer", "NodePort")
_SET_HASH: Final = "pod-template-hash"
"""The label that a Deployment gives to a ReplicaSet and its pods, and the ending of the former's name."""


def deployment(component: Component, metadata: Metadata, pod: JsonObject) -> JsonObject:
    """The Deployment. It states no replicas: those are the autoscaler's."""
    strategy: JsonObject = component.scaling.deployment_strategy or {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
    }
    template: JsonObject = {
        "metadata": {
            "name": component.object_name,
            "namespace": component.namespace,
            **_tags(metadata.pod_labels, metadata.pod_annotations),
        },
        "spec": pod,
    }
    selector: JsonObject = {"matchLabels": {"app": component.app}}
    return {
        "apiVersion": "apps/v1",
        "kind": _KIND,
        "metadata": object_metadata(component, component.object_name, metadata.labels, metadata.annotations),
        "spec": {"selector": selector, "strategy": strategy, "template": template},
    }


def read_deployment(deployment: JsonObject) -> WorkloadState:
    """What a live Deployment says of itself."""
    status = as_object(deployment.get("status"))
    available, failure = (told_condition(deployment, kind) for kind in ("Available", "ReplicaFailure"))
    wanted, replicas, ready = told_numbers(deployment)
    updated = as_number(status.get("updatedReplicas"))
    seen = as_number(status.get("observedGeneration")) >= as_number(at(deployment, "metadata", "generation"))
    return WorkloadState(
        kind=_KIND,
        name=as_text(at(deployment, "metadata", "name")),
        available=available.status == TRUE,
        rolled_out=seen and ("updatedReplicas" not in status or updated >= replicas),
        verdict=available,
        failure=failure if failure.status == TRUE else None,
        revision=as_text(at(deployment, "metadata", "annotations", _REVISION)),
        wanted=wanted,
        replicas=replicas,
        ready=ready,
    )


def deployment_of(pod: JsonObject) -> str:
    """The Deployment whose ReplicaSet made the pod, "" when none did."""
    owners = as_objects(at(pod, "metadata", "ownerReferences"))
    sets = (as_text(one.get("name")) for one in owners if one.get("kind") == "ReplicaSet")
    ending = f"-{as_text(at(pod, 'metadata', 'labels', _SET_HASH))}"
    return next((name.removesuffix(ending) for name in sets if ending != "-" and name.endswith(ending)), "")


def component_service(component: Component, metadata: Metadata, pod: JsonObject) -> JsonObject:
    """The component's own Service: every port of the container that serves."""
    kind = service_type(component.annotations.get(SERVICE_TYPE, ""))
    spec: JsonObject = {
        "type": kind,
        "selector": {"app": component.app},
        "ports": list[JsonValue](service_ports(component, pod)),
    }
    address = component.annotations.get(LOAD_BALANCER_IP, "")
    if kind == "LoadBalancer" and address:
        spec["loadBalancerIP"] = address
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": object_metadata(component, component.service_name, metadata.labels, metadata.service_annotations),
        "spec": spec,
    }


DEPLOYMENT: Final = WorkloadKind(
    group="apps",
    version="v1",
    kind=_KIND,
    named=lambda object_name, _: object_name,
    build=lambda one, _: (deployment(one.component, one.metadata, one.pod),),
    service=component_service,
    read=lambda found, _: read_deployment(found[0]),
    template=("spec", "template"),
    maker=deployment_of,
    marks=lambda component: {APP: component.app},
)


def service_ports(component: Component, pod: JsonObject) -> list[JsonObject]:
    """The ports of the Service, at least one."""
    container = main_container(component, pod)
    ports = as_objects(container.get("ports"))
    if not ports:
        name = as_text(container.get("name"))
        return [{"name": name[:15].strip("-"), "port": DEFAULT_PORT, "targetPort": DEFAULT_PORT, "protocol": "TCP"}]
    found: list[JsonObject] = []
    for port in ports:
        number = port.get("containerPort")
        protocol = as_text(port.get("protocol")) or "TCP"
        # Several ports of a Service need a name each.
        name = port.get("name") or (f"{protocol.lower()}-{number}" if len(ports) > 1 else None)
        named: JsonObject = {"name": name} if name else {}
        found.append({**named, "port": number, "targetPort": number, "protocol": protocol})
    return found


def service_type(asked: str) -> str:
    """The type of a Service; what is no type means the default."""
    return asked if asked in _TYPES else "ClusterIP"


def router_access(component: Component, metadata: Metadata, pod: JsonObject) -> tuple[JsonObject, ...]:
    """A service account that may watch pods, with its role; nothing when the user names an account of their own."""
    if component.name != ROUTER or pod.get("serviceAccountName"):
        return ()
    name = component.object_name
    pod["serviceAccountName"] = name
    labels = {key: value for key, value in metadata.labels.items() if key != "app"}
    stamped = object_metadata(component, name, labels, {})
    subject: JsonObject = {"kind": "ServiceAccount", "name": name, "namespace": component.namespace}
    rule: JsonObject = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}
    return (
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": stamped},
        {"apiVersion": f"{_RBAC}/v1", "kind": "Role", "metadata": dict(stamped), "rules": [rule]},
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": dict(stamped),
            "roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": name},
            "subjects": [subject],
        },
    )


def object_metadata(component: Component, name: str, labels: dict[str, str], annotations: dict[str, str]) -> JsonObject:
    """Name, namespace and tags of an object."""
    tags = {**labels, INFERENCE_SERVICE: label_value(component.service.name)}
    return {"name": name, "namespace": component.namespace, **_tags(tags, annotations)}


def _tags(labels: dict[str, str], annotations: dict[str, str]) -> JsonObject:
    tags: JsonObject = {}
    if labels:
        tags["labels"] = as_object(dict[str, JsonValue](labels))
    if annotations:
        tags["annotations"] = as_object(dict[str, JsonValue](annotations))
    return tags
