"""The memory estimate (D 4): each term by hand, what is assumed, and the author's override."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from omectl.api.facts import ModelFacts
from omectl.planner.fit import Assumption, FitReport, TermName, Verdict, Workload, estimate
from omectl.planner.parallelism import Parallelism

GIB = 1 << 30
ONE = Parallelism()
SMALL = ModelFacts(
    parameter_count=1000_000, layers=4, hidden_size=100, attention_heads=8, key_value_heads=2, head_size=10,
    vocabulary_size=1000, context_length=1600, dtype="bfloat16", tied_embeddings=False,
)  # fmt: skip


def of(facts: ModelFacts = SMALL, spread: Parallelism = ONE, **given: Any) -> FitReport:
    return estimate(facts, spread, **given)


def changed(**facts: Any) -> ModelFacts:
    return SMALL.model_copy(update=facts)


def weights(facts: ModelFacts, spread: Parallelism = ONE) -> int:
    return of(facts, spread).bytes_of(TermName.WEIGHTS)


def cache(facts: ModelFacts, spread: Parallelism = ONE, **workload: Any) -> int:
    return of(facts, spread, workload=Workload(**workload)).bytes_of(TermName.CACHE)


def test_weights_take_the_bytes_of_their_dtype() -> None:
    assert weights(SMALL) == 2_000_000
    assert weights(changed(dtype="float32")) == 4_000_000
    assert of(workload=Workload(dtype_bytes=4)).bytes_of(TermName.WEIGHTS) == 4_000_000


@pytest.mark.parametrize(
    ("method", "value", "bits", "width"),
    [
        ("fp8", "fp8", None, 1 + 1 / 2048),
        ("compressed-tensors", "fp8", 8, 1 + 1 / 2048),
        ("compressed-tensors", None, 8, 1 + 3 / 128),
        ("gptq", None, 8, 1 + 3 / 128),
        ("gptq", "int4", 4, 0.5 + 2.5 / 128),
        ("awq", None, None, 0.5 + 2.5 / 128),
        ("bitsandbytes", None, 4, 0.5 + 2.5 / 128),
        ("bitsandbytes", None, 8, 1 + 3 / 128),
        ("modelopt", None, 4, 0.5625),
        ("nvfp4", None, 4, 0.5625),
        ("mxfp8", None, None, 1 + 1 / 32),
    ],
)
def test_quantized_weights_take_their_width_and_scales_and_embeddings_stay(
    method: str, value: str | None, bits: int | None, width: float
) -> None:
    facts = changed(quantization_method=method, quantization=value, quantization_bits=bits)
    embeddings = 2 * 1000 * 100
    assert weights(facts) == pytest.approx(embeddings * 2 + (1000_000 - embeddings) * width, abs=2)


@pytest.mark.parametrize(("method", "width"), [("mxfp4", 0.53125), ("fbgemm_fp8", 1 + 1 / 2048)])
def test_some_formats_leave_attention_as_it_was(method: str, width: float) -> None:
    attention = 4 * 100 * (2 * 8 * 10 + 2 * 2 * 10)
    rest = 1000_000 - 200_000 - attention
    found = weights(changed(quantization_method=method))
    assert found == pytest.approx((200_000 + attention) * 2 + rest * width, abs=2)


def test_tied_embeddings_are_there_once() -> None:
    facts = changed(quantization_method="fp8", tied_embeddings=True)
    assert weights(facts) == pytest.approx(100_000 * 2 + 900_000 * (1 + 1 / 2048), abs=2)


def test_the_files_of_a_quantized_model_tell_what_was_left_unquantized() -> None:
    facts = changed(quantization_method="awq", size_bytes=900_000)
    assert weights(facts) == 900_000
    assert Assumption.WEIGHTS_FROM_FILES in of(facts).assumptions
    assert weights(changed(quantization_method="awq", size_bytes=9_000_000)) < 1_000_000
    assert weights(changed(size_bytes=900_000)) == 2_000_000


def test_an_unknown_quantization_is_taken_for_none() -> None:
    report = of(changed(quantization_method="nobody-knows"))
    assert report.bytes_of(TermName.WEIGHTS) == 2_000_000
    assert report.assumptions == (Assumption.QUANTIZATION,)


def test_tensor_parallelism_splits_everything_and_stages_take_whole_layers() -> None:
    assert weights(SMALL, Parallelism(tensor=4)) == 500_000
    layers = 2 * (1000_000 - 200_000)
    assert weights(SMALL, Parallelism(pipeline=2)) == layers // 2 + 200_000
    assert weights(SMALL, Parallelism(pipeline=3)) == layers // 2 + 200_000
    assert weights(changed(tied_embeddings=True), Parallelism(pipeline=4)) == 1_800_000 // 4 + 200_000


def test_data_ranks_hold_copies_but_for_experts_that_are_spread_over_them() -> None:
    assert weights(SMALL, Parallelism(data=8)) == 2_000_000
    attention = 4 * 100 * 200
    mixture = changed(experts=8)
    assert weights(mixture, Parallelism(data=8)) == 2_000_000
    spread = Parallelism(data=8, expert=8)
    assert weights(mixture, spread) == 2 * (200_000 + attention) + 2 * (800_000 - attention) // 8


def test_the_cache_holds_keys_and_values_of_every_layer_in_whole_blocks() -> None:
    token = 2 * 4 * 2 * 10 * 2
    assert cache(SMALL, context=160) == 160 * token
    assert cache(SMALL, context=161) == 176 * token
    assert cache(SMALL) == 1600 * token
    assert cache(SMALL, context=160, concurrency=5) == 5 * 160 * token
    assert cache(SMALL, context=160, cache_bytes=1) == 160 * token // 2


def test_heads_of_keys_and_values_are_split_down_to_one() -> None:
    token = 2 * 4 * 2 * 10 * 2
    assert cache(SMALL, Parallelism(tensor=2), context=16) == 16 * token // 2
    assert cache(SMALL, Parallelism(tensor=8), context=16) == 16 * token // 2
    assert cache(SMALL, Parallelism(pipeline=4), context=16) == 16 * token // 4
    assert cache(SMALL, Parallelism(data=4), context=16, concurrency=6) == 2 * 16 * token


def test_a_latent_is_cached_once_on_every_gpu() -> None:
    facts = changed(latent_rank=50, latent_rope_size=6)
    assert cache(facts, context=16) == 16 * 4 * 56 * 2
    assert cache(facts, Parallelism(tensor=8), context=16) == 16 * 4 * 56 * 2


def test_layers_with_a_window_keep_the_window_and_the_step_under_way() -> None:
    facts = changed(sliding_window=100, sliding_layers=3)
    layer = 2 * 2 * 10 * 2
    assert cache(facts, context=64, batch_tokens=92) == 64 * 4 * layer
    assert cache(facts, context=1600, batch_tokens=92) == (1600 + 3 * 192) * layer


def test_a_state_does_not_grow() -> None:
    facts = changed(state_layers=3, state_size=1000)
    layer = 2 * 2 * 10 * 2
    assert cache(facts, context=1600) == 1600 * layer + 3 * 1000 * 4
    assert cache(facts, Parallelism(tensor=2), context=1600) == 1600 * layer // 2 + 3 * 500 * 4
    alone = of(changed(state_layers=4, state_size=1000), memory=GIB)
    assert alone.largest_context is None
    assert alone.largest_concurrency is not None


def test_activations_are_the_larger_of_a_layers_and_the_samplers() -> None:
    workload = Workload(batch_tokens=10, sequences=3)
    assert of(workload=workload).bytes_of(TermName.ACTIVATIONS) == 3 * 1000 * 16
    workload = Workload(batch_tokens=100, sequences=3)
    assert of(workload=workload).bytes_of(TermName.ACTIVATIONS) == 100 * 100 * 28


def test_a_smaller_gpu_is_given_smaller_steps() -> None:
    assert of(memory=70 * GIB).bytes_of(TermName.ACTIVATIONS) == 8192 * 100 * 28
    assert of(memory=70 * GIB - 1).bytes_of(TermName.ACTIVATIONS) == 2048 * 100 * 28


def test_tensor_parallelism_needs_buffers() -> None:
    alone = of().bytes_of(TermName.RUNTIME)
    assert alone == 3 * GIB // 10
    assert of(spread=Parallelism(tensor=2)).bytes_of(TermName.RUNTIME) == alone + 18 * GIB // 10
    assert of(spread=Parallelism(pipeline=2)).bytes_of(TermName.RUNTIME) == alone


def test_the_verdict_turns_at_the_engines_share_and_at_the_tight_one() -> None:
    need = of(memory=GIB).required_bytes
    at_share = -(-need * 10 // 9)
    assert of(memory=at_share).verdict == Verdict.FITS
    assert of(memory=at_share - 1).verdict == Verdict.TIGHT
    at_tight = -(-need * 100 // 95)
    assert of(memory=at_tight).verdict == Verdict.TIGHT
    assert of(memory=at_tight - 1).verdict == Verdict.DOES_NOT_FIT
    assert of(memory=need, workload=Workload(memory_share=Fraction(1))).verdict == Verdict.FITS


def test_without_a_gpus_memory_the_terms_are_there_and_the_verdict_is_unknown() -> None:
    report = of()
    assert report.verdict == Verdict.UNKNOWN
    assert report.required_bytes == sum(term.bytes for term in report.terms)
    assert report.largest_context is None
    assert report.budget_bytes is None


def test_a_model_that_nobody_knows_has_no_terms() -> None:
    report = of(ModelFacts(), memory=80 * GIB)
    assert report.verdict == Verdict.UNKNOWN
    assert report.terms == ()


def test_the_spec_tells_what_the_facts_do_not() -> None:
    report = of(ModelFacts(), size=8_000_000_000, quantization="fp8", memory=80 * GIB)
    assert report.verdict == Verdict.FITS
    assert report.bytes_of(TermName.WEIGHTS) == 8_000_000_000 + 8_000_000_000 // 2048
    assert set(report.assumptions) == {
        Assumption.SIZE_FROM_SPEC, Assumption.DTYPE, Assumption.CACHE_FROM_SIZE, Assumption.ACTIVATIONS,
        Assumption.CONTEXT,
    }  # fmt: skip
    assert report.context == 8192
    assert report.bytes_of(TermName.CACHE) == pytest.approx(8192 * 131072, rel=0.05)
    assert report.bytes_of(TermName.ACTIVATIONS) == 2 * GIB


def test_exact_parameters_go_before_the_specs() -> None:
    assert of(size=5).bytes_of(TermName.WEIGHTS) == 2_000_000


def test_a_pipeline_of_images_has_no_cache() -> None:
    report = of(ModelFacts(size_bytes=GIB, diffusion_pipeline={"className": "FluxPipeline"}), memory=80 * GIB)
    assert report.bytes_of(TermName.CACHE) == 0
    assert report.bytes_of(TermName.WEIGHTS) == GIB
    assert Assumption.NO_CACHE in report.assumptions
    assert report.largest_context is None


def test_d_4_the_authors_memory_per_billion_parameters_stands_instead_of_our_sum() -> None:
    facts = changed(parameter_count=10**9)
    report = of(facts, Parallelism(tensor=2, data=2), memory=80 * GIB, gib_per_billion=3)
    assert report.required_bytes == report.author_bytes == 3 * GIB // 2
    assert report.verdict == Verdict.FITS
    assert of(facts, memory=80 * GIB, gib_per_billion=79).verdict == Verdict.DOES_NOT_FIT
    assert report.largest_context is None
    assert of(facts, memory=80 * GIB, gib_per_billion=0).author_bytes is None


def test_the_models_own_limit_is_told_beside_the_memorys() -> None:
    report = of(memory=80 * GIB)
    assert report.context_limit == 1600
    assert report.largest_context is not None
    assert report.largest_context > 1600
    assert replace(report, terms=()).bytes_of(TermName.WEIGHTS) == 0
