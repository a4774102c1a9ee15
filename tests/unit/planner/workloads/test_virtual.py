"""The virtual mode: nothing is made, whatever the service says, and the status tells an address."""

from typing import Any

from tests.unit.planner.build import inputs_for, made, service

from omectl.planner import plan
from omectl.planner.report import in_words, report_of

Json = Any
VIRTUAL = {"annotations": {"ome.io/deploymentMode": "VirtualDeployment"}, "generation": 4}
URL = "http://svc.team.svc.cluster.local"


def test_a_virtual_service_makes_nothing_and_is_ready_at_its_address() -> None:
    found = made(service(metadata=VIRTUAL))
    assert found.problem is None
    assert (found.objects, found.initial_replicas, found.provenance) == ((), {}, {})
    assert found.explanation.mode == "VirtualDeployment"
    assert found.status == {
        "address": {"url": URL},
        "annotations": {"omectl.io/mode": "VirtualDeployment"},
        "components": {"predictor": {"url": URL}},
        "conditions": [
            {
                "message": "InferenceService is in VirtualDeployment mode",
                "reason": "VirtualDeployment",
                "status": "True",
                "type": "Ready",
            }
        ],
        "observedGeneration": 4,
        "url": URL,
    }


def test_a_virtual_service_needs_no_model_and_asks_for_nothing_that_could_be_refused() -> None:
    found = made(service(metadata=VIRTUAL, model=None, decoder={}, engine={"minReplicas": 0}), model=None)
    assert (found.problem, found.objects, found.status["url"]) == (None, (), URL)


def test_the_address_of_a_virtual_service_with_a_long_name_is_one_that_a_service_can_have() -> None:
    found = made(service("s" * 70, metadata=VIRTUAL))
    host = found.status["url"].removeprefix("http://").split(".")[0]
    assert len(host) == 63
    assert host.endswith("-" + "s" * 54)


def test_another_word_is_no_virtual_service() -> None:
    assert made(service(metadata={"annotations": {"ome.io/deploymentMode": "virtualdeployment"}})).objects


def test_the_report_on_a_virtual_service_tells_its_mode_and_of_no_choice() -> None:
    inputs = inputs_for(service(metadata=VIRTUAL))
    told = in_words(report_of(inputs, plan(inputs)))
    assert told == "InferenceService team/svc\n  mode     VirtualDeployment\n"
