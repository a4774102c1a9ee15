"""Istio beside a component of several pods: its proxies take requests, and leave alone what the pods tell each other.

The pods of a group talk at ports that nobody announces. A Sidecar says which port Istio's proxies of these pods are
for, so that the others stay as they are.
"""

from typing import Final

from omectl.api import labels as keys
from omectl.api.document import as_object
from omectl.api.json import JsonObject, JsonValue
from omectl.planner.workloads.raw import object_metadata
from omectl.planner.workloads.workload import Workload

_API_VERSION: Final = "networking.istio.io/v1"
_KIND: Final = "Sidecar"


def sidecar(workload: Workload, port: int) -> tuple[JsonObject, ...]:
    """The Sidecar of the workload's pods, which serve at that port; nothing without groups of pods with a proxy."""
    component, labels = workload.component, workload.metadata.pod_labels
    if not (workload.of.grouped or workload.of.several) or labels.get(keys.ISTIO_INJECT) != "true":
        return ()
    own = {key: labels[key] for key in (keys.INFERENCE_SERVICE, keys.COMPONENT)}
    listener: JsonObject = {"port": {"number": port, "protocol": "HTTP", "name": "http"}}
    return (
        {
            "apiVersion": _API_VERSION,
            "kind": _KIND,
            "metadata": object_metadata(component, component.object_name, own, {}),
            "spec": {
                "workloadSelector": {"labels": as_object(dict[str, JsonValue](own))},
                "ingress": [dict(listener)],
                "egress": [{**listener, "hosts": ["./*"]}],
            },
        },
    )
