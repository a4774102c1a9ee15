"""What the runtimes are asked for one service, and what they state of it.

Hundreds of runtimes state the same few things, and each is held against every service's model. So a runtime is taken
apart into statements: one that several make is one object, and what it says in an inquiry is worked out once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from omectl.api.serving_runtime import SupportedModelFormat
from omectl.planner.model import ModelView
from omectl.planner.selection.difference import Difference
from omectl.planner.selection.request import Request

EntryMerit: TypeAlias = Callable[[SupportedModelFormat], tuple[int, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRules:
    """How entries of one runtime compare: `merit` is smaller for the better one of those that take the model.

    `automatic` is the choice among all runtimes; one that a service names need not allow that. With `needs_score` an
    entry whose score is not above 0 is not chosen then.
    """

    merit: EntryMerit
    automatic: bool
    needs_score: bool = False


_NAMED: Final = EntryRules(merit=lambda entry: (), automatic=False)
_NOTHING: Final = Request()


@dataclass(frozen=True, slots=True)
class Inquiry:
    """One model, what its service asks for, and the rules. Without these, only what is stated of the model counts."""

    model: ModelView
    request: Request = _NOTHING
    rules: EntryRules = _NAMED


Statement: TypeAlias = Callable[[Inquiry], Difference | None]
"""Holds one thing that a runtime states against what is asked: the difference, None when there is none."""


class Answers(dict[Statement, Difference | None]):
    """What statements said in one inquiry: one for all runtimes that are looked at. It asks when it does not know.

    A dictionary, since looking up is most of the work of a choice.
    """

    def __init__(self, inquiry: Inquiry) -> None:
        super().__init__()
        self.inquiry = inquiry

    def __missing__(self, statement: Statement) -> Difference | None:
        difference = self[statement] = statement(self.inquiry)
        return difference

    def against(self, statements: tuple[Statement, ...]) -> list[Difference]:
        """What is not as stated, in the order of the statements."""
        return [difference for difference in map(self.__getitem__, statements) if difference is not None]

    def misses(self, statements: tuple[Statement, ...]) -> int:
        """How many of the statements something speaks against."""
        return len(statements) - [*map(self.__getitem__, statements)].count(None)

    def agree(self, statements: tuple[Statement, ...]) -> bool:
        """Whether all is as stated. The first thing that is not ends the search."""
        return not any(map(self.__getitem__, statements))
