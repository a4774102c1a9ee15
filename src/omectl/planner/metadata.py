"""Labels and annotations of what a component owns.

The service's own go on the objects, the component's and the computed ones on the pods too. Of the service's only those
that act on a pod reach it: a label that somebody adds to a service does not restart its pods.
"""

from dataclasses import dataclass
from typing import Final

from omectl.api import labels as keys
from omectl.api.base_model import BaseModel, ClusterBaseModel
from omectl.planner.component import Component
from omectl.planner.model import ModelView
from omectl.planner.names import ROUTER, label_value
from omectl.planner.weights import ServedWeight

_POD_ANNOTATIONS: Final = (
    *keys.POD_ONLY_PREFIXES,
    *sorted(keys.POD_ONLY),
    keys.ENABLE_METRIC_AGGREGATION,
    keys.ENABLE_PROMETHEUS_SCRAPING,
    keys.DISABLE_MODEL_DECRYPTION,
    "prometheus.ome.io/",
    "cluster-autoscaler.kubernetes.io/",
    "container.apparmor.security.beta.kubernetes.io/",
    "k8s.v1.cni.cncf.io/",
    "karpenter.sh/",
    "linkerd.io/",
    "proxy.istio.io/",
    "scheduling.volcano.sh/",
    "sidecar.istio.io/",
    "traffic.sidecar.istio.io/",
    "vault.hashicorp.com/",
)
_POD_LABELS: Final = (
    "azure.workload.identity/",
    "kueue.x-k8s.io/",
    "sidecar.istio.io/",
    "volcano.sh/",
)


@dataclass(frozen=True, slots=True)
class Metadata:
    """Labels and annotations, of the objects and of the pods."""

    labels: dict[str, str]
    annotations: dict[str, str]
    pod_labels: dict[str, str]
    pod_annotations: dict[str, str]

    @property
    def service_annotations(self) -> dict[str, str]:
        """What of the annotations a Service gets."""
        return {
            key: value
            for key, value in self.annotations.items()
            if key not in keys.POD_ONLY and not key.startswith(keys.POD_ONLY_PREFIXES)
        }


def component_metadata(
    component: Component, model: ModelView, resource: BaseModel | ClusterBaseModel, mode: str, revision: str
) -> Metadata:
    """The metadata of a component in its mode. A new `revision` of the model's files rolls the pods; "" is unknown."""
    own = component.service.metadata
    annotations = {key: value for key, value in own.annotations.items() if key not in keys.NEVER_COPIED}
    annotations.pop(keys.DEPLOYMENT_MODE, None)
    computed = {**_computed_annotations(component, model, resource), keys.DEPLOYMENT_MODE: mode}
    computed_labels = _computed_labels(component, model, resource)
    own_labels = component.scaling.labels or {}
    queue = _queue_labels({**annotations, **component.own_annotations})
    # A queue or a priority that is named itself counts before one that follows from an annotation.
    computed_labels |= {key: value for key, value in queue.items() if key not in {**own.labels, **own_labels}}
    pod_annotations = {**_chosen(annotations, _POD_ANNOTATIONS), **component.own_annotations, **computed}
    if revision:
        pod_annotations[keys.MODEL_REVISION] = revision
    return Metadata(
        labels={**own.labels, **own_labels, **computed_labels},
        annotations={**annotations, **component.own_annotations, **computed},
        pod_labels={**_chosen(own.labels, _POD_LABELS), **own_labels, **computed_labels},
        pod_annotations=pod_annotations,
    )


def _chosen(values: dict[str, str], wanted: tuple[str, ...]) -> dict[str, str]:
    return {key: value for key, value in values.items() if key.startswith(wanted)}


def _computed_annotations(
    component: Component, model: ModelView, resource: BaseModel | ClusterBaseModel
) -> dict[str, str]:
    found = {
        keys.BASE_MODEL_NAME: model.name,
        keys.BASE_MODEL_FORMAT: model.format.name if model.format is not None else "",
        keys.BASE_MODEL_FORMAT_VERSION: (model.format.version or "") if model.format is not None else "",
        keys.BASE_MODEL_VENDOR: resource.spec.vendor or "",
        keys.SERVING_RUNTIME: component.runtime_name,
    }
    weight = _weight_of(component, model)
    if weight is not None:
        found[keys.FINE_TUNED_STRATEGY] = weight.strategy
        # Whoever acts on this fetches the weight; one that is mounted is there.
        found[keys.INJECT_FINE_TUNED_ADAPTER] = weight.name if weight.source is not None else ""
    if weight is not None and weight.merged:
        found |= {keys.FINE_TUNED_MERGED: "true", keys.INJECT_MODEL_INIT: "false"}
    else:
        on_model = resource.metadata.annotations
        found |= {key: on_model.get(key, "") for key in (keys.DECRYPTION_KEY_NAME, keys.DECRYPTION_SECRET_NAME)}
    return {key: value for key, value in found.items() if value}


def _weight_of(component: Component, model: ModelView) -> ServedWeight | None:
    """The weight that the component serves; a router serves none."""
    return model.weight if component.name != ROUTER else None


def _computed_labels(component: Component, model: ModelView, resource: BaseModel | ClusterBaseModel) -> dict[str, str]:
    weight = _weight_of(component, model)
    found = {
        keys.APP: component.app,
        keys.INFERENCE_SERVICE: component.service.name,
        keys.COMPONENT: component.name,
        keys.SERVING_RUNTIME_LABEL: component.runtime_name,
        keys.FINE_TUNED_SERVING: "true" if weight is not None else "false",
        keys.BASE_MODEL_NAME_LABEL: model.name,
        keys.BASE_MODEL_SIZE_LABEL: resource.metadata.annotations.get(keys.MODEL_CATEGORY, "") or "SMALL",
        keys.BASE_MODEL_TYPE_LABEL: "Serving",
        keys.BASE_MODEL_VENDOR_LABEL: resource.spec.vendor or "",
    }
    if weight is not None:
        found[keys.FINE_TUNED_STRATEGY_LABEL] = weight.strategy
        found[keys.FINE_TUNED_MERGED_LABEL] = "true" if weight.merged else "false"
    values = {key: label_value(value) for key, value in found.items()}
    return {key: value for key, value in values.items() if value}


def _queue_labels(annotations: dict[str, str]) -> dict[str, str]:
    """Labels by which queueing schedulers find the pods."""
    found: dict[str, str] = {}
    queue, cluster = annotations.get(keys.VOLCANO_QUEUE), annotations.get(keys.DEDICATED_AI_CLUSTER)
    if queue:
        found[keys.VOLCANO_QUEUE_LABEL] = queue
    elif cluster and keys.KUEUE_ENABLED in annotations:
        found[keys.KUEUE_QUEUE_LABEL] = cluster
        found[keys.KUEUE_PRIORITY_LABEL] = "kueue-scheduling-high-priority"
    elif cluster:
        found[keys.VOLCANO_QUEUE_LABEL] = cluster
        found[keys.RAY_PRIORITY_CLASS] = "volcano-scheduling-high-priority"
    if keys.VOLCANO in annotations:
        found[keys.RAY_SCHEDULER] = "volcano"
    return {key: label_value(value) for key, value in found.items()}
