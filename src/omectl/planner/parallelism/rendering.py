"""Writing a parallelism into a container's command line and environment."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from omectl.planner.arguments import Standing, standing, with_value
from omectl.planner.dialects import Dialect, Flag
from omectl.planner.flag_tables import UNKNOWN_FLAGS, table_of
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
    writer = _Writer(tuple(command), tuple(args), dialect, own, spread.gpus)
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

    def __init__(
        self, command: tuple[str, ...], args: tuple[str, ...], dialect: Dialect | None, own: Collection[str], gpus: int
    ) -> None:
        self.command, self.args = command, args
        self.problems: list[Problem] = []
        self._table = table_of(dialect) if dialect is not None else UNKNOWN_FLAGS
        self._own, self._gpus = own, gpus

    def has(self, flag: Flag) -> bool:
        """Whether the flag stands in one of the lists."""
        return self._found(flag) is not None

    def set(self, flag: Flag, value: int, *, references_stay: bool = False) -> None:
        """Give the flag this number: in its place, else at the end when it is not what the engine does anyway.

        A reference to `PARALLELISM_SIZE` is as good as its number. With `references_stay`, so is one to any variable.
        """
        found = self._found(flag)
        if found is None or flag.switch:
            stays = value <= 1 or (found is not None and not self._table.negates(found.argument.flag))
        else:
            stays = self._says(found.value, value) or (references_stay and found.value.startswith("$("))
        if stays:
            return
        if found is not None and found.element in self._own:
            said = found.argument.flag if flag.switch else found.value
            self.problems.append(Problem(Code.DIMENSION_OVERRULED, str(value), said, flag.names[0]))
            return
        written = with_value(self.command, self.args, flag.names[0], None if flag.switch else str(value), self._table)
        if written.unwritten:
            said = found.value if found is not None else ""
            self.problems.append(Problem(Code.NOT_RENDERED, str(value), said, flag.names[0]))
        self.command, self.args = written.command, written.args

    def _found(self, flag: Flag) -> Standing | None:
        return standing(self.command, self.args, self._table).get(self._table.key(flag.names[0]))

    def _says(self, text: str, value: int) -> bool:
        return text == str(value) or (text == f"$({PARALLELISM_SIZE})" and self._gpus == value)
