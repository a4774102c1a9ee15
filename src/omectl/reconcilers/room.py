"""What has to go before the plan can come true. Pure.

A scaler keeps another one from its workload, and a Service keeps the name of a Knative Service, which makes one of that
name itself. All else goes once its replacement serves.
"""

from collections.abc import Collection

from omectl.api.document import as_objects, as_text, at
from omectl.api.json import JsonObject
from omectl.api.resource import ResourceKind, key_of
from omectl.kube.owners import controller_of
from omectl.kube.resources import INGRESSES, SERVICES
from omectl.kube.third_party_kinds import HTTP_ROUTES, KNATIVE_SERVICES
from omectl.reconcilers.pruning import Child
from omectl.reconcilers.scalers import displaced


def in_the_way(children: Collection[Child], planned: Collection[Child]) -> list[Child]:
    """The part of `children` that has to go now; `planned` can all be written.

    A Service goes once the Knative Service of its name is there: then it is certain that the server takes it, and the
    pods are still reached by the service's own name. It stays while a route leads to it that is to lead elsewhere.
    """
    planned_names = {key_of(obj).name for kind, obj in planned if kind == KNATIVE_SERVICES}
    names = {key_of(obj).name for kind, obj in children if kind == KNATIVE_SERVICES} & planned_names
    names -= _led_to(children) - _led_to(planned)
    services = [(kind, obj) for kind, obj in children if kind == SERVICES and key_of(obj).name in names]
    return [*displaced(children, planned), *services]


def _led_to(objects: Collection[Child]) -> set[str]:
    """The Services that Ingresses and HTTPRoutes lead to."""
    routes = [obj for kind, obj in objects if kind in (INGRESSES, HTTP_ROUTES)]
    rules = [rule for route in routes for rule in as_objects(at(route, "spec", "rules"))]
    paths = [path for rule in rules for path in as_objects(at(rule, "http", "paths"))]
    backends = [one for rule in rules for one in as_objects(rule.get("backendRefs"))]
    return {
        *(as_text(at(path, "backend", "service", "name")) for path in paths),
        *(as_text(one.get("name")) for one in backends),
    }


def is_knatives(kind: ResourceKind, obj: JsonObject) -> bool:
    """Whether it is a Service that Knative made for an object of its own, with which the garbage collector takes it.

    A plan that wants a Service of that name has none of Knative's any more: the name is free in a moment.
    """
    controller = controller_of(obj) if kind == SERVICES else None
    return controller is not None and as_text(controller.get("apiVersion")).startswith(f"{KNATIVE_SERVICES.group}/")
