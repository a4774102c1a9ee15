"""What the API server must refuse: every constraint of the API, one value that breaks it, and where it must say so.

A vector is a kind, a path inside `spec` or `status`, a value for it (`ABSENT` removes the field), the field that the
server must name (by default the path itself) and a part of its message.
"""

import copy
import itertools
import re
from typing import Final, NamedTuple, cast

from omectl.api.json import JsonObject, JsonValue

ABSENT: Final = "(absent)"

STORAGE: JsonObject = {"storageUri": "hf://a/b", "path": "/raid/models/a/b"}
FORMAT: JsonObject = {"modelFormat": {"name": "safetensors"}, "modelFramework": {"name": "transformers"}}

COMPLETE: Final[dict[str, JsonObject]] = {
    "BaseModel": {
        "storage": STORAGE,
        "modelFormat": {"name": "safetensors"},
        "modelFramework": {"name": "transformers"},
    },
    "ClusterBaseModel": {"storage": STORAGE},
    "FineTunedWeight": {
        "baseModelRef": {"name": "llama"},
        "modelType": "LoRA",
        "hyperParameters": {"strategy": "lora"},
        "storage": STORAGE,
    },
    "ServingRuntime": {"supportedModelFormats": [FORMAT], "containers": [{"name": "c", "image": "i"}]},
    "ClusterServingRuntime": {
        "supportedModelFormats": [FORMAT | {"acceleratorConfig": {"h100": {"tensorParallelismOverride": {}}}}],
        "acceleratorRequirements": {},
        "engineConfig": {"runner": {"name": "ome-container", "image": "i"}, "leader": {}, "worker": {}},
        "routerConfig": {},
        "decoderConfig": {},
        "containers": [],
        "workers": {},
    },
    "InferenceService": {
        "model": {"name": "llama"},
        "runtime": {"name": "vllm"},
        "engine": {"runner": {"image": "i"}, "leader": {}, "worker": {}, "kedaConfig": {}, "acceleratorOverride": {}},
        "router": {},
        "decoder": {},
        "predictor": {"model": {}, "workerSpec": {}},
        "kedaConfig": {},
        "acceleratorSelector": {},
    },
    "BenchmarkJob": {
        "endpoint": {
            "inferenceService": {"name": "llama", "namespace": "default"},
            "endpoint": {"url": "http://llama", "apiFormat": "openai"},
        },
        "task": "text-to-text",
        "maxTimePerIteration": 10,
        "maxRequestsPerIteration": 100,
        "outputLocation": {"storageUri": "oci://n/ns/b/results/o/x"},
        "serviceMetadata": {"engine": "vLLM", "version": "1", "gpuType": "H100", "gpuCount": 1},
        "podOverride": {},
    },
    "AcceleratorClass": {
        "discovery": {},
        "capabilities": {},
        "resources": [{"name": "nvidia.com/gpu"}],
        "cost": {},
    },
}
"""A spec of each kind that is accepted, with room for every vector."""


class Vector(NamedTuple):
    kind: str
    path: str
    value: JsonValue
    message: str
    field: str = ""

    @property
    def id(self) -> str:
        return f"{self.kind}.{self.path}={str(self.value)[:30]}"

    @property
    def expected_field(self) -> str:
        return self.field or self.path


def changed(base: JsonObject, path: str, value: JsonValue) -> JsonObject:
    """A copy of `base` with `value` at `path` (`spec.list[0].field`); what is missing on the way is made."""
    result = copy.deepcopy(base)
    steps: list[str | int] = [int(step) if step.isdigit() else step for step in re.findall(r"[^.\[\]]+", path)]
    place: JsonValue = result
    for step, following in itertools.pairwise(steps):
        made: JsonValue = [] if isinstance(following, int) else {}
        if isinstance(step, int):
            items = cast("list[JsonValue]", place)
            if len(items) == step:
                items.append(made)
            place = items[step]
        else:
            place = cast("JsonObject", place).setdefault(step, made)
    last = steps[-1]
    if value == ABSENT:
        del cast("JsonObject", place)[str(last)]
    elif isinstance(last, int):
        cast("list[JsonValue]", place).insert(last, value)
    else:
        cast("JsonObject", place)[last] = value
    return result


def required(kind: str, *paths: str) -> list[Vector]:
    """Fields whose absence is refused."""
    return [Vector(kind, path, ABSENT, "Required value") for path in paths]


