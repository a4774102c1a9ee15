import pytest

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey
from omectl.reconcilers.service_references import (
    class_lookups,
    class_values,
    model_value,
    model_values,
    runtime_lookups,
    runtime_values,
    weight_values,
)


def service(spec: JsonObject) -> JsonObject:
    return {"metadata": {"namespace": "demo", "name": "a"}, "spec": spec}


@pytest.mark.parametrize(
    "spec", [{"model": {"name": "m"}}, {"predictor": {"model": {"baseModel": "m"}}}], ids=["new form", "old form"]
)
def test_a_service_is_found_by_a_model_of_its_namespace_and_of_the_cluster(spec: JsonObject) -> None:
    values = model_values(service(spec))
    assert model_value(ObjectKey("demo", "m")) in values
    assert model_value(ObjectKey("", "m")) in values
    assert model_value(ObjectKey("other", "m")) not in values


def test_a_named_runtime_finds_its_service_in_both_scopes() -> None:
    values = runtime_values(service({"runtime": {"name": "r"}}))
    assert runtime_lookups(ObjectKey("", "r"))[0] in values
    assert runtime_lookups(ObjectKey("demo", "r"))[0] in values
    assert not {*runtime_lookups(ObjectKey("demo", "other")), *runtime_lookups(ObjectKey("", "other"))} & {*values}


@pytest.mark.parametrize("key", [ObjectKey("", "any"), ObjectKey("demo", "any")])
def test_a_service_without_a_runtime_is_found_by_every_runtime_it_may_choose(key: ObjectKey) -> None:
    assert {*runtime_lookups(key)} & {*runtime_values(service({"engine": {}}))}


def test_a_service_without_a_runtime_is_not_found_by_a_runtime_of_another_namespace() -> None:
    assert not {*runtime_lookups(ObjectKey("other", "any"))} & {*runtime_values(service({}))}


def test_weights_of_both_forms_are_found() -> None:
    spec: JsonObject = {
        "model": {"name": "m", "fineTunedWeights": ["b", "a"]},
        "predictor": {"model": {"fineTunedWeights": ["c"]}},
    }
    assert weight_values(service(spec)) == ["a", "b", "c"]


@pytest.mark.parametrize("spec", [None, [], "x", {"model": None}, {"model": {"name": 3}}, {"model": []}])
def test_an_odd_spec_gives_no_value_instead_of_an_error(spec: object) -> None:
    odd: JsonObject = {"metadata": {"namespace": "demo", "name": "a"}, "spec": spec}  # pyright: ignore[reportAssignmentType]
    assert model_values(odd) == []
    assert weight_values(odd) == []
    assert class_values(odd) == []


@pytest.mark.parametrize(
    ("spec", "annotations", "values"),
    [
        ({"acceleratorSelector": {"acceleratorClass": "h100"}}, {}, ["h100"]),
        ({"engine": {"acceleratorOverride": {"acceleratorClass": "h100"}}}, {}, ["h100"]),
        (
            {"decoder": {"acceleratorOverride": {"acceleratorClass": "a"}}},
            {"ome.io/accelerator-class": "b"},
            ["a", "b"],
        ),
        ({"acceleratorSelector": {"policy": "Cheapest", "acceleratorClass": ""}}, {}, ["*"]),
        ({"engine": {"acceleratorOverride": {"policy": "BestFit"}}}, {}, ["*"]),
        ({"acceleratorSelector": {"constraints": {"minMemory": 1}}}, {}, []),
    ],
)
def test_a_class_finds_the_services_that_name_it_or_may_choose_it(
    spec: JsonObject, annotations: JsonObject, values: list[str]
) -> None:
    asking = service(spec)
    asking["metadata"] = {"namespace": "demo", "name": "a", "annotations": annotations}
    assert class_values(asking) == values
    assert class_lookups(ObjectKey("", "h100")) == ("h100", "*")
