"""Which objects make a service reachable, by the settings and the service's annotations."""

from collections.abc import Mapping
from dataclasses import dataclass

from omectl.api import labels as keys
from omectl.api.document import as_number
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject
from omectl.api.settings import IngressSettings, Settings
from omectl.planner.component import Component
from omectl.planner.inputs import LiveState
from omectl.planner.names import cluster_host, service_object_name
from omectl.planner.routing.backend import Backend, knative_backend, service_backend
from omectl.planner.routing.hosts import host_of, hosts_in_all_domains, path_of
from omectl.planner.routing.http_route import http_routes
from omectl.planner.routing.inference_pool import picker_of
from omectl.planner.routing.ingress import ingress, path_ingress
from omectl.planner.routing.overrides import with_overrides
from omectl.planner.routing.pooled import Pooled, behind_pool
from omectl.planner.routing.stable_service import stable_service
from omectl.planner.routing.virtual_service import knative_route
from omectl.planner.workloads.workload import Workload


@dataclass(frozen=True, slots=True)
class Route:
    """Where the service is reached. `objects` are what the route consists of; `url` is for clients outside.

    `component_urls` has for each component an address that leads to it: outside where the route has one, else inside.
    `waits_for_pool`: there is a route past the pool that it is to lead to, which is kept until the pool can serve.
    """

    objects: tuple[JsonObject, ...]
    url: str
    address: str
    component_urls: Mapping[str, str]
    ingress: bool
    waits_for_pool: bool = False
    warnings: tuple[str, ...] = ()


def route(
    service: InferenceService,
    entry: Component,
    ports: Mapping[str, JsonObject],
    parts: tuple[Component, ...],
    settings: Settings,
    serving: Mapping[str, Workload],
    live: LiveState,
) -> Route:
    """The route to the entry component; `ports` has the first port of each component's Service.

    `serving` are the workloads whose pods take the requests. Raises: `PlanRefused`.
    """
    own = with_overrides(service, settings.ingress)
    workload = serving[entry.name]
    told = workload.report(live)
    pool = settings.omectl.inference_pool
    picker = picker_of(service, [part.name for part in parts], workload, own, pool)
    numbers = {name: as_number(port.get("port")) for name, port in ports.items()}
    number = numbers[entry.name]
    inside = {
        part.name: f"http://{cluster_host(part.service_name, service.namespace)}:{numbers[part.name]}" for part in parts
    }
    if not (workload.of.own_service or own.disable_ingress_creation or own.enable_gateway_api):
        made = knative_route(service, workload, own, told.url)
        return Route(made.objects, made.url or made.address, made.address, inside, ingress=True)
    name = service_object_name(service.name)
    local = service.metadata.labels.get(keys.KNATIVE_VISIBILITY) == keys.CLUSTER_LOCAL
    address = inside[entry.name] if local else f"http://{cluster_host(name, service.namespace)}:{number}"
    objects = () if local else (stable_service(service, name, workload, number),)
    if own.disable_ingress_creation or local:
        if told.url and not workload.of.own_service:
            return Route(objects, told.url, told.address or told.url, inside, ingress=False)
        return Route(objects, address, address, inside, ingress=False)
    top = host_of(service, service.name, own)
    every = hosts_in_all_domains(top, own)
    several = sorted(parts, key=lambda part: part.name != entry.name) if len(parts) > 1 else []
    hosts = {part.name: host_of(service, part.object_name, own) for part in several}
    scheme = "https" if own.tls_secret_name and not own.enable_gateway_api else own.url_scheme
    urls = inside | {one: f"{scheme}://{host}" for one, host in hosts.items()}
    path = path_of(service, own)
    url = f"{scheme}://{own.ingress_domain}{path}" if path else f"{scheme}://{top}"
    if own.enable_gateway_api:
        if not workload.of.own_service:
            address = told.address or f"http://{cluster_host(workload.name, service.namespace)}"
        backends = {part.name: _backend(service, part, numbers[part.name], serving[part.name], own) for part in parts}
        if workload.nameless:
            backends[entry.name] = service_backend(name, number)
        pooled = Pooled()
        if picker is not None:
            target = as_number(ports[entry.name].get("targetPort"))
            pooled = behind_pool(service, workload, target, picker, pool, live)
            backends[entry.name] = pooled.backend or backends[entry.name]
        routes = http_routes(service, entry, every, path, [(part, hosts[part.name]) for part in several], backends, own)
        return Route(
            (*objects, *pooled.objects, *routes),
            url,
            address,
            urls,
            ingress=True,
            waits_for_pool=picker is not None and pooled.backend is None,
            warnings=pooled.warnings,
        )
    fronts = {part.name: part.service_name for part in parts} | ({entry.name: name} if workload.nameless else {})
    rules = [(host, fronts[entry.name], number) for host in every]
    rules += [(hosts[part.name], fronts[part.name], numbers[part.name]) for part in several]
    ways = [ingress(service, rules, own)]
    if path:
        ways.append(path_ingress(service, path, (fronts[entry.name], number), own, settings.omectl.ingress_rewrite))
    return Route((*objects, *ways), url, address, urls, ingress=True)


def _backend(
    service: InferenceService, part: Component, number: int, workload: Workload, settings: IngressSettings
) -> Backend:
    """What serves a component behind an HTTPRoute. Raises `PlanRefused`."""
    if workload.of.own_service:
        return service_backend(part.service_name, number)
    return knative_backend(service, workload, settings)
