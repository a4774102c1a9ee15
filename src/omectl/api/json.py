"""What JSON is, as types."""

from typing import TYPE_CHECKING, TypeAlias

from typing_extensions import TypeAliasType

if TYPE_CHECKING:
    JsonValue: TypeAlias = "str | int | float | bool | list[JsonValue] | dict[str, JsonValue] | None"
else:
    # A named alias, so that pydantic takes it as it is instead of looking inside.
    JsonValue = TypeAliasType("JsonValue", "str | int | float | bool | list[JsonValue] | dict[str, JsonValue] | None")

JsonObject: TypeAlias = dict[str, JsonValue]
"""A decoded JSON object."""