def nameless(kind: str, *paths: str, key: str = "name") -> list[Vector]:
    """Places where an empty object lacks a required field."""
    return [Vector(kind, path, {}, "Required value", f"{path}.{key}") for path in paths]


def enumerated(kind: str, path: str, *values: JsonValue) -> list[Vector]:
    return [Vector(kind, path, value, "Unsupported value") for value in values]


def _scaler(block: JsonObject, message: str, field: str) -> list[Vector]:
    return [
        Vector(_ISVC, f"spec.{part}.autoscaler", block, message, f"spec.{part}.autoscaler.{field}")
        for part in ("engine", "router")
    ]


def doubled(kind: str, path: str, *items: JsonValue) -> list[Vector]:
    """A list whose second item repeats the first one's key."""
    return [Vector(kind, path, [item, item], "Duplicate value", f"{path}[1]") for item in items]


def below(kind: str, minimum: int, *paths: str) -> list[Vector]:
    return [Vector(kind, path, minimum - 1, "greater than or equal to") for path in paths]


def typed(kind: str, **wrong: JsonValue) -> list[Vector]:
    return [Vector(kind, f"spec.{path.replace('__', '.')}", value, "must be of type") for path, value in wrong.items()]


_FORMATS = "spec.supportedModelFormats[0]"
_ENTRY = f"{_FORMATS}.acceleratorConfig.h100"
_QUANTITY = "should match"
_CRT = "ClusterServingRuntime"
_ISVC = "InferenceService"
_PODS = ("engine", "router", "decoder", "predictor")

MODELS = [
    *required("BaseModel", "spec.storage", "spec.storage.storageUri"),
    *required("ClusterBaseModel", "spec.storage", "spec.storage.storageUri"),
    *required("BaseModel", "spec.modelFormat.name", "spec.modelFramework.name"),
    *nameless("ClusterBaseModel", "spec.modelFormat", "spec.modelFramework"),
    *enumerated("ClusterBaseModel", "spec.storage.downloadPolicy", "Never", "alwaysDownload", ""),
    *typed("BaseModel", disabled="yes", version=2, maxTokens="8192", modelCapabilities="CHAT", storage__path=7),
    *typed("BaseModel", modelConfiguration="x", modelFormat="safetensors", additionalMetadata=[]),
    Vector(
        "BaseModel", "spec.additionalMetadata", {"type": 1}, "must be of type string", "spec.additionalMetadata.type"
    ),
    Vector("BaseModel", "spec.modelCapabilities", [1], "must be of type string", "spec.modelCapabilities[0]"),
    Vector("BaseModel", "spec.maxTokens", 2**31, "integer with format int32 in spec.maxTokens", "<nil>"),
    Vector("BaseModel", "spec.modelFormat.weight", 2**63, "must be of type int64"),
    *nameless(
        "BaseModel",
        "spec.storage.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution",
        key="nodeSelectorTerms",
    ),
    *required(
        "FineTunedWeight", "spec.baseModelRef", "spec.baseModelRef.name", "spec.modelType", "spec.hyperParameters"
    ),
    *required("FineTunedWeight", "spec.storage", "spec.storage.storageUri"),
    *nameless("FineTunedWeight", "spec.trainingJobRef"),
    *enumerated("FineTunedWeight", "spec.storage.downloadPolicy", "Never"),
]

