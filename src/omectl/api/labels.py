"""Keys of labels, annotations and finalizers, names of field managers, and how long names are shortened."""

import hashlib
from typing import Final, NamedTuple

from omectl.api.kinds import BASE_MODELS, CLUSTER_BASE_MODELS

# Finalizers
BASE_MODEL_FINALIZER: Final = "basemodels.ome.io/finalizer"
CLUSTER_BASE_MODEL_FINALIZER: Final = "clusterbasemodels.ome.io/finalizer"
ACCELERATOR_CLASS_FINALIZER: Final = "acceleratorclasses.ome.io/finalizer"
INFERENCE_SERVICE_FINALIZER: Final = "inferenceservice.finalizers"
BENCHMARK_JOB_FINALIZER: Final = "benchmarkjob.finalizers"

# Annotations that a user writes on a service, its components or its pods
DEPLOYMENT_MODE: Final = "ome.io/deploymentMode"
AUTOSCALER_CLASS: Final = "ome.io/autoscalerClass"
METRICS: Final = "ome.io/metrics"
TARGET_UTILIZATION: Final = "ome.io/targetUtilizationPercentage"
KEDA_THRESHOLD: Final = "autoscaling.keda.sh/threshold"
KEDA_OPERATOR: Final = "autoscaling.keda.sh/operator"
KEDA_PROMETHEUS_ADDRESS: Final = "autoscaling.keda.sh/prometheus.serverAddress"
KEDA_PAUSED_REPLICAS: Final = "autoscaling.keda.sh/paused-replicas"
KEDA_PROMETHEUS_QUERY: Final = "autoscaling.keda.sh/prometheus.query"
KNATIVE_CLASS: Final = "autoscaling.knative.dev/class"
KNATIVE_TARGET: Final = "autoscaling.knative.dev/target"
KNATIVE_METRIC: Final = "autoscaling.knative.dev/metric"
KNATIVE_MIN_SCALE: Final = "autoscaling.knative.dev/min-scale"
KNATIVE_MAX_SCALE: Final = "autoscaling.knative.dev/max-scale"
KNATIVE_ROLLOUT_DURATION: Final = "serving.knative.dev/rollout-duration"
KNATIVE_PASSTHROUGH: Final = "serving.knative.openshift.io/enablePassthrough"
ENABLE_TAG_ROUTING: Final = "ome.io/enable-tag-routing"
SERVICE_TYPE: Final = "ome.io/service-type"
LOAD_BALANCER_IP: Final = "ome.io/load-balancer-ip"
INGRESS_DOMAIN_TEMPLATE: Final = "ome.io/ingress-domain-template"
INGRESS_DOMAIN: Final = "ome.io/ingress-domain"
INGRESS_URL_SCHEME: Final = "ome.io/ingress-url-scheme"
INGRESS_ADDITIONAL_DOMAINS: Final = "ome.io/ingress-additional-domains"
INGRESS_PATH_TEMPLATE: Final = "ome.io/ingress-path-template"
INGRESS_DISABLE_ISTIO_VIRTUAL_HOST: Final = "ome.io/ingress-disable-istio-virtualhost"
INGRESS_CLASS_NAME: Final = "ome.io/ingress-class-name"
INGRESS_TLS_SECRET: Final = "ome.io/ingress-tls-secret"  # noqa: S105 - a name
INGRESS_DISABLE_CREATION: Final = "ome.io/ingress-disable-creation"
ACCELERATOR_CLASS: Final = "ome.io/accelerator-class"
DEPRECATION_WARNING: Final = "ome.io/deprecation-warning"
VOLCANO_QUEUE: Final = "ome.io/volcano-queue"
DEDICATED_AI_CLUSTER: Final = "ome.io/dedicated-ai-cluster"
VOLCANO: Final = "volcano"
KUEUE_ENABLED: Final = "kueue-enabled"
ENABLE_METRIC_AGGREGATION: Final = "ome.io/enable-metric-aggregation"
ENABLE_PROMETHEUS_SCRAPING: Final = "ome.io/enable-prometheus-scraping"
AGGREGATED_PROMETHEUS_PORT: Final = "prometheus.ome.io/port"
AGGREGATED_PROMETHEUS_PATH: Final = "prometheus.ome.io/path"
PROMETHEUS_PORT: Final = "prometheus.io/port"
PROMETHEUS_PATH: Final = "prometheus.io/path"
PROMETHEUS_SCRAPE: Final = "prometheus.io/scrape"
INJECT_MODEL_INIT: Final = "ome.io/inject-model-init"
INJECT_SERVING_SIDECAR: Final = "ome.io/inject-serving-sidecar"
INJECT_FINE_TUNED_ADAPTER: Final = "ome.io/inject-fine-tuned-adapter"
DISABLE_MODEL_DECRYPTION: Final = "ome.io/disable-model-decryption"
RDMA_AUTO_INJECT: Final = "rdma.ome.io/auto-inject"
RDMA_PROFILE: Final = "rdma.ome.io/profile"
RDMA_CONTAINER_NAME: Final = "rdma.ome.io/container-name"

