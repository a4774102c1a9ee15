"""Gateway API: HTTPRoutes that hand requests from a Gateway to what serves a service's components (D3).

The hosts of the service lead to the component that takes requests, those of a component to it. A path below the shared
domain has a route of its own, for all rules of a route hold for all of its hosts. Values that the API server would
fill in are written, so that nothing differs afterwards.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from omectl.api import labels as keys
from omectl.api.document import as_object, as_objects, as_text, at
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject, JsonValue
from omectl.api.settings import IngressSettings
from omectl.planner.component import Component
from omectl.planner.names import component_name, label_value
from omectl.planner.routing.backend import Backend

GATEWAY_GROUP: Final = "gateway.networking.k8s.io"
HTTP_ROUTE: Final = "HTTPRoute"


def http_routes(
    service: InferenceService,
    entry: Component,
    top: tuple[str, ...],
    path: str,
    parts: Sequence[tuple[Component, str]],
    backends: Mapping[str, Backend],
    settings: IngressSettings,
) -> tuple[JsonObject, ...]:
    """The routes: of the hosts `top` to `entry`, of `path` where it is not "", and of the host of each of `parts`."""
    name = service.name
    made = [_http_route(service, name, top, _rule(service, entry, backends[entry.name], "/"), settings)]
    if path:
        rule = _rule(service, entry, backends[entry.name], path)
        made.append(_http_route(service, component_name(name, "path"), (settings.ingress_domain,), rule, settings))
    for component, host in parts:
        rule = _rule(service, component, backends[component.name], "/")
        made.append(_http_route(service, component.object_name, (host,), rule, settings))
    return tuple(made)


def _http_route(
    service: InferenceService, name: str, hosts: tuple[str, ...], rule: JsonObject, settings: IngressSettings
) -> JsonObject:
    own = service.metadata
    annotations = {key: value for key, value in own.annotations.items() if key not in keys.NEVER_COPIED}
    labels = {key: value for key, value in own.labels.items() if key != keys.KNATIVE_VISIBILITY}
    metadata: JsonObject = {
        "name": name,
        "namespace": own.namespace,
        "labels": as_object(dict[str, JsonValue]({**labels, keys.INFERENCE_SERVICE: label_value(own.name)})),
    }
    if annotations:
        metadata["annotations"] = as_object(dict[str, JsonValue](annotations))
    namespace, _, gateway = settings.ome_ingress_gateway.partition("/")
    parent: JsonObject = {"group": GATEWAY_GROUP, "kind": "Gateway", "namespace": namespace, "name": gateway}
    spec: JsonObject = {"parentRefs": [parent], "hostnames": list[JsonValue](hosts), "rules": [rule]}
    return {"apiVersion": f"{GATEWAY_GROUP}/v1", "kind": HTTP_ROUTE, "metadata": metadata, "spec": spec}


def _rule(service: InferenceService, component: Component, backend: Backend, path: str) -> JsonObject:
    """Requests of that path and below go to the backend, which sees them without it and under its own host."""
    headers: list[JsonValue] = [
        {"name": "OMe-Isvc-Name", "value": service.name},
        {"name": "OME-Isvc-Namespace", "value": service.namespace},
    ]
    filters: list[JsonValue] = [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": headers}}]
    rewrite: JsonObject = {"hostname": backend.host} if backend.host else {}
    if path != "/":
        rewrite["path"] = {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}
    if rewrite:
        filters.append({"type": "URLRewrite", "urlRewrite": rewrite})
    rule: JsonObject = {
        "matches": [{"path": {"type": "PathPrefix", "value": path}}],
        "filters": filters,
        "backendRefs": [backend.reference],
    }
    seconds = component.scaling.timeout_seconds
    if seconds is not None and seconds > 0:
        rule["timeouts"] = {"request": f"{seconds}s"}
    return rule


def leads_to(route: JsonObject) -> str:
    """The kind of what a route leads to, "" where it leads nowhere."""
    rules = as_objects(at(route, "spec", "rules"))
    backends = as_objects(rules[0].get("backendRefs")) if rules else []
    return as_text(backends[0].get("kind")) if backends else ""


def gateway_of(route: JsonObject) -> tuple[str, str]:
    """Namespace and name of the Gateway that a route is for."""
    parents = at(route, "spec", "parentRefs")
    parent = as_object(parents[0]) if isinstance(parents, list) and parents else {}
    return as_text(parent.get("namespace")), as_text(parent.get("name"))
