"""Does a live object still hold what is desired?"""

import copy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omectl.api.json import JsonObject
from omectl.kube.containment import contains, first_difference


def pod(**container: object) -> JsonObject:
    return {"spec": {"containers": [{"name": "main", **container}]}}


@pytest.mark.parametrize(
    ("live", "desired"),
    [
        ({"a": 1, "b": 2}, {"a": 1}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}),
        ({}, {"a": None, "b": {}, "c": [], "d": "", "e": False, "f": 0, "g": {"h": {}}}),
        (pod(image="x", terminationMessagePath="/dev"), pod(image="x")),
        ({"spec": {"containers": [{"name": "side"}, {"name": "main"}]}}, pod()),
        (pod(env=[{"name": "X"}, {"name": "A", "value": "1"}]), pod(env=[{"name": "A", "value": "1"}])),
        (pod(env=[{"name": "A"}]), pod(env=[{"name": "A", "value": ""}])),
        (pod(ports=[{"containerPort": 80, "protocol": "TCP"}]), pod(ports=[{"containerPort": 80}])),
        (
            {"spec": {"ports": [{"port": 80, "protocol": "UDP"}, {"port": 80, "protocol": "TCP", "nodePort": 3}]}},
            {"spec": {"ports": [{"port": 80}]}},
        ),
        (pod(resources={"limits": {"cpu": "1"}}), pod(resources={"limits": {"cpu": "1000m"}})),
        (pod(resources={"limits": {"cpu": "500m"}}), pod(resources={"limits": {"cpu": 0.5}})),
        ({"spec": {"overhead": {"cpu": "1"}}}, {"spec": {"overhead": {"cpu": "1000m"}}}),
        (pod(resources={"limits": {"nvidia.com/gpu": "8"}}), pod(resources={"limits": {"nvidia.com/gpu": 8}})),
        ({"emptyDir": {"sizeLimit": "1Gi"}}, {"emptyDir": {"sizeLimit": "1024Mi"}}),
        ({"target": {"averageValue": "1"}}, {"target": {"averageValue": "1000m"}}),
        ({"tolerations": [{"key": "a", "operator": "Equal"}]}, {"tolerations": [{"key": "a"}]}),
        ({"metadata": {"finalizers": ["b", "a"]}}, {"metadata": {"finalizers": ["a"]}}),
        ({"args": ["a", "b"]}, {"args": ["a", "b"]}),
    ],
)
def test_these_are_contained(live: JsonObject, desired: JsonObject) -> None:
    assert first_difference(live, desired) is None


@pytest.mark.parametrize(
    ("live", "desired", "where"),
    [
        ({}, {"a": 1}, "a"),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, "a.b"),
        ({"a": "x"}, {"a": {"b": 1}}, "a"),
        ({"a": 1}, {"a": True}, "a"),
        ({"a": 1}, {"a": "1"}, "a"),
        ({"a": True}, {"a": False}, "a"),
        ({"a": 5}, {"a": 0}, "a"),
        (pod(image="x"), pod(image="y"), "spec.containers[main].image"),
        ({"spec": {"containers": []}}, pod(), "spec.containers[main]"),
        ({"env": [{"name": "A", "value": "1"}]}, {"env": [{"name": "A", "value": "1.0"}]}, "env[A].value"),
        ({"limits": {"cpu": "1"}}, {"limits": {"cpu": "2"}}, "limits.cpu"),
        ({"args": ["a", "b"]}, {"args": ["b", "a"]}, "args[0]"),
        ({"args": ["a", "b"]}, {"args": ["a"]}, "args"),
        ({"tolerations": [{"key": "a"}, {"key": "b"}]}, {"tolerations": [{"key": "a"}]}, "tolerations"),
        ({"metadata": {"finalizers": ["b"]}}, {"metadata": {"finalizers": ["a"]}}, "metadata.finalizers"),
        ({"args": "a"}, {"args": ["a"]}, "args"),
        ({"limits": {"cpu": "nonsense"}}, {"limits": {"cpu": "1"}}, "limits.cpu"),
    ],
)
def test_these_are_not_and_the_place_is_named(live: JsonObject, desired: JsonObject, where: str) -> None:
    assert first_difference(live, desired) == where


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)
_OBJECTS = st.dictionaries(
    st.sampled_from(["containers", "env", "ports", "limits", "finalizers", "a", "b"]), _JSON, max_size=4
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(_OBJECTS)
def test_every_object_contains_itself(obj: JsonObject) -> None:
    assert contains(obj, copy.deepcopy(obj))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(_OBJECTS, st.text(min_size=1, max_size=5), _JSON)
def test_a_field_that_others_added_does_not_matter(obj: JsonObject, name: str, value: object) -> None:
    assert contains({name: value, **obj}, obj)
