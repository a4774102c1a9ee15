"""How engines spell their settings: a table, and which row a container speaks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Flag:
    """One setting: its spellings, the one to write first. A switch has no value."""

    names: tuple[str, ...]
    switch: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """An engine's flags, and the words of a command and the parts of an image's name that tell it.

    `context`, `sequences`, `memory_share` and `cache_dtype` are read only. With `attention_ranks` on, data ranks lie
    within the tensor-parallel GPUs instead of beside them. Where `expert` is a switch, experts are spread
    over all ranks. `shares_experts`: data ranks share the experts among them even without it.
    """

    name: str
    words: tuple[str, ...]
    images: tuple[str, ...]
    tensor: Flag
    pipeline: Flag
    data: Flag
    expert: Flag
    nodes: Flag | None
    context: Flag
    sequences: Flag
    memory_share: Flag | None
    cache_dtype: Flag
    attention_ranks: Flag | None = None
    shares_experts: bool = False


SGLANG: Final = Dialect(
    name="sglang",
    words=("sglang.launch_server", "sglang"),
    images=("sglang",),
    tensor=Flag(("--tp-size", "--tp", "--tensor-parallel-size")),
    pipeline=Flag(("--pp-size", "--pp", "--pipeline-parallel-size")),
    data=Flag(("--dp-size", "--dp", "--data-parallel-size")),
    expert=Flag(("--ep-size", "--ep", "--expert-parallel-size")),
    nodes=Flag(("--nnodes",)),
    context=Flag(("--context-length",)),
    sequences=Flag(("--max-running-requests",)),
    memory_share=None,
    cache_dtype=Flag(("--kv-cache-dtype",)),
    attention_ranks=Flag(("--enable-dp-attention",), switch=True),
)
"""SGLang's `--mem-fraction-static` is a share for weights and cache alone, so it is no memory share of ours."""

VLLM: Final = Dialect(
    name="vllm",
    words=("vllm.entrypoints.openai.api_server", "vllm.entrypoints.api_server", "vllm"),
    images=("vllm",),
    tensor=Flag(("--tensor-parallel-size", "-tp", "--tp-size", "--tp")),
    pipeline=Flag(("--pipeline-parallel-size", "-pp", "--pp-size", "--pp")),
    data=Flag(("--data-parallel-size", "-dp")),
    expert=Flag(("--enable-expert-parallel", "-ep"), switch=True),
    nodes=None,
    context=Flag(("--max-model-len",)),
    sequences=Flag(("--max-num-seqs",)),
    memory_share=Flag(("--gpu-memory-utilization",)),
    cache_dtype=Flag(("--kv-cache-dtype",)),
    shares_experts=True,
)
"""`--tp`, `--pp` and their `-size` forms are no flags of vLLM; OME rewrites them wherever they stand."""

DIALECTS: Final = (SGLANG, VLLM)


def dialect_of(image: str, command: Sequence[str], args: Sequence[str]) -> Dialect | None:
    """The engine that a container runs, by the words of its command line, else by its image; None when neither tells.

    A shell's text counts word by word.
    """
    spoken = {word.rsplit("/", 1)[-1] for text in (*command, *args) for word in text.split()}
    for dialect in DIALECTS:
        if not spoken.isdisjoint(dialect.words):
            return dialect
    name = image.rsplit("@", 1)[0].lower()
    return next((dialect for dialect in DIALECTS if any(part in name for part in dialect.images)), None)
