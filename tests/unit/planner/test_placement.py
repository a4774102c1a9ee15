"""Affinities of several authors all hold."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from omectl.api.matching import NodeFacts, matches_node_selector
from omectl.planner.placement import combined_affinity

Json = Any


def required(*terms: Json) -> Json:
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}}


def has(key: str) -> Json:
    return {"matchExpressions": [{"key": key, "operator": "Exists"}]}


def named(name: str) -> Json:
    return {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [name]}]}


def matches(affinity: Json, node: NodeFacts) -> bool:
    selector = affinity.get("nodeAffinity", {}).get("requiredDuringSchedulingIgnoredDuringExecution")
    return selector is None or matches_node_selector(selector, node)


AFFINITIES: list[Json] = [
    {},
    required(has("a")),
    required(has("a"), has("b")),
    required(named("n")),
    required({}, has("a")),
    required(),
]


@pytest.mark.parametrize(("first", "second"), list(product(AFFINITIES, repeat=2)))
def test_a_node_matches_the_combination_when_it_matches_both(first: Json, second: Json) -> None:
    """Q41, D 20: the class's affinity is added to the author's and does not replace it."""
    both = combined_affinity(first, second)
    for labels in ({}, {"a": ""}, {"b": ""}, {"a": "", "b": ""}):
        for name in ("n", "m"):
            node = NodeFacts(name, labels)
            assert matches(both, node) is (matches(first, node) and matches(second, node)), (both, node)


def test_preferences_and_pod_affinities_of_both_count_once() -> None:
    weighed = {"weight": 1, "preference": has("a")}
    apart = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "host"}]}}
    first = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [weighed]}, **apart}
    second = {
        "nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [weighed, {"weight": 2}]},
        "podAffinity": {},
    }
    assert combined_affinity(first, second) == {
        "nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [weighed, {"weight": 2}]},
        **apart,
    }


def test_an_expression_that_both_state_stands_once() -> None:
    assert combined_affinity(required(has("a")), required(has("a"))) == required(has("a"))
