"""Whether a model fits on its GPUs: the memory of the fullest one, term by term."""

from collections.abc import Callable
from dataclasses import replace

from omectl.api.facts import ModelFacts
from omectl.planner.fit import constants
from omectl.planner.fit.cache import Cache, cache_of
from omectl.planner.fit.report import FitReport, Term, TermName, Verdict, Workload
from omectl.planner.fit.shape import Assumption, Shape
from omectl.planner.fit.weights import weights_of, weights_per_gpu
from omectl.planner.parallelism import Parallelism

_MOST_BLOCKS = 1 << 30


def estimate(
    facts: ModelFacts,
    parallelism: Parallelism,
    *,
    memory: int | None = None,
    workload: Workload | None = None,
    size: int | None = None,
    quantization: str | None = None,
    gib_per_billion: int | None = None,
) -> FitReport:
    """The memory that a model needs on its fullest GPU, and the verdict (D 4). Total: raises for no input.

    `memory` are the bytes of one GPU, None when nobody knows. `size` and `quantization` are what the model's spec says,
    for what its facts leave open. `gib_per_billion` is the runtime author's `minMemoryPerBillionParams`: GiB over all
    GPUs of a replica for each billion of parameters, instead of the sum of our terms.
    """
    asked = workload or Workload()
    shape = Shape.of(facts, size=size, quantization=quantization)
    if asked.dtype_bytes:
        shape = replace(shape, unit=max(asked.dtype_bytes, 1), assumptions=shape.assumptions - {Assumption.DTYPE})
    limit = shape.context or None
    if not shape.known:
        return FitReport(verdict=Verdict.UNKNOWN, parallelism=parallelism, memory_bytes=memory, context_limit=limit)
    assumptions = set(shape.assumptions)
    context, concurrency = _context(asked, shape, assumptions), max(asked.concurrency, 1)
    batch_tokens, sequences = _step(asked, memory)
    cache = cache_of(shape, parallelism, asked.cache_bytes or shape.unit, batch_tokens)
    if not shape.writes_text:
        assumptions.add(Assumption.NO_CACHE)
    elif not shape.cache_known:
        assumptions.add(Assumption.CACHE_FROM_SIZE)
    weights = weights_of(shape)
    if weights.from_files:
        assumptions.add(Assumption.WEIGHTS_FROM_FILES)
    here = -(-concurrency // parallelism.data)
    terms = (
        Term(TermName.WEIGHTS, weights_per_gpu(shape, weights, parallelism)),
        Term(TermName.CACHE, here * cache.bytes_for(context)),
        Term(TermName.ACTIVATIONS, _activations(shape, batch_tokens, sequences, assumptions)),
        Term(TermName.RUNTIME, _runtime(parallelism)),
    )
    author = _author_bytes(shape, parallelism, gib_per_billion)
    required = sum(term.bytes for term in terms) if author is None else author
    report = FitReport(
        verdict=Verdict.UNKNOWN,
        parallelism=parallelism,
        terms=terms,
        context=context,
        concurrency=concurrency,
        required_bytes=required,
        author_bytes=author,
        memory_bytes=memory,
        context_limit=limit,
        assumptions=tuple(sorted(assumptions)),
    )
    if memory is None or memory <= 0:
        return report
    budget = int(memory * asked.memory_share)
    free = budget - sum(term.bytes for term in terms if term.name != TermName.CACHE)
    bounded = author is None
    return replace(
        report,
        verdict=_verdict(required, memory, budget),
        budget_bytes=budget,
        largest_context=_largest_context(cache, free, here) if bounded else None,
        largest_concurrency=_largest_concurrency(cache, free, context, parallelism.data) if bounded else None,
    )


def _verdict(required: int, memory: int, budget: int) -> Verdict:
    if required <= budget:
        return Verdict.FITS
    return Verdict.TIGHT if required <= int(memory * constants.TIGHT_SHARE) else Verdict.DOES_NOT_FIT


def _context(asked: Workload, shape: Shape, assumptions: set[Assumption]) -> int:
    if asked.context is not None and asked.context > 0:
        return asked.context
    if not shape.context and shape.writes_text:
        assumptions.add(Assumption.CONTEXT)
    return shape.context or constants.DEFAULT_CONTEXT


def _step(asked: Workload, memory: int | None) -> tuple[int, int]:
    """Tokens and sequences of one step."""
    large = memory is None or memory >= constants.LARGE_GPU
    tokens = constants.LARGE_BATCH_TOKENS if large else constants.SMALL_BATCH_TOKENS
    sequences = constants.LARGE_SEQUENCES if large else constants.SMALL_SEQUENCES
    return max(asked.batch_tokens or tokens, 1), max(asked.sequences or sequences, 1)


def _activations(shape: Shape, batch_tokens: int, sequences: int, assumptions: set[Assumption]) -> int:
    """The larger of the two peaks of a step: inside a layer, and when the next tokens are sampled."""
    if not shape.hidden and not shape.vocabulary:
        assumptions.add(Assumption.ACTIVATIONS)
        return constants.ACTIVATIONS_UNKNOWN
    layer = batch_tokens * shape.hidden * constants.LAYER_BYTES
    sampler = sequences * shape.vocabulary * constants.SAMPLER_BYTES if shape.writes_text else 0
    return max(layer, sampler)


def _runtime(spread: Parallelism) -> int:
    return constants.RUNTIME_BYTES + (constants.COLLECTIVE_BYTES if spread.tensor > 1 else 0)


def _author_bytes(shape: Shape, spread: Parallelism, gib_per_billion: int | None) -> int | None:
    """The author's demand on one GPU."""
    if gib_per_billion is None or gib_per_billion <= 0 or not shape.parameters:
        return None
    total = gib_per_billion * constants.GIB * shape.parameters
    return -(-total // (10**9 * spread.tensor * spread.pipeline))


def _largest_concurrency(cache: Cache, free: int, context: int, data: int) -> int | None:
    """Sequences of that context that the free bytes hold, over all data ranks."""
    each = cache.bytes_for(context)
    if each == 0:
        return None if free >= 0 else 0
    return max(free, 0) // each * data


def _largest_context(cache: Cache, free: int, sequences: int) -> int | None:
    """Tokens of context that the free bytes hold, in whole blocks, when so many sequences run on each rank."""
    if sequences * cache.bytes_for(0) > free:
        return 0
    if not cache.grows:
        return None
    blocks = _last(lambda count: sequences * cache.bytes_for(count * constants.BLOCK_TOKENS) <= free)
    return blocks * constants.BLOCK_TOKENS


def _last(holds: Callable[[int], bool]) -> int:
    """The largest count up to `_MOST_BLOCKS` for which it holds; it does for 0, and never again once it does not."""
    low, high = 0, _MOST_BLOCKS
    while low < high:
        middle = (low + high + 1) // 2
        if holds(middle):
            low = middle
        else:
            high = middle - 1
    return low
