"""What has to go before the plan can come true. Pure.

A scaler keeps another one from its workload, and a Service keeps the name of a Knative Service, which makes one of that
name itself. All else goes once its replacement serves.
"""

from collections.abc import Collection

from omectl.api.document import as_text
from omectl.api.json import JsonObject
from omectl.api.resource import ResourceKind, key_of
from omectl.kube.owners import controller_of
from omectl.kube.resources import SERVICES
from omectl.kube.third_party_kinds import KNATIVE_SERVICES
from omectl.reconcilers.pruning import Child
from omectl.reconcilers.scalers import displaced


def in_the_way(children: Collection[Child], planned: Collection[Child]) -> list[Child]:
    """The part of `children` that has to go now; `planned` can all be written.

    A Service goes once the Knative Service of its name is there: then it is certain that the server takes it, and the
    pods are still reached by the service's own name.
    """
    planned_names = {key_of(obj).name for kind, obj in planned if kind == KNATIVE_SERVICES}
    names = {key_of(obj).name for kind, obj in children if kind == KNATIVE_SERVICES} & planned_names
    services = [(kind, obj) for kind, obj in children if kind == SERVICES and key_of(obj).name in names]
    return [*displaced(children, planned), *services]


def is_knatives(kind: ResourceKind, obj: JsonObject) -> bool:
    """Whether it is a Service that Knative made for an object of its own, with which the garbage collector takes it.

    A plan that wants a Service of that name has none of Knative's any more: the name is free in a moment.
    """
    controller = controller_of(obj) if kind == SERVICES else None
    return controller is not None and as_text(controller.get("apiVersion")).startswith(f"{KNATIVE_SERVICES.group}/")