STOP: Final = "omectl.io/stop"
"""On a service: `true` takes its pods away, and nothing else, until the annotation goes or is `false`."""

RUNTIME_SYNC: Final = "ome.io/runtime-sync"
"""On a service that pins its runtime: a value that it was not taken for yet asks to take the runtime as it is now."""
RUNTIME_OF: Final = "ome.io/runtime-of"
"""Label of what keeps a runtime for a service: the runtime's name."""

# Annotations on models
MODEL_CATEGORY: Final = "models.ome.io/category"
DECRYPTION_KEY_NAME: Final = "ome.io/base-model-decryption-key-name"
DECRYPTION_SECRET_NAME: Final = "ome.io/base-model-decryption-secret-name"  # noqa: S105 - the name of an annotation
SKIP_CONFIG_PARSING: Final = "ome.oracle.com/skip-config-parsing"

# Annotations that OME writes
BASE_MODEL_NAME: Final = "ome.io/base-model-name"
BASE_MODEL_VENDOR: Final = "ome.io/base-model-vendor"
BASE_MODEL_FORMAT: Final = "ome.io/base-model-format"
BASE_MODEL_FORMAT_VERSION: Final = "ome.io/base-model-format-version"
SERVING_RUNTIME: Final = "ome.io/serving-runtime"
FINE_TUNED_STRATEGY: Final = "ome.io/fine-tuned-weight-ft-strategy"
FINE_TUNED_MERGED: Final = "ome.io/fine-tuned-serving-with-merged-weights"
NODE_NAME: Final = "models.ome.io/node-name"
MANAGED_BY: Final = "models.ome.io/managed-by"
MANAGED_BY_AGENT: Final = "model-agent"
LOGGING_FORWARD: Final = "logging-forward"

# Annotations that are never copied from a service to what it owns
NEVER_COPIED: Final = frozenset(
    {
        KNATIVE_MIN_SCALE,
        KNATIVE_MAX_SCALE,
        RUNTIME_SYNC,
        STOP,
        "internal.ome.io/storage-initializer-sourceuri",
        "kubectl.kubernetes.io/last-applied-configuration",
    }
)
POD_ONLY_PREFIXES: Final = (
    "k8s.grafana.com/",
    "loki.grafana.com/",
    "prometheus.io/",
    "networking.gke.io/",
    "rdma.ome.io/",
)
"""Annotations with these prefixes go to pods, but not to Services."""
POD_ONLY: Final = frozenset({INJECT_MODEL_INIT, INJECT_SERVING_SIDECAR, INJECT_FINE_TUNED_ADAPTER})
"""Annotations that go to pods, but not to Services."""
EXTERNAL_SERVICE_PREFIXES: Final = ("service.beta.kubernetes.io/", "cloud.google.com/", "service.kubernetes.io/")
"""Only annotations with these prefixes go to the external Service."""

