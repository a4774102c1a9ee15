"""What a plan is made from: everything that it reads, gathered by the caller."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from omectl.api.accelerator_class import AcceleratorClass
from omectl.api.base_model import BaseModel, ClusterBaseModel
from omectl.api.document import as_text
from omectl.api.fine_tuned_weight import FineTunedWeight
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject
from omectl.api.resource import ResourceKind, key_of
from omectl.api.serving_runtime import ClusterServingRuntime, ServingRuntime
from omectl.api.settings import Settings

CORE_CAPABILITIES: Final = frozenset(
    {
        "ConfigMap",
        "ControllerRevision.apps",
        "Pod",
        "Service",
        "ServiceAccount",
        "Deployment.apps",
        "HorizontalPodAutoscaler.autoscaling",
        "Ingress.networking.k8s.io",
        "PodDisruptionBudget.policy",
        "Role.rbac.authorization.k8s.io",
        "RoleBinding.rbac.authorization.k8s.io",
    }
)
"""Kinds that every cluster serves: what an offline plan assumes."""


def kind_in_words(group: str, kind: str) -> str:
    """The kind as people tell it from others of that name: Knative has a Service too."""
    return f"Knative {kind}" if group == "serving.knative.dev" else kind


def kind_of(obj: JsonObject) -> str:
    """The kind of an object in words."""
    return kind_in_words(as_text(obj.get("apiVersion")).rpartition("/")[0], as_text(obj.get("kind")))


@dataclass(frozen=True, slots=True)
class LiveState:
    """Live objects of the service, with status, by kind (in words) and name; its pods among them under kind `Pod`.

    `gateway` is the Gateway that HTTPRoutes are for: empty when there is none, None when that is not known.
    """

    children: Mapping[tuple[str, str], JsonObject] = field(default_factory=dict[tuple[str, str], JsonObject])
    gateway: JsonObject | None = None

    @classmethod
    def of(cls, objects: Iterable[tuple[ResourceKind, JsonObject]], gateway: JsonObject | None = None) -> Self:
        """These objects, each with its kind."""
        named = {(kind_in_words(kind.group, kind.kind), key_of(obj).name): obj for kind, obj in objects}
        return cls(named, gateway)

    def get(self, kind: str, name: str) -> JsonObject | None:
        """The child of that kind and name."""
        return self.children.get((kind, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanInputs:
    """One service and what it refers to. `runtimes` holds those of its namespace and of the cluster, in any order."""

    service: InferenceService
    model: BaseModel | ClusterBaseModel | None = None
    weights: tuple[FineTunedWeight, ...] = ()
    runtimes: tuple[ServingRuntime | ClusterServingRuntime, ...] = ()
    accelerator_classes: tuple[AcceleratorClass, ...] = ()
    settings: Settings = field(default_factory=Settings.defaults)
    capabilities: frozenset[str] = CORE_CAPABILITIES
    live: LiveState = field(default_factory=LiveState)
