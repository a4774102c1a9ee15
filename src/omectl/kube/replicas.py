"""Who owns `spec.replicas`, read from `managedFields`. Pure."""

from omectl.api.document import as_object, as_objects
from omectl.api.json import JsonObject, JsonValue
from omectl.kube.owners import metadata_of


def managed_fields(obj: JsonObject, manager: str) -> list[JsonObject]:
    """The field sets (`fieldsV1`) that a manager has applied."""
    return [
        as_object(entry["fieldsV1"])
        for entry in as_objects(metadata_of(obj).get("managedFields"))
        if entry.get("manager") == manager and not entry.get("subresource") and "fieldsV1" in entry
    ]


def manages(obj: JsonObject, manager: str, *path: str) -> bool:
    """The manager owns the field at `path`."""
    return any(_has(fields, path) for fields in managed_fields(obj, manager))


def _has(fields: JsonValue, path: tuple[str, ...]) -> bool:
    for name in path:
        fields = fields.get(f"f:{name}") if isinstance(fields, dict) else None
    return fields is not None
