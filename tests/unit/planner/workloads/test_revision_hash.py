"""The hash of what reaches the pods: what changes it, and what does not."""

import copy
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.planner.build import RUNNER, child, entry, live_deployment, made, runtime, service

from omectl.planner import Plan
from omectl.planner.workloads.revision_hash import revision_hash

Json = Any
KEY = "ome.io/revision-hash"
TEMPLATE: Json = {
    "metadata": {"name": "svc-engine", "labels": {"app": "svc-engine"}, "annotations": {"a": "1"}},
    "spec": {
        "nodeSelector": {"gpu": "h100", "zone": "a"},
        "volumes": [{"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}}],
        "containers": [
            {
                "name": "ome-container",
                "image": "engine:1",
                "args": ["--x"],
                "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)"}],
                "resources": {"limits": {"cpu": "1", "memory": "10Gi"}, "requests": {"cpu": "500m"}},
            }
        ],
    },
}
MODES: Json = {
    "Deployment": {},
    "RayCluster": {"annotations": {"ome.io/deploymentMode": "MultiNodeRayVLLM"}},
    "Service": {"minReplicas": 0},
    "LeaderWorkerSet": {"leader": {}, "worker": {"size": 1}},
}


def limits(cpu: Json) -> Json:
    return {"runner": {**RUNNER, "resources": {"limits": {"cpu": cpu}, "requests": {"cpu": cpu}}}}


def workload(found: Plan, kind: str = "Deployment") -> Json:
    """The workload of that kind; Knative's has a name that others have too."""
    assert found.problem is None, found.problem
    return next(
        obj
        for obj in found.objects
        if obj["kind"] == kind and (kind != "Service" or str(obj["apiVersion"]).startswith("serving.knative.dev"))
    )


def mark(found: Plan, kind: str = "Deployment") -> str:
    return workload(found, kind)["metadata"]["labels"][KEY]


def planned(kind: str = "Deployment", cpu: Json = "1", **given: Any) -> Plan:
    engine = {**MODES[kind], **given.pop("engine", {})}
    template = (
        limits(cpu) if kind != "LeaderWorkerSet" else {"leader": limits(cpu), "worker": {"size": 1, **limits(cpu)}}
    )
    return made(service(engine=engine, **given), runtime("r", entry(), engineConfig=template))


def test_every_release_gives_the_same_hash_to_the_same_template() -> None:
    """Whoever changes this hash tells every service that its pods are others."""
    assert revision_hash([TEMPLATE]) == "8e1bda80d106894b"
    assert revision_hash([TEMPLATE, TEMPLATE, 4]) == "3d116f09e2c2fe05"


def shuffled(value: Json, draw: Any) -> Json:
    if isinstance(value, dict):
        keys = draw(st.permutations(list(value)))
        return {key: shuffled(value[key], draw) for key in keys}
    return [shuffled(one, draw) for one in value] if isinstance(value, list) else value


@given(st.data())
def test_the_order_of_maps_and_the_writing_of_amounts_make_no_difference(data: st.DataObject) -> None:
    other = shuffled(TEMPLATE, data.draw)
    resources = other["spec"]["containers"][0]["resources"]
    resources["limits"]["cpu"] = data.draw(st.sampled_from(["1", 1, "1000m", "1.0", "1e0"]))
    resources["limits"]["memory"] = data.draw(st.sampled_from(["10Gi", "10240Mi", str(10 * 2**30)]))
    resources["requests"]["cpu"] = data.draw(st.sampled_from(["500m", "0.5", ".5"]))
    other["spec"]["volumes"][0]["emptyDir"]["sizeLimit"] = data.draw(st.sampled_from(["1Gi", "1024Mi"]))
    other["metadata"]["name"] = data.draw(st.sampled_from(["svc-engine", "svc-engine-1"]))
    other["spec"]["priorityClassName"] = None
    kept = copy.deepcopy(other)
    assert revision_hash([other]) == revision_hash([TEMPLATE])
    assert other == kept


@given(st.fractions(min_value=Fraction(1, 1000), max_value=10**6, max_denominator=1000))
def test_other_amounts_make_a_difference(amount: Fraction) -> None:
    other = copy.deepcopy(TEMPLATE)
    other["spec"]["containers"][0]["resources"]["limits"]["cpu"] = f"{int(amount * 1000)}m"
    assert (revision_hash([other]) == revision_hash([TEMPLATE])) == (int(amount * 1000) == 1000)


