"""The files of a model and of a fine-tuned weight in an engine's pod: volumes, mounts, and what says where they are.

The variables follow the mounts (D61): what stands in `MODEL_PATH` is mounted there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from omectl.api.document import as_objects, as_text, at
from omectl.api.json import JsonObject, JsonValue
from omectl.planner.component import Component
from omectl.planner.injected import (
    IN_MEMORY,
    MODEL_DIRECTORY,
    add_adapter,
    add_model_init,
    refuse_others,
    wants_model_init,
)
from omectl.planner.model import ModelView
from omectl.planner.names import volume_name

MODEL_PATH: Final = "MODEL_PATH"

_WEIGHT_VOLUME: Final = "fine-tuned-weight"
_TFEW: Final = "/opt/ml/tfew"


@dataclass(frozen=True, slots=True)
class PodFiles:
    """The volumes of a pod's files and the mounts of the container that serves.

    `model_volume` is the name of the model's. `variables` are set where nobody set them, `named` unless the service
    did.
    """

    model_volume: str
    mounts: tuple[JsonObject, ...]
    variables: Mapping[str, str]
    named: Mapping[str, str]


def add_volumes(component: Component, pod: JsonObject, model: ModelView) -> PodFiles:
    """Add the volumes to the pod; what is to be mounted. Raises `PlanRefused`."""
    weight = model.weight
    refuse_others(component, weight)
    volume = _add_volume(pod, volume_name(model.name), model.files.source)
    init = wants_model_init(component, weight)
    mounts = [] if init or (weight is not None and weight.merged) else [model.files.mount(volume)]
    path = model.path
    kind = model.format.name if model.format is not None else ""
    few = weight is not None and weight.few
    directory = f"{MODEL_DIRECTORY}/{kind}" if few else MODEL_DIRECTORY
    if init or (weight is not None and weight.source is not None):
        _add_volume(pod, IN_MEMORY, {"emptyDir": {"medium": "Memory"}})
        part: JsonObject = {"subPath": "base"} if few else {}
        mounts.append({"name": IN_MEMORY, "mountPath": directory, **part})
    if few and weight is not None and weight.source is not None:
        tuned: JsonObject = {"name": IN_MEMORY, "mountPath": f"{_TFEW}/{kind}", "subPath": "finetuned"}
        mounts.append({**tuned, "readOnly": True})
    if weight is not None and weight.files is not None:
        name = _add_volume(pod, _WEIGHT_VOLUME, weight.files.source)
        mounts.append(weight.files.mount(name, f"{_TFEW}/{kind}" if few else MODEL_DIRECTORY))
    of_meta = weight is not None and weight.vendor == "meta"
    if init or of_meta or (weight is not None and weight.merged):
        path = directory
    variables = {MODEL_PATH: path}
    if few:
        variables["TFEW_PATH"] = f"{_TFEW}/fastertransformer/1"
    named = {"SERVED_MODEL_NAME": f"/data/{weight.name}"} if weight is not None and of_meta else {}
    return PodFiles(volume, tuple(mounts), variables, named)


def add_mounts(component: Component, container: JsonObject, files: PodFiles) -> None:
    """Mount the files in the container that serves, unless something else is there, and say where they are."""
    mounts = as_objects(container.get("volumeMounts"))
    own = {as_text(one.get("name")) for one in mounts}
    for mount in files.mounts:
        there = {as_text(one.get("mountPath")) for one in mounts}
        if mount["mountPath"] not in there and (mount["name"] != IN_MEMORY or IN_MEMORY not in own):
            mounts.append(mount)
    container["volumeMounts"] = list[JsonValue](mounts)
    env = as_objects(container.get("env"))
    users = {as_text(one.get("name")) for said in component.stated("env") for one in as_objects(said)}
    for name, value in files.named.items():
        if name not in users:
            env = [one for one in env if one.get("name") != name]
            env.append({"name": name, "value": value})
    names = {as_text(one.get("name")) for one in env}
    for name, value in files.variables.items():
        if name not in names:
            env.append({"name": name, "value": value})
    container["env"] = list[JsonValue](env)


def add_containers(
    component: Component, pod: JsonObject, container: JsonObject, model: ModelView, files: PodFiles
) -> None:
    """Add the init containers that write files into memory, in their order. Raises `PlanRefused`."""
    if wants_model_init(component, model.weight):
        add_model_init(component, pod, container, model, files.model_volume)
    add_adapter(component, pod, container, model)


def _add_volume(pod: JsonObject, name: str, source: JsonObject) -> str:
    """Add a volume; its name, which another volume may not have."""
    volumes: list[JsonValue] = list[JsonValue](as_objects(pod.get("volumes")))
    for volume in as_objects(volumes):
        if volume.get("name") == name and _holds(volume, source):
            return name
    taken = {as_text(volume.get("name")) for volume in as_objects(volumes)}
    while name in taken:
        name = volume_name(f"{name}-model")
    pod["volumes"] = [*volumes, {"name": name, **source}]
    return name


def _holds(volume: JsonObject, source: JsonObject) -> bool:
    """Whether a volume that somebody else wrote has the files; the type of a path is then theirs."""
    path = at(source, "hostPath", "path")
    if path:
        return at(volume, "hostPath", "path") == path
    return "emptyDir" in volume if "emptyDir" in source else source.items() <= volume.items()
