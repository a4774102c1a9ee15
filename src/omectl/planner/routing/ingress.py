"""A Kubernetes Ingress that leads from hosts to the Services of a service's components."""

from omectl.api import labels as keys
from omectl.api.document import as_object
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject, JsonValue
from omectl.api.settings import IngressSettings
from omectl.planner.names import label_value


def ingress(service: InferenceService, rules: list[tuple[str, str, int]], settings: IngressSettings) -> JsonObject:
    """The Ingress; each rule is a host with the name and the port of the Service behind it."""
    own = service.metadata
    annotations = {key: value for key, value in own.annotations.items() if key not in keys.NEVER_COPIED}
    rendered: list[JsonValue] = []
    for host, name, number in rules:
        backend: JsonObject = {"service": {"name": name, "port": {"number": number}}}
        path: JsonObject = {"path": "/", "pathType": "Prefix", "backend": backend}
        rendered.append({"host": host, "http": {"paths": [path]}})
    spec: JsonObject = {"rules": rendered}
    if settings.ingress_class_name:
        spec["ingressClassName"] = settings.ingress_class_name
    if settings.tls_secret_name:
        hosts = list[JsonValue](dict.fromkeys(host for host, _, _ in rules))
        spec["tls"] = [{"hosts": hosts, "secretName": settings.tls_secret_name}]
    metadata: JsonObject = {
        "name": own.name,
        "namespace": own.namespace,
        "labels": {keys.INFERENCE_SERVICE: label_value(own.name)},
    }
    if annotations:
        metadata["annotations"] = as_object(dict[str, JsonValue](annotations))
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec}
