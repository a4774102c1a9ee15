"""Invented worlds: a model and a few runtimes, with fields that are plain, missing, odd or wrong.

Drawn from pools that are made once, since making one typed runtime takes longer than choosing among five.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from hypothesis import strategies as st
from tests.unit.planner.build import NAMESPACE, RUNNER, Runtime, service

from omectl.api.base_model import ClusterBaseModel
from omectl.api.codec import decode_as
from omectl.api.inference_service import InferenceService
from omectl.api.serving_runtime import ClusterServingRuntime, ServingRuntime
from omectl.api.settings import SelectionSettings, Settings
from omectl.planner.model import ModelView, view_model
from omectl.planner.selection.choice import Hindrance, Selection, select_runtime
from omectl.planner.selection.sticky import Pick

Json = Any
RANKINGS = {name: SelectionSettings.model_validate({"ranking": name}) for name in ("default", "ome")}

_VERSIONS = [None, "1.0.0", "4.43.0", "4.43.0", "4.43.0", "4.45.0.dev0", "v4.43.0", "latest", ""]
_SPECIFIERS = [None, None, None, ">=4,<5", "==4.43.*", ">4.50", "~=4.43", "newest", ""]
_ARCHITECTURES = ["Llama", "Llama", "Llama", "Qwen2", None, ""]
_LISTED = [None, None, None, ["Llama*"], ["any"], ["none"], ["Qwen2", "Llama"], ["*"], [], [""]]
_QUANTIZATIONS = [None, None, None, "fp8", "int4", ""]
_SIZES = [None, "7B", "8B", "8B", "7b", "8x7B", "500K", " 8B ", "", "0", "1e3B", "9" * 50 + "B", "-1B", "nan"]
_BOUNDS = [None, "1B", "7B", "8B", "9B", "13B", "0", "x", "", "7b"]
_OPERATORS = ["Equal", "Equal", "Equal", "GreaterThan", "GreaterThanOrEqual", "LessThan", ""]
_PIPELINES = [None, None, None, {}, {"className": "P"}, {"vae": {"type": "V"}}, {"additionalComponents": {"x": {}}}]
_CAPABILITIES = [None, None, None, [], ["EMBEDDING"], ["text-to-text"], [""]]
_CLASSES = [None, None, ["H100"], ["A100", "H100"], []]


@dataclass(frozen=True, slots=True)
class World:
    """What a choice is made from.

    `twins` are the same runtimes with the keys of every object in another order, `reversals` with the entries in
    reverse.
    """

    service: InferenceService
    resource: ClusterBaseModel
    model: ModelView
    runtimes: tuple[Runtime, ...]
    twins: tuple[Runtime, ...]
    reversals: tuple[Runtime, ...]
    settings: SelectionSettings

    def choose(
        self,
        runtimes: tuple[Runtime, ...] | None = None,
        *,
        previous: Pick | None = None,
        hindrance: Hindrance | None = None,
    ) -> Selection:
        """The choice among these runtimes, the world's own without."""
        known = self.runtimes if runtimes is None else runtimes
        return select_runtime(self.service, self.model, known, self.settings, previous, hindrance)


class Pools:
    """Models, runtimes with their twins, and services, all from one seed."""

    def __init__(self, seed: int) -> None:
        generator = self._generator = random.Random(seed)
        self._models = [_model(generator) for _ in range(200)]
        self._runtimes = [_runtime(generator, f"r{index}") for index in range(600)]
        self._services = [
            service(),
            service(),
            service(decoder={}),
            service(router={}),
            service(acceleratorSelector={"acceleratorClass": "H100"}),
            service(engine={"runner": RUNNER}),
        ]

    def world(self, draw: random.Random) -> World:
        """Another world; most have something that fits."""
        runtimes = draw.sample(self._runtimes, draw.randint(1, 6))
        asked, (resource, model) = draw.choice(self._services), draw.choice(self._models)
        return World(
            service=asked,
            resource=resource,
            model=model,
            runtimes=tuple(one for one, _, _ in runtimes),
            twins=tuple(twin for _, twin, _ in runtimes),
            reversals=tuple(reversal for _, _, reversal in runtimes),
            settings=RANKINGS["ome" if draw.random() < 0.5 else "default"],
        )

    def worlds(self, count: int, seed: int) -> Iterator[World]:
        """So many of them."""
        draw = random.Random(seed)
        return (self.world(draw) for _ in range(count))


@lru_cache(maxsize=1)
def pools() -> Pools:
    """The pools that all tests share."""
    return Pools(seed=5)


worlds = st.randoms(use_true_random=False).map(lambda draw: pools().world(draw))
"""For what Hypothesis adds: worlds beyond the seeded ones, and a failing one that is small."""


