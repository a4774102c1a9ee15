from tests.unit.reconcilers.objects import added, lister, node, record, updated

from omectl.api.storage import StorageSpec
from omectl.kube.resources import NODES
from omectl.reconcilers.placements import Placements

ANYWHERE = StorageSpec(storage_uri="hf://a/b")
H100 = StorageSpec(storage_uri="hf://a/b", node_selector={"gpu": "h100"})


def test_wanted_are_the_matching_nodes_with_an_agent() -> None:
    nodes, _ = lister(NODES, node("a", gpu="h100"), node("b", gpu="h100"), node("c", gpu="a10"))
    found = Placements(nodes, lambda: frozenset({"a", "c"})).of(H100)
    assert (found.nodes, found.matching, found.wanted) == (3, 2, frozenset({"a"}))


def test_a_node_that_does_not_match_is_named_with_the_reason() -> None:
    nodes, _ = lister(NODES, node("a", gpu="a10"))
    found = Placements(nodes, frozenset).of(H100)
    assert found.matching == 0
    assert found.mismatch.startswith("a: ")


def test_an_answer_is_worked_out_once_for_all_models_with_the_same_rule() -> None:
    nodes, _ = lister(NODES, node("a"))
    placements = Placements(nodes, frozenset)
    other = StorageSpec(storage_uri="hf://c/d", path="/raid/models/x")
    assert placements.of(ANYWHERE) is placements.of(other)
    assert placements.of(H100) is not placements.of(ANYWHERE)


def test_a_new_node_or_label_gives_a_new_answer() -> None:
    nodes, store = lister(NODES, node("a"))
    placements = Placements(nodes, frozenset)
    assert placements.of(H100).matching == 0
    changed = node("a", gpu="h100")
    store.put(record(changed))
    assert placements.node_event(updated(node("a"), changed))
    assert placements.of(H100).matching == 1
    store.put(record(node("b", gpu="h100")))
    assert placements.node_event(added(node("b", gpu="h100")))
    assert placements.of(H100).matching == 2


def test_the_labels_that_agents_write_change_no_answer() -> None:
    nodes, _ = lister(NODES, node("a"))
    placements = Placements(nodes, frozenset)
    labelled = node("a", **{"models.ome.io/clusterbasemodel.m": "Ready"})
    assert not placements.node_event(updated(node("a"), labelled))


def test_an_agent_that_comes_gives_a_new_answer() -> None:
    nodes, _ = lister(NODES, node("a"))
    agents: set[str] = set()
    placements = Placements(nodes, lambda: frozenset(agents))
    assert placements.of(ANYWHERE).wanted == frozenset()
    agents.add("a")
    placements.agents_changed()
    assert placements.of(ANYWHERE).wanted == {"a"}
