"""The rows that a person sees, computed from plain objects."""

import json

import pytest

from omectl.api.json import JsonObject
from omectl.cli.overview import Snapshot, take_snapshot
from omectl.cli.overview.tables import human_bytes, progress_text
from omectl.cli.up.view import plain_lines

KEY = "clusterbasemodel.tiny"


def node(name: str, *, ready: str = "True") -> JsonObject:
    status = {"allocatable": {"nvidia.com/gpu": "8"}, "conditions": [{"type": "Ready", "status": ready}]}
    return {"metadata": {"name": name}, "status": status}


def configmap(name: str, entry: object) -> JsonObject:
    text = entry if isinstance(entry, str) else json.dumps(entry)
    return {"metadata": {"name": name}, "data": {KEY: text}}


def model(state: str, **condition: str) -> JsonObject:
    conditions = [{"type": "Ready", **condition}]
    spec = {"modelArchitecture": "BertModel", "modelParameterSize": "22.71M"}
    return {
        "metadata": {"name": "tiny"},
        "spec": spec,
        "status": {"state": state, "nodesReady": ["a"], "conditions": conditions},
    }


def service(status: str, **more: str) -> JsonObject:
    condition = {"type": "Ready", "status": status, **more}
    annotations = {"omectl.io/mode": "RawDeployment"}
    picked = {"reason": "Chosen", "runtime": {"kind": "ClusterServingRuntime", "name": "vllm"}}
    return {
        "metadata": {"namespace": "demo", "name": "s"},
        "spec": {"model": {"name": "tiny"}},
        "status": {"conditions": [condition], "url": "http://s", "annotations": annotations, "selection": picked},
    }


def snapshot(*, entry: object, models: list[JsonObject], services: list[JsonObject]) -> Snapshot:
    return take_snapshot(
        nodes=[node("b"), node("a")],
        node_configmaps=[configmap("a", entry)],
        models=models,
        services=services,
    )


READY_ENTRY = {"name": "tiny", "status": "Ready", "verified": True, "facts": {"sizeBytes": 90_900_000}}
DOWNLOADING = {
    "name": "tiny",
    "status": "Updating",
    "progress": {"phase": "downloading", "totalBytes": 100, "completedBytes": 40, "speedBytesPerSec": 7.5},
}


def test_ready_entry_counts_with_all_its_bytes() -> None:
    seen = snapshot(entry=READY_ENTRY, models=[model("Ready", status="True")], services=[service("True")])
    assert [row.name for row in seen.nodes] == ["a", "b"]
    held = seen.nodes[0].models[0]
    assert (held.model, held.state, held.completed_bytes, held.verified) == ("tiny", "Ready", 90_900_000, True)
    assert seen.models[0].completed_bytes == seen.models[0].total_bytes == 90_900_000
    assert seen.all_ready


def test_download_shows_bytes_and_rate() -> None:
    waiting = model("In_Transit", status="False", reason="Downloading", message="1 node")
    seen = snapshot(entry=DOWNLOADING, models=[waiting], services=[])
    row = seen.models[0]
    assert (row.completed_bytes, row.total_bytes, row.rate) == (40, 100, 7.5)
    assert row.reason == "Downloading: 1 node"
    assert not seen.all_ready


@pytest.mark.parametrize("text", ["no JSON", "[]", '{"status": 7}'])
def test_entry_that_cannot_be_read_is_shown_as_such(text: str) -> None:
    seen = snapshot(entry=text, models=[], services=[])
    assert seen.nodes[0].models[0].state == "Unreadable"
    assert seen.nodes[0].models[0].reason


def test_nothing_at_all_is_not_ready() -> None:
    empty = take_snapshot(nodes=[], node_configmaps=[], models=[], services=[])
    assert not empty.all_ready


def test_service_without_status_is_unknown() -> None:
    bare: JsonObject = {"metadata": {"namespace": "demo", "name": "s"}, "spec": {}}
    seen = take_snapshot(nodes=[], node_configmaps=[], models=[], services=[bare])
    assert seen.services[0].ready == "Unknown"


def test_plain_lines_tell_only_what_changed() -> None:
    before = snapshot(entry=DOWNLOADING, models=[model("In_Transit", status="False")], services=[service("False")])
    after = snapshot(entry=READY_ENTRY, models=[model("Ready", status="True")], services=[service("True")])
    assert plain_lines(before, before) == []
    told = plain_lines(before, after)
    assert told[0] == "node a: model tiny Ready (90.9 MB, verified)"
    assert told[-1] == "service demo/s: Ready at http://s (runtime vllm, mode RawDeployment)"
    assert len(told) == 3


@pytest.mark.parametrize(
    ("count", "text"), [(None, "–"), (0, "0 B"), (999, "999 B"), (90_868_376, "90.9 MB"), (7.5e12, "7.50 TB")]
)
def test_bytes_are_written_in_decimal_units(count: float | None, text: str) -> None:
    assert human_bytes(count) == text


def test_progress_names_both_ends_until_it_is_done() -> None:
    assert progress_text(40_000, 100_000) == "40.0 kB of 100.0 kB"
    assert progress_text(100_000, 100_000) == "100.0 kB"
    assert progress_text(None, None) == "–"
