"""What a container's command line says about parallelism and memory. What is no number reads as absent."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Self

from omectl.api.serving_runtime import TensorParallelismConfig
from omectl.planner.arguments import Standing, standing
from omectl.planner.dialects import Dialect, Flag
from omectl.planner.flag_tables import table_of

_REFERENCE: Final = re.compile(r"\$\((\w+)\)")
_NUMBER: Final = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,12})?|\.[0-9]{1,12}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """Numbers that an author wrote; None where nobody did."""

    tensor: int | None = None
    pipeline: int | None = None
    data: int | None = None
    expert: int | None = None

    @classmethod
    def of_override(cls, override: TensorParallelismConfig | None) -> Self:
        """What a runtime says for an accelerator class; 0 and less are absent."""
        if override is None:
            return cls()
        return cls(
            tensor=_positive(override.tensor_parallel_size),
            pipeline=_positive(override.pipeline_parallel_size),
            data=_positive(override.data_parallel_size),
        )

    def over(self, other: Self) -> "Stated":
        """These numbers, and the other's where there are none."""
        return Stated(
            tensor=self.tensor or other.tensor,
            pipeline=self.pipeline or other.pipeline,
            data=self.data or other.data,
            expert=self.expert or other.expert,
        )


@dataclass(frozen=True, slots=True)
class CommandLine:
    """The flags of a command line by their keys, in its engine's dialect. `env` has the plain values for `$(NAME)`."""

    dialect: Dialect
    flags: Mapping[str, Standing]
    env: Mapping[str, str]

    def value(self, flag: Flag | None) -> str | None:
        """The text of a flag, where it counts; references are filled where they can be."""
        if flag is None:
            return None
        table = table_of(self.dialect)
        found = self.flags.get(table.key(flag.names[0]))
        if found is None or table.negates(found.argument.flag):
            return None
        return _REFERENCE.sub(lambda match: self.env.get(match[1], match[0]), found.value)

    def number(self, flag: Flag | None) -> int | None:
        """The flag's value as a whole number of at least 1."""
        text = self.value(flag)
        return _positive(int(text)) if text and len(text) <= 12 and text.isascii() and text.isdigit() else None

    def share(self, flag: Flag | None) -> Fraction | None:
        """The flag's value as a share, more than 0 and at most 1."""
        text = self.value(flag)
        share = Fraction(text) if text and _NUMBER.fullmatch(text) else Fraction(0)
        return share if 0 < share <= 1 else None

    @property
    def shares_experts(self) -> bool:
        """Whether data ranks hold one set of experts together: vLLM's do, SGLang's only within the tensor's GPUs."""
        return self.dialect.shares_experts or self.value(self.dialect.attention_ranks) is not None

    def stated(self) -> Stated:
        """The parallelism that the flags ask for."""
        dialect = self.dialect
        tensor, data = self.number(dialect.tensor), self.number(dialect.data)
        if data and self.value(dialect.attention_ranks) is not None:
            tensor = max((tensor or 1) // data, 1)
        pipeline, expert = self.number(dialect.pipeline), self.number(dialect.expert)
        if dialect.expert.switch and self.value(dialect.expert) is not None:
            expert = (tensor or 1) * (data or 1)
        return Stated(tensor=tensor, pipeline=pipeline, data=data, expert=expert)


def command_line(
    dialect: Dialect | None, command: Sequence[str], args: Sequence[str], env: Mapping[str, str]
) -> CommandLine | None:
    """The command line of an engine that is known."""
    if dialect is None:
        return None
    return CommandLine(dialect, standing(command, args, table_of(dialect)), env)


def _positive(number: int | None) -> int | None:
    return number if number is not None and number > 0 else None
