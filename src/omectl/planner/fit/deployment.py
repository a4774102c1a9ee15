"""The fit of an engine as its container says it: flags, environment and accelerators."""

from dataclasses import dataclass, replace
from typing import Final, Self

from omectl.api.accelerator_class import AcceleratorClass
from omectl.api.document import as_objects, as_text, as_texts
from omectl.api.facts import ModelFacts
from omectl.api.json import JsonObject
from omectl.api.serving_runtime import AcceleratorModelConfig
from omectl.planner.accelerators.traits import traits_of
from omectl.planner.dialects import dialect_of
from omectl.planner.fit.constants import MEMORY_SHARE
from omectl.planner.fit.estimate import estimate
from omectl.planner.fit.report import FitReport, Verdict, Workload
from omectl.planner.parallelism import (
    PARALLELISM_SIZE,
    Choice,
    CommandLine,
    Divisions,
    Parallelism,
    Problem,
    Stated,
    choose,
    command_line,
    deployed,
    problems_of,
)

_CACHE_BYTES: Final = {"fp8": 1, "fp8_e4m3": 1, "fp8_e5m2": 1, "fp8_inc": 1, "int8": 1, "float16": 2, "bfloat16": 2}
"""Values of the engines' `--kv-cache-dtype`; `auto` and others are the model's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """What an engine runs on: accelerators of each pod, pods, and what is known of the accelerators' class.

    `memory` is bytes of one accelerator, `per_node` how many a node has, `gib_per_billion` the runtime author's
    `minMemoryPerBillionParams` for the class.
    """

    accelerators: int
    pods: int = 1
    memory: int | None = None
    per_node: int | None = None
    gib_per_billion: int | None = None

    @classmethod
    def of_class(
        cls,
        chosen: AcceleratorClass | None,
        config: AcceleratorModelConfig | None = None,
        *,
        accelerators: int,
        pods: int = 1,
        per_node: int | None = None,
    ) -> Self:
        """What is known of a class, and what the winning entry of the runtime says for it.

        Without `per_node` it is what the largest node of the class has.
        """
        traits = traits_of(chosen) if chosen is not None else None
        memory = traits.memory if traits is not None else None
        largest = traits.capacity.per_node if traits is not None else None
        return cls(
            accelerators=accelerators,
            pods=pods,
            memory=int(memory) if memory is not None else None,
            per_node=per_node if per_node is not None else largest,
            gib_per_billion=config.min_memory_per_billion_params if config is not None else None,
        )


@dataclass(frozen=True, slots=True)
class EngineFit:
    """The estimate for an engine, and what is wrong with its parallelism."""

    report: FitReport
    problems: tuple[Problem, ...] = ()


def engine_fit(
    container: JsonObject,
    facts: ModelFacts,
    hardware: Hardware,
    *,
    size: int | None = None,
    quantization: str | None = None,
) -> EngineFit:
    """The fit of the engine that a container starts. Total.

    The engine's flags tell the parallelism, the context, the size of the cache's numbers and its share of the memory;
    one sequence of that context has to fit. `size` and `quantization` are the model's, by its spec.
    """
    command, args = as_texts(container.get("command")), as_texts(container.get("args"))
    dialect = dialect_of(as_text(container.get("image")), command, args)
    env = {PARALLELISM_SIZE: str(hardware.accelerators * hardware.pods)}
    env |= {as_text(one.get("name")): as_text(one.get("value")) for one in as_objects(container.get("env"))}
    line = command_line(dialect, command, args, env)
    spread = deployed(line.stated() if line is not None else None, hardware.accelerators, hardware.pods)
    report = estimate(
        facts,
        _as_loaded(spread, line),
        memory=hardware.memory,
        workload=_workload(line) if line is not None else None,
        size=size,
        quantization=quantization,
        gib_per_billion=hardware.gib_per_billion,
    )
    return EngineFit(report, problems_of(spread, divisions_of(facts), hardware.per_node))


def _as_loaded(spread: Parallelism, line: CommandLine | None) -> Parallelism:
    """The spread as the weights are held: experts that data ranks share count as spread over all of them."""
    if line is None or spread.data == 1 or not line.shares_experts:
        return spread
    return replace(spread, expert=max(spread.expert, spread.tensor * spread.data))


def spread_for(
    facts: ModelFacts,
    stated: Stated,
    hardware: Hardware,
    *,
    workload: Workload | None = None,
    size: int | None = None,
    quantization: str | None = None,
) -> Choice:
    """The parallelism of a model: as stated, else by the accelerators asked for (0: nobody does), else what fits.

    While a GPU's memory or the model's size is unknown, every spread is taken to fit.
    """

    def holds(spread: Parallelism) -> bool:
        report = estimate(
            facts,
            spread,
            memory=hardware.memory,
            workload=workload,
            size=size,
            quantization=quantization,
            gib_per_billion=hardware.gib_per_billion,
        )
        return report.verdict in (Verdict.FITS, Verdict.UNKNOWN)

    return choose(
        stated,
        divisions_of(facts),
        holds,
        requested=hardware.accelerators,
        pods=hardware.pods,
        accelerators_per_node=hardware.per_node,
    )


def divisions_of(facts: ModelFacts) -> Divisions:
    """The numbers of a model that GPUs have to divide. A latent is no head: every GPU has all of it."""
    return Divisions(
        heads=facts.attention_heads,
        key_value_heads=facts.key_value_heads if not facts.latent_rank else None,
        layers=facts.layers,
        experts=facts.experts,
    )


def _workload(line: CommandLine) -> Workload:
    dialect = line.dialect
    return Workload(
        context=line.number(dialect.context),
        sequences=line.number(dialect.sequences),
        cache_bytes=_CACHE_BYTES.get(line.value(dialect.cache_dtype) or ""),
        memory_share=line.share(dialect.memory_share) or MEMORY_SHARE,
    )
