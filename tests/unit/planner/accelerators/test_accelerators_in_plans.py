"""The class in the plan: refused, explained, and rendered as placement."""

from __future__ import annotations

from typing import Any

from tests.unit.planner.accelerators.classes import WORLD, accelerator_class, counted
from tests.unit.planner.build import RUNNER, entry, inputs_for, made, pod_of, runtime, service

from omectl.planner import Plan, plan
from omectl.planner.report import in_words, report_of

Json = Any
GPUS = {"resources": {"limits": {"nvidia.com/gpu": "8"}}}
MODEL_LABEL = "models.ome.io/clusterbasemodel.m"


def offering(*names: str, pod: Json = None, **entry_fields: Json) -> Any:
    """A runtime whose engine asks for eight GPUs."""
    engine = {"runner": {**RUNNER, **GPUS}, **(pod or {})}
    requirements = {"acceleratorClasses": list(names)}
    return runtime("r", entry(**entry_fields), engineConfig=engine, acceleratorRequirements=requirements)


def planned(
    asked: Json, *classes: Any, offered: Any = None, status: Json = None, engine: Json = None, metadata: Json = None
) -> Plan:
    wanted = service(acceleratorSelector=asked, status=status, engine=engine or {}, metadata=metadata)
    return made(wanted, offered or offering("H100", "A100", "T4"), accelerator_classes=classes or WORLD)


def test_the_pods_go_to_nodes_of_the_class() -> None:
    found = planned({"policy": "Cheapest"})
    assert found.problem is None
    assert pod_of(found)["nodeSelector"] == {MODEL_LABEL: "Ready", "gpu": "t4"}
    (decision,) = found.explanation.accelerators
    assert (decision.component, decision.class_name, decision.accelerators) == ("engine", "T4", 8)


def test_a_service_that_asks_for_no_class_is_placed_as_before() -> None:
    found = planned(None)
    assert pod_of(found)["nodeSelector"] == {MODEL_LABEL: "Ready"}
    assert found.explanation.accelerators[0].class_name == ""
    assert "selectedAccelerator" not in found.status["components"]["engine"]


