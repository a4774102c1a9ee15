"""The Ray mode: a RayCluster for each replica, whose head serves, and a Service in front of the heads.

KubeRay makes the pods. It tells itself whether a head is ready, by the engine's own readiness probe, so that nothing
else has to ask the engine for its health.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from omectl.api import labels as keys
from omectl.api.conditions import FALSE, TRUE, UNKNOWN
from omectl.api.document import as_number, as_object, as_objects, as_text, at
from omectl.api.json import JsonObject, JsonValue
from omectl.api.labels import dns_shorten
from omectl.planner.component import Component
from omectl.planner.metadata import Metadata
from omectl.planner.verdict import Verdict
from omectl.planner.workloads.raw import component_service, object_metadata
from omectl.planner.workloads.revision_hash import revision_hash
from omectl.planner.workloads.workload import WorkloadKind, WorkloadState, by_label, told_condition

_API_GROUP: Final = "ray.io"
_VERSION: Final = "v1"
_KIND: Final = "RayCluster"
HEADS: Final = {keys.RAY_NODE_TYPE: "head"}
"""Besides service and component, what the pods that serve have in common."""
LONGEST_NAME: Final = 50
"""KubeRay takes no longer name of a cluster: it makes names of pods of it."""

_TEMPLATE: Final = ("spec", "headGroupSpec", "template")
_GROUP: Final = "wg"
_MOST_WORKERS: Final = 2**31 - 1
_HEAD_START: Final[JsonObject] = {"dashboard-host": "0.0.0.0", "metrics-export-port": "8000"}  # noqa: S104 - other pods
_SHELL: Final = ("/bin/bash", "-lc")
_JOIN: Final = "ulimit -n 65536; echo worker; $KUBERAY_GEN_RAY_START_CMD"
_PORTS: Final = (("dashboard", 8265), ("metrics", 8000), ("redis", 6379))
_PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")


def cluster_name(object_name: str, index: int) -> str:
    """`<service>-engine-0`: the name of one cluster and of its head's Service, which begins with a letter."""
    name = f"{object_name}-{index}"
    return dns_shorten(name if name[0].isalpha() else f"r{name}", LONGEST_NAME)


def ray_clusters(component: Component, metadata: Metadata, head: JsonObject, count: int) -> tuple[JsonObject, ...]:
    """`count` clusters, each with workers beside its head. `head` is the spec of the pod that serves."""
    names = (cluster_name(component.object_name, index) for index in range(count))
    return tuple(_cluster(component, metadata, head, name) for name in names)


def ray_service(component: Component, metadata: Metadata, head: JsonObject) -> JsonObject:
    """The component's Service: the heads of its clusters, with Ray's own ports."""
    service = component_service(component, metadata, head)
    spec = as_object(service["spec"])
    ports = as_objects(spec.get("ports"))
    names, numbers = ({as_text(port.get("name")) for port in ports}, {as_number(port.get("port")) for port in ports})
    more = [
        JsonObject(name=name, port=number, targetPort=number, protocol="TCP")
        for name, number in _PORTS
        if name not in names and number not in numbers
    ]
    labels, owner = as_object(at(service, "metadata", "labels")), metadata.pod_labels
    selector = {key: owner[key] for key in (keys.INFERENCE_SERVICE, keys.COMPONENT)}
    return {
        **service,
        "metadata": {
            **as_object(service["metadata"]),
            "labels": {key: value for key, value in labels.items() if key != keys.APP},
            "annotations": as_object(dict[str, JsonValue](metadata.annotations)),
        },
        "spec": {**spec, "ports": list[JsonValue]([*ports, *more]), "selector": {**selector, **HEADS}},
    }


def read_ray_clusters(clusters: Sequence[JsonObject], count: int) -> WorkloadState:
    """What the live clusters of a component say together; there is one at least of the `count` that are wanted."""
    verdicts = [_cluster_verdict(one) for one in clusters]
    serving = sum(one.status == TRUE for one in verdicts)
    return WorkloadState(
        kind=_KIND,
        name=as_text(at(clusters[0], "metadata", "name")),
        available=serving == count,
        rolled_out=len(clusters) == count and all(map(_is_seen, clusters)),
        verdict=_together(verdicts, serving, count),
        replicas=len(clusters),
        ready=serving,
        wanted=count,
    )


def is_outdated(cluster: JsonObject, pod: JsonObject) -> bool:
    """Whether the pod is the cluster's, and of another template than it has now. KubeRay replaces no pod for that."""
    if at(pod, "metadata", "labels", keys.RAY_CLUSTER) != at(cluster, "metadata", "name"):
        return False
    wanted = at(cluster, *_TEMPLATE, "metadata", "annotations", keys.POD_TEMPLATE)
    return at(pod, "metadata", "annotations", keys.POD_TEMPLATE) != wanted


def _of_pods(cluster: JsonObject) -> tuple[JsonValue, ...]:
    """The templates of the head and of its workers."""
    groups = as_objects(at(cluster, "spec", "workerGroupSpecs"))
    return at(cluster, *_TEMPLATE), *(group.get("template") for group in groups)


def suspended(clusters: tuple[JsonObject, ...]) -> tuple[JsonObject, ...]:
    """The clusters without pods, by KubeRay's own switch."""
    return tuple({**one, "spec": {**as_object(one["spec"]), "suspend": True}} for one in clusters)