# Labels
INFERENCE_SERVICE: Final = "ome.io/inferenceservice"
COMPONENT: Final = "component"
REVISION_HASH: Final = "ome.io/revision-hash"
"""On a workload: the hash of what reaches its pods."""
APP: Final = "app"
SERVING_RUNTIME_LABEL: Final = "serving-runtime"
FINE_TUNED_SERVING: Final = "fine-tuned-serving"
BASE_MODEL_NAME_LABEL: Final = "base-model-name"
BASE_MODEL_SIZE_LABEL: Final = "base-model-size"
BASE_MODEL_TYPE_LABEL: Final = "base-model-type"
BASE_MODEL_VENDOR_LABEL: Final = "base-model-vendor"
FINE_TUNED_STRATEGY_LABEL: Final = "fine-tuned-weight-ft-strategy"
FINE_TUNED_MERGED_LABEL: Final = "fine-tuned-serving-with-merged-weights"
RAY_CLUSTER: Final = "ray.io/cluster"
RAY_NODE_TYPE: Final = "ray.io/node-type"
LWS_NAME: Final = "leaderworkerset.sigs.k8s.io/name"
LWS_WORKER_INDEX: Final = "leaderworkerset.sigs.k8s.io/worker-index"
RAY_PRIORITY_CLASS: Final = "ray.io/priority-class-name"
RAY_SCHEDULER: Final = "ray.io/scheduler-name"
VOLCANO_QUEUE_LABEL: Final = "volcano.sh/queue-name"
KUEUE_QUEUE_LABEL: Final = "kueue.x-k8s.io/queue-name"
KUEUE_PRIORITY_LABEL: Final = "kueue.x-k8s.io/priority-class"
KNATIVE_VISIBILITY: Final = "networking.knative.dev/visibility"
CLUSTER_LOCAL: Final = "cluster-local"
"""Value of the label above: nothing leads to the service from outside the cluster."""
KNATIVE_SERVICE: Final = "serving.knative.dev/service"
KNATIVE_REVISION: Final = "serving.knative.dev/revision"
ISTIO_INJECT: Final = "sidecar.istio.io/inject"
BENCHMARK: Final = "benchmark"
MODEL_STATUS_MARKER: Final = "models.ome/basemodel-status"
MODEL_STATUS_NODE: Final = "node"
RESERVE_MODEL_ARTIFACT: Final = "models.ome/reserve-model-artifact"
INSTANCE_TYPE: Final = "node.kubernetes.io/instance-type"
INSTANCE_TYPE_BETA: Final = "beta.kubernetes.io/instance-type"
MODEL_LABEL_PREFIX: Final = "models.ome.io/"

# Ours
DESIRED_HASH: Final = "omectl.io/desired-hash"
"""Annotation of children: the hash of what was last applied."""
OWNED_BY_UID: Final = "omectl.io/owned-by-uid"
"""Label of children: the UID of the object that they were made for."""
MODEL_REVISION: Final = "omectl.io/model-revision"
"""Annotation of pods: the revision of the model's files that they serve."""
POD_TEMPLATE: Final = "omectl.io/pod-template"
"""On a Ray pod: of which templates its cluster was made, as 16 hex digits."""
CHOSEN_MODE: Final = "omectl.io/mode"
"""Annotation in a service's status: the deployment mode that it has."""
INFERENCE_POOL: Final = "omectl.io/inference-pool"
"""On a service: `true` or `false`, whether its HTTPRoute leads to an InferencePool."""
ENDPOINT_PICKER: Final = "omectl.io/endpoint-picker"
"""On a service: the Service, as `name` or `name:port`, whose picker chooses among the pods of its InferencePool."""
RESELECT: Final = "omectl.io/reselect"
"""On a service: a value that its status does not have yet asks for a new choice of its runtime and accelerators."""
REPLICAS_BEFORE_STOP: Final = "omectl.io/replicas-before-stop"
"""On a workload of a stopped service: how many replicas it had, which it gets again."""
FILLED_FIELDS: Final = "omectl.io/filled-fields"
"""Annotation of models: names of the spec fields that the controller filled, separated by commas."""
FORCE_DELETE: Final = "omectl.io/force-delete"
"""Annotation of models: `true` lets a deleted one go although a node still holds its files."""

