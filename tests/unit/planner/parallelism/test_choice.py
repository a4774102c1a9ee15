"""Which parallelism is chosen (D 6, D 9), what speaks against one, and how many GPUs are asked for (D 5)."""

import random
from typing import Any

import pytest

from omectl.planner.parallelism import (
    Basis,
    Choice,
    Code,
    Divisions,
    Parallelism,
    Problem,
    Stated,
    choose,
    gpu_count,
    problems_of,
)

LLAMA = Divisions(heads=64, key_value_heads=8, layers=80)


def at_least(gpus: int) -> Any:
    return lambda spread: spread.ranks >= gpus


def chosen(stated: Stated | None = None, model: Divisions = LLAMA, need: int = 1, **given: Any) -> Choice:
    return choose(stated or Stated(), model, at_least(need), **given)


@pytest.mark.parametrize(("need", "tensor"), [(1, 1), (2, 2), (3, 4), (8, 8)])
def test_the_fewest_gpus_of_one_node_that_hold_the_model(need: int, tensor: int) -> None:
    found = chosen(need=need, accelerators_per_node=8)
    assert found == Choice(Parallelism(tensor=tensor, gpus_per_pod=tensor), Basis.SMALLEST_FIT)


def test_d_9_several_nodes_only_when_one_cannot_hold_it() -> None:
    found = chosen(need=20, accelerators_per_node=8)
    assert found.parallelism == Parallelism(tensor=8, pipeline=3, gpus_per_pod=8, pods=3)
    assert found.basis == Basis.SMALLEST_FIT


def test_when_nothing_holds_it_the_widest_node_is_named() -> None:
    found = chosen(need=10**6, accelerators_per_node=8)
    assert found == Choice(Parallelism(tensor=8, gpus_per_pod=8), Basis.NOTHING_FITS)


def test_heads_that_a_size_does_not_divide_skip_it() -> None:
    model = Divisions(heads=28, key_value_heads=4, layers=28)
    assert chosen(model=model, need=5, accelerators_per_node=8).parallelism.tensor == 4
    assert chosen(model=model, need=5, accelerators_per_node=7).parallelism.tensor == 7


def test_requested_gpus_are_all_used() -> None:
    assert chosen(requested=8).parallelism == Parallelism(tensor=8, gpus_per_pod=8)
    odd = chosen(model=Divisions(heads=28, key_value_heads=4, layers=28), requested=8)
    assert odd.parallelism == Parallelism(tensor=4, pipeline=2, gpus_per_pod=8)
    assert odd.basis == Basis.REQUESTED
    assert chosen(requested=8, pods=2).parallelism == Parallelism(tensor=16, gpus_per_pod=8, pods=2)


def test_what_authors_state_is_kept_and_its_problems_told() -> None:
    found = chosen(Stated(tensor=6, pipeline=2), requested=8)
    assert found.basis == Basis.STATED
    assert found.parallelism == Parallelism(tensor=6, pipeline=2, gpus_per_pod=8)
    assert [problem.code for problem in found.problems] == [
        Code.HEADS_UNEVEN, Code.KEY_VALUE_HEADS_UNEVEN, Code.TOO_MANY_RANKS,
    ]  # fmt: skip


def test_a_missing_tensor_size_takes_what_is_left() -> None:
    assert chosen(Stated(data=2), requested=8).parallelism == Parallelism(tensor=4, data=2, gpus_per_pod=8)
    assert chosen(Stated(pipeline=2), requested=8, pods=2).parallelism.tensor == 8
    assert chosen(Stated(data=16), requested=8).parallelism.tensor == 1
    assert chosen(Stated(tensor=4, data=2)).parallelism.gpus_per_pod == 8


