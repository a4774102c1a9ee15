"""Owner references: who made an object, and who may change it."""

from omectl.api.document import as_object, as_objects
from omectl.api.json import JsonObject


def metadata_of(obj: JsonObject) -> JsonObject:
    """The object's metadata; an empty one where it has none."""
    return as_object(obj.get("metadata"))


def uid_of(obj: JsonObject) -> str:
    """The object's UID, "" before it was created."""
    return str(metadata_of(obj).get("uid") or "")


def owner_reference(owner: JsonObject, *, controller: bool = True) -> JsonObject:
    """The reference that a child of `owner` carries. Raises ValueError for an owner that was never created."""
    metadata = metadata_of(owner)
    reference: JsonObject = {
        "apiVersion": owner.get("apiVersion"),
        "kind": owner.get("kind"),
        "name": metadata.get("name"),
        "uid": metadata.get("uid"),
    }
    missing = [name for name, value in reference.items() if not value]
    if missing:
        raise ValueError(f"wanted an owner with apiVersion, kind, name and uid, found it without {', '.join(missing)}")
    if controller:
        reference |= {"controller": True, "blockOwnerDeletion": True}
    return reference


def references_of(obj: JsonObject) -> list[JsonObject]:
    """The object's owner references."""
    return as_objects(metadata_of(obj).get("ownerReferences"))


def controller_of(obj: JsonObject) -> JsonObject | None:
    """The reference to the one owner that manages the object."""
    return next((reference for reference in references_of(obj) if reference.get("controller") is True), None)


def controlled_by(obj: JsonObject, uid: str) -> bool:
    """The owner with this UID manages the object; a namesake with another UID does not."""
    controller = controller_of(obj)
    return controller is not None and bool(uid) and controller.get("uid") == uid