# Field managers
FIELD_MANAGER: Final = "omectl"
"""Owns children."""
REPLICAS_MANAGER: Final = "omectl-replicas"
"""Sets `spec.replicas` at creation, and lets go of it when an autoscaler takes it."""
FACTS_MANAGER: Final = "omectl-facts"
"""Fills the empty spec fields of models."""
AGENT_MANAGER: Final = "omectl-agent"
"""Owns a node's ConfigMap, Lease and model labels."""
ELECTION_MANAGER: Final = "omectl-leader-election"
EVENTS_MANAGER: Final = "omectl-events"
WEBHOOKS_MANAGER: Final = "omectl-webhooks"
"""Owns webhook certificates, and whom the API server trusts for webhooks."""
UP_MANAGER: Final = "omectl-up"
"""Installs manifests on a cluster of `omectl up`."""
LOCAL_MANAGER: Final = "omectl-local"
"""Sets up a control plane on this machine."""

LABEL_VALUE_LENGTH: Final = 63

_CLUSTER_PREFIX: Final = "clusterbasemodel."
_NAMESPACED_INFIX: Final = ".basemodel."
_HASH_LENGTH: Final = 8


class ModelKey(NamedTuple):
    """Identity of a model: its kind (`BaseModel` or `ClusterBaseModel`), namespace ("" for cluster scope) and name."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


def shorten(text: str, limit: int) -> str:
    """The text itself when it has at most `limit` bytes, else 8 digits of its hash, a hyphen and its end."""
    data = text.encode()
    if len(data) <= limit:
        return text
    return _shortened(data, hashlib.sha256(data).hexdigest()[:_HASH_LENGTH], limit)


def dns_shorten(text: str, limit: int = LABEL_VALUE_LENGTH) -> str:
    """As `shorten`, but what starts with a hash starts with a letter."""
    data = text.encode()
    if len(data) <= limit:
        return text
    digest = hashlib.sha256(data).hexdigest()[:_HASH_LENGTH]
    return _shortened(data, f"a{digest[1:]}" if digest[0].isdigit() else digest, limit)


def _shortened(data: bytes, digest: str, limit: int) -> str:
    tail = limit - _HASH_LENGTH - 1
    return f"{digest}-{data[-tail:].decode(errors='ignore')}" if tail > 0 else digest[:limit]


def model_label_key(key: ModelKey) -> str:
    """The label of a node that has the model: `models.ome.io/clusterbasemodel.x` or `models.ome.io/ns.basemodel.x`."""
    return MODEL_LABEL_PREFIX + _model_text(key, cluster_limit=32, namespaced_limit=38)


def model_entry_key(key: ModelKey) -> str:
    """The data key of the model in a node's ConfigMap."""
    return _model_text(key, cluster_limit=236, namespaced_limit=242)


def _model_text(key: ModelKey, *, cluster_limit: int, namespaced_limit: int) -> str:
    if not key.namespace:
        return _CLUSTER_PREFIX + shorten(key.name, cluster_limit)
    namespace, name = key.namespace, key.name
    if len(namespace.encode()) + len(name.encode()) > namespaced_limit:
        namespace = shorten(namespace, _HASH_LENGTH)
        name = shorten(name, namespaced_limit - len(namespace.encode()))
    return f"{namespace}{_NAMESPACED_INFIX}{name}"


def parse_entry_key(text: str) -> ModelKey | None:
    """The model that a data key of a node's ConfigMap stands for; None when it is no model's.

    A key that was shortened gives the shortened name: compare `model_entry_key` of a known model to find its entry.
    """
    if text.startswith(_CLUSTER_PREFIX):
        name = text.removeprefix(_CLUSTER_PREFIX)
        return ModelKey(CLUSTER_BASE_MODELS.kind, "", name) if name else None
    namespace, infix, name = text.partition(_NAMESPACED_INFIX)
    return ModelKey(BASE_MODELS.kind, namespace, name) if infix and namespace and name else None
