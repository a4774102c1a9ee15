"""Who wrote a value of a rendered object."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from omectl.api.json import JsonObject


class Author(StrEnum):
    """Kinds of authors, each winning over those before it."""

    CONTROLLER = "controller"
    """The operator itself: what it computes and what it takes for granted."""
    RUNTIME = "runtime"
    CLASS = "class"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Origin:
    """An author, and which runtime or class that is."""

    author: Author
    name: str = ""

    def __str__(self) -> str:
        return f"{self.author} {self.name}" if self.name else self.author.value


CONTROLLER = Origin(Author.CONTROLLER)
SERVICE = Origin(Author.SERVICE)


@dataclass(frozen=True, slots=True)
class Layer:
    """What one author says about a component, in the shape of a component."""

    origin: Origin
    document: JsonObject


class LossCode(StrEnum):
    """Why something that was written is not in the pod."""

    OVERRULED = "Overruled"
    """Another value stands in its place."""
    REMOVED = "Removed"
    """An author of more weight removed it, or wrote something that excludes it."""
    SHELL_TEXT = "ShellText"
    """It would have to go into a shell's text, which nobody but its author can change."""
    OWN_COMMAND = "OwnCommand"
    """The service states a command of its own, and arguments of a class belong to the runtime's."""
    NO_DIALECT = "NoDialect"
    """It is to become a flag, and nobody knows how the program that runs spells it."""
    SEVERAL_NODES = "SeveralNodes"
    """A component of several nodes has a leader and workers, each with a runner of its own."""


_WORDS: Final[Mapping[LossCode, str]] = {
    LossCode.OVERRULED: "the {} says something else",
    LossCode.REMOVED: "the {} removed it",
    LossCode.SHELL_TEXT: "it would have to go into a shell's text",
    LossCode.OWN_COMMAND: "the service states a command of its own",
    LossCode.NO_DIALECT: "how the program spells it as a flag is not known",
    LossCode.SEVERAL_NODES: "the leader and the workers have runners of their own",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Something that an author wrote and that is not in the pod.

    `path` is where it would be: a JSON path in the pod's spec, or the field of the author's own object where it has no
    place in a pod. `winner` is who wrote what stands there instead.
    """

    code: LossCode
    path: str
    origin: Origin
    value: str
    winner: Origin

    def __str__(self) -> str:
        return f"{self.path}: {self.value} of the {self.origin} does not count: {_WORDS[self.code].format(self.winner)}"
