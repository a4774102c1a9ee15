"""Placeholders in containers: `{{.Name}}`, `{{.Namespace}}`, `{{.Labels.x}}`, `{{index .Annotations "x"}}`.

They are replaced as text: nothing is escaped, and other uses of double braces (a chat template's) stay as they are. So
does a name that nobody knows, in a container; in a host it is refused.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from omectl.api.json import JsonObject, JsonValue
from omectl.planner.result import PlanRefused, Reason

Text = TypeVar("Text", str, None)

_FIELD: Final = re.compile(
    r"\{\{-?\s*(?:\.(?P<field>[A-Za-z]\w*)(?:\.(?P<key>[\w.]+))?"
    r'|index\s+\.(?P<map>[A-Za-z]\w*)\s+(?:"(?P<quoted>[^"]*)"|`(?P<raw>[^`]*)`))\s*-?\}\}'
)


@dataclass(frozen=True, slots=True)
class Placeholders:
    """The values that placeholders may name."""

    texts: Mapping[str, str]
    maps: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])

    def fill(self, text: str, where: str) -> str:
        """The text with its placeholders replaced; a map's missing key gives "". Raises `PlanRefused`."""
        if "{{" not in text:
            return text
        return _FIELD.sub(lambda match: self._value(match, where), text)

    def fill_known(self, text: str) -> str:
        """As `fill`, but an unknown placeholder stays as it is."""
        if "{{" not in text:
            return text
        return _FIELD.sub(lambda match: self._known(match, match[0]), text)

    def unknown_in(self, value: JsonValue) -> tuple[str, ...]:
        """The placeholders in a document that `fill_known_in` leaves, each once."""
        if isinstance(value, str):
            found = [match[0] for match in _FIELD.finditer(value) if self._known(match, None) is None]
        elif isinstance(value, list):
            found = [text for item in value for text in self.unknown_in(item)]
        elif isinstance(value, dict):
            found = [text for item in value.values() for text in self.unknown_in(item)]
        else:
            found = []
        return tuple(dict.fromkeys(found))

    def fill_known_in(self, document: JsonObject) -> JsonObject:
        """The document with the known placeholders of all its texts replaced."""
        return {key: self._fill_value(value) for key, value in document.items()}

    def _fill_value(self, value: JsonValue) -> JsonValue:
        if isinstance(value, str):
            return self.fill_known(value)
        if isinstance(value, list):
            return [self._fill_value(item) for item in value]
        return self.fill_known_in(value) if isinstance(value, dict) else value

    def _known(self, match: re.Match[str], otherwise: Text) -> str | Text:
        name, key = match["field"], match["key"]
        if match["map"] is not None:
            name, key = match["map"], match["quoted"] if match["quoted"] is not None else match["raw"]
        if key is None:
            return self.texts.get(name, otherwise)
        return self.maps[name].get(key, "") if name in self.maps else otherwise

    def _value(self, match: re.Match[str], where: str) -> str:
        found = self._known(match, None)
        if found is not None:
            return found
        known = ", ".join([*(f".{text}" for text in self.texts), *(f".{name}.<key>" for name in self.maps)])
        raise PlanRefused(
            Reason.MERGE,
            f"{where}: unknown placeholder {match[0]}",
            f"use one of {known}",
        )