def test_a_policy_that_finds_nothing_refuses_the_plan() -> None:
    """D 12, Q33: nothing is applied, what runs goes on, and the status says why."""
    found = planned({"policy": "Cheapest", "constraints": {"minMemory": 100}})
    assert found.problem is not None
    assert found.problem.reason == "AcceleratorClassError"
    assert found.problem.next_step == "lower minMemory of spec.acceleratorSelector.constraints to 40"
    assert found.objects == ()
    assert [one.name for one in found.explanation.accelerators[0].candidates] == ["A100", "H100", "T4"]
    ready = next(one for one in found.status["conditions"] if one["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "AcceleratorClassError")


def test_the_users_selector_wins_over_the_class_and_the_class_over_the_runtime() -> None:
    """D 20: and a conflict is told."""
    offered = offering("H100", pod={"nodeSelector": {"gpu": "any", "zone": "a"}})
    found = planned({"acceleratorClass": "H100"}, offered=offered)
    assert pod_of(found)["nodeSelector"] == {MODEL_LABEL: "Ready", "gpu": "h100", "zone": "a"}
    assert found.explanation.warnings == ("nodeSelector gpu: AcceleratorClass H100's h100 counts, not any",)
    own = planned({"acceleratorClass": "H100"}, offered=offered, engine={"nodeSelector": {"gpu": "mine"}})
    assert pod_of(own)["nodeSelector"]["gpu"] == "mine"
    assert own.explanation.warnings == ("nodeSelector gpu: the service's mine counts, not h100",)


def test_the_affinity_of_the_class_is_added_to_the_runtimes() -> None:
    """Q41, D 20."""

    def required(key: str) -> Json:
        terms = [{"matchExpressions": [{"key": key, "operator": "Exists"}]}]
        return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}

    one = accelerator_class("H100", discovery={"affinity": required("gpu")})
    offered = offering("H100", pod={"affinity": required("fast")})
    found = planned({"acceleratorClass": "H100"}, one, offered=offered)
    (term,) = pod_of(found)["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
        "nodeSelectorTerms"
    ]
    assert [expression["key"] for expression in term["matchExpressions"]] == ["fast", "gpu"]


def test_the_status_says_which_class_and_the_next_plan_keeps_it() -> None:
    """D 16: while the same is asked, taken accelerators move no service."""
    first = planned({"policy": "FirstAvailable"})
    selected = first.status["components"]["engine"]["selectedAccelerator"]
    assert selected == {"acceleratorClass": "H100", "reason": "ChosenByPolicy"}
    remembered = {"selection": first.status["selection"], "conditions": []}
    full = [accelerator_class(name, status=counted(1, 8, free)) for name, free in (("H100", 0), ("A100", 8))]
    kept = planned({"policy": "FirstAvailable"}, *full, status=remembered)
    assert pod_of(kept)["nodeSelector"]["gpu"] == "h100"
    assert kept.explanation.accelerators[0].better == "A100"
    assert kept.status["selection"] == first.status["selection"]
    afresh = planned({"policy": "FirstAvailable"}, *full)
    assert pod_of(afresh)["nodeSelector"]["gpu"] == "a100"


def test_what_a_component_has_is_remembered_while_there_is_a_problem() -> None:
    first = planned({"policy": "FirstAvailable"})
    remembered = {"selection": first.status["selection"], "conditions": []}
    stuck = planned({"policy": "FirstAvailable"}, accelerator_class("other"), status=remembered)
    assert stuck.problem is not None
    assert stuck.status["selection"]["accelerators"] == first.status["selection"]["accelerators"]


def test_the_plan_is_explained_class_by_class() -> None:
    priced = [accelerator_class(name, cost={"perHour": price}) for name, price in (("H100", "4"), ("A100", "2.5"))]
    asked = service(acceleratorSelector={"policy": "Cheapest"}, engine={})
    inputs = inputs_for(asked, offering("H100", "A100", "T4"), accelerator_classes=priced)
    text = in_words(report_of(inputs, plan(inputs)))
    assert "  class    A100 for the engine (Cheapest (spec.acceleratorSelector.policy): 2.5 dollars an hour" in text
    assert "  accelerator classes looked at for the engine: 3, usable: 2\n" in text
    assert (
        "    1. A100 (Cheapest 2.5)\n    2. H100 (Cheapest 4)\n         RankedLower: after A100: 4 dollars an hour"
        in text
    )
    assert "    - T4\n         ClassNotFound: AcceleratorClass T4 does not exist\n" in text
    assert "  cost     20 dollars an hour for a pod of the engine\n" in text


def test_a_pod_costs_the_accelerators_that_it_gets_not_those_that_the_runtime_asks_for() -> None:
    """D 5, D 15: the class raises the count to what the parallelism needs, and the price follows."""
    one = accelerator_class("H100", cost={"perHour": "3", "spotPerHour": "1.5"})
    asking = {"runner": {**RUNNER, "image": "sglang:1", "args": ["--tp-size=4"], **_gpus("2")}}
    (raised,) = planned(
        {"acceleratorClass": "H100"}, one, offered=offering("H100", pod=asking)
    ).explanation.accelerators
    assert (raised.accelerators, raised.cost_per_hour, raised.spot_cost_per_hour) == (4, 12, 6)
    asking["runner"] |= _gpus("8")
    (kept,) = _decisions(one, asking)
    assert (kept.accelerators, kept.cost_per_hour, kept.spot_cost_per_hour) == (8, 24, 12)


def test_accelerators_are_counted_by_the_classs_own_resource() -> None:
    one = accelerator_class("H100", cost={"perHour": "3"}, resources=[{"name": "example.com/npu"}])
    asking = {"runner": {**RUNNER, "resources": {"requests": {"example.com/npu": 2}}}}
    (found,) = _decisions(one, asking)
    assert (found.accelerators, found.cost_per_hour, found.spot_cost_per_hour) == (2, 6, None)


def test_a_plan_tells_how_far_each_component_scales() -> None:
    (found,) = planned(None, engine={"minReplicas": 2, "maxReplicas": 5}).explanation.scales
    assert (found.component, found.pods, found.least, found.most) == ("engine", 1, 2, 5)
    metadata = {"annotations": {"ome.io/autoscalerClass": "external"}}
    (by_others,) = planned(None, engine={"maxReplicas": 5}, metadata=metadata).explanation.scales
    assert (by_others.least, by_others.most) == (1, None)


def _gpus(count: str) -> Json:
    return {"resources": {"requests": {"nvidia.com/gpu": count}, "limits": {"nvidia.com/gpu": count}}}


def _decisions(one: Any, asking: Json) -> Any:
    return planned({"acceleratorClass": "H100"}, one, offered=offering("H100", pod=asking)).explanation.accelerators
