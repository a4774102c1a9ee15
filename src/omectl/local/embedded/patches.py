"""What a patch makes of a document. Pure; documents that come in are not changed."""

import copy
from typing import Final

from omectl.api.json import JsonObject, JsonValue

MERGE_PATCH: Final = "application/merge-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"
ACCEPTED: Final = (MERGE_PATCH, APPLY_PATCH)


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
