"""Kubernetes' rules of what matches: label selectors, node selectors, taints and tolerations.

Selectors are plain JSON. One that Kubernetes would refuse (an unknown operator, `Gt` with a text) matches nothing.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from omectl.api.document import as_object, as_objects, as_texts
from omectl.api.json import JsonObject

if TYPE_CHECKING:  # pydantic, which those who match plain JSON do without
    from omectl.api.storage import StorageSpec

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_LARGEST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What of a node a model's storage can ask for."""

    name: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Match:
    """An answer with its reason; `reason` is "" when it is yes."""

    ok: bool
    reason: str = ""


def matches_labels(selector: JsonObject | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector selects these labels. None selects nothing, `{}` everything."""
    if selector is None:
        return False
    wanted = as_object(selector.get("matchLabels"))
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _expression_holds(expression, labels, ordered=False)
        for expression in as_objects(selector.get("matchExpressions"))
    )


def matches_node_selector_term(term: JsonObject, node: NodeFacts) -> bool:
    """Whether all expressions and fields of a node selector term hold. An empty term matches nothing."""
    expressions, fields = as_objects(term.get("matchExpressions")), as_objects(term.get("matchFields"))
    if not expressions and not fields:
        return False
    return all(_expression_holds(expression, node.labels, ordered=True) for expression in expressions) and all(
        _field_holds(field, node) for field in fields
    )


def matches_node_selector(selector: JsonObject, node: NodeFacts) -> bool:
    """Whether any term of a node selector matches; without terms none does."""
    return any(matches_node_selector_term(term, node) for term in as_objects(selector.get("nodeSelectorTerms")))


def node_matches(storage: "StorageSpec", node: NodeFacts) -> Match:
    """Whether a model with this storage belongs on the node: all of `nodeSelector`, and the required affinity."""
    for key, value in (storage.node_selector or {}).items():
        found = node.labels.get(key)
        if found != value:
            state = f"has {key}={found}" if found is not None else f"has no label {key}"
            return Match(ok=False, reason=f"storage.nodeSelector wants {key}={value}, node {node.name} {state}")
    required = (storage.node_affinity or {}).get("requiredDuringSchedulingIgnoredDuringExecution")
    if isinstance(required, dict) and not matches_node_selector(required, node):
        return Match(ok=False, reason=f"no required term of storage.nodeAffinity matches node {node.name}")
    return Match(ok=True)


def tolerates(tolerations: Iterable[JsonObject], taints: Iterable[JsonObject]) -> bool:
    """Whether a pod with these tolerations may run on a node with these taints; `PreferNoSchedule` never forbids."""
    known = list(tolerations)
    return all(
        any(_tolerates_taint(toleration, taint) for toleration in known)
        for taint in taints
        if taint.get("effect") in ("NoSchedule", "NoExecute")
    )


def _tolerates_taint(toleration: JsonObject, taint: JsonObject) -> bool:
    effect, key = toleration.get("effect") or "", toleration.get("key") or ""
    if effect and effect != taint.get("effect"):
        return False
    operator = toleration.get("operator") or "Equal"
    if not key:
        return operator == "Exists"
    if key != taint.get("key"):
        return False
    if operator == "Exists":
        return True
    return operator == "Equal" and (toleration.get("value") or "") == (taint.get("value") or "")


def _expression_holds(expression: JsonObject, labels: Mapping[str, str], *, ordered: bool) -> bool:
    key, operator, values = expression.get("key"), expression.get("operator"), as_texts(expression.get("values"))
    found = labels.get(key) if isinstance(key, str) else None
    match operator:
        case "In":
            return found in values
        case "NotIn":
            return bool(values) and found not in values
        case "Exists":
            return not values and found is not None
        case "DoesNotExist":
            return not values and found is None
        case "Gt" | "Lt" if ordered and found is not None and len(values) == 1:
            return _compares(found, operator, values[0])
        case _:
            return False


def _compares(found: str, operator: str, wanted: str) -> bool:
    if not (_INTEGER.fullmatch(found) and _INTEGER.fullmatch(wanted)):
        return False
    if max(abs(int(found)), abs(int(wanted))) > _LARGEST:
        return False
    return int(found) > int(wanted) if operator == "Gt" else int(found) < int(wanted)


def _field_holds(field: JsonObject, node: NodeFacts) -> bool:
    values = as_texts(field.get("values"))
    if field.get("key") != "metadata.name" or len(values) != 1:
        return False
    match field.get("operator"):
        case "In":
            return node.name == values[0]
        case "NotIn":
            return node.name != values[0]
        case _:
            return False
