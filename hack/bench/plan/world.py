"""A made-up catalogue: runtimes as people write them, classes, models and services. Equal seeds give equal worlds."""

from collections.abc import Sequence
from random import Random
from typing import Final

from omectl.api.json import JsonObject, JsonValue
from omectl.api.kinds import API_VERSION
from omectl.planner.result import Reason

NAMESPACE: Final = "team"
FAMILIES: Final = (
    *("Llama", "Llama4", "Mistral", "Mixtral", "Qwen2", "Qwen2Moe", "Qwen3", "Qwen3Moe", "Phi3", "Phi4MM", "Gemma2"),
    *("Gemma3", "DeepseekV2", "DeepseekV3", "Cohere", "Cohere2", "Falcon", "Granite", "InternLM2", "MiniCPM3"),
    *("Olmo2", "Exaone", "GptOss", "Glm4", "Glm4Moe", "Kimi", "Ernie4_5", "Nemotron", "StableLm", "Starcoder2"),
)
QUANTIZATIONS: Final = (None, None, None, "fp8", "awq", "gptq")
SIZES: Final = (("100M", "2B"), ("1B", "4B"), ("3B", "9B"), ("7B", "9B"), ("7B", "14B"), ("12B", "35B"), ("60B", "80B"))
MODEL_SIZES: Final = ("500M", "1.5B", "3.8B", "8B", "14B", "32B", "70B")
_VERSIONS: Final = ("4.43.0", "4.45.2", "4.49.0", "4.51.3", "4.55.0")
_PRODUCTS: Final = (
    ("h200", 141, 4800, 1979),
    ("h100", 80, 3350, 1979),
    ("a100", 80, 2039, 312),
    ("a100-40", 40, 1555, 312),
    ("l40s", 48, 864, 362),
    ("a10", 24, 600, 125),
    ("l4", 24, 300, 121),
    ("t4", 16, 320, 65),
)


