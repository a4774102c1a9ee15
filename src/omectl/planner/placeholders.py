"""Placeholders in containers: `{{.Name}}`, `{{.Namespace}}`, `{{.Labels.x}}`, `{{index .Annotations "x"}}`.

They are replaced as text: nothing is escaped, and other uses of double braces (a chat template's) stay as they are.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from omectl.api.json import JsonObject, JsonValue
from omectl.planner.result import PlanRefused, Reason

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

    def fill_all(self, value: JsonValue, where: str) -> JsonValue:
        """The document with the placeholders of all its texts replaced."""
        if isinstance(value, str):
            return self.fill(value, where)
        if isinstance(value, list):
            return [self.fill_all(item, f"{where}[{index}]") for index, item in enumerate(value)]
        if isinstance(value, dict):
            return self.fill_object(value, where)
        return value

    def fill_object(self, value: JsonObject, where: str) -> JsonObject:
        """As `fill_all`, for an object."""
        return {key: self.fill_all(item, f"{where}.{key}") for key, item in value.items()}

    def _value(self, match: re.Match[str], where: str) -> str:
        name, key = match["field"], match["key"]
        if match["map"] is not None:
            name, key = match["map"], match["quoted"] if match["quoted"] is not None else match["raw"]
        if key is None and name in self.texts:
            return self.texts[name]
        if key is not None and name in self.maps:
            return self.maps[name].get(key, "")
        known = ", ".join([*(f".{text}" for text in self.texts), *(f".{name}.<key>" for name in self.maps)])
        raise PlanRefused(
            Reason.MERGE,
            f"{where}: unknown placeholder {match[0]}",
            f"use one of {known}",
        )
