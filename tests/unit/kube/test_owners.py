"""Owner references: setting, replacing, refusing, removing."""

import copy

import pytest

from omectl.api.json import JsonObject
from omectl.kube.owners import (
    AlreadyOwned,
    controlled_by,
    controller_of,
    has_owner_reference,
    owner_reference,
    references_of,
    remove_owner_reference,
    set_controller_reference,
    set_owner_reference,
)


def owner(
    name: str = "web", namespace: str = "ns", *, kind: str = "Deployment", api: str = "apps/v1", uid: str = "u1"
) -> JsonObject:
    metadata: JsonObject = {"name": name, "uid": uid}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": api, "kind": kind, "metadata": metadata}


def child(namespace: str = "ns", *references: JsonObject) -> JsonObject:
    metadata: JsonObject = {"name": "c"}
    if namespace:
        metadata["namespace"] = namespace
    if references:
        metadata["ownerReferences"] = list(references)
    return {"kind": "ConfigMap", "metadata": metadata}


REFERENCE: JsonObject = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "u1"}
CONTROLLER: JsonObject = {**REFERENCE, "controller": True, "blockOwnerDeletion": True}


def test_the_first_controller_is_recorded_and_blocks_its_own_deletion() -> None:
    obj = child()
    assert set_controller_reference(obj, owner())
    assert references_of(obj) == [CONTROLLER]
    assert controller_of(obj) == CONTROLLER
    assert controlled_by(obj, "u1")


def test_an_object_without_metadata_gets_some() -> None:
    obj: JsonObject = {}
    assert set_controller_reference(obj, owner(namespace=""))
    assert obj == {"metadata": {"ownerReferences": [CONTROLLER]}}


@pytest.mark.parametrize("setter", [set_controller_reference, set_owner_reference])
def test_the_same_owner_again_changes_nothing(setter) -> None:
    obj = child()
    setter(obj, owner())
    before = copy.deepcopy(obj)
    assert not setter(obj, owner())
    assert obj == before


def test_another_version_and_uid_of_the_owner_replace_it_in_its_place() -> None:
    other: JsonObject = {**REFERENCE, "name": "other", "uid": "u0"}
    obj = child("ns", CONTROLLER, other)
    assert set_controller_reference(obj, owner(api="apps/v2", uid="u2"))
    assert references_of(obj) == [{**CONTROLLER, "apiVersion": "apps/v2", "uid": "u2"}, other]


@pytest.mark.parametrize(
    "second",
    [owner("db", uid="u2"), owner(kind="StatefulSet", uid="u2"), owner(api="example.com/v1", uid="u2")],
    ids=["name", "kind", "group"],
)
def test_a_second_controller_is_refused_and_named(second: JsonObject) -> None:
    obj = child("ns", CONTROLLER)
    before = copy.deepcopy(obj)
    with pytest.raises(AlreadyOwned, match=r"as the controller of ConfigMap ns/c, found Deployment web; choose") as e:
        set_controller_reference(obj, second)
    assert e.value.found_owner == "Deployment web"
    assert e.value.wanted_owner == f"{second['kind']} {second['metadata']['name']}"
    assert obj == before


def test_a_controller_beside_plain_owners_is_accepted() -> None:
    plain: JsonObject = {**REFERENCE, "name": "other", "uid": "u0"}
    obj = child("ns", plain)
    assert set_controller_reference(obj, owner())
    assert references_of(obj) == [plain, CONTROLLER]


def test_a_plain_owner_becomes_the_controller() -> None:
    obj = child("ns", REFERENCE)
    assert set_controller_reference(obj, owner())
    assert references_of(obj) == [CONTROLLER]


def test_a_plain_owner_neither_controls_nor_blocks() -> None:
    obj = child()
    assert set_owner_reference(obj, owner())
    assert references_of(obj) == [REFERENCE]


def test_a_plain_owner_blocks_when_told() -> None:
    obj = child()
    assert set_owner_reference(obj, owner(), block_owner_deletion=True)
    assert references_of(obj) == [{**REFERENCE, "blockOwnerDeletion": True}]


def test_a_controller_that_is_set_as_plain_owner_stays_the_controller() -> None:
    obj = child("ns", CONTROLLER)
    assert not set_owner_reference(obj, owner())
    assert references_of(obj) == [CONTROLLER]


def test_an_object_may_have_several_plain_owners() -> None:
    obj = child()
    set_owner_reference(obj, owner())
    assert set_owner_reference(obj, owner("db", uid="u2"))
    assert [reference["name"] for reference in references_of(obj)] == ["web", "db"]


@pytest.mark.parametrize("setter", [set_controller_reference, set_owner_reference])
@pytest.mark.parametrize(
    ("namespace", "text"),
    [("other", "namespace ns, found the object in other"), ("", "namespace ns, found an object of the cluster")],
)
def test_an_owner_in_a_namespace_owns_only_there(setter, namespace: str, text: str) -> None:
    obj = child(namespace)
    with pytest.raises(ValueError, match=text):
        setter(obj, owner())
    assert references_of(obj) == []


@pytest.mark.parametrize("namespace", ["ns", ""])
def test_an_owner_of_the_cluster_owns_everywhere(namespace: str) -> None:
    assert set_controller_reference(child(namespace), owner(namespace=""))


@pytest.mark.parametrize("missing", ["name", "uid"])
def test_an_owner_that_was_never_created_is_refused(missing: str) -> None:
    incomplete = owner()
    del incomplete["metadata"][missing]
    with pytest.raises(ValueError, match=f"found it without {missing}"):
        set_owner_reference(child(), incomplete)


def test_a_removed_owner_is_gone_and_the_others_stay() -> None:
    other: JsonObject = {**REFERENCE, "name": "other", "uid": "u0"}
    obj = child("ns", CONTROLLER, other)
    assert remove_owner_reference(obj, owner(api="apps/v2", uid="u9"))
    assert references_of(obj) == [other]


def test_the_last_owner_leaves_no_empty_list() -> None:
    obj = child("ns", CONTROLLER)
    assert remove_owner_reference(obj, owner())
    assert obj == child()


@pytest.mark.parametrize("obj", [{}, child(), child("ns", {**REFERENCE, "name": "other"})])
def test_removing_an_absent_owner_changes_nothing(obj: JsonObject) -> None:
    before = copy.deepcopy(obj)
    assert not remove_owner_reference(obj, owner())
    assert obj == before


def test_an_owner_is_known_by_group_kind_and_name() -> None:
    obj = child("ns", REFERENCE)
    assert has_owner_reference(obj, owner(api="apps/v2", uid="u9"))
    assert not has_owner_reference(obj, owner("other"))
    assert not has_owner_reference(obj, owner(kind="StatefulSet"))
    assert not has_owner_reference(obj, owner(api="v1"))
    assert not has_owner_reference({}, owner())


def test_the_core_group_has_no_name() -> None:
    reference: JsonObject = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u"}
    assert has_owner_reference(child("ns", reference), owner("p", kind="Pod", api="v2"))


def test_a_namesake_with_another_uid_does_not_control() -> None:
    assert not controlled_by(child("ns", CONTROLLER), "u2")
    assert not controlled_by(child("ns", REFERENCE), "u1")
    assert not controlled_by(child("ns", {**CONTROLLER, "uid": ""}), "")


def test_a_reference_is_a_controllers_unless_told() -> None:
    assert owner_reference(owner()) == CONTROLLER
    assert owner_reference(owner(), controller=False) == REFERENCE
