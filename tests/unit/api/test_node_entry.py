import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omectl.api.facts import ModelFacts
from omectl.api.node_entry import NodeEntry, NodeEntryError

OME = {
    "name": "llama-3-1-8b-instruct",
    "status": "Ready",
    "config": {
        "modelType": "llama",
        "modelArchitecture": "LlamaForCausalLM",
        "modelFramework": {"name": "transformers", "version": "4.42.3"},
        "modelFormat": {"name": "safetensors", "version": "1.0.0"},
        "modelParameterSize": "8.03B",
        "maxTokens": 131072,
        "modelCapabilities": ["TEXT_TO_TEXT"],
        "decodedModelConfiguration": {"model_type": "llama", "context_length": 131072},
        "artifact": {"sha": "0e9e39f2", "parentPath": {"clusterbasemodel.x": "/raid/models/x"}, "childrenPaths": None},
    },
}


def test_an_entry_of_omes_agent_is_read() -> None:
    entry = NodeEntry.parse(json.dumps(OME))
    assert entry.status == "Ready"
    assert entry.config is not None
    assert entry.config.model_framework is not None
    assert entry.config.model_framework.version == "4.42.3"
    assert entry.config.max_tokens == 131072
    assert entry.uid is None


def test_an_entry_is_written_as_it_was_read() -> None:
    assert json.loads(NodeEntry.parse(json.dumps(OME)).dump()) == OME


def test_what_ome_does_not_know_is_kept() -> None:
    raw = {"name": "x", "status": "Failed", "later": {"a": [1, 2.5, None]}}
    assert json.loads(NodeEntry.parse(json.dumps(raw)).dump()) == raw


def test_our_fields_have_their_wire_names() -> None:
    entry = NodeEntry(
        name="x",
        status="Failed",
        uid="u-1",
        generation=3,
        facts=ModelFacts(parameter_count=22_713_216),
        reason="SourceNotFound",
        message="no such repository",
        next_step="correct storage.storageUri",
        revision="abc",
        verified=False,
    )
    assert json.loads(entry.dump()) == {
        "name": "x",
        "status": "Failed",
        "uid": "u-1",
        "generation": 3,
        "facts": {"parameterCount": 22_713_216},
        "reason": "SourceNotFound",
        "message": "no such repository",
        "nextStep": "correct storage.storageUri",
        "revision": "abc",
        "verified": False,
    }


def test_equal_entries_give_equal_text() -> None:
    one = NodeEntry.parse('{"name": "x", "status": "Ready", "uid": "u"}')
    other = NodeEntry.parse('{"uid":"u","status":"Ready","name":"x"}')
    assert one.dump() == other.dump()


def test_a_speed_may_be_whole_or_not() -> None:
    for speed in (1, 1.5):
        entry = NodeEntry.parse(
            json.dumps({"name": "x", "status": "Updating", "progress": {"speedBytesPerSec": speed}})
        )
        assert entry.progress is not None
        assert entry.progress.speed_bytes_per_sec == speed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        '"Ready"',
        "7",
        "{}",
        '{"name":"x"}',
        '{"status":"Ready"}',
        '{"name":"x","status":"Perhaps"}',
        '{"name":7,"status":"Ready"}',
        '{"name":"x","status":"Ready","config":[]}',
        '{"name":"x","status":"Ready","config":{"maxTokens":"8192"}}',
        '{"name":"x","status":"Ready","config":{"maxTokens":1e400}}',
        '{"name":"x","status":"Ready","config":{"modelFormat":{}}}',
        '{"name":"x","status":"Ready","progress":{"totalBytes":1.5}}',
        '{"name":"x","status":"Ready","facts":{"capabilities":"CHAT"}}',
        '{"name":"x","status":"Ready","verified":"yes"}',
        '{"name":"x","status":"Ready"} trailing',
        '{"name":"\\ud800","status":"Ready"}',
        "\ud800",
        "[" * 100_000,
        '{"a":' * 100_000,
        " " * (1 << 20) + "{}",
    ],
)
def test_hostile_text_is_refused_as_one_error(text: str) -> None:
    with pytest.raises(NodeEntryError) as caught:
        NodeEntry.parse(text)
    assert len(str(caught.value)) < 500
    assert "wanted" in str(caught.value)


def test_the_error_names_the_field() -> None:
    with pytest.raises(NodeEntryError) as caught:
        NodeEntry.parse('{"name":"x","status":"Ready","config":{"maxTokens":"8192"}}')
    assert caught.value.field == "config.maxTokens"
    assert "'8192'" in caught.value.found


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["name", "status", "config", "progress", "facts", "artifact", "files", "modelFormat", "zzz"]
            ),
            inner,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_any_json_is_an_entry_that_survives_or_an_error(value: object) -> None:
    try:
        entry = NodeEntry.parse(json.dumps(value))
    except NodeEntryError:
        return
    assert NodeEntry.parse(entry.dump()) == entry


@given(st.text(max_size=200))
def test_any_text_is_an_entry_or_an_error(text: str) -> None:
    try:
        NodeEntry.parse(text)
    except NodeEntryError as error:
        assert str(error)  # noqa: PT017
