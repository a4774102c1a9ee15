"""The endpoint picker that omectl makes for a pool: a Deployment with a Service, and the right to watch the pool.

It may read nothing but its own pool, its namespace's pods, and what says how important requests are. It runs within the
Pod Security Standard `restricted`. A new version comes up before the old one goes: without a picker a Gateway answers
nothing.
"""

from typing import Final

from omectl.api import labels as keys
from omectl.api.document import as_object
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject, JsonValue
from omectl.api.settings import PickerSettings
from omectl.planner.dialects import SGLANG, VLLM
from omectl.planner.names import ENDPOINT_PICKER, component_name, label_value
from omectl.planner.pod import main_container
from omectl.planner.routing.inference_pool import INFERENCE_POOL, PICKER_PORT, POOL_GROUP, Picker
from omectl.planner.scaling import engine_metrics
from omectl.planner.workloads.workload import Workload

_RBAC: Final = "rbac.authorization.k8s.io"
_HEALTH_PORT: Final = 9003
_METRICS_PORT: Final = 9090
_LAST_REQUESTS_S: Final = 130
"""How long requests that were let through may still need the picker, in seconds: as the Inference Extension's chart."""
_HEALTH: Final[JsonObject] = {"grpc": {"port": _HEALTH_PORT, "service": "inference-extension"}}
_SGLANG_METRICS: Final = (
    "--total-queued-requests-metric=sglang:num_queue_reqs",
    "--total-running-requests-metric=sglang:num_running_reqs",
    "--kv-cache-usage-percentage-metric=sglang:token_usage",
    "--lora-info-metric=",
)
"""A picker looks for vLLM's metrics. SGLang tells nothing of LoRA. Source: the Inference Extension's model servers."""


def picker_name(service: InferenceService) -> str:
    """Name of the picker's Deployment."""
    return component_name(service.name, "epp")


def endpoint_picker(
    service: InferenceService, workload: Workload, picker: Picker, settings: PickerSettings
) -> tuple[JsonObject, ...]:
    """Everything that the picker of the workload's pods consists of."""
    name, app = picker_name(service), label_value(picker_name(service))
    labels: JsonObject = {
        keys.APP: app,
        keys.INFERENCE_SERVICE: label_value(service.name),
        keys.COMPONENT: ENDPOINT_PICKER,
    }
    metadata: JsonObject = {"name": name, "namespace": service.namespace, "labels": labels}
    read: list[JsonValue] = ["get", "list", "watch"]
    rules: list[JsonValue] = [
        {
            "apiGroups": [POOL_GROUP],
            "resources": ["inferencepools"],
            "resourceNames": [service.name],
            "verbs": read,
        },
        {
            "apiGroups": ["inference.networking.x-k8s.io"],
            "resources": ["inferenceobjectives", "inferencemodelrewrites"],
            "verbs": read,
        },
        {"apiGroups": [""], "resources": ["pods"], "verbs": read},
    ]
    subject: JsonObject = {"kind": "ServiceAccount", "name": name, "namespace": service.namespace}
    ports: list[JsonValue] = [
        {"name": "grpc-ext-proc", "port": picker.port, "targetPort": PICKER_PORT, "protocol": "TCP"},
        {"name": "http-metrics", "port": _METRICS_PORT, "targetPort": _METRICS_PORT, "protocol": "TCP"},
    ]
    selector: JsonObject = {keys.APP: app}
    deployment: JsonObject = {
        "replicas": 1,
        "selector": {"matchLabels": dict(selector)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "template": {"metadata": {"labels": dict(labels)}, "spec": _pod(service, workload, settings)},
    }
    return (
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": dict(metadata)},
        {"apiVersion": f"{_RBAC}/v1", "kind": "Role", "metadata": dict(metadata), "rules": rules},
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": dict(metadata),
            "roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": name},
            "subjects": [subject],
        },
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": deployment},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {**metadata, "name": picker.name},
            "spec": {"type": "ClusterIP", "selector": selector, "ports": ports},
        },
    )


def picker_warnings(workload: Workload) -> tuple[str, ...]:
    """Why the picker that omectl makes would choose blindly."""
    told = engine_metrics(main_container(workload.component, workload.pod))
    if not told.published:
        return (f"{INFERENCE_POOL}: the engine publishes no metrics to pick by; add --enable-metrics to its arguments",)
    if told.family not in (VLLM.name, SGLANG.name):
        text = "the engine is not known, and the picker looks for vLLM's metrics"
        return (f"{INFERENCE_POOL}: {text}; name the engine's own in picker.args of the settings",)
    return ()


def _pod(service: InferenceService, workload: Workload, settings: PickerSettings) -> JsonObject:
    family = engine_metrics(main_container(workload.component, workload.pod)).family
    args = [f"--pool-name={service.name}", f"--pool-namespace={service.namespace}"]
    args += _SGLANG_METRICS if family == SGLANG.name else ()
    requests = {"cpu": settings.cpu_request, "memory": settings.memory_request}
    found = {"requests": requests, "limits": {"memory": settings.memory_limit}}
    resources: JsonObject = {}
    for kind, amounts in found.items():
        if stated := {key: one for key, one in amounts.items() if one}:
            resources[kind] = as_object(dict[str, JsonValue](stated))
    ports: list[JsonValue] = [
        {"name": name, "containerPort": port, "protocol": "TCP"}
        for name, port in (("grpc", PICKER_PORT), ("grpc-health", _HEALTH_PORT), ("metrics", _METRICS_PORT))
    ]
    fields = (("NAMESPACE", "metadata.namespace"), ("POD_NAME", "metadata.name"))
    env: list[JsonValue] = [
        {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}} for name, path in fields
    ]
    container: JsonObject = {
        "name": "epp",
        "image": settings.image,
        "args": list[JsonValue]([*args, *settings.args]),
        "ports": ports,
        "env": env,
        "readinessProbe": {**_HEALTH, "periodSeconds": 2},
        "livenessProbe": {**_HEALTH, "initialDelaySeconds": 5, "periodSeconds": 10},
        "resources": resources,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }
    return {
        "serviceAccountName": picker_name(service),
        "terminationGracePeriodSeconds": _LAST_REQUESTS_S,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }
