from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omectl.planner.merge import merge_component, merge_container

Json = Any

CASES: list[tuple[str, Json, Json, Json]] = [
    ("scalar", {"image": "a"}, {"image": "b"}, {"image": "b"}),
    ("absent keeps", {"image": "a"}, {}, {"image": "a"}),
    ("zero counts", {"minReplicas": 3}, {"minReplicas": 0}, {"minReplicas": 0}),
    ("false counts", {"hostNetwork": True}, {"hostNetwork": False}, {"hostNetwork": False}),
    ("null removes", {"affinity": {"nodeAffinity": {}}, "x": 1}, {"affinity": None}, {"x": 1}),
    ("null over nothing", {}, {"runner": {"image": None, "name": "a"}}, {"runner": {"name": "a"}}),
    ("maps by key", {"labels": {"a": "1", "b": "1"}}, {"labels": {"b": "2"}}, {"labels": {"a": "1", "b": "2"}}),
    ("arguments replaced", {"runner": {"args": ["--a"]}}, {"runner": {"args": ["--b"]}}, {"runner": {"args": ["--b"]}}),
    ("arguments cleared", {"runner": {"args": ["--a"]}}, {"runner": {"args": []}}, {"runner": {"args": []}}),
    ("nameless runner", {"runner": {"name": "r", "image": "a"}}, {"runner": {"name": "", "image": "b"}},
     {"runner": {"name": "r", "image": "b"}}),
    ("resources by key", {"resources": {"requests": {"cpu": 1, "memory": "2Gi"}}},
     {"resources": {"requests": {"cpu": 2, "gpu": 1}}},
     {"resources": {"requests": {"cpu": 2, "memory": "2Gi", "gpu": 1}}}),
    ("order of variables", {"env": [{"name": "A"}, {"name": "B"}]}, {"env": [{"name": "A"}, {"name": "C"}]},
     {"env": [{"name": "A"}, {"name": "C"}, {"name": "B"}]}),
    ("order of volumes", {"volumes": [{"name": "model"}]}, {"volumes": [{"name": "cache"}]},
     {"volumes": [{"name": "cache"}, {"name": "model"}]}),
    ("base before the item it stood before", {"env": [{"name": "A"}, {"name": "B"}]}, {"env": [{"name": "B"}]},
     {"env": [{"name": "A"}, {"name": "B"}]}),
    ("variable by reference replaced", {"env": [{"name": "A", "valueFrom": {"fieldRef": {}}}]},
     {"env": [{"name": "A", "value": "1"}]}, {"env": [{"name": "A", "value": "1"}]}),
    ("volume of another source", {"volumes": [{"name": "d", "hostPath": {"path": "/x"}}]},
     {"volumes": [{"name": "d", "emptyDir": {}}]}, {"volumes": [{"name": "d", "emptyDir": {}}]}),
    ("volume of the same source", {"volumes": [{"name": "d", "emptyDir": {"medium": "Memory"}}]},
     {"volumes": [{"name": "d", "emptyDir": {"sizeLimit": "1Gi"}}]},
     {"volumes": [{"name": "d", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}}]}),
    ("probe of another handler", {"readinessProbe": {"httpGet": {"path": "/"}, "periodSeconds": 5}},
     {"readinessProbe": {"exec": {"command": ["x"]}}},
     {"readinessProbe": {"exec": {"command": ["x"]}, "periodSeconds": 5}}),
    ("probe period only", {"readinessProbe": {"httpGet": {"path": "/"}, "periodSeconds": 5}},
     {"readinessProbe": {"periodSeconds": 9}}, {"readinessProbe": {"httpGet": {"path": "/"}, "periodSeconds": 9}}),
    ("tolerations united", {"tolerations": [{"key": "gpu"}]}, {"tolerations": [{"key": "team"}, {"key": "gpu"}]},
     {"tolerations": [{"key": "team"}, {"key": "gpu"}]}),
    ("recreate drops the rolling part", {"deploymentStrategy": {"type": "RollingUpdate", "rollingUpdate": {}}},
     {"deploymentStrategy": {"type": "Recreate"}}, {"deploymentStrategy": {"type": "Recreate"}}),
    ("one bound of a budget", {"maxUnavailable": 1}, {"minAvailable": 2}, {"minAvailable": 2}),
    ("ports by number", {"ports": [{"containerPort": 80, "name": "a"}]},
     {"ports": [{"containerPort": 80, "name": "b"}]},
     {"ports": [{"containerPort": 80, "name": "b"}]}),
    ("mounts by path", {"volumeMounts": [{"mountPath": "/a", "name": "x"}]},
     {"volumeMounts": [{"mountPath": "/b", "name": "x"}]},
     {"volumeMounts": [{"mountPath": "/b", "name": "x"}, {"mountPath": "/a", "name": "x"}]}),
    ("terms of an affinity replaced", {"affinity": {"nodeAffinity": {"terms": [1]}}},
     {"affinity": {"nodeAffinity": {"terms": [2]}}}, {"affinity": {"nodeAffinity": {"terms": [2]}}}),
]  # fmt: skip


@pytest.mark.parametrize(("base", "patch", "wanted"), [one[1:] for one in CASES], ids=[one[0] for one in CASES])
def test_a_services_component_is_merged_over_the_runtimes(base: Json, patch: Json, wanted: Json) -> None:
    assert merge_component(base, patch) == wanted


def test_a_runners_arguments_follow_those_of_the_container_of_its_name() -> None:
    merged = merge_container({"name": "a", "args": ["--x"], "image": "i"}, {"name": "a", "args": ["--y"]})
    assert merged == {"name": "a", "args": ["--x", "--y"], "image": "i"}


names = st.sampled_from(["containers", "env", "volumes", "ports", "tolerations", "args", "runner", "labels", "a", "b"])
leaves = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "x", "y"])
items = st.fixed_dictionaries({"name": st.sampled_from(["p", "q", "r"])}, optional={"value": leaves})
documents = st.recursive(
    leaves | st.lists(items, max_size=3),
    lambda inner: st.dictionaries(names, inner, max_size=4) | st.lists(inner, max_size=3),
    max_leaves=12,
)
components = st.dictionaries(names, documents, max_size=4)


@given(components, components)
def test_merging_is_total_and_changes_neither_side(base: Json, patch: Json) -> None:
    before = repr((base, patch))
    merge_component(base, patch)
    assert repr((base, patch)) == before


@given(components)
def test_an_empty_service_takes_the_runtimes_component_as_it_is(base: Json) -> None:
    assert merge_component(base, {}) == base


@given(st.lists(items, unique_by=lambda item: item["name"]), st.lists(items, unique_by=lambda item: item["name"]))
def test_a_keyed_list_has_every_key_once_and_keeps_the_services_order(base: Json, patch: Json) -> None:
    merged = [item["name"] for item in merge_component({"env": base}, {"env": patch})["env"]]
    assert sorted(merged) == sorted({item["name"] for item in [*base, *patch]})
    assert [name for name in merged if name in {item["name"] for item in patch}] == [item["name"] for item in patch]
