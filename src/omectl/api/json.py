"""What JSON is, as types."""

from typing import TypeAlias

from typing_extensions import TypeAliasType

JsonValue = TypeAliasType("JsonValue", "str | int | float | bool | list[JsonValue] | dict[str, JsonValue] | None")
"""Any decoded JSON value. A named alias, so that pydantic takes it as it is instead of looking inside."""

JsonObject: TypeAlias = dict[str, JsonValue]
"""A decoded JSON object."""