@pytest.mark.parametrize(
    ("spread", "model", "per_node", "wanted"),
    [
        (Parallelism(tensor=8, gpus_per_pod=8), LLAMA, 8, None),
        (Parallelism(tensor=16, gpus_per_pod=16), LLAMA, 8, Problem(Code.MORE_THAN_A_NODE, "8", "16")),
        (Parallelism(tensor=3, gpus_per_pod=3), Divisions(heads=64), None, Problem(Code.HEADS_UNEVEN, "64", "3")),
        (
            Parallelism(tensor=6, gpus_per_pod=6),
            Divisions(heads=48, key_value_heads=8),
            None,
            Problem(Code.KEY_VALUE_HEADS_UNEVEN, "8", "6"),
        ),
        (Parallelism(tensor=16, gpus_per_pod=16), LLAMA, None, None),
        (Parallelism(pipeline=3, gpus_per_pod=3), Divisions(layers=2), 8, Problem(Code.TOO_MANY_STAGES, "2", "3")),
        (
            Parallelism(tensor=6, expert=6, gpus_per_pod=6),
            Divisions(experts=8),
            8,
            Problem(Code.EXPERTS_UNEVEN, "8", "6"),
        ),
        (Parallelism(tensor=2, gpus_per_pod=4), Divisions(), 8, Problem(Code.GPUS_DIFFER, "4", "2")),
        (Parallelism(tensor=8, gpus_per_pod=4), Divisions(), 8, Problem(Code.TOO_MANY_RANKS, "4", "8")),
        (Parallelism(tensor=5, gpus_per_pod=5), Divisions(), None, None),
    ],
)
def test_each_problem_has_its_code_and_numbers(
    spread: Parallelism, model: Divisions, per_node: int | None, wanted: Problem | None
) -> None:
    assert problems_of(spread, model, per_node) == ((wanted,) if wanted else ())


def test_d_2_ranks_are_the_gpus_of_every_computed_choice() -> None:
    generator = random.Random(8)
    nodes = (None, 0, -3, 1, 4, 7, 8, 16, 10**9)
    for _ in range(10_000):
        model = Divisions(
            heads=generator.choice((None, 0, -1, 1, 7, 28, 40, 64, 128, 2**31)),
            key_value_heads=generator.choice((None, 0, 1, 4, 8)),
            layers=generator.choice((None, 0, 1, 3, 80)),
            experts=generator.choice((None, 0, 8, 128)),
        )
        numbers = (None, None, 1, 2, 3, 8, 10**9)
        stated = Stated(
            tensor=generator.choice(numbers), pipeline=generator.choice(numbers), data=generator.choice(numbers)
        )
        found = choose(
            stated,
            model,
            at_least(generator.choice((1, 3, 8, 100))),
            requested=generator.choice((0, 0, -1, 1, 6, 8, 10**9)),
            pods=generator.choice((-1, 0, 1, 2, 5)),
            accelerators_per_node=generator.choice(nodes),
        )
        spread = found.parallelism
        assert min(spread.tensor, spread.pipeline, spread.data, spread.gpus_per_pod, spread.pods) >= 1
        if found.basis != Basis.STATED:
            assert spread.ranks == spread.gpus
            assert all(problem.code != Code.HEADS_UNEVEN for problem in found.problems)
        elif spread.ranks != spread.gpus:
            code = Code.TOO_MANY_RANKS if spread.ranks > spread.gpus else Code.GPUS_DIFFER
            assert any(problem.code == code for problem in found.problems)


def test_d_5_a_class_never_lowers_the_count_in_silence() -> None:
    spread = Parallelism(tensor=4, gpus_per_pod=4)
    found = gpu_count(spread, requested=8)
    assert found.accelerators == 8
    assert found.problems == (Problem(Code.COUNT_RAISED, "8", "4"),)


def test_d_5_the_parallelism_raises_the_count() -> None:
    spread = Parallelism(tensor=8, pipeline=2, gpus_per_pod=8, pods=2)
    assert gpu_count(spread, requested=1).accelerators == 8
    assert gpu_count(spread, requested=0, unit=2).accelerators == 16
    assert gpu_count(Parallelism(tensor=3, gpus_per_pod=2, pods=2), requested=0).accelerators == 2
    assert gpu_count(spread, requested=8).problems == ()


def test_d_5_the_services_own_count_stays_and_too_little_is_told() -> None:
    spread = Parallelism(tensor=8, gpus_per_pod=8)
    found = gpu_count(spread, requested=8, own=4)
    assert found.accelerators == 4
    assert found.problems == (Problem(Code.COUNT_TOO_SMALL, "8", "4"),)
    assert gpu_count(spread, requested=8, own=16).problems == ()
