"""What a patch makes of a document. Pure; documents that come in are not changed."""

import copy
from typing import Final, cast

import jsonpatch
from jsonpointer import JsonPointerException

from omectl.api.json import JsonObject, JsonValue

JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"
ACCEPTED: Final = (JSON_PATCH, MERGE_PATCH, APPLY_PATCH)


def merged(document: JsonValue, patch: JsonValue) -> JsonValue:
    """JSON merge patch (RFC 7386): objects are merged, null removes, everything else replaces."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result: JsonObject = dict(document) if isinstance(document, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


class NotApplicable(ValueError):
    """The operations are none, name what is not there, or test for what is not so."""


def operated(document: JsonObject, operations: list[JsonObject]) -> JsonValue:
    """JSON patch (RFC 6902): all operations in order. Raises NotApplicable; nothing is applied then."""
    try:
        return cast("JsonValue", jsonpatch.apply_patch(document, operations))  # pyright: ignore[reportUnknownMemberType]
    except (jsonpatch.JsonPatchException, JsonPointerException, TypeError, KeyError) as error:
        raise NotApplicable(str(error)) from error