RUNTIMES = [
    *required("ServingRuntime", f"{_FORMATS}.modelFormat", f"{_FORMATS}.modelFramework"),
    *required("ServingRuntime", f"{_FORMATS}.modelFormat.name", f"{_FORMATS}.modelFramework.name"),
    *required(_CRT, f"{_FORMATS}.modelFormat", f"{_FORMATS}.modelFramework.name", "spec.engineConfig.runner.name"),
    *below(_CRT, 1, f"{_FORMATS}.priority"),
    *below(_CRT, 0, f"{_ENTRY}.minMemoryPerBillionParams"),
    *below(
        _CRT,
        0,
        *(f"{_ENTRY}.tensorParallelismOverride.{name}ParallelSize" for name in ("tensor", "pipeline", "data")),
    ),
    *below(_CRT, 0, "spec.acceleratorRequirements.minMemory"),
    *below(_CRT, 0, "spec.acceleratorRequirements.minComputePerformanceTFLOPS"),
    *nameless(_CRT, "spec.decoderConfig.runner", "spec.routerConfig.runner"),
    *nameless(_CRT, "spec.engineConfig.leader.runner", "spec.engineConfig.worker.runner"),
    *nameless(_CRT, "spec.engineConfig.containers[0]", "spec.engineConfig.volumes[0]", "spec.engineConfig.os"),
    *nameless(
        _CRT, "spec.containers[0]", "spec.volumes[0]", "spec.workers.containers[0]", "spec.engineConfig.runner.env[0]"
    ),
    *nameless(_CRT, "spec.engineConfig.kedaConfig.authenticationRef"),
    *nameless(
        _CRT,
        "spec.engineConfig.runner.livenessProbe.httpGet",
        "spec.engineConfig.runner.readinessProbe.tcpSocket",
        "spec.engineConfig.runner.startupProbe.httpGet",
        key="port",
    ),
    *nameless(_CRT, "spec.engineConfig.runner.ports[0]", key="containerPort"),
    *enumerated(_CRT, "spec.engineConfig.scaleMetric", "latency", "gpu", ""),
    *enumerated(_CRT, "spec.engineConfig.acceleratorOverride.policy", "Random"),
    Vector(
        _CRT,
        "spec.engineConfig.kedaConfig.authenticationRef",
        {"name": "x", "kind": "Secret"},
        "Unsupported value",
        "spec.engineConfig.kedaConfig.authenticationRef.kind",
    ),
    *doubled(_CRT, "spec.containers", {"name": "a"}),
    *doubled(_CRT, "spec.volumes", {"name": "a", "emptyDir": {}}),
    *doubled(_CRT, "spec.imagePullSecrets", {"name": "a"}),
    *doubled(_CRT, "spec.engineConfig.runner.env", {"name": "A", "value": "1"}),
    *doubled(_CRT, "spec.engineConfig.runner.ports", {"containerPort": 80}),
    *doubled(_CRT, "spec.engineConfig.runner.volumeMounts", {"name": "a", "mountPath": "/a"}),
    *doubled(_CRT, "spec.engineConfig.hostAliases", {"ip": "10.0.0.1"}),
    Vector(
        _CRT,
        "spec.engineConfig.runner.resources",
        {"limits": {"cpu": "much"}},
        _QUANTITY,
        "spec.engineConfig.runner.resources.limits.cpu",
    ),
    *typed(_CRT, disabled="no", protocolVersions={}, modelSizeRange__min=7, engineConfig__minReplicas="1"),
    *typed("ServingRuntime", nodeSelector=[], schedulerName=1, hostNetwork="true"),
]

