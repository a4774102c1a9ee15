"""What an InferenceService refers to, as index values, so that a change elsewhere finds the services it concerns. Pure.

A service may name a model or runtime of its namespace or of the cluster, and which one it means is decided by what
exists. So both are indexed: the one that appears, changes or goes wakes the service either way.
"""

from omectl.api.document import as_objects, as_text, as_texts, at
from omectl.api.json import JsonObject, JsonValue
from omectl.api.labels import ACCELERATOR_CLASS
from omectl.api.resource import ObjectKey, key_of
from omectl.planner.result import Reason

BY_MODEL = "model"
BY_RUNTIME = "runtime"
BY_WEIGHT = "weight"
BY_CLASS = "class"
BY_PICK = "pick"
BY_LABEL = "label"

WAITING = ""
"""The pick of a service that waits for a runtime, beside the one that it may have had before."""

_ANY = "*"
_WAITS = ("Ready", Reason.RUNTIME_SELECTION.value)
_OLD_MODEL = ("spec", "predictor", "model")


def model_values(service: JsonObject) -> list[str]:
    """Index values of the model that the service names, in the new form or the old."""
    name = at(service, "spec", "model", "name") or at(service, *_OLD_MODEL, "baseModel")
    return _both_scopes(key_of(service).namespace, name)


def runtime_values(service: JsonObject) -> list[str]:
    """Index values of the runtime that the service names, or the mark of one that leaves the choice to us."""
    name = at(service, "spec", "runtime", "name") or at(service, *_OLD_MODEL, "runtime") or _ANY
    return _both_scopes(key_of(service).namespace, name)


def pick_values(service: JsonObject) -> list[str]:
    """Index values of the runtime that the service has, by its status, and the mark of one that waits for another."""
    has = at(service, "status", "selection", "runtime", "name")
    conditions = as_objects(at(service, "status", "conditions"))
    waits = any((one.get("type"), one.get("reason")) == _WAITS for one in conditions)
    return [*([has] if isinstance(has, str) and has else []), *([WAITING] if waits else [])]


def weight_values(service: JsonObject) -> list[str]:
    """Index values of the fine-tuned weights that the service names."""
    holders = (("spec", "model"), _OLD_MODEL)
    return sorted({name for holder in holders for name in as_texts(at(service, *holder, "fineTunedWeights"))})


def class_values(service: JsonObject) -> list[str]:
    """Index values of the accelerator classes that the service names, or the mark of one that has a policy choose."""
    selectors = [at(service, "spec", "acceleratorSelector")]
    selectors += [at(service, "spec", part, "acceleratorOverride") for part in ("engine", "decoder")]
    named = {as_text(at(selector, "acceleratorClass")) for selector in selectors}
    named.add(as_text(at(service, "metadata", "annotations", ACCELERATOR_CLASS)))
    if any(at(selector, "policy") for selector in selectors):
        named.add(_ANY)
    return sorted(named - {""})


def class_lookups(accelerator_class: ObjectKey) -> tuple[str, str]:
    """The index values of services that name this accelerator class, and of those that may choose it."""
    return accelerator_class.name, _ANY


def model_value(model: ObjectKey) -> str:
    """The index value under which the services of this model are found."""
    return f"{model.namespace}/{model.name}"


def runtime_lookups(runtime: ObjectKey) -> tuple[str, str]:
    """The index values of services that name this runtime, and of those that may choose it."""
    return f"{runtime.namespace}/{runtime.name}", f"{runtime.namespace}/{_ANY}"


def _both_scopes(namespace: str, name: JsonValue) -> list[str]:
    return [f"{namespace}/{name}", f"/{name}"] if isinstance(name, str) and name else []
