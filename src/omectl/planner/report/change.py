"""One field of one object, and the value that would mend it."""

from dataclasses import dataclass

import msgspec

from omectl.api.json import JsonValue

_LONGEST = 120


@dataclass(frozen=True, slots=True)
class Change:
    """`field` of `object` (kind and name) set to `value`; None takes the field out. Fields begin at `spec`."""

    object: str
    field: str
    value: JsonValue = None

    def __str__(self) -> str:
        if self.value is None:
            return f"remove {self.field} from {self.object}"
        text = msgspec.json.encode(self.value).decode()
        shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
        return f"set {self.field} of {self.object} to {shown}"


@dataclass(frozen=True, slots=True)
class Remedy:
    """What would end one reason: all of `changes`, or all of `instead`, where there is another way."""

    changes: tuple[Change, ...] = ()
    instead: tuple[Change, ...] = ()
