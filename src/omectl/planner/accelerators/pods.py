"""What a pod takes of its node, by Kubernetes' rule of a pod's effective request.

Containers run together and add up; so do init containers that restart always (side-cars), from their turn on. Any other
init container runs alone with the side-cars before it: the largest such moment counts when it is larger. The overhead
of the pod's runtime class comes on top.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from omectl.api.document import as_object, as_objects, as_text, at
from omectl.api.json import JsonObject, JsonValue
from omectl.planner.accelerators.resources import container_counts, whole

_OVER: Final = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class PodView:
    """A pod's node and what it takes there, of extended resources; nothing before it has a node and after its end."""

    node: str = ""
    requests: Mapping[str, int] = field(default_factory=dict[str, int])


def view_pod(pod: JsonObject) -> PodView:
    """The view of a core/v1 Pod."""
    node = as_text(at(pod, "spec", "nodeName"))
    if not node or at(pod, "status", "phase") in _OVER:
        return PodView()
    return PodView(node=node, requests=effective_request(as_object(pod.get("spec"))))


def effective_request(spec: JsonObject) -> Mapping[str, int]:
    """What of each extended resource a pod with this spec takes."""
    sidecars: Counter[str] = Counter()
    largest: Counter[str] = Counter()
    for container in as_objects(spec.get("initContainers")):
        own = _extended(container)
        if container.get("restartPolicy") == "Always":
            sidecars += own
            largest |= sidecars
        else:
            largest |= sidecars + own
    together = Counter(sidecars)
    for container in as_objects(spec.get("containers")):
        together += _extended(container)
    overhead = Counter(
        {name: count for name, value in as_object(spec.get("overhead")).items() if (count := whole(value))}
    )
    return {name: count for name, count in sorted(((together | largest) + overhead).items()) if "/" in name}


def what_classes_read(pod: JsonObject) -> JsonObject:
    """A Pod with nothing but its identity, its node, whether it is over, and its effective request.

    It reads as the pod itself does: one container asks for what the whole pod takes.
    """
    metadata = as_object(pod.get("metadata"))
    kept: JsonObject = {name: value for name, value in pod.items() if name in ("apiVersion", "kind")}
    kept["metadata"] = {name: value for name, value in metadata.items() if name != "annotations"}
    request = {name: str(count) for name, count in effective_request(as_object(pod.get("spec"))).items()}
    container: JsonValue = {"resources": {"requests": dict[str, JsonValue](request)}}
    kept["spec"] = {"nodeName": at(pod, "spec", "nodeName") or "", "containers": [container] if request else []}
    kept["status"] = {"phase": at(pod, "status", "phase")}
    return kept


def _extended(container: JsonObject) -> Counter[str]:
    return Counter({name: count for name, count in container_counts(container).items() if "/" in name})
