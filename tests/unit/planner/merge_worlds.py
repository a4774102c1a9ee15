"""Random components of runtimes and services, and classes, by seed: everything that the codec takes, much of it odd."""

import random
from typing import Any

from tests.unit.planner.build import NAMESPACE, entry, runtime

from omectl.api.accelerator_class import AcceleratorClass
from omectl.api.codec import decode_as
from omectl.api.inference_service import InferenceService
from omectl.planner.class_use import ClassUse
from omectl.planner.selection.candidates import Runtime

Json = Any
GPU = "nvidia.com/gpu"
IMAGES = ("engine:1", "sglang:1", "vllm/vllm-openai:v1", "")
WORDS = (
    "--tp-size", "4", "--tp=2", "--x", "-1", "--enable-metrics", "model", "a=1", "--port=80", "{{.Name}}", "{{ m }}",
    "", "{{.Nothing}}", "--", "--served-model-name", "$(MODEL_PATH)", "-c", "--max-model-len",
    "python3 \\\n --tp-size 4 \\\n --x",
)  # fmt: skip
NAMES = ("ome-container", "side", "x")
KEYS = ("gpu", "zone", "pool.io/x")
SGLANG = ["python3", "-m", "sglang.launch_server", "--tp-size", "1"]
COMMANDS = (SGLANG, ["bash", "-c"], ["vllm", "serve", "m"], [], ["sh", "-c", "x"])
SOURCES = ({"emptyDir": {}}, {"hostPath": {"path": "/x"}})
VALUES = ({"value": "1"}, {"value": "{{.Name}}"}, {"valueFrom": {"fieldRef": {"fieldPath": "x"}}})
PROBES = ({"httpGet": {"port": 1}}, {"exec": {"command": ["x"]}}, {"periodSeconds": 3})
JUNK = ("text", 3, True, [], {}, [1, "x"], {"a": {}}, [[]], [None])
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


class World:
    """One service, runtime and class, as JSON; the same seed gives the same world."""

    def __init__(self, seed: int, *, odd: bool = True) -> None:
        self.random = random.Random(seed)
        self.odd = odd
        self.template = self.component(nulls=False)
        self.asked = self.component(nulls=True)
        self.old = {
            "nodeSelector": self.labels(nulls=False),
            "containers": [{"name": self.one(NAMES), "resources": self.resources(nulls=False)}],
        }
        self.config = self.some(
            runtimeArgsOverride=self.words(),
            environmentOverride={self.one("ABC"): self.one(("1", "2")) for _ in range(self.random.randrange(3))},
            tensorParallelismOverride=self.some(
                tensorParallelSize=self.one((0, 1, 2, 8)), pipelineParallelSize=self.one((0, 2)), dataParallelSize=2
            ),
        )
        self.discovery = self.some(nodeSelector={"gpu": "h100"}, affinity=self.affinity())
        resources = [{"name": GPU, "quantity": self.one(("1", 2, "500m", "0"))}, {"name": "rdma/hca", "quantity": "1"}]
        self.resources_of_class = self.random.sample(resources, self.random.randrange(3))
        self.with_class = self.random.random() < 0.8

    def one(self, values: Any) -> Any:
        return self.random.choice(values)

    def some(self, share: float = 0.5, **fields: Json) -> Json:
        return {name: value for name, value in fields.items() if self.random.random() < share}

    def null(self, value: Json, *, nulls: bool) -> Json:
        if nulls and self.random.random() < 0.04:
            return None
        return self.one(JUNK) if self.odd and self.random.random() < 0.02 else value

    def labels(self, *, nulls: bool) -> Json:
        return {
            key: None if nulls and self.random.random() < 0.1 else self.one("ab") for key in self.random.sample(KEYS, 2)
        }

    def words(self) -> list[str]:
        return [self.one(WORDS) for _ in range(self.random.randrange(5))]

    def affinity(self) -> Json:
        terms: list[Json] = []
        for _ in range(self.random.randrange(3)):
            keys = [self.one(KEYS) for _ in range(self.random.randrange(3))]
            terms.append({"matchExpressions": [{"key": key, "operator": "Exists"} for key in keys]})
        return {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": terms}}}

    def resources(self, *, nulls: bool) -> Json:
        gpus = self.one((1, "4", "x", 0))
        amounts = {part: self.some(**{GPU: gpus, "cpu": self.one((1, "500m"))}) for part in ("requests", "limits")}
        return self.null(self.some(0.7, **amounts), nulls=nulls)

    def container(self, name: str | None, *, nulls: bool) -> Json:
        env = [{"name": self.one("ABC"), **self.one(VALUES)} for _ in range(self.random.randrange(3))]
        probe = self.one(PROBES)
        fields = self.some(
            image=self.one(IMAGES), command=self.one(COMMANDS), args=self.words(), env=env, readinessProbe=probe,
            resources=self.resources(nulls=nulls), ports=[{"containerPort": self.one((80, 81))}],
            volumeMounts=[{"name": "v", "mountPath": self.one(("/a", "/raid/models/m"))}],
        )  # fmt: skip
        named = {} if name is None else {"name": name}
        return {**named, **{key: self.null(value, nulls=nulls) for key, value in fields.items()}}

    def component(self, *, nulls: bool) -> Json:
        volume = {"name": self.one("vm"), **self.one(SOURCES)}
        names = self.random.sample(NAMES, self.random.randrange(3))
        fields = self.some(
            containers=[self.container(name, nulls=nulls) for name in names],
            initContainers=[self.container("init", nulls=nulls)], volumes=[volume],
            nodeSelector=self.labels(nulls=nulls),
            affinity=self.affinity(), tolerations=[{"key": self.one(KEYS), "effect": "NoSchedule"}],
            hostNetwork=self.one((True, False)), priorityClassName="high",
        )  # fmt: skip
        if self.random.random() < 0.85:
            fields["runner"] = self.container(self.one((*NAMES, "", None)), nulls=nulls)
        return {key: self.null(value, nulls=nulls) for key, value in fields.items()}

    def made(self) -> tuple[InferenceService, Runtime, ClassUse | None]:
        """The world as the planner's types; raises when the codec does not take it."""
        asked: Json = {
            "metadata": {"name": "svc", "namespace": NAMESPACE, "labels": {"x": "1"}},
            "spec": {"model": {"name": "m"}, "engine": self.asked},
        }
        config = {"h100": self.config}
        taken = runtime("r", entry(acceleratorConfig=config), engineConfig=self.template, **self.old)
        spec: Json = {"discovery": self.discovery, "capabilities": {}, "resources": self.resources_of_class}
        chosen = decode_as(AcceleratorClass, {"metadata": {"name": "h100"}, "spec": spec}) if self.with_class else None
        return decode_as(InferenceService, asked), taken, ClassUse.of(chosen, taken, 0)


def shuffled(value: Json, mixer: random.Random) -> Json:
    """The same document with the keys of its objects in another order."""
    if isinstance(value, dict):
        keys = list(value)
        mixer.shuffle(keys)
        return {key: shuffled(value[key], mixer) for key in keys}
    return [shuffled(item, mixer) for item in value] if isinstance(value, list) else value
