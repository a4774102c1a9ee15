"""Kubernetes Ingresses that lead from hosts, and from a path, to the Services of a service's components."""

from typing import Final

from omectl.api import labels as keys
from omectl.api.document import as_object
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject, JsonValue
from omectl.api.settings import IngressRewriteSettings, IngressSettings
from omectl.planner.names import component_name, label_value
from omectl.planner.placeholders import Placeholders
from omectl.planner.result import PlanRefused, Reason

_REWRITE: Final = "omectl.ingressRewrite of the settings"


def ingress(service: InferenceService, rules: list[tuple[str, str, int]], settings: IngressSettings) -> JsonObject:
    """The Ingress; each rule is a host with the name and the port of the Service behind it."""
    rendered = [_rule(host, "/", "Prefix", (name, number)) for host, name, number in rules]
    return _ingress(service, service.name, {}, rendered, settings)


def path_ingress(
    service: InferenceService,
    path: str,
    backend: tuple[str, int],
    settings: IngressSettings,
    rewrite: IngressRewriteSettings | None,
) -> JsonObject:
    """The Ingress of a path below `ingressDomain`, an object of its own as its annotations hold for all of its rules.

    `backend` is the name and the port of the Service behind it. Raises `PlanRefused` when nobody has said how the
    path is taken off.
    """
    if rewrite is None:
        field = "ingress.pathTemplate (settings or annotation)"
        message = f"{field}: wanted a way to take the path off, which an Ingress has none of, found no {_REWRITE}"
        step = "write there what its controller reads, or set enableGatewayAPI, or remove the template"
        raise PlanRefused(Reason.INVALID_SPEC, message, step, field=field)
    texts = Placeholders({"Path": path, "Name": service.name, "Namespace": service.namespace})
    added = {key: texts.fill(value, f"{_REWRITE}, annotation {key}") for key, value in rewrite.annotations.items()}
    kind = "ImplementationSpecific" if rewrite.suffix else "Prefix"
    rule = _rule(settings.ingress_domain, f"{path}{rewrite.suffix}", kind, backend)
    return _ingress(service, component_name(service.name, "path"), added, [rule], settings)


def _ingress(
    service: InferenceService, name: str, added: dict[str, str], rules: list[JsonObject], settings: IngressSettings
) -> JsonObject:
    own = service.metadata
    annotations = {key: value for key, value in own.annotations.items() if key not in keys.NEVER_COPIED} | added
    spec: JsonObject = {"rules": list[JsonValue](rules)}
    if settings.ingress_class_name:
        spec["ingressClassName"] = settings.ingress_class_name
    if settings.tls_secret_name:
        hosts = list[JsonValue](dict.fromkeys(str(rule["host"]) for rule in rules))
        spec["tls"] = [{"hosts": hosts, "secretName": settings.tls_secret_name}]
    metadata: JsonObject = {
        "name": name,
        "namespace": own.namespace,
        "labels": {keys.INFERENCE_SERVICE: label_value(own.name)},
    }
    if annotations:
        metadata["annotations"] = as_object(dict[str, JsonValue](annotations))
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec}


def _rule(host: str, path: str, kind: str, behind: tuple[str, int]) -> JsonObject:
    name, number = behind
    backend: JsonObject = {"service": {"name": name, "port": {"number": number}}}
    return {"host": host, "http": {"paths": [{"path": path, "pathType": kind, "backend": backend}]}}
