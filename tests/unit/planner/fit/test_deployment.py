"""The fit of an engine as its container says it, and the data that a plan tells about it."""

from fractions import Fraction
from typing import Any

import pytest
from tests.unit.planner.build import RUNNER, entry, made, model, runtime, service
from tests.unit.planner.fit.published import MODELS

from omectl.api.accelerator_class import AcceleratorClass
from omectl.api.facts import ModelFacts
from omectl.api.serving_runtime import AcceleratorModelConfig
from omectl.planner.fit import EngineFit, Hardware, TermName, Verdict, Workload, engine_fit, estimate, spread_for
from omectl.planner.fit.words import obstacle_of
from omectl.planner.parallelism import Basis, Choice, Code, Parallelism, Problem, Stated, deployed

GIB = 1 << 30
LLAMA = ModelFacts.model_validate(MODELS["meta-llama/Llama-3.1-8B-Instruct"])
EIGHT = Hardware(accelerators=8, memory=80 * GIB)


def fit(command: str, hardware: Hardware = EIGHT, facts: ModelFacts = LLAMA, **container: Any) -> EngineFit:
    return engine_fit({"image": "x", "command": command.split(), **container}, facts, hardware)


def test_flags_tell_how_the_engine_is_spread_and_what_it_serves() -> None:
    found = fit(
        "vllm serve m --tensor-parallel-size 8 --max-model-len 4096 --kv-cache-dtype fp8 --max-num-seqs 64 "
        "--gpu-memory-utilization 0.95"
    )
    spread = Parallelism(tensor=8, gpus_per_pod=8)
    workload = Workload(context=4096, cache_bytes=1, sequences=64, memory_share=Fraction(19, 20))
    assert found == EngineFit(estimate(LLAMA, spread, memory=80 * GIB, workload=workload))


def test_an_engine_that_uses_fewer_gpus_than_it_asks_for_is_told() -> None:
    found = fit("python3 -m sglang.launch_server --tp-size 4")
    assert found.report.parallelism == Parallelism(tensor=4, gpus_per_pod=8)
    assert found.problems == (Problem(Code.GPUS_DIFFER, "8", "4"),)
    assert obstacle_of(found) is None


def test_an_engine_with_more_ranks_than_gpus_cannot_start() -> None:
    """D 6: the ranks are the GPUs."""
    found = obstacle_of(fit("vllm serve m --tensor-parallel-size 16"))
    assert found is not None
    assert (found.code, found.step) == ("TooManyRanks", "correct the engine's parallelism")
    assert found.text == "the engine spreads over 16 accelerators, and its pods ask for 8 only"


def test_a_reference_to_the_size_is_read_from_the_environment() -> None:
    found = fit("sglang serve --tp-size $(PARALLELISM_SIZE)", env=[{"name": "PARALLELISM_SIZE", "value": "8"}])
    assert found.report.parallelism.tensor == 8
    assert found.problems == ()


def test_the_size_is_known_before_it_is_exported() -> None:
    found = fit("sglang serve --tp-size $(PARALLELISM_SIZE)", Hardware(accelerators=8, pods=2))
    assert found.report.parallelism == Parallelism(tensor=16, gpus_per_pod=8, pods=2)


@pytest.mark.parametrize(
    ("command", "experts"),
    [
        ("vllm serve m --data-parallel-size 8", 8),
        ("vllm serve m --data-parallel-size 4 --tensor-parallel-size 2", 8),
        ("sglang serve --tp 8 --dp 8 --enable-dp-attention", 8),
        ("sglang serve --dp 8", 1),
        ("sglang serve --tp 8 --ep 4", 4),
    ],
)
def test_data_ranks_that_share_experts_hold_a_share_each(command: str, experts: int) -> None:
    found = fit(command)
    assert found.report.parallelism.expert == experts
    assert found.problems == ()


def test_an_unknown_engine_is_taken_to_use_all_its_gpus() -> None:
    assert fit("serve").report.parallelism == Parallelism(tensor=8, gpus_per_pod=8)
    assert deployed(None, 8, 2) == Parallelism(tensor=16, gpus_per_pod=8, pods=2)
    assert deployed(Stated(), 0) == Parallelism()


def test_the_latent_of_all_heads_is_no_reason_against_a_size() -> None:
    latent = LLAMA.model_copy(update={"latent_rank": 512, "key_value_heads": 3})
    assert fit("sglang serve --tp 8", facts=latent).problems == ()
    assert fit("sglang serve --tp 8", facts=LLAMA.model_copy(update={"key_value_heads": 3})).problems == (
        Problem(Code.KEY_VALUE_HEADS_UNEVEN, "3", "8"),
    )


