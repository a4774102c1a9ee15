import pytest
from hypothesis import given
from hypothesis import strategies as st

from omectl.api.json import JsonObject, JsonValue
from omectl.api.matching import (
    NodeFacts,
    matches_labels,
    matches_node_selector,
    matches_node_selector_term,
    node_matches,
    tolerates,
)
from omectl.api.storage import StorageSpec

NODE = NodeFacts("gpu-1", {"zone": "a", "gpus": "8", "empty": ""})


def expression(key: str, operator: str, *values: JsonValue) -> JsonObject:
    return {"key": key, "operator": operator, "values": list(values)} if values else {"key": key, "operator": operator}


@pytest.mark.parametrize(
    ("wanted", "holds"),
    [
        (expression("zone", "In", "a", "b"), True),
        (expression("zone", "In", "b"), False),
        (expression("missing", "In", "a"), False),
        (expression("zone", "NotIn", "b"), True),
        (expression("zone", "NotIn", "a"), False),
        (expression("missing", "NotIn", "a"), True),
        (expression("zone", "Exists"), True),
        (expression("empty", "Exists"), True),
        (expression("missing", "Exists"), False),
        (expression("zone", "DoesNotExist"), False),
        (expression("missing", "DoesNotExist"), True),
        (expression("gpus", "Gt", "7"), True),
        (expression("gpus", "Gt", "8"), False),
        (expression("gpus", "Lt", "10"), True),
        (expression("zone", "Gt", "1"), False),
        (expression("gpus", "Gt", "x"), False),
        (expression("gpus", "Gt", "1", "2"), False),
        (expression("missing", "Gt", "1"), False),
        (expression("zone", "Exists", "a"), False),
        (expression("zone", "In"), False),
        (expression("zone", "NotIn"), False),
        (expression("zone", "Like", "a"), False),
    ],
)
def test_an_expression_on_a_node(wanted: JsonObject, holds: bool) -> None:
    assert matches_node_selector_term({"matchExpressions": [wanted]}, NODE) is holds


@pytest.mark.parametrize(
    ("field", "holds"),
    [
        (expression("metadata.name", "In", "gpu-1"), True),
        (expression("metadata.name", "In", "gpu-2"), False),
        (expression("metadata.name", "NotIn", "gpu-2"), True),
        (expression("metadata.name", "NotIn", "gpu-1"), False),
        (expression("metadata.name", "In", "gpu-1", "gpu-2"), False),
        (expression("metadata.name", "Exists"), False),
        (expression("spec.unschedulable", "In", "true"), False),
    ],
)
def test_a_field_of_a_node(field: JsonObject, holds: bool) -> None:
    assert matches_node_selector_term({"matchFields": [field]}, NODE) is holds


def test_a_term_needs_all_of_its_parts() -> None:
    zone, name = expression("zone", "In", "a"), expression("metadata.name", "In", "gpu-1")
    assert matches_node_selector_term({"matchExpressions": [zone], "matchFields": [name]}, NODE)
    assert not matches_node_selector_term(
        {"matchExpressions": [zone], "matchFields": [expression("metadata.name", "In", "x")]}, NODE
    )


def test_terms_are_alternatives() -> None:
    wrong: JsonObject = {"matchExpressions": [expression("zone", "In", "z")]}
    right: JsonObject = {"matchExpressions": [expression("zone", "In", "a")]}
    assert matches_node_selector({"nodeSelectorTerms": [wrong, right]}, NODE)
    assert not matches_node_selector({"nodeSelectorTerms": [wrong]}, NODE)


def test_an_empty_term_and_an_empty_list_match_nothing() -> None:
    assert not matches_node_selector({"nodeSelectorTerms": [{}]}, NODE)
    assert not matches_node_selector({"nodeSelectorTerms": []}, NODE)
    assert not matches_node_selector({}, NODE)


def test_an_empty_label_selector_selects_everything_and_an_absent_one_nothing() -> None:
    assert matches_labels({}, {"a": "b"})
    assert matches_labels({}, {})
    assert not matches_labels(None, {})


def test_a_label_selector_needs_labels_and_expressions() -> None:
    selector: JsonObject = {"matchLabels": {"a": "1"}, "matchExpressions": [expression("b", "NotIn", "2")]}
    assert matches_labels(selector, {"a": "1"})
    assert not matches_labels(selector, {"a": "1", "b": "2"})
    assert not matches_labels(selector, {})


def test_a_label_selector_knows_no_order() -> None:
    assert not matches_labels({"matchExpressions": [expression("gpus", "Gt", "1")]}, {"gpus": "8"})


