from datetime import UTC, datetime, timedelta

import pytest

from omectl.api.base_model import ClusterBaseModel
from omectl.api.conditions import Condition, find_condition
from omectl.api.facts import ModelFacts
from omectl.api.json import JsonObject
from omectl.api.model_status import ModelProgress, ModelStatusSpec
from omectl.api.node_entry import EntryProgress, NodeEntry
from omectl.modelagent.entries import ready_entry
from omectl.modelagent.wanted import WantedModel
from omectl.modelparser import TensorSummary, parse_model, parse_safetensors_header
from omectl.reconcilers.model_status import (
    ALL_NODES_READY,
    FACTS_KNOWN,
    READY,
    NodeReport,
    Placement,
    holding_nodes,
    model_status,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
UID = "uid-1"
FACTS = ModelFacts(architecture="BertModel", parameter_count=22_713_216)
EVERYWHERE = Placement(nodes=3, matching=3, wanted=frozenset({"a", "b", "c"}))


def model(
    *, generation: int = 1, status: ModelStatusSpec | None = None, deleting: bool = False, **spec: object
) -> ClusterBaseModel:
    metadata: JsonObject = {"name": "m", "uid": UID, "generation": generation}
    if deleting:
        metadata["deletionTimestamp"] = "2026-01-02T00:00:00Z"
    raw = {"metadata": metadata, "spec": {"storage": {"storageUri": "hf://x/y"}, **spec}}
    made = ClusterBaseModel.model_validate(raw)
    return made if status is None else made.model_copy(update={"status": status})


def report(node: str, status: str, **fields: object) -> NodeReport:
    return NodeReport(node, NodeEntry.model_validate({"name": "m", "status": status, "uid": UID, **fields}))


def status_of(
    *reports: NodeReport, of: ClusterBaseModel | None = None, where: Placement = EVERYWHERE, now: datetime = NOW
) -> ModelStatusSpec:
    return model_status(of or model(), reports, where, filled=(), now=now)


def condition(status: ModelStatusSpec, name: str = READY) -> Condition:
    found = find_condition(status.conditions or (), name)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("statuses", "state"),
    [
        ([], "In_Transit"),
        (["Updating", "Updating"], "In_Transit"),
        (["Deleted"], "In_Transit"),
        (["Failed", "Updating"], "Failed"),
        (["Ready", "Failed", "Updating"], "Ready"),
        (["Ready"], "Ready"),
    ],
)
def test_one_ready_node_makes_the_model_ready_else_one_failed_makes_it_failed(statuses: list[str], state: str) -> None:
    assert status_of(*(report(f"n{i}", status) for i, status in enumerate(statuses))).state == state


def test_nodes_are_listed_in_order() -> None:
    status = status_of(report("c", "Ready"), report("a", "Ready"), report("b", "Failed"))
    assert status.nodes_ready == ("a", "c")
    assert status.nodes_failed == ("b",)


def test_the_counts_say_what_one_ready_node_hides() -> None:
    status = status_of(report("a", "Ready"), report("b", "Updating"))
    assert condition(status).status == "True"
    rest = condition(status, ALL_NODES_READY)
    assert (rest.status, rest.reason) == ("False", "Downloading")
    assert rest.message == "1 of 3 nodes hold the model; nodes b, c still to come; nothing to do"


def test_all_wanted_nodes_ready_is_said() -> None:
    status = status_of(report("a", "Ready"), where=Placement(nodes=1, matching=1, wanted=frozenset({"a"})))
    assert condition(status, ALL_NODES_READY).status == "True"
    assert condition(status).message == "1 of 1 node hold the model"
    assert status.progress is not None
    assert status.progress.phase == "Ready"


def test_a_failure_is_told_with_reason_node_message_and_next_step() -> None:
    failed = report("a", "Failed", reason="InsufficientDisk", message="wanted 10 GB, found 1 GB", nextStep="free space")
    found = condition(status_of(failed))
    assert (found.status, found.reason) == ("False", "InsufficientDisk")
    assert found.message == "node a: wanted 10 GB, found 1 GB; next: free space"


