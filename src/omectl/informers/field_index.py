"""Indexes by the value of a field, which are what a cache selects fields by."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from omectl.api.document import at
from omectl.api.json import JsonObject
from omectl.informers.store import IndexFunction

_TERM: Final = re.compile(r"\s*(?P<path>[^\s=!,]+)\s*(?P<operator>==|!=|=)\s*(?P<value>[^\s=!,]*)\s*")


class BadFieldSelector(ValueError):
    """A field selector that a cache cannot answer."""


def field_index_name(path: str) -> str:
    """What the index over a field is called."""
    return f"field:{path}"


def by_field(path: str) -> dict[str, IndexFunction]:
    """The index that `path=value` selects by, such as `spec.nodeName`; give it to an informer as `indexes`."""
    return {field_index_name(path): FieldValue(path)}


@dataclass(frozen=True, slots=True)
class FieldValue:
    """An index function: the text, number or boolean at a dotted path, as text."""

    path: str

    def __call__(self, obj: JsonObject) -> Iterable[str]:
        value = at(obj, *self.path.split("."))
        if isinstance(value, bool):
            return ("true" if value else "false",)
        return (str(value),) if isinstance(value, str | int | float) else ()


def parse_field_selector(text: str) -> list[tuple[str, str]]:
    """The (path, value) pairs that must all be equal. Raises BadFieldSelector for anything but `=` and `==`."""
    terms: list[tuple[str, str]] = []
    for part in text.split(",") if text else ():
        term = _TERM.fullmatch(part)
        if term is None:
            raise BadFieldSelector(f"wanted field selectors like spec.nodeName=a, found {part!r} in {text!r}")
        if term["operator"] == "!=":
            raise BadFieldSelector(
                f"wanted a field selector by = or ==, found {part.strip()!r}: a cache finds equal values only;"
                " filter what it lists, or list at the server"
            )
        terms.append((term["path"], term["value"]))
    return terms