def storage(**fields: object) -> StorageSpec:
    return StorageSpec.model_validate({"storageUri": "hf://a/b", **fields})


def test_storage_without_a_selector_fits_every_node() -> None:
    assert node_matches(storage(), NODE).ok
    assert node_matches(storage(nodeSelector={}, nodeAffinity={}), NODE).ok


def test_a_node_that_lacks_a_label_is_told_which() -> None:
    answer = node_matches(storage(nodeSelector={"zone": "a", "disk": "ssd"}), NODE)
    assert not answer.ok
    assert answer.reason == "storage.nodeSelector wants disk=ssd, node gpu-1 has no label disk"


def test_a_node_with_another_value_is_told_both() -> None:
    answer = node_matches(storage(nodeSelector={"zone": "b"}), NODE)
    assert answer.reason == "storage.nodeSelector wants zone=b, node gpu-1 has zone=a"


def test_only_required_affinity_counts() -> None:
    term: JsonObject = {"matchExpressions": [expression("zone", "In", "z")]}
    preferred = {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": term}]}
    assert node_matches(storage(nodeAffinity=preferred), NODE).ok
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    answer = node_matches(storage(nodeAffinity=required), NODE)
    assert not answer.ok
    assert "nodeAffinity" in answer.reason


TAINT: JsonObject = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("toleration", "holds"),
    [
        ({"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}, True),
        ({"key": "nvidia.com/gpu", "operator": "Exists"}, True),
        ({"operator": "Exists"}, True),
        ({"key": "nvidia.com/gpu", "value": "present"}, True),
        ({"key": "nvidia.com/gpu", "operator": "Equal", "value": "present", "effect": "NoSchedule"}, True),
        ({"key": "nvidia.com/gpu", "operator": "Equal", "value": "other"}, False),
        ({"key": "nvidia.com/gpu"}, False),
        ({"key": "other", "operator": "Exists"}, False),
        ({"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoExecute"}, False),
        ({"value": "present"}, False),
        ({"key": "nvidia.com/gpu", "operator": "Lt", "value": "present"}, False),
    ],
)
def test_a_toleration_of_a_taint(toleration: JsonObject, holds: bool) -> None:
    assert tolerates([toleration], [TAINT]) is holds


def test_every_forbidding_taint_must_be_tolerated() -> None:
    other: JsonObject = {"key": "broken", "effect": "NoExecute"}
    assert not tolerates([{"key": "nvidia.com/gpu", "operator": "Exists"}], [TAINT, other])
    assert tolerates(
        [{"key": "nvidia.com/gpu", "operator": "Exists"}, {"key": "broken", "operator": "Exists"}], [TAINT, other]
    )


def test_a_preference_never_forbids() -> None:
    assert tolerates([], [{"key": "slow", "effect": "PreferNoSchedule"}])
    assert tolerates([], [])


LABELS = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["1", "2", ""]))
VALUES = st.lists(st.sampled_from(["1", "2", ""]), min_size=1)


@given(LABELS, st.sampled_from("abc"), VALUES)
def test_not_in_is_the_opposite_of_in(labels: dict[str, str], key: str, values: list[JsonValue]) -> None:
    inside: JsonObject = {"matchExpressions": [expression(key, "In", *values)]}
    outside: JsonObject = {"matchExpressions": [expression(key, "NotIn", *values)]}
    assert matches_labels(inside, labels) is not matches_labels(outside, labels)


@given(LABELS, st.sampled_from("abc"))
def test_does_not_exist_is_the_opposite_of_exists(labels: dict[str, str], key: str) -> None:
    exists: JsonObject = {"matchExpressions": [expression(key, "Exists")]}
    absent: JsonObject = {"matchExpressions": [expression(key, "DoesNotExist")]}
    assert matches_labels(exists, labels) is (key in labels)
    assert matches_labels(absent, labels) is (key not in labels)


@given(LABELS)
def test_labels_select_themselves(labels: dict[str, str]) -> None:
    wanted: JsonObject = {"matchLabels": dict(labels)}
    assert matches_labels(wanted, labels)
    assert matches_labels(wanted, {**labels, "more": "x"})
    assert node_matches(storage(nodeSelector=labels), NodeFacts("n", labels)).ok


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["key", "operator", "values", "matchLabels", "matchExpressions"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["matchLabels", "matchExpressions", "matchFields"]), JUNK), LABELS)
def test_no_shape_makes_matching_fail(selector: JsonObject, labels: dict[str, str]) -> None:
    assert matches_labels(selector, labels) in (True, False)
    assert matches_node_selector_term(selector, NodeFacts("n", labels)) in (True, False)
