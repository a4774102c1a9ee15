"""What the cluster holds before a service comes: models, runtimes, a node and what its agent says.

The reference's catalogue where `OMECTL_COMPAT_DIR` names its folder, a made-up one of the same size elsewhere.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml
from hack.bench.plan.world import World

from omectl.api.base_model import ClusterBaseModel
from omectl.api.codec import decode_as
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject
from omectl.api.kinds import API_VERSION
from omectl.api.labels import ModelKey, model_entry_key
from omectl.api.node_entry import NodeEntry
from omectl.api.resource import key_of
from omectl.api.serving_runtime import ClusterServingRuntime
from omectl.planner import PlanInputs, plan
from omectl.planner.modes import RAW

NAMESPACE: Final = "bench"
NODE: Final = "gpu-h100-0"
MODELS: Final = 207
RUNTIMES: Final = 203
_COMPAT: Final = "OMECTL_COMPAT_DIR"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Models and runtimes of the cluster. `served` are the models that get a runtime and plain Deployments."""

    origin: str
    models: Sequence[JsonObject]
    runtimes: Sequence[JsonObject]
    served: Sequence[str]

    def entries(self, uids: dict[str, str]) -> dict[str, str]:
        """What the node's agent says: every model is Ready there. `uids` are the models'."""
        return {
            model_entry_key(ModelKey("ClusterBaseModel", "", name)): NodeEntry.model_validate(
                {"name": name, "status": "Ready", "uid": uid}
            ).dump()
            for name, uid in uids.items()
        }

    def services(self, count: int) -> list[JsonObject]:
        """Services of the served models by turns; each leaves everything but its bounds to the runtime."""
        return [_service(f"svc-{number:04}", self.served[number % len(self.served)]) for number in range(count)]


def read_catalogue() -> Catalogue:
    """The catalogue of this machine."""
    folder = os.environ.get(_COMPAT)
    models, runtimes = _recorded(Path(folder)) if folder else _made_up()
    origin = "the reference's" if folder else "made up"
    return Catalogue(origin, models, runtimes, _served(models, runtimes))


def _recorded(root: Path) -> tuple[list[JsonObject], list[JsonObject]]:
    folder = root / "inputs" / "catalogue"
    known = msgspec.json.decode((folder / "models-in-state-parsed.json").read_bytes(), type=dict[str, Any])
    models = [_object("ClusterBaseModel", name, each["spec"]) for name, each in known.items()]
    runtimes = {key_of(one): one for one in _documents(folder / "runtimes")}
    return models, [_object("ClusterServingRuntime", key.name, one["spec"]) for key, one in runtimes.items()]


def _made_up() -> tuple[list[JsonObject], list[JsonObject]]:
    world = World(0, classes=0)
    models = [_object("ClusterBaseModel", key_of(one).name, one["spec"]) for one in world.models(MODELS)]
    runtimes: list[JsonObject] = []
    for one in world.runtimes(RUNTIMES):
        spec: Any = one["spec"]
        kept = {name: part for name, part in spec.items() if name not in ("acceleratorRequirements", "decoderConfig")}
        runtimes.append(_object("ClusterServingRuntime", key_of(one).name, kept))
    return models, runtimes


def _served(models: Iterable[JsonObject], runtimes: Iterable[JsonObject]) -> list[str]:
    decoded = tuple(decode_as(ClusterServingRuntime, one) for one in runtimes)
    found: list[str] = []
    for raw in models:
        model = decode_as(ClusterBaseModel, raw)
        service = decode_as(InferenceService, _service("asked", model.name))
        made = plan(PlanInputs(service=service, model=model, runtimes=decoded))
        if made.problem is None and made.explanation.mode == RAW:
            found.append(model.name)
    return found


def _service(name: str, model: str) -> JsonObject:
    spec: JsonObject = {"model": {"name": model}, "engine": {"minReplicas": 1, "maxReplicas": 3}}
    return _object("InferenceService", name, spec, namespace=NAMESPACE)


def _object(kind: str, name: str, spec: Any, **metadata: str) -> JsonObject:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name, **metadata}, "spec": spec}


def _documents(folder: Path) -> list[JsonObject]:
    """Every runtime of the folder, in byte order of its files: of two of one name the later counts."""
    files = sorted(folder.rglob("*.yaml"), key=lambda file: str(file).encode())
    loaded = (one for file in files for one in yaml.load_all(file.read_text(), Loader=yaml.CSafeLoader))
    return [one for one in loaded if one and one["kind"] == "ClusterServingRuntime"]