def test_the_authors_memory_for_the_class_counts() -> None:
    found = fit("sglang serve", Hardware(accelerators=1, memory=80 * GIB, gib_per_billion=2))
    assert found.report.author_bytes == pytest.approx(2 * GIB * 8.030261248, abs=1)


def test_more_gpus_than_a_node_has_are_told() -> None:
    found = fit("sglang serve --tp 16", Hardware(accelerators=16, per_node=8))
    assert found.problems == (Problem(Code.MORE_THAN_A_NODE, "8", "16"),)


def of_class(memory: str | None) -> AcceleratorClass:
    capabilities = {} if memory is None else {"memoryGB": memory}
    return AcceleratorClass.model_validate(
        {"metadata": {"name": "c"}, "spec": {"discovery": {}, "capabilities": capabilities}}
    )


def test_a_class_and_the_runtimes_entry_for_it_tell_the_hardware() -> None:
    config = AcceleratorModelConfig(min_memory_per_billion_params=3)
    wanted = Hardware(accelerators=8, pods=2, memory=80 * GIB, per_node=8, gib_per_billion=3)
    assert Hardware.of_class(of_class("80Gi"), config, accelerators=8, pods=2, per_node=8) == wanted
    assert Hardware.of_class(None, accelerators=1) == Hardware(accelerators=1)
    assert Hardware.of_class(of_class(None), accelerators=1).memory is None


SEVENTY = ModelFacts.model_validate(MODELS["RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic"])


@pytest.mark.parametrize(
    ("gib", "wanted"),
    [
        (141, Parallelism()),
        (80, Parallelism(tensor=2, gpus_per_pod=2)),
        (24, Parallelism(tensor=4, gpus_per_pod=4)),
        (16, Parallelism(tensor=8, gpus_per_pod=8)),
        (12, Parallelism(tensor=8, pipeline=2, gpus_per_pod=8, pods=2)),
    ],
)
def test_d_6_the_smallest_spread_that_fits_is_found(gib: int, wanted: Parallelism) -> None:
    hardware = Hardware(accelerators=0, memory=gib * GIB, per_node=8)
    assert spread_for(SEVENTY, Stated(), hardware, workload=Workload(context=16000)) == Choice(
        wanted, Basis.SMALLEST_FIT
    )


def test_without_a_gpus_memory_one_gpu_is_taken_to_do() -> None:
    assert spread_for(SEVENTY, Stated(), Hardware(accelerators=0, per_node=8)).parallelism == Parallelism()


def test_what_is_stated_or_asked_for_is_not_computed() -> None:
    hardware = Hardware(accelerators=4, memory=GIB)
    assert spread_for(SEVENTY, Stated(tensor=2), hardware).parallelism.tensor == 2
    assert spread_for(SEVENTY, Stated(), hardware).parallelism == Parallelism(tensor=4, gpus_per_pod=4)


ON_GPUS = {**RUNNER, "image": "vllm/vllm-openai", "resources": {"limits": {"nvidia.com/gpu": 2}}}


def planned(runner: dict[str, Any], **spec: Any) -> EngineFit | None:
    found = made(service(), runtime("r", entry(), engineConfig={"runner": runner}), model=model(**spec))
    assert found.problem is None
    return found.explanation.fit


def test_a_plan_tells_the_engines_terms_from_the_models_facts() -> None:
    status = {"state": "Ready", "facts": {"parameterCount": 8_030_261_248, "dtype": "bfloat16", "contextLength": 4096}}
    found = planned({**ON_GPUS, "args": ["--tensor-parallel-size", "2"]}, status=status)
    assert found is not None
    assert found.report.verdict == Verdict.UNKNOWN
    assert found.report.parallelism == Parallelism(tensor=2, gpus_per_pod=2)
    assert found.report.bytes_of(TermName.WEIGHTS) == 8_030_261_248
    assert found.report.context == 4096


def test_a_plan_without_facts_estimates_from_the_spec() -> None:
    found = planned(ON_GPUS)
    assert found is not None
    assert found.report.bytes_of(TermName.WEIGHTS) == 16_000_000_000
    assert found.problems == (Problem(Code.GPUS_DIFFER, "2", "1"),)


def test_an_engine_without_accelerators_has_no_fit() -> None:
    assert planned(RUNNER) is None


def test_d_4_a_model_that_does_not_fit_is_planned_all_the_same() -> None:
    found = made(
        service(), runtime("r", entry(), engineConfig={"runner": ON_GPUS}), model=model(modelParameterSize="9T")
    )
    assert found.problem is None
    assert found.objects
