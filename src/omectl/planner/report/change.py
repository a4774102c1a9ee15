"""One field of one object, and the value that would mend it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from omectl.api.json import JsonValue

_LONGEST: Final = 1000
MORE: Final = "[-]"
_TO_FILL: Final = re.compile(r'"(<[a-z ]+>)"')


@dataclass(frozen=True, slots=True)
class Change:
    """`field` of `object` (kind and name) set to `value`; None takes the field out. Fields begin at the object's root.

    A text such as `<image>` in the value stands for what nobody but the user knows. A field that ends with `[-]` is one
    more item of a list.
    """

    object: str
    field: str
    value: JsonValue = None

    @property
    def to_fill(self) -> tuple[str, ...]:
        """What the user has to put in, as it stands in the value: `<image>`."""
        return tuple(dict.fromkeys(_TO_FILL.findall(self._text)))

    def __str__(self) -> str:
        if self.value is None:
            return f"remove {self.field} from {self.object}"
        text = self._text
        shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
        filled = f" (put in your own {', '.join(self.to_fill)})" if self.to_fill else ""
        if self.field.endswith(MORE):
            return f"add to {self.field.removesuffix(MORE)} of {self.object}: {shown}{filled}"
        return f"set {self.field} of {self.object} to {shown}{filled}"

    @property
    def _text(self) -> str:
        """JSON with a space after each separator: YAML takes it too, also when it is broken there."""
        return msgspec.json.format(msgspec.json.encode(self.value), indent=0).decode()


def once(changes: Iterable[Change]) -> tuple[Change, ...]:
    """The changes without repetitions."""
    found: list[Change] = []
    for change in changes:
        if change not in found:
            found.append(change)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Remedy:
    """What would end one reason: all of `changes`, or all of `instead`, where there is another way."""

    changes: tuple[Change, ...] = ()
    instead: tuple[Change, ...] = ()
