"""What holds in every world (D.2), for ten thousand of them."""

from __future__ import annotations

import random

from tests.unit.planner.accelerators.classes import Json, accelerator_class, counted, listing
from tests.unit.planner.build import Runtime, service

from omectl.api.accelerator_class import AcceleratorClass
from omectl.api.serving_runtime import AcceleratorRequirements
from omectl.planner.accelerators.choice import ClassChoice, CurrentClass, choose_class
from omectl.planner.accelerators.policies import FIRST_AVAILABLE, POLICIES

WORLDS = 10_000
NAMES = ("a", "b", "c", "d", "e")
QUANTITIES = ("80Gi", "40Gi", "40", "80G", "many", "-1", "0", "1e3", "512Mi", "")
PRICES = ("0", "1", "1", "2.5", "900m", "-3", "cheap", "")
VERSIONS = ("9.0", "10.0", "8", "gfx942", "", "nine.", "٩.0")
PRECISIONS = ("fp32", "fp16", "int8", "int4", "fp8", "bf16", "FP16 ")

_RUNTIME = listing()
_EMPTY = accelerator_class("none", capabilities={"memoryGB": "500Gi"}, status=counted(0))


class World:
    """Classes, a runtime's list and constraints, of which much cannot be read."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.names = self.dice.sample(NAMES, self.dice.randint(0, len(NAMES)))
        self.policy = self.dice.choice(POLICIES)
        self.accelerators = self.dice.choice((0, 1, 2, 8))
        self.classes = [self.one(name) for name in self.names if self.dice.random() < 0.9]
        self.constraints = [self.layer() for _ in range(3)]
        self.service = service(
            acceleratorSelector={"policy": self.policy, "constraints": self.constraints[0]},
            engine={"acceleratorOverride": {"constraints": self.constraints[1]}},
        )

    def maybe(self, choices: tuple[Json, ...]) -> Json:
        return self.dice.choice((*choices, None, None))

    def one(self, name: str) -> AcceleratorClass:
        performance = {
            key: value
            for key in ("fp32Tflops", "fp16Tflops", "int8Tops", "int4Tops")
            if (value := self.maybe((0, 100, 100, 1979, -5))) is not None
        }
        fields: Json = {
            "memoryGB": self.maybe(QUANTITIES),
            "memoryBandwidthGBps": self.maybe(QUANTITIES),
            "computeCapability": self.maybe(VERSIONS),
            "features": self.maybe((["fp8"], ["NVLINK", "fp8"], [])),
            "performance": performance or None,
        }
        prices = {key: self.maybe(PRICES) for key in ("perHour", "spotPerHour", "perMillionTokens")}
        cost = {**prices, "tier": self.maybe(("low", "High", "odd"))}
        return accelerator_class(
            name,
            vendor=self.maybe(("nvidia", "amd")),
            family=self.maybe(("hopper", "cdna-3")),
            capabilities={key: value for key, value in fields.items() if value is not None},
            cost={key: value for key, value in cost.items() if value is not None},
            status=self.maybe((counted(0), counted(1, 8, self.dice.randint(0, 8)), counted(2, 16, 16))),
        )

    def layer(self) -> Json:
        fields: Json = {
            "minMemory": self.maybe((0, 16, 40, 80)),
            "maxMemory": self.maybe((40, 80)),
            "minComputePerformanceTFLOPS": self.maybe((0, 150, -1)),
            "minArchitectureVersion": self.maybe(VERSIONS),
            "requiredFeatures": self.maybe((["fp8"], ["nvlink"], [])),
            "excludedClasses": self.maybe((["a"], ["zz"], [])),
            "architectureFamilies": self.maybe((["nvidia-hopper", "cdna-3"], ["hopper"], [])),
            "preferredPrecisions": self.maybe((list(self.dice.sample(PRECISIONS, 2)), ["fp8"])),
        }
        # Most layers state little: with all of it no class would ever be eligible.
        return {key: value for key, value in fields.items() if value is not None and self.dice.random() < 0.25}

    def runtime(self, names: Json) -> Runtime:
        # A runtime has fewer constraints than a service. Decoding a whole one each time would take most of the test.
        needed = {key: value for key, value in self.constraints[2].items() if key[:3] in ("min", "req", "pre")}
        requirements = AcceleratorRequirements.model_validate({**needed, "acceleratorClasses": tuple(names)})
        spec = _RUNTIME.spec.model_copy(update={"accelerator_requirements": requirements})
        return _RUNTIME.model_copy(update={"spec": spec})

    def choose(self, names: Json = None, classes: Json = None, current: CurrentClass | None = None) -> ClassChoice:
        return choose_class(
            self.service,
            self.runtime(self.names if names is None else names),
            "engine",
            self.classes if classes is None else classes,
            accelerators=self.accelerators,
            current=current,
        )


def test_ten_thousand_worlds_keep_the_invariants() -> None:
    """D.2 (1, 2, 4, 5), D 12: total, deterministic, closed, and undisturbed by what is not eligible."""
    seen = {"chosen": 0, "refused": 0, "kept": 0}
    for seed in range(WORLDS):
        world = World(seed)
        found = world.choose()
        told = found.decision
        # Fails closed: a class, or a problem with what to do about it; never neither and never both.
        assert (found.chosen is None) != (found.problem is None), seed
        if found.problem is not None:
            assert found.problem.next_step, seed
            seen["refused"] += 1
        else:
            seen["chosen"] += 1
        # Every class that was not chosen has its reasons, and every listed one is told of.
        if world.names:
            assert sorted(one.name for one in told.candidates) == sorted(world.names), seed
        for one in told.candidates:
            assert bool(one.codes) is (one.name != told.class_name), (seed, one)
            assert len(one.codes) == len(one.reasons), seed
        # Deterministic: the order of objects never counts, that of the list only where it is the policy.
        names, classes = list(world.names), list(world.classes)
        world.dice.shuffle(classes)
        if world.policy != FIRST_AVAILABLE:
            world.dice.shuffle(names)
        again = world.choose(names, classes).decision
        assert (again.class_name, again.tied) == (told.class_name, told.tied), seed
        assert {one.name: one.codes for one in again.candidates} == {one.name: one.codes for one in told.candidates}
        # An ineligible class more changes nothing: one without nodes, one that vanished.
        more = world.choose([*world.names, "none", "vanished"], [*world.classes, _EMPTY])
        assert more.decision.class_name == told.class_name, seed
        # A class that may still be used is kept.
        ranked = [one.name for one in told.candidates if one.rank is not None]
        for name in ranked[1:2]:
            assert world.choose(current=CurrentClass(name=name, ask=told.ask)).decision.class_name == name, seed
            seen["kept"] += 1
    assert min(seen.values()) > WORLDS / 20, seen
