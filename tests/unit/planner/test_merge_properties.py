"""What holds for every merge (D.2: invariants 1, 5 and 7; D 5, D 19, D 22), each over more than ten thousand worlds."""

import random
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from tests.unit.planner.build import model
from tests.unit.planner.merge_worlds import GPU, World, shuffled

from omectl.api.codec import DecodeError
from omectl.api.settings import Settings
from omectl.planner.component import Component
from omectl.planner.document import as_document, sorted_keys
from omectl.planner.model import view_model
from omectl.planner.origin import SERVICE, Author
from omectl.planner.pod import RenderedPod, render_pod
from omectl.planner.provenance import Provenance, provenance_of
from omectl.planner.result import PlanRefused

Json = Any
MODEL = view_model(model(), Settings.defaults())
PARTS = 6
SHARE = 1_700
"""Worlds of one part."""


def rendered(world: World) -> tuple[Component, RenderedPod] | None:
    """The world's pod; None when it is refused, which has to be in words."""
    try:
        asked, taken, use = world.made()
    except DecodeError:
        return None
    try:
        component = Component.merged("engine", asked, taken, use)
        return component, render_pod(component, MODEL)
    except PlanRefused as refusal:
        problem = refusal.problem
    assert problem.message
    assert problem.next_step
    return None


@pytest.mark.parametrize("part", range(PARTS))
def test_any_components_are_merged_or_refused_and_every_leaf_has_an_author(part: int) -> None:
    """D.2, invariant 5, with D 19: totality, that of provenance too."""
    planned = 0
    for seed in range(part * SHARE, (part + 1) * SHARE):
        found = rendered(World(seed, odd=True))
        if found is None:
            continue
        planned += 1
        told = provenance_of(*found)
        assert set(told.origins) == {path for path, _ in leaves(found[1].spec, "spec.template.spec")}
        assert all(one.value is not None for one in told.losses)
    assert planned > SHARE // 10


@pytest.mark.parametrize("part", range(PARTS))
def test_merging_keeps_what_it_promises(part: int) -> None:
    """D.2, invariants 1 and 7; D 5, D 19, D 22: see the checks."""
    mixer = random.Random(part)
    planned = 0
    for seed in range(part * SHARE, (part + 1) * SHARE):
        world = World(seed, odd=False)
        found = rendered(world)
        if found is not None:
            planned += 1
            component, pod = found
            told = provenance_of(component, pod)
            check_what_the_service_says(component, pod, told)
            check_that_authors_said_it(world, component, pod, told)
            check_counts(world, component, pod)
        check_order(world, found, mixer)
    assert planned > SHARE // 10


def check_what_the_service_says(component: Component, pod: RenderedPod, told: Provenance) -> None:
    """A value of the service's runner is in the pod, or lost by report (invariant 7)."""
    runner = as_document(component.service.spec.engine).get("runner") or {}
    if component.runner is None or not runner:
        return
    main = next(one for one in pod.spec["containers"] if one["name"] == component.main_name)
    lost = {one.path.rpartition(".")[2] for one in told.losses if one.origin == SERVICE}
    if runner.get("image") is not None and "image" not in lost:
        assert main["image"] == runner["image"]
    for key in ("command", "args"):
        if runner.get(key) is not None and key not in lost:
            words = iter(main.get(key) or [])
            assert all(filled(word) in words for word in runner[key]), (runner, main)
    for variable in {one["name"]: one for one in runner.get("env") or []}.values():
        found = next(one for one in main["env"] if one["name"] == variable["name"])
        assert found.get("value", "") == filled(variable.get("value", ""))


def check_that_authors_said_it(world: World, component: Component, pod: RenderedPod, told: Provenance) -> None:
    """Whoever is called the author of a leaf says its value somewhere (D 19), by another way than provenance goes."""
    said = {
        author: {filled(value) for _, value in found}
        for author, found in (
            (Author.RUNTIME, leaves([world.template, world.old], "")),
            (Author.SERVICE, leaves(as_document(component.service.spec.engine), "")),
        )
    }
    for path, value in leaves(pod.spec, "spec.template.spec"):
        author = told.origins[path].author
        if author in said and "\n" not in str(value):
            assert str(value) in said[author], (path, value, author)
        assert world.with_class or author is not Author.CLASS


def check_counts(world: World, component: Component, pod: RenderedPod) -> None:
    """A class lowers no count, and requests and limits agree (D 5)."""
    if component.use is None or component.runner is None:
        return
    service, taken, _ = world.made()
    before = render_pod(Component.merged("engine", service, taken), MODEL).spec["containers"]
    new, old = (
        next(one for one in containers if one["name"] == component.main_name)
        for containers in (pod.spec["containers"], before)
    )
    for container in (new, old):
        assert len({str(amount) for amount in amounts(container)}) <= 1
    if amounts(old) and "x" not in amounts(old):
        assert int(amounts(new)[0]) >= int(amounts(old)[0])


def check_order(world: World, found: tuple[Component, RenderedPod] | None, mixer: random.Random) -> None:
    """The order of keys does not change a byte (D 22, invariant 1)."""
    for name in ("template", "asked", "config", "discovery"):
        setattr(world, name, shuffled(getattr(world, name), mixer))
    mixed = rendered(world)
    assert (found is None) == (mixed is None)
    if found is not None and mixed is not None:
        assert msgspec.json.encode(sorted_keys(mixed[1].spec)) == msgspec.json.encode(sorted_keys(found[1].spec))


def amounts(container: Json) -> list[Json]:
    """The amounts of GPUs that a container states."""
    resources = container.get("resources") or {}
    return [resources[part][GPU] for part in ("requests", "limits") if GPU in (resources.get(part) or {})]


def filled(value: Json) -> str:
    return str(value).replace("{{.Name}}", "svc")


def leaves(value: Json, path: str) -> Iterator[tuple[str, Json]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            step = f".{key}" if key.isidentifier() else f"['{key}']"
            yield from leaves(item, f"{path}{step}")
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from leaves(item, f"{path}[{index}]")
    else:
        yield path, value