def test_the_failure_of_most_nodes_is_told_first() -> None:
    found = condition(
        status_of(
            report("a", "Failed", reason="Rare", message="r"),
            report("b", "Failed", reason="Common", message="c", nextStep="s"),
            report("c", "Failed", reason="Common", message="c", nextStep="s"),
        )
    )
    assert found.reason == "Common"
    assert found.message == "nodes b, c: c; next: s (other nodes failed otherwise: node a)"


def test_a_failure_without_words_still_says_what_to_do() -> None:
    found = condition(status_of(report("a", "Failed")))
    assert found.reason == "DownloadFailed"
    assert "look at the log" in found.message


@pytest.mark.parametrize("odd", ["", "two words", "9starts", "ends-", "a" * 0])
def test_a_reason_that_the_api_would_refuse_is_replaced(odd: str) -> None:
    assert condition(status_of(report("a", "Failed", reason=odd))).reason == "DownloadFailed"


def test_a_very_long_message_is_cut() -> None:
    assert len(condition(status_of(report("a", "Failed", message="x" * 40_000))).message) <= 2000


def test_an_entry_of_another_object_of_that_name_does_not_count() -> None:
    stale = NodeReport("a", NodeEntry(name="m", status="Ready", uid="uid-0"))
    assert status_of(stale).state == "In_Transit"


def test_an_entry_without_uid_counts() -> None:
    assert status_of(NodeReport("a", NodeEntry(name="m", status="Ready"))).state == "Ready"


def test_an_unreadable_entry_is_said_and_does_not_hide_others() -> None:
    broken = NodeReport("a", None, "no JSON")
    found = condition(status_of(broken))
    assert found.reason == "EntryUnreadable"
    assert "node a" in found.message
    assert status_of(broken, report("b", "Ready")).state == "Ready"


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        (Placement(nodes=2, mismatch="a: gpu=h100 is wanted"), "NoMatchingNode"),
        (Placement(nodes=2, matching=2), "WaitingForAgent"),
        (EVERYWHERE, "WaitingForAgent"),
    ],
)
def test_a_model_that_is_nowhere_says_why(where: Placement, reason: str) -> None:
    found = condition(status_of(where=where))
    assert (found.status, found.reason) == ("False", reason)


def test_no_matching_node_names_one_mismatch() -> None:
    found = condition(status_of(where=Placement(nodes=2, mismatch="a: gpu=h100 is wanted")))
    assert "a: gpu=h100 is wanted" in found.message
    assert "label a node" in found.message


def test_a_disabled_model_is_fetched_as_any_other_and_says_how_far_it_is() -> None:
    assert condition(status_of(of=model(disabled=True))).reason == condition(status_of(of=model())).reason


@pytest.mark.parametrize("uri", ["pvc://claim/path", "image://registry.example/m:1"])
def test_a_model_that_pods_mount_themselves_is_ready_and_no_node_is_waited_for(uri: str) -> None:
    of = model(storage={"storageUri": uri})
    status = status_of(of=of, where=Placement(nodes=2, matching=2, wanted=frozenset({"a", "b"})))
    found = condition(status)
    assert (status.state, found.status, found.reason) == ("Ready", "True", "MountedByPods")
    assert uri in found.message
    assert condition(status, "AllNodesReady") == found.model_copy(update={"type": "AllNodesReady"})
    facts = condition(status, "FactsKnown")
    assert (facts.status, facts.reason) == ("False", "NobodyReads")
    assert "state the format" in facts.message
    assert status.progress == ModelProgress(phase="Ready", nodes_wanted=0, nodes_ready=0)


def test_progress_adds_the_nodes_up_and_shows_the_phase_of_the_last() -> None:
    def moving(node: str, phase: str, done: int) -> NodeReport:
        progress = EntryProgress(phase=phase, total_bytes=100, completed_bytes=done, speed_bytes_per_sec=5.5)
        return report(node, "Updating", progress=progress)

    progress = status_of(moving("a", "finalizing", 100), moving("b", "downloading", 40), report("c", "Ready")).progress
    assert progress is not None
    assert progress.phase == "downloading"
    assert (progress.nodes_wanted, progress.nodes_ready) == (3, 1)
    assert (progress.total_bytes, progress.completed_bytes, progress.bytes_per_second) == (200, 140, 10)


