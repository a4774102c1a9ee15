"""What reaches the pods, as a short hash: equal ones run equal pods, whoever wrote them and however.

It is made of pod templates as they stand in a workload, and of nothing else. Amounts count by what they are, not by how
they are written, for the API server keeps them in one form too. Equal templates give equal hashes in every release.
"""

import hashlib
from collections.abc import Iterable
from typing import Final

import msgspec

from omectl.api.json import JsonObject, JsonValue
from omectl.api.labels import POD_TEMPLATE
from omectl.api.quantity import Quantity, QuantityError

LENGTH: Final = 16
_AMOUNTS: Final = frozenset({"limits", "requests"})
_AMOUNT: Final = "sizeLimit"
_NAMES: Final = frozenset({"name", "namespace"})
"""Of a template's metadata: no pod has them."""


def revision_hash(templates: Iterable[JsonValue]) -> str:
    """16 hex digits over pod templates, and over numbers that pods see besides."""
    seen = [_template(one) if isinstance(one, dict) else one for one in templates]
    return hashlib.sha256(msgspec.json.encode(seen, order="sorted")).hexdigest()[:LENGTH]


def _template(template: JsonObject) -> JsonObject:
    metadata = template.get("metadata")
    if not isinstance(metadata, dict):
        return _plain(template)
    kept: JsonObject = {key: value for key, value in metadata.items() if key not in _NAMES}
    annotations = kept.get("annotations")
    if isinstance(annotations, dict):
        # It is made of this very hash.
        kept["annotations"] = {key: value for key, value in annotations.items() if key != POD_TEMPLATE}
    return _plain({**template, "metadata": kept})


def _plain(value: JsonObject) -> JsonObject:
    """Without absent fields, and with amounts in one form."""
    found: JsonObject = {}
    for key, item in value.items():
        if key in _AMOUNTS and isinstance(item, dict):
            found[key] = {name: _amount(amount) for name, amount in item.items()}
        elif key == _AMOUNT:
            found[key] = _amount(item)
        elif isinstance(item, dict):
            found[key] = _plain(item)
        elif isinstance(item, list):
            found[key] = [_plain(one) if isinstance(one, dict) else one for one in item]
        elif item is not None:
            found[key] = item
    return found


def _amount(value: JsonValue) -> JsonValue:
    if not isinstance(value, str | int):
        return value
    try:
        return str(Quantity(Quantity.parse(value).amount))
    except QuantityError:
        return value
