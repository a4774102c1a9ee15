"""The one Service of a service's own name, which leads to the pods that take its requests."""

from omectl.api import labels as keys
from omectl.api.document import as_object
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject, JsonValue
from omectl.planner.names import EXTERNAL_SERVICE, label_value
from omectl.planner.workloads.raw import service_type
from omectl.planner.workloads.workload import Workload


def stable_service(service: InferenceService, name: str, workload: Workload, number: int) -> JsonObject:
    """The Service of that name and port in front of the workload's pods."""
    own = service.metadata
    annotations = {
        key: value for key, value in own.annotations.items() if key.startswith(keys.EXTERNAL_SERVICE_PREFIXES)
    }
    owner = label_value(own.name)
    metadata: JsonObject = {
        "name": name,
        "namespace": own.namespace,
        "labels": {keys.INFERENCE_SERVICE: owner, keys.COMPONENT: EXTERNAL_SERVICE},
    }
    if annotations:
        metadata["annotations"] = as_object(dict[str, JsonValue](annotations))
    ports: list[JsonValue] = [{"name": "http", "port": number, "targetPort": number, "protocol": "TCP"}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {
            "type": service_type(own.annotations.get(keys.SERVICE_TYPE, "")),
            "selector": workload.selector,
            "ports": ports,
        },
    }