RAY_CLUSTER: Final = WorkloadKind(
    group=_API_GROUP,
    version=_VERSION,
    kind=_KIND,
    named=cluster_name,
    build=lambda one, count: ray_clusters(one.component, one.metadata, one.pod, count),
    service=ray_service,
    read=read_ray_clusters,
    template=_TEMPLATE,
    maker=by_label(keys.RAY_CLUSTER),
    marks=lambda _: HEADS,
    of_pods=_of_pods,
    outdated=is_outdated,
    stop=suspended,
    serving=HEADS,
    scalable=False,
    several=True,
)


def _together(verdicts: Iterable[Verdict], serving: int, count: int) -> Verdict:
    """The first that does not serve tells why; how many do, where there are several."""
    many = f"{serving} of {count} Ray clusters serve"
    order = {FALSE: 0, UNKNOWN: 1}
    first = min((one for one in verdicts if one.status != TRUE), key=lambda one: order[one.status], default=None)
    if first is not None:
        return Verdict(first.status, first.reason, f"{many}; {first.message}")
    if serving < count:
        return Verdict(UNKNOWN, f"{_KIND}Missing", f"{many}; the others are not there yet")
    return Verdict(TRUE, "RayClustersReady", many)


def _cluster_verdict(cluster: JsonObject) -> Verdict:
    """Whether the head serves and all workers have joined it, now and not once."""
    name, status = as_text(at(cluster, "metadata", "name")), as_object(cluster.get("status"))
    head = told_condition(cluster, "HeadPodReady")
    failed = told_condition(cluster, "ReplicaFailure")
    state = as_text(status.get("state"))
    if failed.status == TRUE:
        return Verdict(FALSE, failed.reason or "ReplicaFailure", f"{name}: {failed.message}")
    if state == "suspended":
        return Verdict(FALSE, "Suspended", f"{name}: is suspended")
    if not status or not _is_seen(cluster):
        return Verdict(UNKNOWN, "Progressing", f"{name}: KubeRay has not looked at it yet")
    if head.status != TRUE and not (head.status == "" and state == "ready"):
        told = head.message or as_text(status.get("reason")) or "the head is starting"
        return Verdict(head.status or UNKNOWN, head.reason or "HeadPodNotReady", f"{name}: {told}")
    wanted = as_number(status.get("desiredWorkerReplicas"))
    ready = as_number(
        status.get("readyWorkerReplicas" if "readyWorkerReplicas" in status else "availableWorkerReplicas")
    )
    if ready < wanted:
        return Verdict(FALSE, "WorkersNotReady", f"{name}: {ready} of {wanted} workers are ready")
    return Verdict(TRUE)


def _is_seen(cluster: JsonObject) -> bool:
    seen = at(cluster, "status", "observedGeneration")
    return not isinstance(seen, int) or seen >= as_number(at(cluster, "metadata", "generation"))


def _cluster(component: Component, metadata: Metadata, head: JsonObject, name: str) -> JsonObject:
    own = object_metadata(component, name, _without_app(metadata.labels), metadata.annotations)
    pods = object_metadata(component, name, _without_app(metadata.pod_labels), metadata.pod_annotations)
    pods.pop("namespace")
    containers = as_objects(head.get("containers"))
    heads: JsonObject = {
        "serviceType": "ClusterIP",
        "headService": {"metadata": dict(own)},
        "rayStartParams": dict(_HEAD_START),
        "template": {"metadata": pods, "spec": _pod(head, [_leaving(one) for one in containers])},
    }
    workers: JsonObject = {
        "groupName": _GROUP,
        "replicas": max(component.pods - 1, 1),
        "minReplicas": 0,
        "maxReplicas": _MOST_WORKERS,
        "rayStartParams": {},
        "template": {"metadata": dict(pods), "spec": _pod(head, [_joining(one) for one in containers])},
    }
    made_of = revision_hash((heads["template"], workers["template"]))
    for part in (heads, workers):
        template = as_object(part["template"])
        tags = as_object(template["metadata"])
        annotations = {**as_object(tags.get("annotations")), keys.POD_TEMPLATE: made_of}
        part["template"] = {**template, "metadata": {**tags, "annotations": annotations}}
    return {
        "apiVersion": f"{_API_GROUP}/{_VERSION}",
        "kind": _KIND,
        "metadata": own,
        "spec": {"headGroupSpec": heads, "workerGroupSpecs": [workers]},
    }


def _pod(head: JsonObject, containers: list[JsonObject]) -> JsonObject:
    return {**head, "containers": list[JsonValue](containers)}


def _leaving(container: JsonObject) -> JsonObject:
    """The container, which takes its leave of the cluster before it goes."""
    stop: JsonObject = {"preStop": {"exec": {"command": [*_SHELL, "ray stop"]}}}
    return {**container, "lifecycle": container.get("lifecycle") or stop}


def _joining(container: JsonObject) -> JsonObject:
    """The container as a worker's: it joins the head and serves nothing, so that nobody may ask it for the engine."""
    kept: JsonObject = {key: value for key, value in container.items() if key not in _PROBES}
    return {**_leaving(kept), "command": [*_SHELL, "--"], "args": [_JOIN]}


def _without_app(labels: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in labels.items() if key != keys.APP}
