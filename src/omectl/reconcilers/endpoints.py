"""Whether the Services of a component lead to what replaces its old workload, as their EndpointSlices tell. Pure."""

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from omectl.api.document import as_object, as_objects, as_text, at
from omectl.api.json import JsonObject
from omectl.api.resource import ResourceKind, key_of
from omectl.kube.owners import uid_of
from omectl.kube.resources import SERVICES
from omectl.kube.third_party_kinds import KNATIVE_SERVICES
from omectl.planner.workloads.pods import pod_ready
from omectl.planner.workloads.table import maker_of
from omectl.planner.workloads.workload import is_older
from omectl.reconcilers.pruning import Child

SERVICE_NAME: Final = "kubernetes.io/service-name"
"""The label by which a slice names its Service."""


def slices_of(services: Iterable[JsonObject]) -> str:
    """The label selector of these Services' slices."""
    return f"{SERVICE_NAME} in ({','.join(sorted(key_of(one).name for one in services))})"


def selecting(planned: Iterable[Child]) -> list[JsonObject]:
    """The Services that select pods."""
    return [obj for kind, obj in planned if kind == SERVICES and as_object(at(obj, "spec", "selector"))]


def behind(
    services: Iterable[JsonObject],
    slices: Collection[JsonObject],
    pods: Iterable[JsonObject],
    *,
    coming: Collection[Child],
    going: Collection[Child],
) -> str:
    """What the endpoints of `services` lack, "" when the pods of `coming` have taken over from those of `going`.

    All ready pods of the new workloads that a Service selects are its ready endpoints, and no pod of the old ones is
    that it does not select. Where there are no slices at all nobody tells of endpoints, and nothing can be waited for.
    """
    if not slices:
        return ""
    every, of_coming, of_going = list(pods), _makers(coming), _makers(going)
    new = [one for one in every if _serves(one, of_coming.get(maker_of(one)))]
    if not new and not all(_may_have_none(*one) for one in coming):
        return f"no pod of {_named(coming)} is known to be ready"
    old = [one for one in every if maker_of(one) in of_going]
    for service in services:
        name = key_of(service).name
        mine = [one for one in slices if at(one, "metadata", "labels", SERVICE_NAME) == name]
        if not mine:
            continue
        found = set(_ready_endpoints(mine))
        for pod in new:
            if _selects(service, pod) and uid_of(pod) not in found:
                return f"Service {name} does not lead to pod {key_of(pod).name} yet"
        for pod in old:
            if not _selects(service, pod) and uid_of(pod) in found:
                return f"Service {name} still leads to pod {key_of(pod).name}"
    return ""


def _makers(workloads: Iterable[Child]) -> dict[tuple[str, str], JsonObject]:
    return {(kind.group_kind, key_of(obj).name): obj for kind, obj in workloads}


def _may_have_none(kind: ResourceKind, workload: JsonObject) -> bool:
    """Whether it serves as it should without a pod: Knative starts one when somebody asks; others are scaled to 0."""
    return kind == KNATIVE_SERVICES or at(workload, "spec", "replicas") == 0


def _named(workloads: Iterable[Child]) -> str:
    return ", ".join(f"{kind.kind} {key_of(obj).name}" for kind, obj in workloads)


def _ready_endpoints(slices: Iterable[JsonObject]) -> Iterator[str]:
    """UIDs of the pods that get requests. A slice that does not tell whether an endpoint is ready means that it is."""
    for one in slices:
        for endpoint in as_objects(one.get("endpoints")):
            if at(endpoint, "conditions", "ready") is not False:
                yield as_text(at(endpoint, "targetRef", "uid"))


def _selects(service: JsonObject, pod: JsonObject) -> bool:
    labels = as_object(at(pod, "metadata", "labels"))
    return all(labels.get(key) == value for key, value in as_object(at(service, "spec", "selector")).items())


def _serves(pod: JsonObject, maker: JsonObject | None) -> bool:
    """Whether the pod is that workload's own, ready, and there to stay."""
    ends = at(pod, "metadata", "deletionTimestamp") is not None
    return maker is not None and pod_ready(pod) and not ends and not is_older(pod, maker)