def test_facts_are_known_while_the_model_is_still_on_its_way() -> None:
    status = status_of(report("a", "Updating", facts=FACTS))
    assert status.facts is not None
    assert status.facts.parameter_count == 22_713_216
    assert condition(status, FACTS_KNOWN).message == "BertModel, 22,713,216 parameters"


def test_where_each_fact_comes_from_reaches_the_status_from_the_files_by_way_of_the_nodes_entry() -> None:
    config = b'{"model_type": "bert", "architectures": ["BertModel"], "hidden_size": 384, "num_hidden_layers": 6}'
    weights = b'{"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}'
    header = parse_safetensors_header(len(weights).to_bytes(8, "little") + weights, 8 + len(weights) + 24)
    sizes = {"config.json": len(config), "model.safetensors": 8 + len(weights) + 24}
    facts = parse_model({"config.json": config}, TensorSummary({"model.safetensors": header}), sizes)
    sent = ready_entry(WantedModel.of(model()), facts, None, None).model_dump_json(by_alias=True, exclude_none=True)
    status = status_of(NodeReport("a", NodeEntry.model_validate_json(sent)))
    assert status.facts is not None
    assert status.facts.sources == facts.sources
    told = status.facts.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"sources", "filled"})
    assert {name for name, value in told.items() if value not in ([], {})} == set(status.facts.sources or {})
    assert (status.facts.sources or {})["parameterCount"] == "tensors"
    assert (status.facts.sources or {})["hiddenSize"] == "configuration"


def test_facts_stay_known_when_the_node_that_told_them_goes() -> None:
    before = status_of(report("a", "Ready", facts=FACTS))
    after = status_of(of=model(status=before))
    assert after.facts == before.facts


def test_facts_of_a_ready_node_win() -> None:
    status = status_of(
        report("a", "Updating", facts={"revision": "new"}), report("b", "Ready", facts={"revision": "old"})
    )
    assert status.facts is not None
    assert status.facts.revision == "old"


def test_filled_fields_are_recorded() -> None:
    status = model_status(
        model(), [report("a", "Ready", facts=FACTS)], EVERYWHERE, filled=("maxTokens", "modelType"), now=NOW
    )
    assert status.facts is not None
    assert status.facts.filled == ("maxTokens", "modelType")


def test_nothing_new_gives_the_same_status_later() -> None:
    before = status_of(report("a", "Ready", facts=FACTS), report("b", "Failed", message="x"))
    after = status_of(
        report("a", "Ready", facts=FACTS),
        report("b", "Failed", message="x"),
        of=model(status=before),
        now=NOW + timedelta(hours=1),
    )
    assert after == before


def test_a_new_generation_alone_moves_no_time() -> None:
    before = status_of(report("a", "Ready"))
    after = status_of(report("a", "Ready"), of=model(generation=2, status=before), now=NOW + timedelta(hours=1))
    assert after.observed_generation == 2
    assert condition(after).observed_generation == 2
    assert condition(after).last_transition_time == condition(before).last_transition_time


def test_a_change_moves_the_time() -> None:
    before = status_of(report("a", "Updating"))
    after = status_of(report("a", "Ready"), of=model(status=before), now=NOW + timedelta(hours=1))
    assert condition(after).last_transition_time == "2026-01-02T04:04:05Z"


def test_a_deleted_model_names_the_nodes_that_still_hold_it() -> None:
    status = status_of(report("a", "Ready"), report("b", "Deleted"), of=model(deleting=True))
    found = condition(status)
    assert (found.status, found.reason) == ("False", "Deleting")
    assert "node a" in found.message
    assert "node b" not in found.message
    assert "force-delete" in found.message


def test_an_entry_holds_unless_it_says_deleted() -> None:
    reports = [report("a", "Ready"), report("b", "Deleted"), NodeReport("c", None, "broken"), report("d", "Failed")]
    assert holding_nodes(reports) == ("a", "c", "d")


def test_many_nodes_are_named_by_three() -> None:
    found = condition(status_of(*(report(f"n{i}", "Failed", message="x") for i in range(9))))
    assert found.message.startswith("nodes n0, n1, n2 and 6 more: x")