SERVICES = [
    *required(_ISVC, "spec.model.name", "spec.runtime.name"),
    *nameless(_ISVC, "spec.engine.leader.runner", "spec.engine.worker.runner", "spec.predictor.workerSpec.runner"),
    *nameless(_ISVC, "spec.engine.kedaConfig.authenticationRef"),
    *(
        vector
        for pod in _PODS
        for vector in nameless(_ISVC, f"spec.{pod}.containers[0]", f"spec.{pod}.initContainers[0]")
    ),
    *nameless(
        _ISVC,
        "spec.engine.runner.startupProbe.httpGet",
        "spec.engine.containers[0].livenessProbe.tcpSocket",
        "spec.engine.containers[0].startupProbe.httpGet",
        "spec.engine.initContainers[0].livenessProbe.httpGet",
        "spec.engine.leader.runner.livenessProbe.httpGet",
        "spec.predictor.model.startupProbe.tcpSocket",
        key="port",
    ),
    *(vector for pod in _PODS for vector in enumerated(_ISVC, f"spec.{pod}.scaleMetric", "latency")),
    *enumerated(_ISVC, "spec.acceleratorSelector.policy", "Fastest", ""),
    *enumerated(_ISVC, "spec.engine.acceleratorOverride.policy", "Fastest"),
    *enumerated(_ISVC, "spec.kedaConfig.authenticationRef.kind", "Secret"),
    Vector(_ISVC, "spec.kedaConfig.authenticationRef.name", "", "at least 1 chars"),
    Vector(_ISVC, "spec.engine.kedaConfig.authenticationRef.name", "", "at least 1 chars"),
    *_scaler({"class": "VPA"}, "Unsupported value", "class"),
    *_scaler({"class": "KEDA", "keda": {}}, "Required value", "keda.triggers"),
    *_scaler({"class": "KEDA", "keda": {"triggers": []}}, "at least 1 items", "keda.triggers"),
    *_scaler(
        {"class": "KEDA", "keda": {"triggers": [{"type": "cron", "metadata": {}}], "pollingInterval": 0}},
        "greater than or equal to 1",
        "keda.pollingInterval",
    ),
    Vector(_ISVC, "spec.scalingPolicy", {"mode": "Random"}, "Unsupported value", "spec.scalingPolicy.mode"),
    Vector(
        _ISVC,
        "spec.scalingPolicy",
        {"mode": "Proportional", "proportional": {"anchor": "engine", "ratios": {"router": "half"}}},
        "should match",
        "spec.scalingPolicy.proportional.ratios.router",
    ),
    *doubled(_ISVC, "spec.engine.containers", {"name": "a"}),
    *doubled(_ISVC, "spec.engine.volumes", {"name": "a"}),
    *doubled(_ISVC, "spec.engine.schedulingGates", {"name": "a"}),
    *doubled(_ISVC, "spec.engine.resourceClaims", {"name": "a"}),
    *doubled(
        _ISVC,
        "spec.engine.topologySpreadConstraints",
        {"topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "maxSkew": 1},
    ),
    *typed(_ISVC, kedaConfig__scalingThreshold=10, engine__maxReplicas="3", router__config=[], model="llama"),
    *typed(_ISVC, engine__minAvailable=[], engine__runner__image=1, engine__tolerations={}),
    Vector(_ISVC, "spec.router.config", {"a": 1}, "must be of type string", "spec.router.config.a"),
]

BENCHMARKS = [
    *required(
        "BenchmarkJob",
        "spec.endpoint",
        "spec.task",
        "spec.maxTimePerIteration",
        "spec.maxRequestsPerIteration",
        "spec.outputLocation",
        "spec.outputLocation.storageUri",
        "spec.endpoint.inferenceService.name",
        "spec.endpoint.inferenceService.namespace",
        "spec.endpoint.endpoint.url",
        "spec.endpoint.endpoint.apiFormat",
        "spec.serviceMetadata.engine",
        "spec.serviceMetadata.version",
        "spec.serviceMetadata.gpuType",
        "spec.serviceMetadata.gpuCount",
    ),
    *nameless(
        "BenchmarkJob", "spec.huggingFaceSecretReference", "spec.podOverride.env[0]", "spec.podOverride.volumes[0]"
    ),
    *nameless("BenchmarkJob", "spec.dataset", key="storageUri"),
    *enumerated("BenchmarkJob", "spec.task", "text-to-video", ""),
    *enumerated("BenchmarkJob", "spec.endpoint.endpoint.apiFormat", "OpenAI"),
    *enumerated("BenchmarkJob", "spec.serviceMetadata.engine", "vllm"),
    *enumerated("BenchmarkJob", "spec.serviceMetadata.gpuType", "H200"),
    *enumerated("BenchmarkJob", "spec.outputLocation.downloadPolicy", "x"),
    Vector("BenchmarkJob", "spec.endpoint.endpoint.url", "ftp://x", _QUANTITY),
    *doubled("BenchmarkJob", "spec.trafficScenarios", "D(100,100)"),
    *doubled("BenchmarkJob", "spec.numConcurrency", 4),
    *doubled("BenchmarkJob", "spec.podOverride.env", {"name": "A"}),
    Vector(
        "BenchmarkJob",
        "spec.podOverride.volumeMounts",
        [{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/b"}],
        "Duplicate value",
        "spec.podOverride.volumeMounts[1]",
    ),
    *typed("BenchmarkJob", maxTimePerIteration="10", additionalRequestParams="x"),
    Vector("BenchmarkJob", "spec.numConcurrency", [1.5], "must be of type integer", "spec.numConcurrency[0]"),
]

ACCELERATORS = [
    *required("AcceleratorClass", "spec.discovery", "spec.capabilities", "spec.resources[0].name"),
    *(
        Vector("AcceleratorClass", path, value, _QUANTITY)
        for path, value in (
            ("spec.capabilities.memoryGB", "80GB"),
            ("spec.capabilities.memoryBandwidthGBps", "fast"),
            ("spec.resources[0].quantity", "one"),
            ("spec.cost.perHour", "$2"),
            ("spec.cost.perMillionTokens", ""),
            ("spec.cost.spotPerHour", "1,5"),
        )
    ),
    *typed("AcceleratorClass", capabilities__clockSpeedMHz="x", capabilities__features="x", vendor=1, cost__tier=1),
    *typed("AcceleratorClass", capabilities__performance__fp16Tflops="989"),
]

REFUSED = [*MODELS, *RUNTIMES, *SERVICES, *BENCHMARKS, *ACCELERATORS]

_CONDITION: JsonObject = {
    "type": "Ready",
    "status": "True",
    "reason": "AllReady",
    "message": "",
    "lastTransitionTime": "2026-01-02T03:04:05Z",
}


def _conditions(kind: str, start: JsonObject) -> list[Vector]:
    """Everything that `metav1.Condition` asks for."""
    wrong: list[tuple[str, JsonValue, str]] = [
        *((name, ABSENT, "Required value") for name in ("type", "status", "reason", "message", "lastTransitionTime")),
        ("status", "Yes", "Unsupported value"),
        ("type", "not a type", _QUANTITY),
        ("type", "x" * 317, "Too long"),
        ("reason", "", "at least 1 chars"),
        ("reason", "has spaces", _QUANTITY),
        ("reason", "R" * 1025, "Too long"),
        ("message", "m" * 32769, "Too long"),
        ("lastTransitionTime", "yesterday", "must be of type date-time"),
        ("observedGeneration", -1, "greater than or equal to"),
    ]
    return [
        Vector(
            kind,
            "status",
            start | {"conditions": [{k: v for k, v in (_CONDITION | {name: value}).items() if v != ABSENT}]},
            message,
            f"status.conditions[0].{name}",
        )
        for name, value, message in wrong
    ]


def _status(kind: str, start: JsonObject, field: str, value: JsonValue, message: str) -> Vector:
    return Vector(kind, "status", changed(start, field, value), message, f"status.{field}")


STATUS_REFUSED = [
    *(
        vector
        for kind in ("BaseModel", "ClusterBaseModel", "FineTunedWeight")
        for vector in (
            Vector(kind, "status", {"lifecycle": "Public"}, "Required value", "status.state"),
            _status(kind, {}, "state", "Pending", "Unsupported value"),
            _status(kind, {"state": "Ready"}, "nodesReady", "node", "must be of type array"),
        )
    ),
    *_conditions("ClusterBaseModel", {"state": "Ready"}),
    Vector(
        "BaseModel",
        "status",
        {"state": "Ready", "conditions": [_CONDITION, _CONDITION]},
        "Duplicate value",
        "status.conditions[1]",
    ),
    *_conditions("AcceleratorClass", {}),
    _status("AcceleratorClass", {}, "lastUpdated", "now", "must be of type date-time"),
    _status("AcceleratorClass", {}, "availableNodes", "2", "must be of type integer"),
    Vector("BenchmarkJob", "status", {"details": "x"}, "Required value", "status.state"),
    _status("BenchmarkJob", {}, "state", "Done", "Unsupported value"),
    _status("BenchmarkJob", {"state": "Running"}, "startTime", "now", "must be of type date-time"),
    _status(_ISVC, {}, "modelStatus.transitionStatus", "Later", "Unsupported value"),
    _status(_ISVC, {}, "modelStatus.modelRevisionStates.activeModelState", "Gone", "Unsupported value"),
    _status(_ISVC, {}, "modelStatus.modelRevisionStates.targetModelState", "Gone", "Unsupported value"),
    _status(_ISVC, {}, "modelStatus.lastFailureInfo.reason", "InvalidRouterSpec", "Unsupported value"),
    _status(_ISVC, {}, "modelStatus.lastFailureInfo.time", "now", "must be of type date-time"),
    _status(_ISVC, {}, "observedGeneration", "1", "must be of type integer"),
    Vector(_ISVC, "status", {"conditions": [{"type": "Ready"}]}, "Required value", "status.conditions[0].status"),
    Vector(_ISVC, "status", {"conditions": [{"status": "True"}]}, "Required value", "status.conditions[0].type"),
    Vector(
        _ISVC,
        "status",
        {"components": {"engine": {"selectedAccelerator": {}}}},
        "Required value",
        "status.components.engine.selectedAccelerator.acceleratorClass",
    ),
]
