"""The difference of two objects as a JSON patch (RFC 6902). No input or output."""

from __future__ import annotations

from typing import cast

import jsonpatch

from omectl.api.json import JsonObject


def diff(before: JsonObject, after: JsonObject) -> list[JsonObject]:
    """The operations that turn `before` into `after`, to be applied in order; none when they are equal.

    Values are equal when they are of one type and content: 1, 1.0 and true are three.
    """
    made = jsonpatch.make_patch(before, after)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return cast("list[JsonObject]", list(made))  # pyright: ignore[reportUnknownArgumentType]
