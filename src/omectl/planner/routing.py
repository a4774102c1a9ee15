"""How a service is reached: its one stable Service, an Ingress when the settings want one, and the URLs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from omectl.api import labels as keys
from omectl.api.document import as_number, as_object
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject, JsonValue
from omectl.api.settings import IngressSettings
from omectl.planner.component import Component
from omectl.planner.names import EXTERNAL_SERVICE, cluster_host, label_value, service_object_name
from omectl.planner.placeholders import Placeholders
from omectl.planner.result import PlanRefused, Reason, not_supported
from omectl.planner.virtual_service import knative_route
from omectl.planner.workloads.raw import service_type
from omectl.planner.workloads.workload import Report, Workload

_CLUSTER_LOCAL: Final = "cluster-local"
_LONGEST_HOST: Final = 253


@dataclass(frozen=True, slots=True)
class Route:
    """Where the service is reached. `objects` are what the route consists of; `url` is for clients outside."""

    objects: tuple[JsonObject, ...]
    url: str
    address: str
    component_hosts: dict[str, str]
    ingress: bool


def route(
    service: InferenceService,
    entry: Component,
    ports: Mapping[str, JsonObject],
    parts: tuple[Component, ...],
    settings: IngressSettings,
    workload: Workload,
    told: Report,
) -> Route:
    """The route to the entry component, run by `workload`; `ports` has the first port of each component's Service.

    `told` is what the workload's own controller says of its address. Raises: `PlanRefused`.
    """
    settings = _with_overrides(service, settings)
    numbers = {name: as_number(port.get("port")) for name, port in ports.items()}
    number = numbers[entry.name]
    hosts = {part.name: _host(service, part.object_name, settings) for part in parts}
    if not (workload.of.own_service or settings.disable_ingress_creation or settings.enable_gateway_api):
        made = knative_route(service, workload, settings, told.url)
        return Route(made.objects, made.url or made.address, made.address, hosts, ingress=True)
    name = service_object_name(service.name)
    local = service.metadata.labels.get(keys.KNATIVE_VISIBILITY) == _CLUSTER_LOCAL
    address = f"http://{cluster_host(entry.service_name if local else name, service.namespace)}:{number}"
    objects = () if local else (_external_service(service, name, workload, number),)
    if settings.disable_ingress_creation or local:
        if told.url and not workload.of.own_service:
            return Route(objects, told.url, told.address or told.url, hosts, ingress=False)
        return Route(objects, address, address, hosts, ingress=False)
    if settings.enable_gateway_api:
        raise not_supported("ingress.enableGatewayAPI of the settings", "Gateway API routes", "set it to false")
    _check_hosts(settings)
    top = _host(service, service.name, settings)
    rules = [(top, entry)]
    if len(parts) > 1:
        others = sorted(parts, key=lambda part: part.name != entry.name)
        rules += [(hosts[part.name], part) for part in others]
    objects = (*objects, _ingress(service, rules, numbers, settings))
    return Route(objects, f"{settings.url_scheme}://{top}:{number}", address, hosts, ingress=True)


def _check_hosts(settings: IngressSettings) -> None:
    more = {"pathTemplate": settings.path_template, "additionalIngressDomains": settings.additional_ingress_domains}
    for field, value in more.items():
        if value:
            raise not_supported(f"ingress.{field} (settings or annotation)", "a second way to a service", "remove it")


def _external_service(service: InferenceService, name: str, workload: Workload, number: int) -> JsonObject:
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
            "selector": {keys.INFERENCE_SERVICE: owner, keys.COMPONENT: workload.component.name, **workload.serving},
            "ports": ports,
        },
    }


def _ingress(
    service: InferenceService, rules: list[tuple[str, Component]], numbers: Mapping[str, int], settings: IngressSettings
) -> JsonObject:
    own = service.metadata
    annotations = {key: value for key, value in own.annotations.items() if key not in keys.NEVER_COPIED}
    rendered: list[JsonValue] = []
    for host, component in rules:
        backend: JsonObject = {"service": {"name": component.service_name, "port": {"number": numbers[component.name]}}}
        path: JsonObject = {"path": "/", "pathType": "Prefix", "backend": backend}
        rendered.append({"host": host, "http": {"paths": [path]}})
    spec: JsonObject = {"rules": rendered}
    if settings.ingress_class_name:
        spec["ingressClassName"] = settings.ingress_class_name
    metadata: JsonObject = {
        "name": own.name,
        "namespace": own.namespace,
        "labels": {keys.INFERENCE_SERVICE: label_value(own.name)},
    }
    if annotations:
        metadata["annotations"] = as_object(dict[str, JsonValue](annotations))
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec}


def _with_overrides(service: InferenceService, settings: IngressSettings) -> IngressSettings:
    """The settings with what the service's annotations say instead."""
    annotations = service.metadata.annotations
    changed: dict[str, object] = {}
    for key, field in (
        (keys.INGRESS_DOMAIN_TEMPLATE, "domain_template"),
        (keys.INGRESS_DOMAIN, "ingress_domain"),
        (keys.INGRESS_URL_SCHEME, "url_scheme"),
    ):
        if annotations.get(key):
            changed[field] = annotations[key]
    if keys.INGRESS_PATH_TEMPLATE in annotations:
        changed["path_template"] = annotations[keys.INGRESS_PATH_TEMPLATE]
    if annotations.get(keys.INGRESS_ADDITIONAL_DOMAINS):
        domains = (domain.strip() for domain in annotations[keys.INGRESS_ADDITIONAL_DOMAINS].split(","))
        changed["additional_ingress_domains"] = tuple(domain for domain in domains if domain)
    if keys.INGRESS_DISABLE_CREATION in annotations:
        changed["disable_ingress_creation"] = annotations[keys.INGRESS_DISABLE_CREATION] == "true"
    return settings.model_copy(update=changed) if changed else settings


def _host(service: InferenceService, name: str, settings: IngressSettings) -> str:
    own = service.metadata
    texts = {
        "Name": service_object_name(name),
        "Namespace": own.namespace,
        "IngressDomain": settings.ingress_domain,
    }
    maps = {"Labels": own.labels, "Annotations": own.annotations}
    host = Placeholders(texts, maps).fill(settings.domain_template, "the ingress's domainTemplate")
    labels = host.split(".")
    if (
        len(labels) < 2
        or len(host) > _LONGEST_HOST
        or any(service_object_name(one) != one or not one for one in labels)
    ):
        message = f"the ingress's domainTemplate: wanted a full host name such as a.example.com, found {host!r}"
        raise PlanRefused(
            Reason.INVALID_SPEC, message, f"correct it in the settings or in {keys.INGRESS_DOMAIN_TEMPLATE}"
        )
    return host
