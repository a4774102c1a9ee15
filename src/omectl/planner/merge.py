"""Strategic merge of a runtime's component and a service's, as plain JSON: the service wins, field by field.

Kubernetes' patch semantics, less its traps: another volume source or probe handler replaces the old one instead of
joining it, tolerations are united, a runner without a name keeps the runtime's, `null` removes, and an explicit
`0`, `false`, `""` or `[]` counts. The two halves of an extended resource never differ.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from omectl.api.document import as_object, as_objects, as_text
from omectl.api.json import JsonObject, JsonValue

MERGE_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "volumes": ("name",),
    "imagePullSecrets": ("name",),
    "resourceClaims": ("name",),
    "schedulingGates": ("name",),
    "env": ("name",),
    "ports": ("containerPort",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey",),
    "tolerations": ("key", "operator", "value", "effect"),
}
"""Lists whose items are told apart by these fields; every other list is replaced as a whole."""

_HANDLERS: Final = frozenset({"exec", "httpGet", "tcpSocket", "grpc", "sleep"})
_HANDLED: Final = frozenset({"livenessProbe", "readinessProbe", "startupProbe", "postStart", "preStop"})


def merge_component(base: JsonObject, patch: JsonObject) -> JsonObject:
    """A component of a runtime (`base`) with that of a service over it. Neither is changed."""
    merged = _merge_objects(base, patch)
    for one, other in (("minAvailable", "maxUnavailable"), ("maxUnavailable", "minAvailable")):
        # A budget is one or the other: the service's replaces the runtime's.
        if one in patch and other in base and other not in patch:
            merged.pop(other, None)
    return merged


def merge_container(base: JsonObject, runner: JsonObject) -> JsonObject:
    """A container of the pod with the runner over it; its arguments are the container's and then the runner's."""
    merged = _merge_objects(base, runner)
    before, after = base.get("args"), runner.get("args")
    if isinstance(before, list) and isinstance(after, list):
        merged["args"] = [*before, *after]
    return merged


def merge_map(base: JsonObject, patch: JsonValue) -> JsonObject:
    """A map such as a node selector with another over it; `null` removes a key."""
    return _merge_objects(base, as_object(patch))


def with_variables(env: JsonValue, variables: Sequence[JsonObject]) -> list[JsonValue]:
    """An environment with these variables: in their places, else at the end, where they may refer to others."""
    left = {as_text(one.get("name")): one for one in variables}
    names = frozenset(left)
    result: list[JsonValue] = []
    for one in as_objects(env):
        name = as_text(one.get("name"))
        if name not in names:
            result.append(one)
        elif name in left:
            result.append(left.pop(name))
    return [*result, *left.values()]


def _merge_objects(base: JsonObject, patch: JsonObject) -> JsonObject:
    merged = dict(base)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif key == "name" and value == "" and merged.get("name"):
            continue
        else:
            merged[key] = _merge_field(key, merged[key], value) if merged.get(key) is not None else _clean(value)
    return merged


def _merge_field(key: str, base: JsonValue, patch: JsonValue) -> JsonValue:
    if isinstance(base, list) and isinstance(patch, list) and key in MERGE_KEYS:
        return _merge_lists(key, base, patch)
    if isinstance(base, dict) and isinstance(patch, dict):
        special = _OBJECT_RULES.get(key)
        return special(base, patch) if special is not None else _merge_objects(base, patch)
    return _clean(patch)


def _merge_lists(key: str, base: list[JsonValue], patch: list[JsonValue]) -> list[JsonValue]:
    """Kubernetes' order: the patch's items in theirs; one that only the base has stays before those it stood before."""
    places: dict[tuple[str, ...], int] = {}
    for index, item in enumerate(base):
        places.setdefault(identity(key, item), index)
    patched = {identity(key, item) for item in patch}
    base_only = [index for index, item in enumerate(base) if identity(key, item) not in patched]
    merged: list[JsonValue] = []
    for item in patch:
        place = places.get(identity(key, item))
        if place is None:
            merged.append(_clean(item))
            continue
        while base_only and base_only[0] < place:
            merged.append(base[base_only.pop(0)])
        merged.append(_merge_items(key, base[place], item))
    return [*merged, *(base[index] for index in base_only)]


def identity(key: str, item: JsonValue) -> tuple[str, ...]:
    """What tells an item of the list `key` apart."""
    if not isinstance(item, dict):
        return (repr(item),)
    return tuple(repr(item.get(field)) for field in MERGE_KEYS[key])


def _merge_items(key: str, base: JsonValue, patch: JsonValue) -> JsonValue:
    if not isinstance(base, dict) or not isinstance(patch, dict):
        return patch
    rule = _ITEM_RULES.get(key)
    return rule(base, patch) if rule is not None else _merge_objects(base, patch)


def _merge_volume(base: JsonObject, patch: JsonObject) -> JsonObject:
    sources = patch.keys() - {"name"}
    same = not sources or not sources.isdisjoint(base.keys())
    return _merge_objects(base, patch) if same else _merge_objects({"name": base.get("name")}, patch)


def _merge_variable(base: JsonObject, patch: JsonObject) -> JsonObject:
    return _merge_objects({"name": base.get("name")} if patch.keys() - {"name"} else base, patch)


def _merge_handled(base: JsonObject, patch: JsonObject) -> JsonObject:
    theirs = _HANDLERS & patch.keys()
    kept = {key: value for key, value in base.items() if not theirs or key not in _HANDLERS - theirs}
    return _merge_objects(kept, patch)


def _merge_strategy(base: JsonObject, patch: JsonObject) -> JsonObject:
    merged = _merge_objects(base, patch)
    if merged.get("type") == "Recreate":
        merged.pop("rollingUpdate", None)
    return merged


def _merge_resources(base: JsonObject, patch: JsonObject) -> JsonObject:
    """Requests and limits; of an extended resource, which has both alike, one that the patch states counts for both."""
    merged = _merge_objects(base, patch)
    for one, other in (("requests", "limits"), ("limits", "requests")):
        stated, silent = as_object(patch.get(one)), as_object(patch.get(other))
        kept = as_object(merged.get(other))
        same: JsonObject = {
            name: amount for name, amount in stated.items() if "/" in name and name in kept and name not in silent
        }
        if same:
            merged[other] = _merge_objects(kept, same)
    return merged


_OBJECT_RULES: Final[Mapping[str, Callable[[JsonObject, JsonObject], JsonObject]]] = {
    **dict.fromkeys(_HANDLED, _merge_handled),
    "deploymentStrategy": _merge_strategy,
    "resources": _merge_resources,
}
_ITEM_RULES: Final[Mapping[str, Callable[[JsonObject, JsonObject], JsonObject]]] = {
    "volumes": _merge_volume,
    "env": _merge_variable,
}


def _clean(value: JsonValue) -> JsonValue:
    """The value less nulls inside objects: over nothing, they remove nothing."""
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return value
