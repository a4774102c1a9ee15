"""What a command line says, in its engine's dialect."""

from fractions import Fraction

import pytest

from omectl.api.serving_runtime import TensorParallelismConfig
from omectl.planner.dialects import SGLANG, VLLM, Dialect, dialect_of
from omectl.planner.parallelism import CommandLine, Stated, command_line


def line(dialect: Dialect, text: str, **env: str) -> CommandLine:
    found = command_line(dialect, [], text.split(), env)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("image", "command", "args", "wanted"),
    [
        ("x", "python3 -m sglang.launch_server", "", SGLANG),
        ("x", "sglang serve", "", SGLANG),
        ("x", "python3 -m vllm.entrypoints.openai.api_server", "", VLLM),
        ("x", "", "vllm serve m", VLLM),
        ("x", "/usr/bin/vllm serve m", "", VLLM),
        ("docker.io/lmsysorg/sglang:v0.5", "", "--tp 1", SGLANG),
        ("docker.io/vllm/vllm-openai@sha256:0", "", "", VLLM),
        ("vllm/vllm-openai", "python3 -m sglang.launch_server", "", SGLANG),
        ("engine:1", "serve", "", None),
        ("engine@sha256:vllm", "", "", None),
        ("", "", "", None),
    ],
)
def test_the_command_tells_the_dialect_before_the_image(
    image: str, command: str, args: str, wanted: Dialect | None
) -> None:
    assert dialect_of(image, command.split(), args.split()) is wanted


def test_a_shells_text_tells_the_dialect_too() -> None:
    assert dialect_of("x", ["bash", "-c"], ["exec vllm serve $MODEL"]) is VLLM
    assert command_line(None, [], [], {}) is None


@pytest.mark.parametrize(
    ("dialect", "text", "wanted"),
    [
        (SGLANG, "--tp 8 --pp-size=2", Stated(tensor=8, pipeline=2)),
        (SGLANG, "--tp-size 8 --dp-size 4", Stated(tensor=8, data=4)),
        (SGLANG, "--tp-size 8 --dp-size 4 --enable-dp-attention", Stated(tensor=2, data=4)),
        (SGLANG, "--tp-size 8 --ep-size 8", Stated(tensor=8, expert=8)),
        (VLLM, "--tensor-parallel-size 2 --data-parallel-size 4", Stated(tensor=2, data=4)),
        (VLLM, "-tp 2 -dp 4 --enable-expert-parallel", Stated(tensor=2, data=4, expert=8)),
        (VLLM, "-tp 2 -ep --no-enable-expert-parallel", Stated(tensor=2)),
        (VLLM, "tini -g -- vllm serve m -tp 2 -tp 4", Stated(tensor=4)),
        (VLLM, "--tensor-parallel-size $(N)", Stated(tensor=6)),
        (VLLM, "--tensor-parallel-size $(M)", Stated()),
        (VLLM, "--tensor-parallel-size 0 --pipeline-parallel-size x", Stated()),
        (VLLM, "--tensor-parallel-size", Stated()),
        (VLLM, "", Stated()),
    ],
)
def test_flags_state_a_parallelism(dialect: Dialect, text: str, wanted: Stated) -> None:
    assert line(dialect, text, N="6").stated() == wanted


def test_other_settings_are_read() -> None:
    found = line(VLLM, "--max-model-len 4096 --gpu-memory-utilization=0.95 --kv-cache-dtype fp8")
    assert found.number(VLLM.context) == 4096
    assert found.share(VLLM.memory_share) == Fraction(19, 20)
    assert found.value(VLLM.cache_dtype) == "fp8"
    assert found.number(VLLM.sequences) is None


@pytest.mark.parametrize("text", ["1.5", "0", "-1", "x", "", "1e-9999", "0.5.5", "\u0661"])
def test_what_is_no_share_reads_as_absent(text: str) -> None:
    assert line(VLLM, f"--gpu-memory-utilization={text}").share(VLLM.memory_share) is None


def test_q_45_an_override_states_data_parallelism_too() -> None:
    override = TensorParallelismConfig(tensor_parallel_size=4, pipeline_parallel_size=0, data_parallel_size=2)
    assert Stated.of_override(override) == Stated(tensor=4, data=2)
    assert Stated.of_override(None) == Stated()


def test_one_authors_numbers_go_over_anothers() -> None:
    assert Stated(tensor=2).over(Stated(tensor=4, data=8)) == Stated(tensor=2, data=8)
