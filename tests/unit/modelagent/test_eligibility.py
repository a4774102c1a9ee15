"""Which models a node holds."""

from __future__ import annotations

import pytest
from tests.unit.modelagent.conftest import MakeModel

from omectl.api.matching import NodeFacts
from omectl.modelagent.eligibility import should_hold

NODE = NodeFacts("node-a", {"pool": "gpu", "gpus": "8"})


def affinity(*terms: object) -> dict[str, object]:
    return {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}


def term(key: str, operator: str, *values: str) -> dict[str, object]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


def test_a_model_without_a_selector_belongs_everywhere(make_model: MakeModel) -> None:
    assert should_hold(make_model(), NODE).ok


def test_every_label_of_the_selector_must_match(make_model: MakeModel) -> None:
    assert should_hold(make_model(nodeSelector={"pool": "gpu", "gpus": "8"}), NODE).ok
    answer = should_hold(make_model(nodeSelector={"pool": "gpu", "zone": "a"}), NODE)
    assert not answer.ok
    assert "zone" in answer.reason


def test_any_term_of_the_required_affinity_is_enough(make_model: MakeModel) -> None:
    terms = affinity(term("pool", "In", "cpu"), term("gpus", "Gt", "4"))
    assert should_hold(make_model(nodeAffinity=terms), NODE).ok
    assert not should_hold(make_model(nodeAffinity=affinity(term("pool", "In", "cpu"))), NODE).ok


def test_not_in_holds_for_a_label_that_is_missing(make_model: MakeModel) -> None:
    assert should_hold(make_model(nodeAffinity=affinity(term("zone", "NotIn", "a"))), NODE).ok


def test_a_model_that_is_going_belongs_nowhere(make_model: MakeModel) -> None:
    going = make_model(metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"})
    assert not should_hold(going, NODE).ok


@pytest.mark.parametrize("uri", ["pvc://claim/models", "image://registry.example/m:1"])
def test_what_pods_mount_themselves_is_not_the_agent_s(make_model: MakeModel, uri: str) -> None:
    assert not should_hold(make_model(uri), NODE).ok


def test_nothing_belongs_on_a_node_that_is_not_known(make_model: MakeModel) -> None:
    assert not should_hold(make_model(), None).ok


def test_the_fingerprint_ignores_where_and_sees_what(make_model: MakeModel) -> None:
    base = make_model(path="/raid/models/a")
    assert base.fingerprint == make_model(path="/raid/models/a", nodeSelector={"x": "y"}).fingerprint
    changed = [
        make_model("hf://org/name@v2", path="/raid/models/a"),
        make_model(path="/raid/models/b"),
        make_model(path="/raid/models/a", key="secret"),
        make_model(path="/raid/models/a", parameters={"allowPatterns": "*.json"}),
    ]
    assert len({base.fingerprint, *(model.fingerprint for model in changed)}) == 5
