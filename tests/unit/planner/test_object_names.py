"""Names of services at every length, in every mode: what is made of them is valid, stable, and nobody else's."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.planner.build import RUNNER, entry, made, runtime, service

from omectl.api.settings import parse_settings
from omectl.planner import Plan

Json = Any
ROUTER = {"runner": {"name": "router", "image": "r:1", "ports": [{"containerPort": 9000}]}}
GROUP = {"leader": {"runner": RUNNER}, "worker": {"size": 1, "runner": RUNNER}}
TRIGGER = {"type": "prometheus", "metadata": {"query": "sum(queue)", "threshold": "5"}}
KEDA = {"class": "KEDA", "keda": {"triggers": [TRIGGER]}}
INGRESS = {"ingressGateway": "o", "ingressService": "i", "ingressDomain": "example.com"}
GATEWAY = {"enableGatewayAPI": True, "omeIngressGateway": "infra/gate", "pathTemplate": "/s/{{ .Name }}"}
MODES: dict[str, tuple[Json, Json]] = {
    "raw": ({"engine": {}, "router": {}}, {"disableIngressCreation": True}),
    "raw, KEDA, Ingress": ({"engine": {"autoscaler": KEDA}, "router": {}}, {}),
    "groups, HTTPRoute": ({"engine": GROUP, "router": {}}, GATEWAY),
    "ray": (
        {"engine": {**GROUP, "minReplicas": 2, "annotations": {"ome.io/deploymentMode": "MultiNodeRayVLLM"}}},
        {},
    ),
    "serverless": ({"engine": {"minReplicas": 0}}, {"disableIngressCreation": True}),
    "engine, decoder, router": ({"engine": {}, "decoder": GROUP, "router": {}}, {}),
}
SUBDOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
LABEL = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?")
LONGEST = {
    "Service": (LABEL, 63),
    # A StatefulSet of workers is called after the group, and may have 52.
    "LeaderWorkerSet": (LABEL, 48),
    "RayCluster": (LABEL, 50),
    # A ReplicaSet adds 11.
    "Deployment": (SUBDOMAIN, 242),
    "ScaledObject": (SUBDOMAIN, 63),
}
SHARED = ("Service", "HTTPRoute")
"""Kinds of which a service has one of its own name beside those of its components."""
names = st.from_regex(re.compile(r"[a-z]([a-z0-9-]{0,243}[a-z0-9])?", re.ASCII), fullmatch=True) | st.integers(
    min_value=1, max_value=253
).map(lambda length: "n" * length)


def planned(name: str, mode: str) -> Plan:
    spec, ingress = MODES[mode]
    engine = {} if "leader" in spec["engine"] else {"runner": RUNNER}
    pair: Json = {"routerConfig": ROUTER}
    if "decoder" in spec:
        pair["decoderConfig"] = {}
    chosen = parse_settings({"ingress": json.dumps({**INGRESS, **ingress})})
    found = made(service(name, **spec), runtime("r", entry(), engineConfig=engine, **pair), settings=chosen)
    assert found.problem is None, found.problem
    return found


def within(value: Json, *keys: str) -> Iterator[tuple[str, Json]]:
    """Every value under one of these keys, however deep."""
    if isinstance(value, dict):
        for key, one in value.items():
            if key in keys:
                yield key, one
            yield from within(one, *keys)
    elif isinstance(value, list):
        for one in value:
            yield from within(one, *keys)


def objects(found: Plan) -> set[tuple[str, str, str]]:
    return {(str(obj["apiVersion"]), str(obj["kind"]), obj["metadata"]["name"]) for obj in found.objects}  # type: ignore[index,call-overload,misc]


def pods(found: Plan) -> list[dict[str, str]]:
    """The labels of every pod. Leaders and heads get one more by those who make them."""
    every = list(found.objects)
    told = [one["metadata"]["labels"] for _, one in within(every, "template", "workerTemplate") if "metadata" in one]
    leaders = (one["metadata"]["labels"] for _, one in within(every, "leaderTemplate"))
    heads = (one["template"]["metadata"]["labels"] for _, one in within(every, "headGroupSpec"))
    return [
        *told,
        *({**one, "leaderworkerset.sigs.k8s.io/worker-index": "0"} for one in leaders),
        *({**one, "ray.io/node-type": "head"} for one in heads),
    ]


def selectors(found: Plan) -> list[dict[str, str]]:
    return [
        one.get("matchLabels", one)
        for _, one in within(list(found.objects), "selector")
        if isinstance(one, dict) and one
    ]


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=40, deadline=None)
@example("n")
@example("n" * 63)
@example("n" * 64)
@example("n" + "-" * 200 + "n")
@example("n" * 253)
@given(names)
def test_d47_every_name_and_label_is_one_that_kubernetes_takes(mode: str, name: str) -> None:
    found = planned(name, mode)
    for obj in found.objects:
        pattern, longest = LONGEST.get(str(obj["kind"]), (SUBDOMAIN, 253))
        own = obj["metadata"]["name"]  # type: ignore[index,call-overload]
        assert isinstance(own, str)
        assert len(own) <= longest, own
        assert pattern.fullmatch(own), own
    for _, labels in within(list(found.objects), "labels", "matchLabels"):
        for value in labels.values():
            assert len(value) <= 63, value
            assert VALUE.fullmatch(value), value
    for _, hosts in within(list(found.objects), "hostnames"):
        assert all(len(part) <= 63 and LABEL.fullmatch(part) for host in hosts for part in host.split("."))
    for labels in selectors(found):
        assert any(labels.items() <= pod.items() for pod in pods(found))
    assert objects(planned(name, mode)) == objects(found)


def relatives(name: str) -> list[str]:
    """Names that are made of that name, or end as it does."""
    endings = ("-engine", "-decoder", "-router", "-engine-0", "-engine-engine")
    beginnings = ("r", "lws-", "modelconfig-", "scaledobject-", "x" * 60)
    return [*(name + one for one in endings), *(one + name for one in beginnings), f"{name[:-1]}x{name[-1]}"]


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=15, deadline=None)
@example("a", 0)
@example("n" * 62, 5)
@given(st.from_regex(re.compile(r"[a-z]([a-z0-9-]{0,70}[a-z0-9])?", re.ASCII), fullmatch=True), st.integers(0, 10))
def test_what_is_made_of_one_name_is_never_of_another(mode: str, name: str, relative: int) -> None:
    other = relatives(name)[relative]
    first, second = planned(name, mode), planned(other, mode)
    common = objects(first) & objects(second)
    # Of these two names a user may have both, and the second is told that the first has the object.
    assert not common or (other.startswith(f"{name}-") and {kind for _, kind, _ in common} <= set(SHARED)), common
    for one, another in ((first, second), (second, first)):
        for labels in selectors(one):
            assert not any(labels.items() <= pod.items() for pod in pods(another)), labels


def test_names_stay_what_they_are() -> None:
    found = {name for _, kind, name in objects(planned("n" * 63, "groups, HTTPRoute")) if kind == "LeaderWorkerSet"}
    assert found == {"lws-a67793ad-nnnnnnnnnnnnnnnnnnnnnnnnnnnn-engine"}


@pytest.mark.parametrize("name", ["7b", "a.b", "a.example.com", "7"])
def test_a_name_of_which_no_service_can_be_made_is_refused_with_what_to_do(name: str) -> None:
    found = made(service(name))
    assert found.problem is not None
    assert (found.problem.reason, found.problem.field) == ("InvalidSpec", "metadata.name")
    assert found.problem.message == f"metadata.name: wanted letters, digits and hyphens after a letter, found {name!r}"
    assert "make the service anew" in found.problem.next_step
    assert found.objects == ()


def test_a_virtual_service_may_have_any_name() -> None:
    metadata = {"annotations": {"ome.io/deploymentMode": "VirtualDeployment"}}
    assert made(service("a.b", metadata=metadata)).problem is None
