"""Which objects make a service reachable, by the settings and the service's annotations."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from omectl.api import labels as keys
from omectl.api.document import as_number
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject
from omectl.api.settings import IngressSettings
from omectl.planner.component import Component
from omectl.planner.names import cluster_host, service_object_name
from omectl.planner.result import not_supported
from omectl.planner.routing.hosts import host_of, hosts_in_all_domains, path_of
from omectl.planner.routing.http_route import http_routes, service_backend
from omectl.planner.routing.ingress import ingress
from omectl.planner.routing.overrides import with_overrides
from omectl.planner.routing.stable_service import stable_service
from omectl.planner.routing.virtual_service import knative_route
from omectl.planner.workloads.workload import Report, Workload

_CLUSTER_LOCAL: Final = "cluster-local"


@dataclass(frozen=True, slots=True)
class Route:
    """Where the service is reached. `objects` are what the route consists of; `url` is for clients outside.

    `component_urls` has for each component an address that leads to it: outside where the route has one, else inside.
    """

    objects: tuple[JsonObject, ...]
    url: str
    address: str
    component_urls: Mapping[str, str]
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
    settings = with_overrides(service, settings)
    numbers = {name: as_number(port.get("port")) for name, port in ports.items()}
    number = numbers[entry.name]
    inside = {
        part.name: f"http://{cluster_host(part.service_name, service.namespace)}:{numbers[part.name]}" for part in parts
    }
    if not (workload.of.own_service or settings.disable_ingress_creation or settings.enable_gateway_api):
        made = knative_route(service, workload, settings, told.url)
        return Route(made.objects, made.url or made.address, made.address, inside, ingress=True)
    name = service_object_name(service.name)
    local = service.metadata.labels.get(keys.KNATIVE_VISIBILITY) == _CLUSTER_LOCAL
    address = inside[entry.name] if local else f"http://{cluster_host(name, service.namespace)}:{number}"
    objects = () if local else (stable_service(service, name, workload, number),)
    if settings.disable_ingress_creation or local:
        if told.url and not workload.of.own_service:
            return Route(objects, told.url, told.address or told.url, inside, ingress=False)
        return Route(objects, address, address, inside, ingress=False)
    if not workload.of.own_service:
        wish, instead = "HTTPRoutes to a serverless component", "set it to false, which routes through Istio"
        raise not_supported("ingress.enableGatewayAPI of the settings", wish, instead)
    top = host_of(service, service.name, settings)
    every = hosts_in_all_domains(top, settings)
    several = sorted(parts, key=lambda part: part.name != entry.name) if len(parts) > 1 else []
    hosts = {part.name: host_of(service, part.object_name, settings) for part in several}
    scheme = "https" if settings.tls_secret_name and not settings.enable_gateway_api else settings.url_scheme
    urls = inside | {one: f"{scheme}://{host}" for one, host in hosts.items()}
    path = path_of(service, settings)
    if settings.enable_gateway_api:
        backends = {part.name: service_backend(part, numbers[part.name]) for part in parts}
        own = [(part, hosts[part.name]) for part in several]
        objects = (*objects, *http_routes(service, entry, every, path, own, backends, settings))
        return Route(
            objects,
            f"{scheme}://{settings.ingress_domain}{path}" if path else f"{scheme}://{top}",
            address,
            urls,
            ingress=True,
        )
    if path:
        wish, instead = "a path, which an Ingress cannot take off", "remove it, or set enableGatewayAPI"
        raise not_supported("ingress.pathTemplate (settings or annotation)", wish, instead)
    rules = [(host, entry.service_name, number) for host in every]
    rules += [(hosts[part.name], part.service_name, numbers[part.name]) for part in several]
    return Route((*objects, ingress(service, rules, settings)), f"{scheme}://{top}", address, urls, ingress=True)
