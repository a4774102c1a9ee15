"""The hash, the stamps and the owners: the parts of apply that need no server."""

import copy

import pytest

from omectl.api.json import JsonObject
from omectl.api.labels import DESIRED_HASH, OWNED_BY_UID, REPLICAS_MANAGER
from omectl.api.resource import ObjectKey
from omectl.kube.apply import ApplyRefused, NotOurs, desired_hash, needs_apply, stamp
from omectl.kube.errors import BadRequest, Cause, Details, Invalid
from omectl.kube.owners import controlled_by, metadata_of, owner_reference
from omectl.kube.replicas import manages

OWNER: JsonObject = {
    "apiVersion": "ome.io/v1beta1",
    "kind": "InferenceService",
    "metadata": {"name": "chat", "namespace": "demo", "uid": "u-1"},
}


def service() -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "chat", "namespace": "demo", "labels": {"a": "b"}},
        "spec": {"selector": {"app": "chat"}},
    }


def test_a_stamped_object_carries_owner_inventory_and_hash_and_the_wish_is_untouched() -> None:
    desired = service()
    before = copy.deepcopy(desired)
    stamped = stamp(desired, OWNER)
    assert desired == before
    metadata = metadata_of(stamped)
    assert metadata["labels"] == {"a": "b", OWNED_BY_UID: "u-1"}
    assert controlled_by(stamped, "u-1")
    assert metadata["annotations"] == {DESIRED_HASH: desired_hash(stamped)}


def test_the_hash_ignores_order_what_the_server_fills_and_itself() -> None:
    desired = service()
    turned = dict(reversed(desired.items()))
    metadata_of(turned).update(uid="x", resourceVersion="7", managedFields=[], annotations={DESIRED_HASH: "old"})
    turned["status"] = {"ready": True}
    assert desired_hash(turned) == desired_hash(desired)
    desired["spec"] = {"selector": {"app": "other"}}
    assert desired_hash(turned) != desired_hash(desired)


def test_only_a_changed_wish_or_a_changed_live_field_needs_an_apply() -> None:
    stamped = stamp(service(), OWNER)
    live = copy.deepcopy(stamped)
    live["spec"] = {"selector": {"app": "chat"}, "clusterIP": "10.0.0.1"}
    assert needs_apply(live, stamped) is None
    live["spec"] = {"selector": {"app": "stolen"}}
    assert needs_apply(live, stamped) == "spec.selector.app differs"
    changed = service()
    metadata_of(changed)["labels"] = {}
    assert needs_apply(stamped, stamp(changed, OWNER)) == "the desired object changed"


def test_an_owner_without_uid_has_no_reference() -> None:
    with pytest.raises(ValueError, match="found it without uid"):
        owner_reference({**OWNER, "metadata": {"name": "chat"}})
    assert "controller" not in owner_reference(OWNER, controller=False)


@pytest.mark.parametrize(
    ("references", "ours"),
    [
        ([], False),
        ([{"uid": "u-1"}], False),
        ([{"uid": "u-1", "controller": False}], False),
        ([{"uid": "u-2", "controller": True}], False),
        ([{"uid": "u-2"}, {"uid": "u-1", "controller": True}], True),
        ("nonsense", False),
    ],
)
def test_only_the_controllers_uid_counts(references: object, ours: bool) -> None:
    assert controlled_by({"metadata": {"ownerReferences": references}}, "u-1") is ours
    assert not controlled_by({"metadata": {"ownerReferences": references}}, "")


def test_a_stranger_is_named_with_what_to_do() -> None:
    error = NotOurs("Service", ObjectKey("demo", "chat"), "InferenceService demo/chat", "Service other (uid u-2)")
    assert str(error) == (
        "wanted to write Service demo/chat for InferenceService demo/chat, found it owned by Service other (uid u-2); "
        "next: have its owner give that name up, or make InferenceService demo/chat anew under another name"
    )
    assert "nobody; next: delete or rename that object, or make" in str(NotOurs("Service", error.key, "X", ""))


@pytest.mark.parametrize(
    ("cause", "fields", "text"),
    [
        (
            Invalid(
                422, "Invalid", "spec.replicas: must be positive", Details(causes=(Cause("", "spec.replicas", ""),))
            ),
            ("spec.replicas",),
            "refuses spec.replicas of Service demo/chat",
        ),
        (
            Invalid(422, "Invalid", "field is immutable", Details(causes=(Cause("", "spec.selector", ""),))),
            ("spec.selector",),
            "delete Service demo/chat so that it is made again",
        ),
        (
            BadRequest(
                500,
                "",
                "failed to create typed patch object (a/b; v1, Kind=X): .spec.foo: field not declared in schema",
            ),
            ("spec.foo",),
            "refuses spec.foo",
        ),
        (BadRequest(400, "BadRequest", "no idea"), (), "refuses the object of Service demo/chat: no idea"),
    ],
)
def test_a_refusal_names_the_field(cause: BadRequest | Invalid, fields: tuple[str, ...], text: str) -> None:
    error = ApplyRefused("Service", ObjectKey("demo", "chat"), cause)
    assert error.fields == fields
    assert text in str(error)


def entry(manager: str, fields: JsonObject, **more: str) -> JsonObject:
    return {"manager": manager, "operation": "Apply", "fieldsV1": fields, **more}


def test_ownership_of_replicas_is_read_from_managed_fields() -> None:
    replicas: JsonObject = {"f:spec": {"f:replicas": {}}}
    obj: JsonObject = {"metadata": {"managedFields": [entry(REPLICAS_MANAGER, replicas)]}}
    assert manages(obj, REPLICAS_MANAGER, "spec", "replicas")
    obj = {"metadata": {"managedFields": [entry("omectl", {}), entry("omectl", replicas, subresource="scale")]}}
    assert not manages(obj, "omectl", "spec", "replicas")
    assert not manages({}, "omectl", "spec", "replicas")
