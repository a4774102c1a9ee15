"""Startup, readiness and liveness where nobody states them (12.2.8)."""

from typing import Any

import pytest
from tests.unit.planner.build import RUNNER, container_of, entry, made, model, runtime, service

from omectl.api.settings import Settings
from omectl.planner.component import Component
from omectl.planner.model import view_model
from omectl.planner.pod import render_pod

Json = Any
KINDS = ("startupProbe", "readinessProbe", "livenessProbe")
VLLM = ["vllm", "serve"]
SGLANG = ["python3", "-m", "sglang.launch_server"]


def probes(asked: Json = None, **runner: Json) -> Json:
    """The probes of an engine's container."""
    taken = runtime("r", entry(), engineConfig={"runner": {**RUNNER, **runner}})
    found = container_of(made(service(engine=asked or {}), taken))
    return {kind: found[kind] for kind in KINDS if kind in found}


@pytest.mark.parametrize("command", [VLLM, SGLANG])
def test_a_known_engine_is_asked_for_its_health(command: list[str]) -> None:
    found = probes(command=command)
    assert set(found) == set(KINDS)
    assert {str(one["httpGet"]) for one in found.values()} == {str({"path": "/health", "port": 8080})}
    startup = found["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] == 3600
    assert (found["readinessProbe"]["periodSeconds"], found["readinessProbe"]["failureThreshold"]) == (10, 3)
    assert (found["livenessProbe"]["periodSeconds"], found["livenessProbe"]["failureThreshold"]) == (60, 5)


def test_of_an_unknown_program_only_the_port_is_known() -> None:
    found = probes(command=["server"])
    assert set(found) == {"readinessProbe"}
    assert found["readinessProbe"]["tcpSocket"] == {"port": 8080}


def test_a_side_container_of_the_conventional_name_is_ready_by_its_port() -> None:
    taken = runtime("r", entry(), engineConfig={"containers": [RUNNER], "runner": {"name": "main", "image": "vllm:1"}})
    found = made(service(), taken)
    assert container_of(found, name="ome-container")["readinessProbe"]["tcpSocket"] == {"port": 8080}
    assert container_of(found, name="main")["readinessProbe"]["httpGet"]["path"] == "/health"


@pytest.mark.parametrize(
    ("args", "health"),
    [
        (["--port", "30000"], {"path": "/health", "port": 30000}),
        (["--port=30000"], {"path": "/health", "port": 30000}),
        (["--port", "$(PORT)"], {"path": "/health", "port": 8080}),
        (["serve \\\n --port 9000 \\\n --x"], {"path": "/health", "port": 9000}),
        (["--ssl-keyfile", "/k", "--ssl-certfile", "/c"], {"path": "/health", "port": 8080, "scheme": "HTTPS"}),
    ],
)
def test_the_engines_own_flags_say_where_it_listens(args: list[str], health: Json) -> None:
    assert probes(command=VLLM, args=args)["readinessProbe"]["httpGet"] == health


def test_an_engine_without_ports_listens_on_the_default_port() -> None:
    assert probes(command=VLLM, ports=[])["readinessProbe"]["httpGet"]["port"] == 8080


def test_what_somebody_states_stays_and_who_states_a_probe_gets_no_liveness() -> None:
    ready = {"httpGet": {"path": "/mine", "port": 1}}
    found = probes(command=VLLM, readinessProbe=ready)
    assert found["readinessProbe"] == ready
    assert found["startupProbe"]["httpGet"]["path"] == "/health"
    assert "livenessProbe" not in found
    alive = {"httpGet": {"path": "/alive", "port": 1}}
    found = probes(command=VLLM, livenessProbe=alive)
    assert found["livenessProbe"] == alive
    assert {"startupProbe", "readinessProbe"} < set(found)


def test_a_service_may_want_none() -> None:
    found = probes({"runner": {"name": "ome-container", "livenessProbe": None, "startupProbe": None}}, command=VLLM)
    assert set(found) == {"readinessProbe"}


def test_a_router_is_not_asked_as_an_engine() -> None:
    taken = runtime("r", entry(), routerConfig={"runner": {"name": "router", "image": "sglang-router:1"}})
    found = container_of(made(service(router={}), taken), "router")
    assert not set(KINDS) & set(found)


@pytest.mark.parametrize(("role", "wanted"), [("leader", set(KINDS)), ("worker", set())])
def test_of_several_nodes_the_leader_is_asked(role: str, wanted: set[str]) -> None:
    runner = {**RUNNER, "command": SGLANG}
    taken = runtime("r", entry(), engineConfig={"leader": {"runner": runner}, "worker": {"size": 1, "runner": runner}})
    part = Component.merged("engine", service(), taken, role=role)
    container = render_pod(part, view_model(model(), Settings.defaults())).spec["containers"][0]
    assert set(KINDS) & set(container) == wanted
