"""The multi-node mode: a LeaderWorkerSet, of which a replica is a group of pods whose leader serves.

Its controller makes the pods and the headless Service by which those of a group find each other, and makes a whole
group anew when one of its containers has restarted: an engine that has lost a rank does not recover by itself.
"""

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
from omectl.planner.workloads.workload import (
    Workload,
    WorkloadKind,
    WorkloadState,
    by_label,
    told_condition,
    told_numbers,
)

_GROUP: Final = "leaderworkerset.x-k8s.io"
_VERSION: Final = "v1"
_KIND: Final = "LeaderWorkerSet"
_PREFIX: Final = "lws-"
LEADERS: Final = {keys.LWS_WORKER_INDEX: "0"}
"""Besides service and component, what the pods that serve have in common. LeaderWorkerSet's webhook sets it."""
LONGEST_NAME: Final = 44
"""What follows the prefix: Kubernetes takes no longer name than 52 of a StatefulSet, and those of the workers are named
`<set>-<group>`."""

_VARIABLES: Final = (
    ("OME_LEADER_ADDRESS", "$(LWS_LEADER_ADDRESS)"),
    ("OME_INSTANCE_POD_COUNT", "$(LWS_GROUP_SIZE)"),
    ("OME_INSTANCE_POD_RANK", "$(LWS_WORKER_INDEX)"),
)
"""What runtimes for OME's own groups ask for, by the variables that every pod of a LeaderWorkerSet has first."""
_LEADERS_ONLY: Final = ("prometheus.io/path", "prometheus.io/port", "prometheus.io/scrape")
"""Annotations that would have the metrics of an engine read from pods that do not serve."""
_ROLLING: Final[JsonObject] = {"maxSurge": 1, "maxUnavailable": 1}


def set_name(object_name: str) -> str:
    """`lws-<service>-<component>`."""
    return _PREFIX + dns_shorten(object_name, LONGEST_NAME)


def leader_worker_set(workload: Workload) -> JsonObject:
    """The LeaderWorkerSet. Without workers a group is its leader alone."""
    component, metadata = workload.component, workload.metadata
    leader = _with_variables(workload.pod)
    workers = _with_variables(workload.workers) if workload.workers is not None else leader
    own = {key: value for key, value in metadata.labels.items() if key != keys.APP}
    heads = {**metadata.pod_labels, keys.RAY_NODE_TYPE: "head"}
    others = {key: value for key, value in metadata.pod_labels.items() if key != keys.APP}
    quiet = {key: value for key, value in metadata.pod_annotations.items() if key not in _LEADERS_ONLY}
    return {
        "apiVersion": f"{_GROUP}/{_VERSION}",
        "kind": _KIND,
        "metadata": object_metadata(component, set_name(component.object_name), own, metadata.annotations),
        "spec": {
            "startupPolicy": "LeaderCreated",
            "networkConfig": {"subdomainPolicy": "Shared"},
            "rolloutStrategy": {"type": "RollingUpdate", "rollingUpdateConfiguration": _rolling(component)},
            "leaderWorkerTemplate": {
                "size": component.pods,
                "restartPolicy": "RecreateGroupOnPodRestart",
                "leaderTemplate": _template(component, heads, metadata.pod_annotations, leader),
                "workerTemplate": _template(component, others, quiet, workers),
            },
        },
    }


def leader_service(component: Component, metadata: Metadata, leader: JsonObject) -> JsonObject:
    """The component's Service: the leaders of its groups and nobody else's (D4)."""
    service = component_service(component, metadata, leader)
    labels = as_object(at(service, "metadata", "labels"))
    selector = {key: metadata.pod_labels[key] for key in (keys.INFERENCE_SERVICE, keys.COMPONENT)}
    return {
        **service,
        "metadata": {
            **as_object(service["metadata"]),
            "labels": {key: value for key, value in labels.items() if key != keys.APP},
        },
        "spec": {**as_object(service["spec"]), "selector": {**selector, **LEADERS}},
    }


def read_leader_worker_set(live: JsonObject) -> WorkloadState:
    """What a live LeaderWorkerSet says of itself.

    Its controller calls it available only while every group is ready and of the newest template. Here it is so while
    as many groups serve as an update leaves, which is all but one, and one at least.
    """
    status, (wanted, replicas, ready) = as_object(live.get("status")), told_numbers(live)
    told, failure = told_condition(live, "Available"), told_condition(live, "ReplicaFailure")
    updated = as_number(status.get("updatedReplicas"))
    groups = f"{ready} of {wanted} groups are ready"
    if told.status == TRUE:
        verdict = Verdict(TRUE, told.reason, groups)
    else:
        why = next(
            (one for kind in ("UpdateInProgress", "Progressing") if (one := told_condition(live, kind)).status == TRUE),
            told,
        )
        serving = wanted > 0 and ready >= max(wanted - 1, 1)
        unknown = FALSE if status else UNKNOWN
        text = f"{groups}; {why.message}" if why.message else groups
        verdict = Verdict(TRUE if serving else unknown, why.reason or f"{_KIND}NotReady", text)
    return WorkloadState(
        kind=_KIND,
        name=as_text(at(live, "metadata", "name")),
        available=verdict.status == TRUE,
        rolled_out=updated >= wanted and told_condition(live, "UpdateInProgress").status != TRUE,
        verdict=verdict,
        failure=failure if failure.status == TRUE else None,
        wanted=wanted,
        replicas=replicas,
        ready=ready,
    )


def _of_pods(leader_worker_set: JsonObject) -> tuple[JsonValue, ...]:
    """Both templates, and the size of a group, which its pods are told."""
    group = at(leader_worker_set, "spec", "leaderWorkerTemplate")
    return at(group, "leaderTemplate"), at(group, "workerTemplate"), at(group, "size")


LEADER_WORKER_SET: Final = WorkloadKind(
    group=_GROUP,
    version=_VERSION,
    kind=_KIND,
    named=lambda object_name, _: set_name(object_name),
    build=lambda workload, _: (leader_worker_set(workload),),
    service=leader_service,
    read=lambda found, _: read_leader_worker_set(found[0]),
    template=("spec", "leaderWorkerTemplate", "leaderTemplate"),
    maker=by_label(keys.LWS_NAME),
    marks=lambda component: {keys.APP: component.app, keys.RAY_NODE_TYPE: "head", **LEADERS},
    worker_template=("spec", "leaderWorkerTemplate", "workerTemplate"),
    of_pods=_of_pods,
    serving=LEADERS,
    recounts=True,
    grouped=True,
)


def _template(component: Component, labels: dict[str, str], annotations: dict[str, str], pod: JsonObject) -> JsonObject:
    tags = object_metadata(component, component.object_name, labels, annotations)
    return {"metadata": tags, "spec": pod}


def _rolling(component: Component) -> JsonObject:
    """How many groups may be away or beside the others while they are made anew: as a Deployment's strategy says."""
    stated = as_object(at(component.scaling.deployment_strategy or {}, "rollingUpdate"))
    return {key: stated.get(key, value) for key, value in _ROLLING.items()}


def _with_variables(pod: JsonObject) -> JsonObject:
    """The pod, each of whose containers also has OME's names for its group."""
    containers: list[JsonValue] = []
    for container in as_objects(pod.get("containers")):
        env = as_objects(container.get("env"))
        names = {as_text(variable.get("name")) for variable in env}
        added = [JsonObject(name=name, value=value) for name, value in _VARIABLES if name not in names]
        containers.append({**container, "env": list[JsonValue]([*env, *added])})
    return {**pod, "containers": containers}