def test_an_amount_that_is_none_counts_as_it_is_written() -> None:
    one, other = copy.deepcopy(TEMPLATE), copy.deepcopy(TEMPLATE)
    one["spec"]["containers"][0]["resources"]["limits"]["cpu"] = "many"
    other["spec"]["containers"][0]["resources"]["limits"]["cpu"] = "more"
    assert len({revision_hash([each]) for each in (one, other, TEMPLATE)}) == 3


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("metadata", "labels", "b"), "2"),
        (("metadata", "annotations", "a"), "2"),
        (("spec", "nodeSelector", "zone"), "b"),
        (("spec", "containers", 0, "image"), "engine:2"),
        (("spec", "containers", 0, "env"), [{"name": "B", "value": "$(A)"}, {"name": "A", "value": "1"}]),
        (("spec", "containers", 0, "args"), ["--y"]),
        (("spec", "hostNetwork"), False),
    ],
    ids=lambda one: str(one[-1]) if isinstance(one, tuple) else "",
)
def test_what_reaches_the_pods_makes_a_difference(path: tuple[Any, ...], value: Json) -> None:
    other = copy.deepcopy(TEMPLATE)
    place = other
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert revision_hash([other]) != revision_hash([TEMPLATE])


@pytest.mark.parametrize("kind", MODES)
def test_the_workload_of_every_mode_has_it_and_the_status_tells_it(kind: str) -> None:
    found = planned(kind)
    assert found.status["components"]["engine"]["revisionHash"] == mark(found, kind)  # type: ignore[index]
    assert len(mark(found, kind)) == 16
    assert KEY not in str(workload(found, kind)["spec"]), "it is on no pod, which it would restart"
    others = [obj for obj in found.objects if obj is not workload(found, kind) and obj["kind"] != kind]
    assert KEY not in str(others)


def templates(obj: Json) -> Json:
    """All of the spec but what KubeRay makes a Service of."""
    spec: Json = copy.deepcopy(obj["spec"])
    spec.get("headGroupSpec", {}).pop("headService", None)
    return spec


@pytest.mark.parametrize("kind", MODES)
def test_cosmetic_edits_change_neither_hash_nor_pods(kind: str) -> None:
    """Labels and annotations of the service that are for people, and how an amount is written."""
    plain, told = planned(kind), planned(kind, metadata={"labels": {"team": "a"}, "annotations": {"note": "x"}})
    assert mark(told, kind) == mark(plain, kind)
    assert templates(workload(told, kind)) == templates(workload(plain, kind))
    assert workload(told, kind)["metadata"]["labels"] != workload(plain, kind)["metadata"]["labels"]
    assert mark(planned(kind, cpu="1000m"), kind) == mark(plain, kind)


@pytest.mark.parametrize("kind", MODES)
def test_another_image_is_another_revision(kind: str) -> None:
    engine = {**MODES[kind], "runner": {"image": "engine:2"}}
    if kind == "LeaderWorkerSet":
        engine = {**MODES[kind], "worker": {"size": 1, "runner": {"image": "engine:2"}}}
    assert mark(planned(kind, engine=engine), kind) != mark(planned(kind), kind)


def test_the_size_of_a_group_is_part_of_its_revision() -> None:
    kind = "LeaderWorkerSet"
    assert mark(planned(kind, engine={"worker": {"size": 3}}), kind) != mark(planned(kind), kind)


def test_how_many_there_are_and_who_scales_them_is_no_part_of_it() -> None:
    live = live_deployment()
    live["spec"] = {"replicas": 5}
    scaled = {"minReplicas": 2, "maxReplicas": 9, "autoscaler": {"class": "None"}}
    assert mark(planned(engine=scaled)) == mark(planned())
    stopped = made(
        service(metadata={"annotations": {"omectl.io/stop": "true"}}, engine={}),
        runtime("r", entry(), engineConfig=limits("1")),
        live=[live],
    )
    assert mark(stopped) == mark(planned())


def test_all_clusters_of_a_component_are_of_one_revision() -> None:
    engine = {**MODES["RayCluster"], "minReplicas": 3}
    clusters = [obj for obj in planned("RayCluster", engine=engine).objects if obj["kind"] == "RayCluster"]
    marks: list[Json] = [one["metadata"]["labels"][KEY] for one in clusters]  # type: ignore[index,call-overload]
    assert (len(marks), len(set(marks))) == (3, 1)
    pods: Json = clusters[0]["spec"]
    annotations = pods["headGroupSpec"]["template"]["metadata"]["annotations"]
    assert annotations["omectl.io/pod-template"] == marks[0]


def test_two_components_have_revisions_of_their_own() -> None:
    router = {"runner": {"name": "router", "image": "router:1", "ports": [{"containerPort": 9000}]}}
    found = made(service(router={}), runtime("r", entry(), routerConfig=router))
    engine, other = (
        child(found, "Deployment", f"svc-{one}")["metadata"]["labels"][KEY] for one in ("engine", "router")
    )
    assert engine != other