class World:
    """Makes objects, each different from the last. `classes` is how many accelerator classes runtimes list."""

    def __init__(self, seed: int, *, classes: int = 50) -> None:
        self._random = Random(seed)
        self._classes = classes

    def runtimes(self, count: int) -> list[JsonObject]:
        """Of ten, nine are the cluster's; each takes one to four architectures, some with patterns and specifiers."""
        return [self._runtime(number) for number in range(count)]

    def accelerator_classes(self) -> list[JsonObject]:
        """Classes as the controller leaves them: counted, priced, of several products."""
        return [self._class(number) for number in range(self._classes)]

    def models(self, count: int) -> list[JsonObject]:
        """Models of the cluster, family by family, so that each has runtimes and some have many."""
        return [self.model(f"model-{number}", FAMILIES[number % len(FAMILIES)]) for number in range(count)]

    def model(self, name: str, family: str, size: str = "") -> JsonObject:
        """A model of the cluster, with the facts that its files told."""
        quantization = self._random.choice(QUANTIZATIONS)
        spec: JsonObject = {
            "vendor": family.lower(),
            "storage": {"storageUri": f"hf://{family.lower()}/{name}", "path": f"/raid/models/{family.lower()}/{name}"},
            "modelFormat": {"name": "safetensors", "version": "1.0.0"},
            "modelFramework": {"name": "transformers", "version": self._random.choice(_VERSIONS[:3])},
            "modelArchitecture": f"{family}ForCausalLM",
            "modelParameterSize": size or self._random.choice(MODEL_SIZES),
            "modelType": family.lower(),
            "modelCapabilities": ["TEXT_GENERATION", "CHAT"],
            "maxTokens": 131072,
        }
        if quantization is not None:
            spec["quantization"] = quantization
        return _object("ClusterBaseModel", {"name": name}, spec) | {"status": {"state": "Ready", "facts": _FACTS}}

    def service(self, name: str, model: str, *, runtime: str = "", has: str = "", waits: bool = False) -> JsonObject:
        """A service that asks a policy for its class; `has` is what was picked before, `waits` that nothing was."""
        spec: JsonObject = {
            "model": {"name": model},
            "engine": {"minReplicas": 1, "maxReplicas": 4},
            "router": {"minReplicas": 1, "maxReplicas": 2, "runner": {"name": "router", "image": "router:1"}},
            "acceleratorSelector": {
                "policy": "BestFit",
                "constraints": {"minMemory": 24, "requiredFeatures": ["bf16"]},
            },
        }
        if runtime:
            spec["runtime"] = {"name": runtime}
        made = _object("InferenceService", {"name": name, "namespace": NAMESPACE, "uid": f"uid-{name}"}, spec)
        status: JsonObject = (
            {"selection": {"reason": "Chosen", "runtime": {"kind": "ClusterServingRuntime", "name": has}}}
            if has
            else {}
        )
        if waits:
            status["conditions"] = [{"type": "Ready", "status": "False", "reason": Reason.RUNTIME_SELECTION.value}]
        return made | {"status": status}

    def _runtime(self, number: int) -> JsonObject:
        random = self._random
        least, most = random.choice(SIZES)
        spec: JsonObject = {
            "disabled": number % 50 == 49,
            "protocolVersions": ["openAI"],
            "supportedModelFormats": [self._format() for _ in range(random.randint(1, 4))],
            "acceleratorRequirements": {
                "acceleratorClasses": [_class_name(one) for one in range(self._classes)],
                "minMemory": random.choice((16, 24, 40)),
                "preferredPrecisions": ["fp8", "fp16"],
            },
            "engineConfig": {
                "runner": _runner(number),
                "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
                "volumes": [{"name": "dshm", "emptyDir": {"medium": "Memory"}}],
            },
            "routerConfig": {"runner": {"name": "router", "image": "router:1", "ports": [{"containerPort": 8080}]}},
        }
        if number % 8:
            spec["modelSizeRange"] = {"min": least, "max": most}
        if number % 25 == 24:
            spec["decoderConfig"] = {"runner": _runner(number)}
        name = f"runtime-{number:03}"
        if number % 10 == 9:
            return _object("ServingRuntime", {"name": name, "namespace": NAMESPACE, "uid": f"uid-{name}"}, spec)
        return _object("ClusterServingRuntime", {"name": name, "uid": f"uid-{name}"}, spec)

    def _format(self) -> JsonObject:
        random = self._random
        family, quantization = random.choice(FAMILIES), random.choice(QUANTIZATIONS)
        made: JsonObject = {
            "name": "safetensors",
            "modelFormat": {"name": "safetensors", "version": "1.0.0", "weight": random.randint(1, 10)},
            "modelFramework": {
                "name": "transformers",
                "version": random.choice(_VERSIONS),
                "operator": "GreaterThanOrEqual",
                "weight": random.randint(1, 10),
            },
            "autoSelect": random.random() < 0.8,
            "priority": random.randint(1, 5),
        }
        kind = random.random()
        if kind < 0.7:
            made["modelArchitecture"] = f"{family}ForCausalLM"
            if quantization is not None:
                made["quantization"] = quantization
            return made
        made["modelArchitectures"] = [f"{family}*", f"{random.choice(FAMILIES)}ForCausalLM"]
        made["quantizations"] = ["none", "fp8"] if kind < 0.85 else ["any"]
        made["modelFrameworkVersions"] = random.choice((">=4.43,<5", ">=4.45", "~=4.49.0"))
        made["requiredCapabilities"] = ["TEXT_GENERATION"]
        return made

    def _class(self, number: int) -> JsonObject:
        random = self._random
        product, memory, bandwidth, speed = _PRODUCTS[number % len(_PRODUCTS)]
        free = random.randint(0, 64)
        spec: JsonObject = {
            "vendor": "nvidia",
            "family": "hopper" if product.startswith("h") else "ampere",
            "model": product,
            "discovery": {"nodeSelector": {"nvidia.com/gpu.product": product, "pool": str(number)}},
            "capabilities": {
                "memoryGB": f"{memory}Gi",
                "memoryBandwidthGBps": str(bandwidth),
                "computeCapability": "9.0" if product.startswith("h") else "8.0",
                "features": ["bf16", "nvlink"] if memory > 30 else ["bf16"],
                "performance": {"fp16Tflops": speed, "int8Tops": 2 * speed, "fp32Tflops": speed // 10},
            },
            "cost": {"perHour": f"{random.randint(40, 900) / 100}", "spotPerHour": f"{random.randint(10, 300) / 100}"},
            "resources": [{"name": "nvidia.com/gpu", "quantity": "1"}],
        }
        status: JsonObject = {
            "lastUpdated": "2026-11-01T00:00:00Z",
            "availableNodes": 8,
            "totalAccelerators": 64,
            "availableAccelerators": free,
        }
        return _object("AcceleratorClass", {"name": _class_name(number)}, spec) | {"status": status}


_FACTS: Final[JsonObject] = {
    "contextLength": 131072,
    "dtype": "bfloat16",
    "layers": 32,
    "hiddenSize": 4096,
    "attentionHeads": 32,
    "keyValueHeads": 8,
    "headSize": 128,
    "vocabularySize": 128256,
}


def _runner(number: int) -> JsonObject:
    amounts: JsonObject = {"cpu": "10", "memory": "64Gi", "nvidia.com/gpu": "2"}
    args: Sequence[JsonValue] = (
        "--host=0.0.0.0",
        "--port=8080",
        "--model-path=$(MODEL_PATH)",
        "--served-model-name=$(SERVED_MODEL_NAME)",
        "--tp-size=2",
        "--mem-fraction-static=0.9",
    )
    return {
        "name": "ome-container",
        "image": f"docker.io/lmsysorg/sglang:v0.5.{number}",
        "command": ["python3", "-m", "sglang.launch_server"],
        "args": list(args),
        "env": [{"name": f"SETTING_{one}", "value": str(one)} for one in range(6)],
        "ports": [{"name": "http1", "containerPort": 8080, "protocol": "TCP"}],
        "resources": {"requests": dict(amounts), "limits": dict(amounts)},
        "volumeMounts": [{"name": "dshm", "mountPath": "/dev/shm"}],
        "readinessProbe": {"httpGet": {"path": "/health", "port": 8080}, "periodSeconds": 5, "timeoutSeconds": 10},
        "livenessProbe": {"httpGet": {"path": "/health", "port": 8080}, "periodSeconds": 60, "failureThreshold": 5},
        "startupProbe": {"httpGet": {"path": "/health", "port": 8080}, "periodSeconds": 6, "failureThreshold": 150},
    }


def _class_name(number: int) -> str:
    return f"{_PRODUCTS[number % len(_PRODUCTS)][0]}-pool-{number}"


def _object(kind: str, metadata: JsonObject, spec: JsonObject) -> JsonObject:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}
