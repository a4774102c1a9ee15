"""What is written into the node's ConfigMap."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from tests.unit.modelagent.conftest import MakeModel

from omectl.api.facts import ModelFacts, NameVersion
from omectl.api.node_entry import NodeEntry
from omectl.modelagent.entries import entry_progress, failed_entry, ready_entry, updating_entry
from omectl.modelagent.problems import ModelError, Reason
from omectl.modelagent.transfer.state import Progress

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
FACTS = ModelFacts(
    architecture="LlamaForCausalLM",
    model_type="llama",
    parameter_count=8_030_261_248,
    context_length=131072,
    dtype="bfloat16",
    framework=NameVersion(name="transformers", version="4.42.3"),
    format=NameVersion(name="safetensors", version="1.0.0"),
    capabilities=("TEXT_TO_TEXT",),
)


def test_a_ready_entry_has_ome_s_shape(make_model: MakeModel) -> None:
    raw = json.loads(ready_entry(make_model(), FACTS, "c" * 40, None).dump())
    assert raw["name"] == "m"
    assert raw["status"] == "Ready"
    assert raw["uid"] == "uid-1"
    assert raw["generation"] == 3
    assert raw["verified"] is True
    assert "progress" not in raw
    assert "reason" not in raw
    assert raw["config"] == {
        "modelType": "llama",
        "modelArchitecture": "LlamaForCausalLM",
        "modelParameterSize": "8.03B",
        "modelFramework": {"name": "transformers", "version": "4.42.3"},
        "modelFormat": {"name": "safetensors", "version": "1.0.0"},
        "maxTokens": 131072,
        "modelCapabilities": ["TEXT_TO_TEXT"],
        "decodedModelConfiguration": {
            "model_type": "llama",
            "architecture": "LlamaForCausalLM",
            "context_length": 131072,
            "parameter_count": "8.03B",
            "has_vision": False,
            "is_embedding": False,
            "transformers_version": "4.42.3",
            "torch_dtype": "bfloat16",
        },
        "artifact": {"sha": "c" * 40},
    }


def test_equal_states_give_equal_text(make_model: MakeModel) -> None:
    assert ready_entry(make_model(), FACTS, "c", None).dump() == ready_entry(make_model(), FACTS, "c", None).dump()
    again = ModelFacts.model_validate_json(FACTS.model_dump_json(by_alias=True, exclude_unset=True))
    assert ready_entry(make_model(), again, "c", None).dump() == ready_entry(make_model(), FACTS, "c", None).dump()


def test_progress_has_ome_s_shape(make_model: MakeModel) -> None:
    progress = entry_progress("downloading", Progress(100, 40, 4, 1), 12.34, NOW)
    raw = json.loads(updating_entry(make_model(), None, None, progress).dump())
    assert raw["status"] == "Updating"
    assert raw["progress"] == {
        "phase": "downloading",
        "totalBytes": 100,
        "completedBytes": 40,
        "totalFiles": 4,
        "completedFiles": 1,
        "speedBytesPerSec": 12.3,
        "lastUpdated": "2026-05-01T12:00:00Z",
    }


def test_a_failure_says_why_and_what_to_do(make_model: MakeModel) -> None:
    entry = failed_entry(make_model(), FACTS, "c", ModelError(Reason.DISK_FULL, "No room.", "Make room."))
    read = NodeEntry.parse(entry.dump())
    assert (read.status, read.reason, read.message, read.next_step) == ("Failed", "DiskFull", "No room.", "Make room.")
    assert read.facts is not None
    assert read.facts.parameter_count == 8_030_261_248
