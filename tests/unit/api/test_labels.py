import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omectl.api.labels import (
    ModelKey,
    dns_shorten,
    model_entry_key,
    model_label_key,
    parse_entry_key,
    shorten,
)

NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,80}[a-z0-9])?", fullmatch=True)
NAMESPACES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)


def cluster_model(name: str) -> ModelKey:
    return ModelKey("ClusterBaseModel", "", name)


@pytest.mark.parametrize(
    ("key", "label"),
    [
        (cluster_model("llama-3-3-70b-instruct-fp8-dynamic"), "clusterbasemodel.24cc880d-0b-instruct-fp8-dynamic"),
        (cluster_model("llama-4-maverick-17b-128e-instruct-fp8"), "clusterbasemodel.321a5921-k-17b-128e-instruct-fp8"),
        (
            cluster_model("nvidia-nemotron-3-nano-30b-a3b-base-bf16"),
            "clusterbasemodel.86486b23--nano-30b-a3b-base-bf16",
        ),
        (cluster_model("qwen3-8b"), "clusterbasemodel.qwen3-8b"),
        (
            ModelKey("BaseModel", "team-a", "llama-4-maverick-17b-128e-instruct-fp8"),
            "team-a.basemodel.321a5921-k-17b-128e-instruct-fp8",
        ),
        (
            ModelKey("BaseModel", "machine-learning-platform", "llama-3-1-8b"),
            "machine-learning-platform.basemodel.llama-3-1-8b",
        ),
        (
            ModelKey("BaseModel", "machine-learning-platform", "llama-4-maverick-17b-128e-instruct-fp8"),
            "89365827.basemodel.321a5921-17b-128e-instruct-fp8",
        ),
    ],
)
def test_a_node_label_is_shortened_as_ome_does(key: ModelKey, label: str) -> None:
    assert model_label_key(key) == f"models.ome.io/{label}"


def test_a_dns_name_that_starts_with_a_hash_starts_with_a_letter() -> None:
    name = "this-is-an-exceedingly-long-inference-service-name-for-hash-test-0-engine"
    assert dns_shorten(name, 63) == "aff8a204-gly-long-inference-service-name-for-hash-test-0-engine"
    assert shorten(name, 63) == "7ff8a204-gly-long-inference-service-name-for-hash-test-0-engine"


def test_a_text_within_the_limit_is_left_alone() -> None:
    assert shorten("x" * 63, 63) == "x" * 63
    assert dns_shorten("9" * 63, 63) == "9" * 63


def test_a_limit_without_room_for_an_end_leaves_the_hash() -> None:
    assert re.fullmatch(r"[0-9a-f]{8}", shorten("machine-learning", 8))
    assert re.fullmatch(r"[0-9a-f]{5}", shorten("machine-learning", 5))
    assert shorten("machine-learning-platform", 8) == "89365827"


def test_lengths_are_bytes() -> None:
    assert shorten("ü" * 16, 32) == "ü" * 16
    assert len(shorten("ü" * 17, 32).encode()) <= 32


@given(NAMES)
def test_a_cluster_models_label_name_fits(name: str) -> None:
    label = model_label_key(cluster_model(name)).removeprefix("models.ome.io/")
    assert len(label) <= 63
    assert re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?", label)


@given(NAMESPACES, NAMES)
def test_a_namespaced_models_label_name_fits(namespace: str, name: str) -> None:
    label = model_label_key(ModelKey("BaseModel", namespace, name)).removeprefix("models.ome.io/")
    assert len(label) <= 63


@given(st.text("ab-.", max_size=300), st.text("ab-", max_size=63))
def test_a_data_key_fits_a_config_map(name: str, namespace: str) -> None:
    key = ModelKey("BaseModel" if namespace else "ClusterBaseModel", namespace, name)
    assert len(model_entry_key(key)) <= 253


@given(NAMESPACES.filter(lambda text: text != "clusterbasemodel"), NAMES)
def test_a_data_key_reads_back(namespace: str, name: str) -> None:
    for key in (cluster_model(name), ModelKey("BaseModel", namespace, name)):
        assert parse_entry_key(model_entry_key(key)) == key


@pytest.mark.parametrize(
    "text", ["", "config", "clusterbasemodel", "clusterbasemodel.", ".basemodel.x", "ns.basemodel.", "a.b"]
)
def test_another_data_key_is_no_models(text: str) -> None:
    assert parse_entry_key(text) is None


def test_a_data_key_is_split_at_the_first_mark() -> None:
    assert parse_entry_key("a.basemodel.b.basemodel.c") == ModelKey("BaseModel", "a", "b.basemodel.c")


@given(st.text(max_size=300), st.integers(1, 100))
def test_a_shortened_text_never_exceeds_its_limit(text: str, limit: int) -> None:
    assert len(shorten(text, limit).encode()) <= limit
    assert len(dns_shorten(text, limit).encode()) <= limit
