"""Every way out leads on, in invented worlds where anything may be wrong: service, model, runtimes, classes."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import msgspec
import pytest
from tests.unit.planner.accelerators.test_choice_properties import World as Classes
from tests.unit.planner.build import NAMESPACE, RUNNER, model, service
from tests.unit.planner.report.test_ways import Cluster
from tests.unit.planner.selection.worlds import pools

from omectl.api.codec import encode
from omectl.planner.report import SelectionReport, as_json, in_words
from omectl.planner.report.words import WIDTH

Json = Any
WORLDS = 300
MOST_TURNS = 10
REFUSED = ({"fineTunedWeights": ["w"]}, {"kind": "BaseModel"}, {"name": "mm"})
STORAGE: Json = {"storageUri": "hf://org/m"}


def a_cluster(seed: int) -> Cluster:
    """Objects of which about half have something wrong."""
    dice = random.Random(seed)
    world = pools().world(dice)
    named = dice.choice([None, None, None, world.runtimes[0].name, f"{world.runtimes[0].name}x", "other"])
    reference: Json = {"name": named}
    if dice.random() < 0.3:
        reference["kind"] = "ServingRuntime"
    classes = Classes(seed)
    selector: Json = dice.choice(
        [
            None,
            None,
            {"policy": classes.policy, "constraints": classes.constraints[0]},
            {"policy": "Bestfit"},
            {"acceleratorClass": dice.choice("abx")},
        ]
    )
    fields: Json = {
        "model": {"name": "m", **(dice.choice(REFUSED) if dice.random() < 0.2 else {})},
        "runtime": reference if named else None,
        "acceleratorSelector": selector,
        "engine": dice.choice([{}, {}, {}, {}, {"minReplicas": 0}, {"runner": RUNNER}, {"runner": {"args": ["--y"]}}]),
        "router": dice.choice([None, None, None, {}]),
        "decoder": dice.choice([None] * 9 + [{}]),
    }
    annotations = dice.choice([{}, {}, {}, {"ome.io/deploymentMode": "MultiNode"}, {"ome.io/autoscalerClass": "odd"}])
    asked = service(metadata={"annotations": annotations}, **fields)
    if dice.random() < 0.1:
        asked = service(model=None, engine=None, predictor={"model": {"baseModel": dice.choice(["m", "mm"])}})
    spec = encode(world.resource)["spec"]
    assert isinstance(spec, dict)
    odd: Json = {
        "disabled": dice.choice([None, None, True]),
        "storage": dice.choice([STORAGE, {**STORAGE, "path": "/x"}]),
    }
    if dice.random() < 0.2:
        odd["modelFormat"] = None
    changes = odd if dice.random() < 0.3 else {}
    known = model(
        **{**spec, "storage": STORAGE, **changes}, namespace=dice.choice(["", "", "", "", NAMESPACE, "elsewhere"])
    )
    return Cluster(asked, known, *world.runtimes, *classes.classes, strict=dice.random() < 0.3)


def followed(cluster: Cluster) -> tuple[int, SelectionReport]:
    """How often the first way that consists of changes is followed until there is a plan, or no such way."""
    turns, report = 0, cluster.report()
    while report.problem is not None and turns < MOST_TURNS:
        way = next((way for way in report.ways if way.changes), None)
        if way is None:
            break
        cluster = cluster.after(way)
        turns, report = turns + 1, cluster.report()
    return turns, report


@pytest.mark.parametrize("part", range(3))
def test_every_way_leads_on_and_the_first_ones_end_in_a_plan(part: int) -> None:
    """D 25: what is told is enough. A way that is followed never ends where it began."""
    seen: Counter[str] = Counter()
    for seed in range(part * WORLDS, (part + 1) * WORLDS):
        cluster = a_cluster(seed)
        report = cluster.report()
        told = as_json(report)
        assert msgspec.json.decode(msgspec.json.encode(told)) == told
        lines = in_words(report).splitlines()
        assert all(len(line) <= WIDTH or " " not in line.strip() for line in lines), lines
        if report.problem is None:
            seen["planned"] += 1
            continue
        seen[str(report.problem.reason)] += 1
        for way in report.ways:
            if not way.changes:
                continue
            after = cluster.after(way).report()
            assert after.problem != report.problem, (seed, way, after.problem)
            seen["mended" if after.problem is None else "led on"] += 1
        turns, last = followed(cluster)
        seen["turns"] = max(seen["turns"], turns)
        if last.problem is None:
            seen["ended in a plan"] += 1
            continue
        # Only a runtime that is not there, one without a container, or what is not served yet leaves nothing to change.
        stuck = last.problem.reason in ("NotSupportedYet", "MergeSpecsError")
        assert stuck or not (*last.runtimes, *last.others), (seed, last.problem)
        seen["ended without"] += 1
    assert seen["turns"] <= MOST_TURNS
    assert seen["ended in a plan"] > 150, seen
    assert seen["ended without"] < seen["ended in a plan"] / 2, seen
    assert len(seen) >= 9, seen
