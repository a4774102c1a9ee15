"""Worlds that a seed makes: models as parsers write them and as nobody would, GPUs, spreads and workloads."""

import random
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from omectl.api.facts import ModelFacts
from omectl.planner.fit import FitReport, Workload, estimate
from omectl.planner.parallelism import Parallelism

GIB = 1 << 30
ODD = (None, 0, -1, 1, 2**31 - 1, 2**62, 2**80)
WORDS = (
    None, "", "fp8", "int4", "fbgemm_fp8", "mxfp4", "nvfp4", "awq", "gptq", "bitsandbytes", "modelopt",
    "compressed-tensors", "nobody-knows",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class World:
    """What an estimate is made from."""

    facts: ModelFacts
    spread: Parallelism
    memory: int | None
    workload: Workload
    size: int | None
    quantization: str | None

    def estimated(self, **changes: Any) -> FitReport:
        """The estimate, with some inputs changed."""
        given = {
            "memory": self.memory, "workload": self.workload, "size": self.size, "quantization": self.quantization,
            "spread": self.spread, **changes,
        }  # fmt: skip
        return estimate(self.facts, given.pop("spread"), **given)


def sensible(generator: random.Random) -> World:
    """A world that could be."""
    layers = generator.randrange(1, 130)
    heads = generator.choice((8, 12, 14, 16, 28, 32, 40, 64, 96, 128))
    states = generator.choice((0, 0, 0, layers // 2, layers))
    sliding = generator.choice((0, 0, (layers - states) // 2, layers - states))
    facts: dict[str, Any] = {
        "parameter_count": generator.randrange(10**8, 10**12),
        "layers": layers,
        "hidden_size": generator.randrange(512, 16384),
        "attention_heads": heads,
        "key_value_heads": generator.choice((1, 2, 4, 8, heads)),
        "head_size": generator.choice((64, 128, 256)),
        "vocabulary_size": generator.randrange(32000, 262209),
        "context_length": generator.choice((4096, 32768, 131072, 1 << 20)),
        "dtype": generator.choice(("bfloat16", "float16", "float32", None)),
        "quantization_method": generator.choice(WORDS),
        "experts": generator.choice((None, 8, 128)),
        "tied_embeddings": generator.choice((None, True, False)),
        "state_layers": states,
        "state_size": generator.randrange(1, 1 << 20),
        "sliding_layers": sliding,
        "sliding_window": generator.choice((None, 128, 1024, 4096)),
    }
    if generator.random() < 0.2:
        facts |= {"latent_rank": 512, "latent_rope_size": 64}
    if generator.random() < 0.2:
        facts = {name: value for name, value in facts.items() if generator.random() < 0.5}
    tensor, pipeline, data = (generator.choice((1, 1, 2, 4, 8)) for _ in range(3))
    spread = Parallelism(
        tensor=tensor, pipeline=pipeline, data=data, expert=generator.choice((1, tensor * data)),
        gpus_per_pod=tensor * pipeline * data,
    )  # fmt: skip
    workload = Workload(
        context=generator.choice((None, 1, 4096, 100000)),
        concurrency=generator.choice((1, 1, 7, 256)),
        cache_bytes=generator.choice((None, 1)),
        memory_share=generator.choice((Fraction(9, 10), Fraction(1, 2), Fraction(1))),
    )
    memory = generator.choice((16, 24, 48, 80, 141, 192)) * GIB
    return World(ModelFacts(**facts), spread, memory, workload, None, None)


def nonsense(generator: random.Random) -> World:
    """A world of values that the schema lets through."""
    numbers = (
        "parameter_count", "context_length", "size_bytes", "layers", "hidden_size", "attention_heads",
        "key_value_heads", "head_size", "vocabulary_size", "experts", "latent_rank", "latent_rope_size",
        "sliding_window", "sliding_layers", "state_layers", "state_size", "quantization_bits",
    )  # fmt: skip
    facts: dict[str, Any] = {name: generator.choice(ODD) for name in numbers if generator.random() < 0.7}
    for name in ("dtype", "quantization", "quantization_method", "model_type"):
        facts[name] = generator.choice((*WORDS, "diffusers", "bfloat16", "\0"))
    if generator.random() < 0.1:
        facts["diffusion_pipeline"] = {}
    spread = Parallelism(**{name: generator.choice((1, 3, 10**9)) for name in Parallelism.__dataclass_fields__})
    workload = Workload(
        context=generator.choice(ODD),
        concurrency=generator.choice((0, -5, 1, 10**12)),
        batch_tokens=generator.choice(ODD),
        sequences=generator.choice(ODD),
        cache_bytes=generator.choice((None, 0, 1)),
        dtype_bytes=generator.choice((None, 0, 1, 8)),
        memory_share=generator.choice((Fraction(0), Fraction(1, 3), Fraction(1))),
    )
    return World(
        ModelFacts(**facts), spread, generator.choice(ODD), workload, generator.choice(ODD), generator.choice(WORDS)
    )
