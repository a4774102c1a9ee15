import pytest

from omectl.api.base_model import BaseModelSpec
from omectl.api.facts import ModelFacts, NameVersion
from omectl.api.json import JsonObject
from omectl.api.labels import FILLED_FIELDS
from omectl.api.meta import ObjectMeta
from omectl.reconcilers.model_facts import fill_patch, filled_fields

FACTS = ModelFacts(
    architecture="BertModel",
    model_type="bert",
    parameter_count=22_713_216,
    context_length=512,
    quantization="fp8",
    capabilities=("TEXT_EMBEDDINGS",),
    framework=NameVersion(name="transformers", version="4.57.0"),
    format=NameVersion(name="safetensors", version="1.0.0"),
)


def spec(**fields: object) -> BaseModelSpec:
    return BaseModelSpec.model_validate({"storage": {"storageUri": "hf://a/b"}, **fields})


def filled(patch: JsonObject | None) -> JsonObject:
    assert patch is not None
    found = patch["spec"]
    assert isinstance(found, dict)
    return found


def test_every_empty_field_that_is_known_is_filled() -> None:
    assert filled(fill_patch(ObjectMeta(resource_version="7"), spec(), FACTS)) == {
        "modelType": "bert",
        "modelArchitecture": "BertModel",
        "modelParameterSize": "22.71M",
        "modelCapabilities": ["TEXT_EMBEDDINGS"],
        "modelFramework": {"name": "transformers", "version": "4.57.0"},
        "modelFormat": {"name": "safetensors", "version": "1.0.0"},
        "quantization": "fp8",
        "maxTokens": 512,
    }


def test_the_patch_holds_only_for_the_version_that_was_read() -> None:
    patch = fill_patch(ObjectMeta(resource_version="7"), spec(), FACTS)
    assert patch is not None
    names = ",".join(sorted(filled(patch)))
    assert patch["metadata"] == {"resourceVersion": "7", "annotations": {FILLED_FIELDS: names}}


def test_a_value_of_the_user_is_left_alone() -> None:
    given = spec(modelArchitecture="Other", maxTokens=8, modelCapabilities=["X"], modelFormat={"name": "pytorch"})
    assert filled(fill_patch(ObjectMeta(), given, FACTS)).keys() == {
        "modelType",
        "modelParameterSize",
        "modelFramework",
        "quantization",
    }


def test_a_quantization_that_the_user_names_stands() -> None:
    assert "quantization" not in filled(fill_patch(ObjectMeta(), spec(quantization="int4"), FACTS))


def test_a_method_that_runtimes_are_not_matched_by_fills_nothing() -> None:
    facts = ModelFacts(model_type="gpt_oss", quantization_method="mxfp4")
    assert filled(fill_patch(ObjectMeta(), spec(), facts)).keys() == {"modelType"}


def test_a_format_named_by_the_user_gets_the_version_it_lacks() -> None:
    patch = fill_patch(ObjectMeta(), spec(modelFormat={"name": "safetensors"}), FACTS)
    assert filled(patch)["modelFormat"] == {"version": "1.0.0"}


def test_a_field_that_was_filled_and_then_emptied_stays_empty() -> None:
    metadata = ObjectMeta(annotations={FILLED_FIELDS: "maxTokens,modelType"})
    patch = fill_patch(metadata, spec(), FACTS)
    assert not {"maxTokens", "modelType"} & filled(patch).keys()
    assert patch is not None
    assert "maxTokens" in str(patch["metadata"])


def test_nothing_known_means_no_patch() -> None:
    assert fill_patch(ObjectMeta(), spec(), ModelFacts()) is None


def test_a_full_spec_means_no_patch() -> None:
    first = filled(fill_patch(ObjectMeta(), spec(), FACTS))
    assert fill_patch(ObjectMeta(), spec(**first), FACTS) is None


@pytest.mark.parametrize("length", [2**31, 0])
def test_a_context_length_that_the_field_cannot_hold_is_not_written(length: int) -> None:
    patch = fill_patch(ObjectMeta(), spec(), ModelFacts(model_type="x", context_length=length))
    assert "maxTokens" not in filled(patch)


def test_the_record_of_filled_fields_is_read_back_in_order() -> None:
    assert filled_fields(ObjectMeta(annotations={FILLED_FIELDS: "b,a,"})) == ("a", "b")
    assert filled_fields(ObjectMeta()) == ()