def shuffled(value: Json, generator: random.Random) -> Json:
    """The same JSON with the keys of its objects in another order."""
    if isinstance(value, dict):
        keys = list(value)
        generator.shuffle(keys)
        return {key: shuffled(value[key], generator) for key in keys}
    return [shuffled(item, generator) for item in value] if isinstance(value, list) else value


def _model(draw: random.Random) -> tuple[ClusterBaseModel, ModelView]:
    plain = draw.random() < 0.7
    raw = {
        "metadata": {"name": "m"},
        "spec": {
            "storage": {"storageUri": "hf://org/m"},
            "modelFormat": {"name": "safetensors", "version": "1.0.0" if plain else draw.choice(_VERSIONS)},
            "modelFramework": {"name": "transformers", "version": "4.43.0" if plain else draw.choice(_VERSIONS)},
            "modelArchitecture": "Llama" if plain else draw.choice(_ARCHITECTURES),
            "quantization": draw.choice(_QUANTIZATIONS),
            "modelParameterSize": "8B" if plain else draw.choice(_SIZES),
            "diffusionPipeline": draw.choice(_PIPELINES),
            "modelCapabilities": draw.choice(_CAPABILITIES),
        },
    }
    resource = decode_as(ClusterBaseModel, raw)
    return resource, view_model(resource, Settings.defaults())


def _runtime(draw: random.Random, name: str) -> tuple[Runtime, Runtime, Runtime]:
    odd = draw.random() < 0.3
    spec: Json = {
        "supportedModelFormats": [_entry(draw, odd=odd) for _ in range(draw.choice([0, 1, 1, 1, 2, 3]))],
        "modelSizeRange": draw.choice([None, {"min": "7B", "max": "9B"}, {"min": "1B", "max": "13B"}])
        if not odd
        else {"min": draw.choice(_BOUNDS), "max": draw.choice(_BOUNDS)},
        "disabled": draw.choice([None, None, None, None, True, False]),
        "acceleratorRequirements": {"acceleratorClasses": draw.choice(_CLASSES)},
        "engineConfig": draw.choice(
            [{"runner": RUNNER}, {"runner": RUNNER}, {"leader": {}, "worker": {"size": 1}}, None]
        ),
        "decoderConfig": draw.choice([None, None, None, None, {}]),
        "routerConfig": draw.choice([None, {"runner": RUNNER}]),
    }
    namespace = draw.choice(["", "", NAMESPACE])
    raw = {"metadata": {"name": name, "namespace": namespace}, "spec": spec}
    cls = ServingRuntime if namespace else ClusterServingRuntime
    reverse = {**raw, "spec": {**spec, "supportedModelFormats": spec["supportedModelFormats"][::-1]}}
    return decode_as(cls, raw), decode_as(cls, shuffled(raw, draw)), decode_as(cls, reverse)


def _entry(draw: random.Random, *, odd: bool) -> Json:
    if not odd:
        return {
            "modelFormat": {"name": "safetensors", "version": "1.0.0"},
            "modelFramework": {"name": "transformers", "version": "4.43.0"},
            "modelArchitecture": draw.choice(["Llama", "Llama", "Llama", "Qwen2"]),
            "quantization": draw.choice([None, None, None, "fp8"]),
            "autoSelect": draw.choice([True, True, True, None]),
            "priority": draw.choice([None, None, 1, 2]),
            "quantizations": draw.choice([None, None, ["any"], ["none", "fp8"]]),
        }
    weight = draw.choice([0, 1, 5, -1])
    return {
        "modelFormat": {
            "name": draw.choice(["safetensors", "safetensors", ""]),
            "version": draw.choice(_VERSIONS),
            "operator": draw.choice(_OPERATORS),
            "weight": weight,
        },
        "modelFramework": draw.choice(
            [None, {"name": "transformers", "version": draw.choice(_VERSIONS), "weight": weight}]
        ),
        "modelArchitecture": draw.choice(_ARCHITECTURES),
        "modelArchitectures": draw.choice(_LISTED),
        "quantization": draw.choice(_QUANTIZATIONS),
        "quantizations": draw.choice(_LISTED),
        "modelFormatVersions": draw.choice([None, ">=1", "", None, ">=1", "first"]),
        "modelFrameworkVersions": draw.choice(_SPECIFIERS),
        "diffusionPipeline": draw.choice(_PIPELINES),
        "requiredCapabilities": draw.choice(_CAPABILITIES),
        "autoSelect": draw.choice([True, True, False, None]),
        "priority": draw.choice([None, 0, 1, 2, -3, 2**31 - 1]),
    }
