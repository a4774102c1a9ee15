"""Owner references: who made an object, and who may change it."""

from omectl.api.document import as_object, as_objects
from omectl.api.json import JsonObject, JsonValue
from omectl.api.resource import ObjectKey, key_of
from omectl.kube.errors import KubeError


class AlreadyOwned(KubeError):
    """The object has a controller already, and only one may manage it."""

    def __init__(self, obj: JsonObject, owner: JsonObject, controller: JsonObject) -> None:
        self.kind = str(obj.get("kind") or "object")
        self.key: ObjectKey = key_of(obj)
        self.wanted_owner = f"{owner.get('kind')} {key_of(owner).name}"
        self.found_owner = f"{controller.get('kind')} {controller.get('name')}"
        super().__init__(self.kind, self.key, self.wanted_owner, self.found_owner)

    def __str__(self) -> str:
        return (
            f"wanted {self.wanted_owner} as the controller of {self.kind} {self.key}, found {self.found_owner}; "
            f"choose another name, or delete {self.kind} {self.key}"
        )


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


def set_controller_reference(obj: JsonObject, owner: JsonObject) -> bool:
    """Make `owner` the controller of `obj`, in place; True when that changed it.

    A reference to the same owner by group, kind and name is replaced, whatever its version and UID.
    Raises AlreadyOwned when another controller owns it, ValueError as `set_owner_reference` does.
    """
    reference = owner_reference(owner)
    controller = controller_of(obj)
    if controller is not None and not _same_owner(controller, reference):
        raise AlreadyOwned(obj, owner, controller)
    return _put_reference(obj, owner, reference)


def set_owner_reference(obj: JsonObject, owner: JsonObject, *, block_owner_deletion: bool = False) -> bool:
    """Let `obj` be collected after `owner` is gone, in place; True when that changed it. A controller stays one.

    Raises ValueError for an owner that was never created, that is in another namespace, or that is in a namespace while
    `obj` is not: the garbage collector would delete the object as an orphan.
    """
    reference = owner_reference(owner, controller=False)
    if block_owner_deletion:
        reference["blockOwnerDeletion"] = True
    return _put_reference(obj, owner, reference)


def remove_owner_reference(obj: JsonObject, owner: JsonObject) -> bool:
    """Take the references to `owner` (by group, kind and name) from `obj`, in place; False when there was none."""
    wanted = _reference_by_name(owner)
    references = references_of(obj)
    kept: list[JsonValue] = [reference for reference in references if not _same_owner(reference, wanted)]
    if len(kept) == len(references):
        return False
    metadata = metadata_of(obj)
    if kept:
        metadata["ownerReferences"] = kept
    else:
        del metadata["ownerReferences"]
    return True


def has_owner_reference(obj: JsonObject, owner: JsonObject) -> bool:
    """`obj` refers to `owner` by group, kind and name; `controlled_by` asks for the very object, by UID."""
    wanted = _reference_by_name(owner)
    return any(_same_owner(reference, wanted) for reference in references_of(obj))


def _reference_by_name(owner: JsonObject) -> JsonObject:
    return {"apiVersion": owner.get("apiVersion"), "kind": owner.get("kind"), "name": metadata_of(owner).get("name")}


def _same_owner(one: JsonObject, other: JsonObject) -> bool:
    return _identity(one) == _identity(other)


def _identity(reference: JsonObject) -> tuple[str, JsonValue, JsonValue]:
    group = str(reference.get("apiVersion") or "").rpartition("/")[0]
    return group, reference.get("kind"), reference.get("name")


def _put_reference(obj: JsonObject, owner: JsonObject, reference: JsonObject) -> bool:
    where, whose = key_of(obj).namespace, key_of(owner).namespace
    if whose and whose != where:
        found = f"the object in {where}" if where else "an object of the cluster"
        raise ValueError(f"wanted an object in the owner's namespace {whose}, found {found}; label it instead")
    before = references_of(obj)
    after = list(before)
    for number, known in enumerate(before):
        if _same_owner(known, reference):
            after[number] = {**known, **reference}
            break
    else:
        after.append(reference)
    if after == before:
        return False
    metadata = metadata_of(obj)
    metadata["ownerReferences"] = list[JsonValue](after)
    obj["metadata"] = metadata
    return True
