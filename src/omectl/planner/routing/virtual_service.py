"""The route to a serverless service through Istio: a VirtualService, and a Service of its name that leads to it.

Knative serves a component under a host of its own, `<service>-engine...`. The VirtualService takes requests for the
service's own hosts, inside the cluster and outside, and hands them to Knative under the component's host. So they wake
pods where there are none. The public host is made from Knative's: nothing is routed until Knative has told it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from omectl.api import labels as keys
from omectl.api.document import as_object
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject, JsonValue
from omectl.api.settings import IngressSettings
from omectl.planner.names import CLUSTER_DOMAIN, EXTERNAL_SERVICE, cluster_host, label_value, service_object_name
from omectl.planner.routing.hosts import path_of
from omectl.planner.workloads.workload import Workload

_API_VERSION: Final = "networking.istio.io/v1"
_KIND: Final = "VirtualService"
_MESH: Final = "mesh"
_GATEWAY_PORT: Final = 8080
_PORT: Final = r"(?::\d{1,5})?"


@dataclass(frozen=True, slots=True)
class KnativeRoute:
    """What the route consists of, and where it leads from: `url` outside the cluster, "" where that is not known."""

    objects: tuple[JsonObject, ...]
    url: str
    address: str


def knative_route(
    service: InferenceService, workload: Workload, settings: IngressSettings, component_url: str
) -> KnativeRoute:
    """The route to a serverless component, whose address Knative tells, "" while it has none. Raises `PlanRefused`."""
    own = service.metadata
    inside = cluster_host(service_object_name(own.name), own.namespace)
    outside = _public_host(service, workload, component_url)
    address = f"http://{inside}"
    if settings.disable_istio_virtual_host:
        return KnativeRoute((), component_url, address)
    entry = _external_name(service, settings)
    if not outside:
        return KnativeRoute((entry,), "", address)
    local = own.labels.get(keys.KNATIVE_VISIBILITY) == keys.CLUSTER_LOCAL or outside == inside
    public = () if local else (outside, *_additional_hosts(service, outside, settings))
    path = "" if local else path_of(service, settings)
    url = f"{settings.url_scheme}://{settings.ingress_domain}{path}" if path else f"{settings.url_scheme}://{outside}"
    made = _virtual_service(service, workload, settings, inside, public, path)
    return KnativeRoute((entry, made), url, address)


def _public_host(service: InferenceService, workload: Workload, component_url: str) -> str:
    """Knative's host of the component without the component's suffix, which its first label begins with."""
    host = urlsplit(component_url).hostname or ""
    if not host.startswith(workload.name):
        return host
    return f"{service_object_name(service.metadata.name)}{host.removeprefix(workload.name)}"


def _additional_hosts(service: InferenceService, outside: str, settings: IngressSettings) -> list[str]:
    """The same host in each further domain, where Knative's own domain can be told from it."""
    own = f"{service_object_name(service.metadata.name)}.{service.metadata.namespace}."
    if not outside.startswith(own):
        return []
    found = (f"{own}{domain}" for domain in settings.additional_ingress_domains or ())
    return [host for host in dict.fromkeys(found) if host != outside]


def _external_name(service: InferenceService, settings: IngressSettings) -> JsonObject:
    own = service.metadata
    labels: JsonObject = {keys.INFERENCE_SERVICE: label_value(own.name), keys.COMPONENT: EXTERNAL_SERVICE}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": service_object_name(own.name), "namespace": own.namespace, "labels": labels},
        "spec": {"type": "ExternalName", "externalName": settings.local_gateway_service},
    }


def _virtual_service(
    service: InferenceService,
    workload: Workload,
    settings: IngressSettings,
    inside: str,
    public: tuple[str, ...],
    path: str,
) -> JsonObject:
    own = service.metadata
    annotations = {key: value for key, value in own.annotations.items() if key not in keys.NEVER_COPIED}
    metadata: JsonObject = {
        "name": own.name,
        "namespace": own.namespace,
        "labels": as_object(
            dict[str, JsonValue]({**own.labels, keys.INFERENCE_SERVICE: label_value(own.name)}),
        ),
    }
    if annotations:
        metadata["annotations"] = as_object(dict[str, JsonValue](annotations))
    local, outer = [settings.local_gateway, _MESH], [settings.ingress_gateway]
    target = _target(service, workload, settings)
    matches: list[JsonValue] = [_match(_inside_pattern(inside), local)]
    matches += [_match(_pattern(host), outer) for host in public]
    http: list[JsonValue] = [{"match": matches, **target}]
    hosts = [inside, *public]
    if path:
        hosts.append(settings.ingress_domain)
        pattern = _pattern(settings.ingress_domain)
        ways: list[JsonValue] = [
            {"uri": {"prefix": f"{path}/"}, **_match(pattern, outer)},
            {"uri": {"exact": path}, **_match(pattern, outer)},
        ]
        http.append({"match": ways, "rewrite": {"uri": "/"}, **target})
    spec: JsonObject = {
        "hosts": list[JsonValue](dict.fromkeys(hosts)),
        "gateways": list[JsonValue]([*local, *(outer if public else ())]),
        "http": http,
    }
    return {"apiVersion": _API_VERSION, "kind": _KIND, "metadata": metadata, "spec": spec}


def _target(service: InferenceService, workload: Workload, settings: IngressSettings) -> JsonObject:
    """Knative's gateway, under the host by which it knows the component."""
    namespace = service.metadata.namespace
    headers: JsonObject = {
        "Host": cluster_host(workload.name, namespace),
        "OME-Isvc-Namespace": namespace,
        "OMe-Isvc-Name": service.metadata.name,
    }
    destination: JsonObject = {"host": settings.knative_local_gateway_service, "port": {"number": _GATEWAY_PORT}}
    return {
        "headers": {"request": {"set": headers}},
        "route": [{"destination": destination, "weight": 100}],
    }


def _match(pattern: str, gateways: Iterable[str]) -> JsonObject:
    return {"authority": {"regex": pattern}, "gateways": list[JsonValue](gateways)}


def _pattern(host: str) -> str:
    return f"^{_quoted(host)}{_PORT}$"


def _inside_pattern(host: str) -> str:
    """A host inside the cluster, which may be called without its last parts."""
    name = host.removesuffix(f".svc.{CLUSTER_DOMAIN}")
    return rf"^{_quoted(name)}(\.svc(\.{_quoted(CLUSTER_DOMAIN)})?)?{_PORT}$"


def _quoted(host: str) -> str:
    """The host as a regular expression of Istio's."""
    return re.sub(r"[^\w-]", lambda found: f"\\{found[0]}", host)
