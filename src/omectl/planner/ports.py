"""Ports that two containers want at one address: inside a pod, and on a node whose network pods use themselves."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import Final

from omectl.api.document import as_number, as_objects, as_text
from omectl.api.json import JsonObject

_Port = tuple[int, str]
_APART: Final = "give one of them another port"


def port_clashes(pods: Mapping[str, Iterable[JsonObject]]) -> Iterator[tuple[str, str]]:
    """What cannot listen or not run side by side, and what to do; `pods` are the specs of each component's pods."""
    taken: dict[str, set[_Port]] = {}
    for component, specs in pods.items():
        taken[component] = set()
        for spec in specs:
            yield from ((f"{component}: {text}", _APART) for text in _inside(spec))
            taken[component] |= _on_the_node(spec)
    for (one, ports), (other, others) in combinations(taken.items(), 2):
        if common := _in_words(ports & others):
            what = f"{one} and {other} both take port {common} of their node, so that no node runs pods of both"
            yield what, f"{_APART}, or leave hostNetwork out"


def _inside(spec: JsonObject) -> Iterator[str]:
    """Containers of a pod share its address."""
    listening = {as_text(one.get("name")): set(_ports(one)) for one in as_objects(spec.get("containers"))}
    for (one, ports), (other, others) in combinations(listening.items(), 2):
        if common := _in_words(ports & others):
            yield f"containers {one} and {other} both take port {common} of their pod, so that one cannot listen"


def _on_the_node(spec: JsonObject) -> set[_Port]:
    """Ports of the node: with the node's network every port is one."""
    containers = as_objects(spec.get("containers"))
    if spec.get("hostNetwork") is True:
        return {port for one in containers for port in _ports(one)}
    return {port for one in containers for port in _ports(one, "hostPort")}


def _ports(container: JsonObject, field: str = "containerPort") -> Iterator[_Port]:
    for port in as_objects(container.get("ports")):
        if number := as_number(port.get(field)):
            yield number, as_text(port.get("protocol")) or "TCP"


def _in_words(ports: Iterable[_Port]) -> str:
    return ", ".join(str(number) if protocol == "TCP" else f"{number}/{protocol}" for number, protocol in sorted(ports))
