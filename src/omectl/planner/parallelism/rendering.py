"""Writing a parallelism into a container's command line and environment."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from omectl.planner.parallelism.dialects import Dialect, Flag
from omectl.planner.parallelism.flags import add, find, is_shell, replace
from omectl.planner.parallelism.problems import Code, Problem

if TYPE_CHECKING:
    from omectl.planner.parallelism.record import Parallelism

PARALLELISM_SIZE: Final = "PARALLELISM_SIZE"
"""The variable that multi-node runtimes name in their flags: GPUs of all pods together."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """Command, args and environment of a container, and what the author of the service overruled."""

    command: tuple[str, ...]
    args: tuple[str, ...]
    env: Mapping[str, str]
    problems: tuple[Problem, ...] = ()


def rendered(
    spread: "Parallelism",
    dialect: Dialect | None,
    args: Sequence[str],
    env: Mapping[str, str],
    *,
    command: Sequence[str],
    own: Collection[str],
) -> Rendered:
    """See `Parallelism.render`."""
    writer = _Writer(tuple(command), tuple(args), own, spread.gpus)
    if dialect is not None:
        tensor = spread.tensor
        if dialect.attention_ranks is not None and writer.has(dialect.attention_ranks):
            tensor *= spread.data
        writer.set(dialect.tensor, tensor)
        writer.set(dialect.pipeline, spread.pipeline)
        writer.set(dialect.data, spread.data)
        writer.set(dialect.expert, spread.expert)
        if dialect.nodes is not None:
            writer.set(dialect.nodes, spread.pods, references_stay=True)
    values = dict(env)
    size = str(spread.gpus)
    if PARALLELISM_SIZE not in own:
        values[PARALLELISM_SIZE] = size
    elif values.get(PARALLELISM_SIZE, size) != size:
        said = values[PARALLELISM_SIZE]
        writer.problems.append(Problem(Code.DIMENSION_OVERRULED, size, said, PARALLELISM_SIZE))
    return Rendered(writer.command, writer.args, values, tuple(writer.problems))


class _Writer:
    """The two lists while flags are written into them."""

    def __init__(self, command: tuple[str, ...], args: tuple[str, ...], own: Collection[str], gpus: int) -> None:
        self.command, self.args = command, args
        self.problems: list[Problem] = []
        self._own, self._gpus = own, gpus

    def has(self, flag: Flag) -> bool:
        """Whether the flag stands in one of the lists."""
        return find(self.args, flag) is not None or find(self.command, flag) is not None

    def set(self, flag: Flag, value: int, *, references_stay: bool = False) -> None:
        """Give the flag this number: in its place, else at the end when it is not what the engine does anyway.

        A reference to `PARALLELISM_SIZE` is as good as its number. With `references_stay`, so is one to any variable.
        """
        in_args = find(self.args, flag)
        found = in_args or find(self.command, flag)
        if found is None:
            if value > 1:
                self._add(flag, value)
        elif flag.switch or self._says(found.value, value) or (references_stay and found.value.startswith("$(")):
            return
        elif found.words[0] in self._own:
            self.problems.append(Problem(Code.DIMENSION_OVERRULED, str(value), found.value, flag.names[0]))
        elif in_args is not None:
            self.args = replace(self.args, found, str(value))
        else:
            self.command = replace(self.command, found, str(value))

    def _says(self, text: str, value: int) -> bool:
        return text == str(value) or (text == f"$({PARALLELISM_SIZE})" and self._gpus == value)

    def _add(self, flag: Flag, value: int) -> None:
        if is_shell(self.args) or is_shell(self.command):
            self.problems.append(Problem(Code.NOT_RENDERED, str(value), "", flag.names[0]))
        elif self.args or not self.command:
            self.args = add(self.args, flag, str(value))
        else:
            self.command = add(self.command, flag, str(value))
