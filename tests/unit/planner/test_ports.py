"""Ports that clash inside a pod and on a node: told, with what to do."""

from typing import Any

import pytest
from tests.unit.planner.build import RUNNER, container_of, entry, made, runtime, service

from omectl.planner.ports import port_clashes

Json = Any
APART = "give one of them another port"


def pod(*ports: Json, node: bool = False, **more: Json) -> Json:
    """A pod of one container with these ports."""
    return {"containers": [{"name": "main", "ports": list(ports)}], **({"hostNetwork": True} if node else {}), **more}


def port(number: int, protocol: str = "", **more: int) -> Json:
    return {"containerPort": number, **({"protocol": protocol} if protocol else {}), **more}


@pytest.mark.parametrize(
    ("engine", "decoder", "clash"),
    [
        (pod(port(8080), node=True), pod(port(8080), node=True), "8080"),
        (pod(port(8080), node=True), pod(port(8081), node=True), None),
        (pod(port(8080), node=True), pod(port(8080)), None),
        (pod(port(8080), node=True), pod(port(9000, hostPort=8080)), "8080"),
        (pod(port(8080)), pod(port(8080)), None),
        (pod(port(53, "UDP"), node=True), pod(port(53, "TCP"), node=True), None),
        (
            pod(port(53, "UDP"), port(8080), node=True),
            pod(port(8080, "TCP"), port(53, "UDP"), node=True),
            "53/UDP, 8080",
        ),
        (pod({"name": "odd"}, node=True), pod({"name": "odd"}, node=True), None),
    ],
)
def test_two_components_that_take_one_port_of_their_node_are_told(
    engine: Json, decoder: Json, clash: str | None
) -> None:
    what = f"engine and decoder both take port {clash} of their node, so that no node runs pods of both"
    wanted = [(what, f"{APART}, or leave hostNetwork out")] if clash is not None else []
    assert list(port_clashes({"engine": [engine], "decoder": [decoder]})) == wanted


def test_leader_and_workers_of_one_group_are_on_different_nodes_anyway() -> None:
    assert list(port_clashes({"engine": [pod(port(8080), node=True), pod(port(8080), node=True)]})) == []


def test_the_workers_of_a_group_count_beside_another_component() -> None:
    found = list(port_clashes({"engine": [pod(), pod(port(1), node=True)], "router": [pod(port(1), node=True)]}))
    assert [text for text, _ in found] == [
        "engine and router both take port 1 of their node, so that no node runs pods of both"
    ]


def test_two_containers_that_take_one_port_of_their_pod_are_told_by_the_plan() -> None:
    engine = {"runner": RUNNER, "containers": [{"name": "side", "image": "s:1", "ports": [port(8080, "TCP")]}]}
    found = made(service(), runtime("r", entry(), engineConfig=engine))
    (told,) = (text for text in found.explanation.warnings if "port" in text)
    assert told.startswith("engine: containers ")
    assert told.endswith(f"both take port 8080 of their pod, so that one cannot listen; {APART}")
    assert "side" in told
    assert "ome-container" in told


def test_engine_and_decoder_on_the_node_s_network_are_told_by_the_plan() -> None:
    part = {"hostNetwork": True, "runner": RUNNER}
    found = made(service(decoder={}), runtime("r", entry(), engineConfig=part, decoderConfig=part))
    assert any("engine and decoder both take port 8080 of their node" in text for text in found.explanation.warnings)


def test_a_port_that_a_container_names_twice_is_there_once() -> None:
    runner = {**RUNNER, "ports": [port(8080), port(8080, "TCP")]}
    found = made(service(), runtime("r", entry(), engineConfig={"runner": runner}))
    assert len(container_of(found)["ports"]) == 1
    assert not any("port" in text for text in found.explanation.warnings)
