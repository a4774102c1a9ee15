import copy
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.unit.api.documents import MINIMAL, STORAGE, document, documents

from omectl.api.base_model import BaseModel, BaseModelSpec, ClusterBaseModel
from omectl.api.codec import TYPES, DecodeError, decode, decode_as, encode
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject, JsonValue
from omectl.api.meta import ObjectMeta
from omectl.api.model_spec import ModelFormat
from omectl.api.resource import ObjectKey
from omectl.api.serving_runtime import ClusterServingRuntime
from omectl.api.storage import StorageSpec

KINDS = sorted(TYPES)


def same_json(one: object, other: object) -> bool:
    """Equality of JSON values that tells 1 from 1.0 and from true."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_document_is_decoded_by_its_kind(kind: str) -> None:
    decoded = decode(document(kind))
    assert type(decoded) is TYPES[kind]
    assert decoded.key == ObjectKey("", "x")
    assert (decoded.kind, decoded.api_version) == (kind, "ome.io/v1beta1")


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
@given(data=st.data())
def test_decoding_and_encoding_changes_nothing(kind: str, data: st.DataObject) -> None:
    raw = data.draw(documents(kind))
    before = copy.deepcopy(raw)
    assert same_json(encode(decode(raw)), before)
    assert same_json(raw, before)


@pytest.mark.parametrize(
    "spec",
    [
        {"storage": STORAGE, "modelFormat": None, "modelConfiguration": None, "diffusionPipeline": {}},
        {
            "storage": STORAGE,
            "modelFormat": {"name": ""},
            "modelFramework": {"name": "", "operator": "Equal", "weight": 1},
        },
        {"storage": STORAGE | {"nodeSelector": None, "zUnknown": {"a": None}}, "servingMode": []},
        {"storage": STORAGE, "modelFormat": {"name": "safetensors", "operator": None, "weight": None}},
    ],
)
def test_nulls_and_blanks_are_written_back(spec: JsonObject) -> None:
    raw = document("ClusterBaseModel", spec, status={})
    raw["metadata"] = {"name": "x", "creationTimestamp": None, "managedFields": [{"manager": "m"}]}
    assert same_json(encode(decode(raw)), raw)


@pytest.mark.parametrize(
    "blank", [None, {}, {"name": ""}, {"name": "", "operator": "Equal", "weight": 1}, {"weight": 1}]
)
def test_a_format_without_a_name_reads_like_absent(blank: JsonValue) -> None:
    model = decode_as(
        BaseModel, document("BaseModel", {"storage": STORAGE, "modelFormat": blank, "modelFramework": blank})
    )
    assert model.spec.model_format is None
    assert model.spec.model_framework is None


@pytest.mark.parametrize("blank", [None, {}])
def test_empty_objects_of_go_clients_read_like_absent(blank: JsonValue) -> None:
    spec: JsonObject = {"storage": STORAGE, "modelConfiguration": blank, "diffusionPipeline": blank}
    model = decode_as(BaseModel, document("BaseModel", spec, status=blank))
    assert model.spec.model_configuration is None
    assert model.spec.diffusion_pipeline is None
    assert model.status is None
    service = decode_as(
        InferenceService, document("InferenceService", {"predictor": blank}, status={"modelStatus": blank})
    )
    assert service.spec.predictor is None
    assert service.status is not None
    assert service.status.model_status is None


def test_an_empty_component_is_not_absent() -> None:
    service = decode_as(InferenceService, document("InferenceService", {"engine": {}, "router": None}))
    assert service.spec.engine is not None
    assert service.spec.router is None
    assert service.spec.decoder is None


def test_an_empty_pipeline_of_a_runtime_is_not_absent() -> None:
    entry: JsonObject = {"modelFormat": {"name": "d"}, "modelFramework": {"name": "d"}, "diffusionPipeline": {}}
    runtime = decode_as(ClusterServingRuntime, document("ClusterServingRuntime", {"supportedModelFormats": [entry]}))
    (supported,) = runtime.spec.supported_model_formats or ()
    assert supported.diffusion_pipeline is not None


def test_a_reference_without_a_name_reads_like_absent() -> None:
    spec: JsonObject = {"model": {"name": "", "kind": "ClusterBaseModel"}, "runtime": {"name": ""}}
    service = decode_as(InferenceService, document("InferenceService", spec))
    assert service.spec.model is None
    assert service.spec.runtime is None


def test_the_defaults_of_the_crd_hold_without_a_server() -> None:
    service = decode_as(
        InferenceService, document("InferenceService", {"model": {"name": "m"}, "runtime": {"name": "r"}})
    )
    assert service.spec.model is not None
    assert (service.spec.model.kind, service.spec.model.api_group) == ("ClusterBaseModel", "ome.io")
    assert service.spec.runtime is not None
    assert (service.spec.runtime.kind, service.spec.runtime.api_group) == ("ClusterServingRuntime", "ome.io")
    model_format = ModelFormat(name="safetensors")
    assert (model_format.operator, model_format.weight) == ("Equal", 1)


def test_numbers_and_texts_stay_what_they_were() -> None:
    spec: JsonObject = {
        "discovery": {},
        "capabilities": {"memoryGB": "80Gi", "memoryBandwidthGBps": 3350},
        "resources": [{"name": "nvidia.com/gpu", "quantity": 1}, {"name": "x", "quantity": "1"}],
    }
    assert same_json(encode(decode(document("AcceleratorClass", spec)))["spec"], spec)


def test_pod_fields_stay_json_beside_ours() -> None:
    engine: JsonObject = {"minReplicas": 2, "tolerations": [{"operator": "Exists"}], "zUnknown": 1, "affinity": None}
    service = decode_as(InferenceService, document("InferenceService", {"engine": engine}))
    assert service.spec.engine is not None
    assert service.spec.engine.pod_fields == {"tolerations": [{"operator": "Exists"}]}
    assert service.spec.engine.extra_fields() == {"tolerations": [{"operator": "Exists"}], "zUnknown": 1}
    assert service.spec.engine.min_replicas == 2


def test_the_container_of_an_old_predictor_stays_json() -> None:
    model: JsonObject = {"baseModel": "llama", "image": "vllm", "args": ["--x"], "zUnknown": 1}
    service = decode_as(InferenceService, document("InferenceService", {"predictor": {"model": model}}))
    assert service.spec.predictor is not None
    assert service.spec.predictor.model is not None
    assert service.spec.predictor.model.base_model == "llama"
    assert service.spec.predictor.model.container_fields == {"image": "vllm", "args": ["--x"]}


def test_a_changed_object_keeps_what_was_not_changed() -> None:
    raw = document("ClusterBaseModel", {"storage": STORAGE, "modelFormat": {"name": ""}, "zUnknown": 1, "vendor": None})
    model = decode_as(ClusterBaseModel, raw)
    spec = model.spec.model_copy(update={"model_format": ModelFormat(name="safetensors")})
    assert encode(model.model_copy(update={"spec": spec}))["spec"] == {
        "storage": STORAGE,
        "modelFormat": {"name": "safetensors"},
        "zUnknown": 1,
        "vendor": None,
    }


def test_a_field_that_is_set_to_none_is_left_out() -> None:
    model = decode_as(ClusterBaseModel, document("ClusterBaseModel", {"storage": STORAGE, "vendor": "meta"}))
    spec = model.spec.model_copy(update={"vendor": None})
    assert encode(model.model_copy(update={"spec": spec}))["spec"] == {"storage": STORAGE}


def test_a_new_object_says_its_kind_and_nothing_that_was_not_set() -> None:
    model = BaseModel(
        metadata=ObjectMeta(name="m", namespace="ns"),
        spec=BaseModelSpec(storage=StorageSpec(storage_uri="hf://a/b", path=None)),
    )
    assert encode(model) == {
        "apiVersion": "ome.io/v1beta1",
        "kind": "BaseModel",
        "metadata": {"name": "m", "namespace": "ns"},
        "spec": {"storage": {"storageUri": "hf://a/b"}},
    }


def test_an_item_of_a_list_may_lack_its_kind() -> None:
    model = decode_as(ClusterBaseModel, {"metadata": {"name": "m"}, "spec": {"storage": STORAGE}})
    assert encode(model)["kind"] == "ClusterBaseModel"


def test_a_spec_that_may_be_empty_may_be_absent() -> None:
    assert decode_as(InferenceService, {"metadata": {"name": "s"}}).spec.engine is None
    assert decode_as(ClusterServingRuntime, {"metadata": {"name": "r"}}).spec.supported_model_formats is None


def test_objects_are_frozen() -> None:
    model = decode_as(BaseModel, document("BaseModel"))
    with pytest.raises(ValidationError, match="frozen"):
        model.spec.vendor = "meta"  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("raw", "field", "found", "wanted"),
    [
        (document("ClusterBaseModel", {"storage": {"storageUri": 7}}), "spec.storage.storageUri", "int 7", "a text"),
        (document("ClusterBaseModel", {"storage": {}}), "spec.storage.storageUri", "nothing", "a value"),
        (document("ClusterBaseModel", {}), "spec.storage", "nothing", "a value"),
        (document("ClusterBaseModel", {"storage": None}), "spec.storage", "nothing", "a value"),
        (
            document("ClusterBaseModel", {"storage": STORAGE, "disabled": "yes"}),
            "spec.disabled",
            "str 'yes'",
            "true or false",
        ),
        (
            document("ClusterBaseModel", {"storage": STORAGE, "maxTokens": "8"}),
            "spec.maxTokens",
            "str '8'",
            "a whole number",
        ),
        (
            document("ClusterBaseModel", {"storage": STORAGE, "maxTokens": True}),
            "spec.maxTokens",
            "bool True",
            "a whole number",
        ),
        (
            document("ClusterBaseModel", {"storage": STORAGE, "maxTokens": 8.0}),
            "spec.maxTokens",
            "float 8.0",
            "a whole number",
        ),
        (document("InferenceService", {"engine": {"runner": []}}), "spec.engine.runner", "list []", "an object"),
        (document("InferenceService", {"engine": "x"}), "spec.engine", "str 'x'", "an object"),
        (
            document("ClusterServingRuntime", {"supportedModelFormats": [{"modelFormat": {"weight": "1"}}]}),
            "spec.supportedModelFormats.0.modelFormat.weight",
            "str '1'",
            "a whole number",
        ),
        (
            document("ClusterServingRuntime", {"protocolVersions": "openAI"}),
            "spec.protocolVersions",
            "str 'openAI'",
            "a list",
        ),
    ],
)
def test_a_wrong_shape_is_named(raw: JsonObject, field: str, found: str, wanted: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(raw)
    error = caught.value
    assert (error.name, error.field, error.found, error.wanted) == ("x", field, found, wanted)
    assert str(error) == f"{raw['kind']} x: {field}: wanted {wanted}, found {found}; correct the manifest"


def test_an_unknown_kind_or_version_is_named() -> None:
    with pytest.raises(DecodeError, match=r"kind: wanted one of .*BaseModel.*, found str 'TrainedModel'"):
        decode(document("BaseModel") | {"kind": "TrainedModel"})
    with pytest.raises(DecodeError, match=r"apiVersion: wanted ome.io/v1beta1, found str 'ome.io/v1'"):
        decode(document("BaseModel") | {"apiVersion": "ome.io/v1"})
    with pytest.raises(DecodeError, match=r"kind: .* found nothing"):
        decode({})


def test_minimal_documents_cover_every_kind() -> None:
    assert set(MINIMAL) == set(TYPES)
