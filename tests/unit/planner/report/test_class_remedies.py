"""What a report says would have a class be used does that: tried in thousands of worlds of the classes' tests."""

from __future__ import annotations

from collections import Counter

import pytest
from tests.unit.planner.accelerators.classes import accelerator_class, counted, listing
from tests.unit.planner.accelerators.test_choice_properties import World
from tests.unit.planner.build import service
from tests.unit.planner.report.applying import FILLS, applied

from omectl.api.accelerator_class import AcceleratorClass
from omectl.api.codec import decode, encode
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject
from omectl.api.serving_runtime import ClusterServingRuntime
from omectl.planner.accelerators.choice import choose_class
from omectl.planner.accelerators.decision import Code
from omectl.planner.report import AcceleratorTold, Change, ClassTold

WORLDS = 600
WITHOUT_CHANGES = {Code.DELETING, Code.NO_NODES, Code.NO_ROOM, Code.BEHIND}


class Asked:
    """A service, a runtime and classes, and what is told of them."""

    def __init__(
        self, asked: InferenceService, runtime: ClusterServingRuntime, classes: list[AcceleratorClass]
    ) -> None:
        self.service, self.runtime, self.classes = asked, runtime, classes

    def told(self) -> AcceleratorTold:
        decision = choose_class(self.service, self.runtime, "engine", self.classes).decision
        return AcceleratorTold.of(decision, self.service, self.runtime, self.classes)

    def after(self, changes: tuple[Change, ...]) -> Asked:
        objects: list[JsonObject] = [encode(one) for one in (self.service, self.runtime, *self.classes)]
        asked, runtime, *classes = map(decode, applied(changes, objects))
        assert isinstance(asked, InferenceService)
        assert isinstance(runtime, ClusterServingRuntime)
        return Asked(asked, runtime, [one for one in classes if isinstance(one, AcceleratorClass)])


def reasons(told: AcceleratorTold, name: str) -> set[str]:
    """What speaks against the class, in words with wanted and found: another reason may take the place of one."""
    one = next((one for one in told.classes if one.name == name), ClassTold(name=name))
    return {check.text for check in one.checks}


@pytest.mark.parametrize("part", range(2))
def test_every_change_ends_its_reason(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FILLS, "<version>", "9.0")
    tried: Counter[str] = Counter()
    for seed in range(part * WORLDS, (part + 1) * WORLDS):
        world = World(seed)
        runtime = listing(*world.names)
        assert isinstance(runtime, ClusterServingRuntime)
        one = Asked(world.service, runtime, world.classes)
        told = one.told()
        for candidate in told.classes:
            for check in candidate.checks:
                if not check.changes:
                    tried["without"] += 1
                    lonely = check.code == Code.NOT_FOUND and len(world.names) == 1
                    assert check.code in WITHOUT_CHANGES or lonely, check
                    continue
                now = one.after(check.changes).told()
                assert check.text not in reasons(now, candidate.name), check
                tried[check.code] += 1
    assert len(tried) >= 10, tried
    assert min(tried.values()) >= 5, tried


def test_a_constraint_of_the_runtime_is_changed_in_the_runtime() -> None:
    runtime = listing("T4", minMemory=80, requiredFeatures=["fp8"])
    asked = service(acceleratorSelector={"policy": "BestFit"})
    assert isinstance(runtime, ClusterServingRuntime)
    (told,) = Asked(asked, runtime, [accelerator_class("T4")]).told().classes
    changes = [change for check in told.checks for change in check.changes]
    assert {change.object for change in changes} == {f"ClusterServingRuntime {runtime.name}"}
    assert [(change.field, change.value) for change in changes] == [
        ("spec.acceleratorRequirements.minMemory", 16),
        ("spec.acceleratorRequirements.requiredFeatures", None),
    ]


def test_a_class_that_is_named_by_the_annotation_is_corrected_there() -> None:
    asked = service(metadata={"annotations": {"ome.io/accelerator-class": "H10"}})
    runtime = listing("H100")
    assert isinstance(runtime, ClusterServingRuntime)
    told = Asked(asked, runtime, [accelerator_class("H100")]).told()
    assert told.asked_by == "metadata.annotations[ome.io/accelerator-class]"
    assert told.classes[0].checks[0].changes == (
        Change("InferenceService svc", "metadata.annotations[ome.io/accelerator-class]", "H100"),
    )


def test_what_no_field_mends_is_advice() -> None:
    asked, runtime = service(acceleratorSelector={"policy": "BestFit"}), listing("H100")
    assert isinstance(runtime, ClusterServingRuntime)
    (told,) = Asked(asked, runtime, [accelerator_class("H100", status=counted(0))]).told().classes
    (check,) = told.checks
    assert (check.code, check.changes) == ("NoNodes", ())
    assert check.advice.startswith("add, uncordon or label a node for AcceleratorClass H100")
