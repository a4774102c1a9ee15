"""Does a live object still hold what was applied? Pure.

The server adds defaults and other managers add fields, so equality is the wrong question: each desired field must be in
the live object with the same value. Lists that apply merges by key are compared by that key, in any order and with
strangers allowed; other lists must have the same length, element by element. What serialisation drops (null, false, 0,
empty text, list or map) may be absent, and quantities are compared as numbers ("1000m" is "1").
"""

from typing import Final

from omectl.api.json import JsonObject, JsonValue
from omectl.api.quantity import Quantity, QuantityError

_LIST_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "imagePullSecrets": ("name",),
    "resourceClaims": ("name",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "ownerReferences": ("uid",),
    "conditions": ("type",),
}
_SETS: Final = frozenset({"finalizers"})
_QUANTITY_PARENTS: Final = frozenset({"limits", "requests", "hard", "capacity", "minAllowed", "maxAllowed", "overhead"})
_QUANTITY_FIELDS: Final = frozenset({"sizeLimit", "divisor", "averageValue"})


def contains(live: JsonObject, desired: JsonObject) -> bool:
    """Every field of `desired` is in `live`."""
    return first_difference(live, desired) is None


def first_difference(live: JsonObject, desired: JsonObject) -> str | None:
    """The path of the first desired field that `live` lacks or holds otherwise; None when all are there."""
    return _difference(live, desired, "", "")


def _difference(live: JsonValue, desired: JsonValue, path: str, parent: str) -> str | None:
    if isinstance(desired, dict):
        if not isinstance(live, dict):
            return None if live is None and _is_dropped(desired) else path
        for name, value in desired.items():
            where = f"{path}.{name}" if path else name
            if name not in live:
                if not _is_dropped(value):
                    return where
                continue
            found = _list_difference(live[name], value, where, name) if isinstance(value, list) else None
            found = found if isinstance(value, list) else _difference(live[name], value, where, _own_name(path))
            if found is not None:
                return found
        return None
    return None if _same_scalar(live, desired, path, parent) else path


def _own_name(path: str) -> str:
    return path.rpartition(".")[2].partition("[")[0]


def _list_difference(live: JsonValue, desired: list[JsonValue], path: str, name: str) -> str | None:
    if not isinstance(live, list):
        return None if live is None and not desired else path
    if name in _SETS:
        return None if all(value in live for value in desired) else path
    keys = _keys_of(name, desired)
    if keys is None:
        if len(live) != len(desired):
            return path
        pairs = (
            (f"{path}[{number}]", one, other) for number, (one, other) in enumerate(zip(live, desired, strict=True))
        )
        return next((found for where, one, other in pairs if (found := _element(one, other, where))), None)
    by_key = {_key(element, keys): element for element in live if isinstance(element, dict)}
    for element in desired:
        assert isinstance(element, dict)
        key = _key(element, keys)
        where = f"{path}[{','.join(map(str, key))}]"
        found = by_key.get(key)
        if found is None:
            return where
        difference = _difference(found, element, where, name)
        if difference is not None:
            return difference
    return None


def _element(live: JsonValue, desired: JsonValue, where: str) -> str | None:
    if isinstance(desired, list):
        return _list_difference(live, desired, where, "")
    return _difference(live, desired, where, "")


def _keys_of(name: str, elements: list[JsonValue]) -> tuple[str, ...] | None:
    if not elements or not all(isinstance(element, dict) for element in elements):
        return None
    if name == "ports":
        # A container's ports are keyed by containerPort, a Service's by port; other lists of ports are not keyed.
        for field in ("containerPort", "port"):
            if all(isinstance(element, dict) and field in element for element in elements):
                return (field, "protocol")
        return None
    keys = _LIST_KEYS.get(name)
    if keys is None or not all(isinstance(element, dict) and keys[0] in element for element in elements):
        return None
    return keys


def _key(element: JsonObject, keys: tuple[str, ...]) -> tuple[JsonValue, ...]:
    return tuple(element.get(key, "TCP" if key == "protocol" else None) for key in keys)


def _is_dropped(value: JsonValue) -> bool:
    """What a typed serialisation leaves out, also when nested."""
    if isinstance(value, dict):
        return all(_is_dropped(inner) for inner in value.values())
    return not value


def _same_scalar(live: JsonValue, desired: JsonValue, path: str, parent: str) -> bool:
    if live == desired and isinstance(live, bool) == isinstance(desired, bool):
        return True
    if live is None:
        return _is_dropped(desired)
    name = _own_name(path)
    if parent in _QUANTITY_PARENTS or name in _QUANTITY_FIELDS or (parent == "target" and name == "value"):
        return _same_quantity(live, desired)
    return False


def _same_quantity(live: JsonValue, desired: JsonValue) -> bool:
    if not isinstance(live, str | int | float) or not isinstance(desired, str | int | float):
        return False
    try:
        return Quantity.parse(str(live)) == Quantity.parse(str(desired))
    except QuantityError:
        return False
