"""What holds for every estimate (D 4), over seeded worlds."""

import random
from collections.abc import Iterator
from dataclasses import replace

from tests.unit.planner.fit.worlds import World, nonsense, sensible

from omectl.planner.fit import FitReport, TermName, Verdict
from omectl.planner.fit.constants import BLOCK_TOKENS

WORLDS = 10_000
CAP = BLOCK_TOKENS << 30


def worlds(seed: int, count: int = WORLDS) -> Iterator[World]:
    generator = random.Random(seed)
    return (sensible(generator) for _ in range(count))


def weights(report: FitReport) -> int:
    return report.bytes_of(TermName.WEIGHTS)


def with_workload(world: World, **changes: int) -> FitReport:
    return world.estimated(workload=replace(world.workload, **changes))


def test_no_input_raises() -> None:
    generator = random.Random(1)
    verdicts: set[Verdict] = set()
    for _ in range(WORLDS):
        world = nonsense(generator)
        report = world.estimated(gib_per_billion=generator.choice((None, -1, 0, 3, 2**62)))
        verdicts.add(report.verdict)
        assert all(term.bytes >= 0 for term in report.terms)
        assert report.verdict == Verdict.UNKNOWN or report.required_bytes >= 0
        assert (report.largest_context or 0) >= 0
        assert (report.largest_concurrency or 0) >= 0
    assert verdicts == set(Verdict)


def test_the_verdict_follows_from_the_sum_of_the_terms() -> None:
    seen: set[Verdict] = set()
    for world in worlds(2):
        report = world.estimated()
        seen.add(report.verdict)
        if not report.terms:
            assert report.verdict == Verdict.UNKNOWN
            continue
        assert world.memory is not None
        assert report.required_bytes == sum(term.bytes for term in report.terms)
        if report.verdict == Verdict.FITS:
            assert report.required_bytes <= int(world.memory * world.workload.memory_share)
        elif report.verdict == Verdict.TIGHT:
            assert int(world.memory * world.workload.memory_share) < report.required_bytes <= world.memory * 95 // 100
        else:
            assert report.required_bytes > world.memory * 95 // 100
    assert seen == set(Verdict)


def test_more_context_or_more_sequences_never_need_less_memory() -> None:
    for world in worlds(3):
        report = world.estimated()
        if report.terms:
            assert with_workload(world, context=report.context + 1).required_bytes >= report.required_bytes
            assert with_workload(world, context=report.context * 3).required_bytes >= report.required_bytes
            more = with_workload(world, concurrency=report.concurrency + 1)
            assert more.required_bytes >= report.required_bytes


def test_more_gpus_never_need_more_weights_or_cache_on_each() -> None:
    for world in worlds(4):
        report, spread = world.estimated(), world.spread
        for wider in (
            replace(spread, tensor=spread.tensor * 2),
            replace(spread, pipeline=spread.pipeline * 2),
            replace(spread, data=spread.data * 2),
        ):
            found = world.estimated(spread=wider)
            assert weights(found) <= weights(report)
            assert found.bytes_of(TermName.CACHE) <= report.bytes_of(TermName.CACHE)


def test_the_largest_context_fits_and_one_block_more_does_not() -> None:
    bounded = 0
    for world in worlds(5):
        report = world.estimated()
        largest = report.largest_context
        if largest is None or report.budget_bytes is None:
            continue
        assert largest % BLOCK_TOKENS == 0
        if largest:
            assert with_workload(world, context=largest).verdict == Verdict.FITS
        if largest < CAP:
            bounded += 1
            assert with_workload(world, context=largest + BLOCK_TOKENS).required_bytes > report.budget_bytes
    assert bounded > WORLDS // 2


def test_the_largest_concurrency_fits_and_one_more_on_each_rank_does_not() -> None:
    for world in worlds(6):
        report = world.estimated()
        largest = report.largest_concurrency
        if largest is None or report.budget_bytes is None:
            continue
        assert largest % world.spread.data == 0
        if largest:
            assert with_workload(world, concurrency=largest).verdict == Verdict.FITS
        assert with_workload(world, concurrency=largest + 1).required_bytes > report.budget_bytes


def test_the_same_world_gives_the_same_report() -> None:
    for world in worlds(7, 200):
        assert world.estimated() == world.estimated()
