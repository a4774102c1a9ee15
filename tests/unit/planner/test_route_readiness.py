"""What `IngressReady` tells of a Gateway and of an Ingress, and what it does not claim."""

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.planner.build import condition, entry, inputs_for, live_deployment, runtime, service
from tests.unit.planner.test_routing import GATEWAY, GOOD, GOOD_PARENT, live_route, parent, settings_of

from omectl.planner import LiveState, plan

Json = Any
ENGINE = live_deployment(Available=GOOD)
ROUTE = live_route(1, parent(**GOOD_PARENT))


def told(*live: Json, gateway: Json = None, **ingress: Json) -> Json:
    inputs = inputs_for(service(), runtime("r", entry()), live=list(live), settings=settings_of(**ingress))
    return condition(plan(replace(inputs, live=LiveState(inputs.live.children, gateway))), "IngressReady")


def gate(generation: int = 1, seen: int = 1, **statuses: str) -> Json:
    conditions = parent(seen=seen, **statuses)["conditions"]
    return {"metadata": {"name": "gate", "generation": generation}, "status": {"conditions": conditions}}


@pytest.mark.parametrize(
    ("gateway", "status", "reason"),
    [
        (None, "True", None),
        ({}, "False", "GatewayMissing"),
        (gate(), "Unknown", "GatewayNotReady"),
        (gate(Accepted="True"), "Unknown", "GatewayNotReady"),
        (gate(2, Accepted="True", Programmed="True"), "Unknown", "GatewayNotReady"),
        (gate(2, Accepted="True", Programmed="False"), "Unknown", "GatewayNotReady"),
        (gate(Accepted="False", Programmed="True"), "False", "WhyAccepted"),
        (gate(Accepted="True", Programmed="False"), "False", "WhyProgrammed"),
        (gate(Accepted="True", Programmed="True"), "True", None),
    ],
)
def test_a_route_is_no_better_than_its_gateway(gateway: Json, status: str, reason: Json) -> None:
    found = told(ENGINE, ROUTE, gateway=gateway, **GATEWAY)
    assert (found["status"], found.get("reason")) == (status, reason)
    assert status == "True" or "infra/gate" in found["message"]


def test_a_gateway_that_is_missing_is_told_before_the_route_that_waits_for_it() -> None:
    assert told(ENGINE, live_route(), gateway={}, **GATEWAY)["reason"] == "GatewayMissing"
    assert told(ENGINE, gateway={}, **GATEWAY)["reason"] == "GatewayMissing"


def test_no_gateway_is_missed_by_a_service_that_has_no_route_through_one() -> None:
    assert told(ENGINE, ingress({"ip": "10.0.0.1"}), gateway={})["status"] == "True"
    assert told(ENGINE, gateway={}, **{**GATEWAY, "disableIngressCreation": True})["reason"] == "IngressDisabled"


def ingress(*points: Json) -> Json:
    status = {"loadBalancer": {"ingress": list(points)}} if points else {}
    return {"kind": "Ingress", "metadata": {"name": "svc"}, "status": status}


def test_where_an_ingress_is_served_is_told_as_its_controller_says() -> None:
    found = told(ENGINE, ingress({"ip": "10.0.0.1"}, {"hostname": "lb.example.com"}))
    assert (found["status"], found.get("reason")) == ("True", None)
    assert found["message"] == "Ingress svc is served at 10.0.0.1, lb.example.com"


def test_of_an_ingress_without_an_address_nothing_is_claimed() -> None:
    found = told(ENGINE, ingress(), ingressClassName="own")
    assert (found["status"], found["reason"]) == ("True", "AddressUnknown")
    assert "no controller tells where Ingress svc is served" in found["message"]
    assert found["message"].endswith("(own)")


def test_an_ingress_that_is_not_there_yet_is_not_called_ready() -> None:
    found = told(ENGINE)
    assert (found["status"], found["reason"]) == ("Unknown", "IngressMissing")
