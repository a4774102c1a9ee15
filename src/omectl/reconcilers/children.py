"""The caches of what services own: an informer for each kind, narrowed to objects that name their service."""

from collections.abc import Iterator, Mapping

from omectl.api.json import JsonObject
from omectl.api.labels import INFERENCE_SERVICE, RUNTIME_OF
from omectl.api.resource import ObjectKey, ResourceKind
from omectl.informers import BY_OWNER_UID, Header, HeaderIndex, Informer, InformerFactory
from omectl.kube.resources import (
    CONFIG_MAPS,
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    INGRESSES,
    POD_DISRUPTION_BUDGETS,
    PODS,
    ROLE_BINDINGS,
    ROLES,
    SERVICE_ACCOUNTS,
    SERVICES,
)
from omectl.kube.third_party_kinds import (
    HTTP_ROUTES,
    INFERENCE_POOLS,
    KNATIVE_SERVICES,
    LEADER_WORKER_SETS,
    RAY_CLUSTERS,
    SCALED_OBJECTS,
    SIDECARS,
    VIRTUAL_SERVICES,
)
from omectl.planner.names import label_value

CHILD_KINDS: tuple[ResourceKind, ...] = (
    DEPLOYMENTS,
    SERVICES,
    HORIZONTAL_POD_AUTOSCALERS,
    POD_DISRUPTION_BUDGETS,
    CONFIG_MAPS,
    SERVICE_ACCOUNTS,
    ROLES,
    ROLE_BINDINGS,
    INGRESSES,
    CONTROLLER_REVISIONS,
)
"""Kinds that a plan may hold. Pruning goes from the first to the last: traffic's users before what they need."""

OPTIONAL_KINDS: tuple[ResourceKind, ...] = (
    HTTP_ROUTES,
    INFERENCE_POOLS,
    KNATIVE_SERVICES,
    LEADER_WORKER_SETS,
    RAY_CLUSTERS,
    SCALED_OBJECTS,
    SIDECARS,
    VIRTUAL_SERVICES,
)
"""Kinds that a plan may hold and a cluster need not serve. They are watched once it does, and pruned last."""

_SELECTORS = {CONTROLLER_REVISIONS: RUNTIME_OF}
"""StatefulSets give their own revisions the labels of their pods, which is the service's name among them."""
_BY_OWNER = "owner"
_BY_SERVICE = "service"


class Children:
    """The live children of services, and the pods that run for them."""

    def __init__(self, informers: InformerFactory) -> None:
        self.informers: Mapping[ResourceKind, Informer] = {
            kind: informers.informer(
                kind, label_selector=_SELECTORS.get(kind, INFERENCE_SERVICE), indexes={_BY_OWNER: BY_OWNER_UID}
            )
            for kind in (*CHILD_KINDS, *OPTIONAL_KINDS)
        }
        self.pods = informers.informer(
            PODS, label_selector=INFERENCE_SERVICE, indexes={_BY_SERVICE: HeaderIndex(_service_values)}
        )

    def of(self, uid: str) -> list[tuple[ResourceKind, JsonObject]]:
        """The children that name the service with this UID as an owner."""
        return [
            (kind, obj) for kind, informer in self.informers.items() for obj in informer.lister.by_index(_BY_OWNER, uid)
        ]

    def get(self, kind: ResourceKind, key: ObjectKey) -> JsonObject | None:
        """One object, whoever owns it."""
        informer = self.informers.get(kind)
        return informer.lister.get(key) if informer is not None else None

    def pods_of(self, service: ObjectKey) -> list[JsonObject]:
        """The pods that run for the service."""
        return self.pods.lister.by_index(_BY_SERVICE, label_of_service(service))


def label_of_service(service: ObjectKey) -> str:
    """Namespace and label of the pods that run for the service: a long name is shortened in labels."""
    return f"{service.namespace}/{label_value(service.name)}"


def label_of_pod(header: Header) -> str:
    """Namespace of a pod, or of what else is made for a service, and what its label names as its service."""
    return f"{header.namespace}/{header.labels.get(INFERENCE_SERVICE, '')}"


def _service_values(header: Header) -> Iterator[str]:
    yield label_of_pod(header)
