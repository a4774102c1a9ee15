"""What both servers make of patches and of server-side apply."""

import json

import pytest
from tests.envtest.local.conformance.api import WIDGETS, Api, Said, widget

from omectl.api.json import JsonObject, JsonValue

MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
JSON_PATCH = "application/json-patch+json"


async def merge(api: Api, name: str, patch: JsonValue, **query: str) -> Said:
    return await api.ask("PATCH", f"{api.widgets}/{name}", patch, content_type=MERGE, **query)


async def operate(api: Api, name: str, operations: list[JsonObject]) -> Said:
    return await api.ask("PATCH", f"{api.widgets}/{name}", list(operations), content_type=JSON_PATCH)


async def apply(
    api: Api, manager: str, spec: JsonValue = None, metadata: JsonObject | None = None, **query: str
) -> Said:
    body: JsonObject = {
        "apiVersion": WIDGETS.api_version,
        "kind": "Widget",
        "metadata": {"name": "a", **(metadata or {})},
    }
    if spec is not None:
        body["spec"] = spec
    return await api.ask("PATCH", f"{api.widgets}/a", body, content_type=APPLY, fieldManager=manager, **query)


def owners(said: Said) -> dict[str, JsonValue]:
    """Who owns what, by manager and operation."""
    entries = said.json["metadata"]["managedFields"]
    return {f"{entry['manager']} {entry['operation']}": entry["fieldsV1"] for entry in entries}


async def test_a_merge_patch_merges_objects_replaces_lists_and_removes_by_null(api: Api) -> None:
    obj: JsonObject = {**widget("a"), "spec": {"keep": 1, "gone": 2, "list": [1, 2, 3], "in": {"x": 1, "y": 2}}}
    await api.ask("POST", api.widgets, obj)
    said = await merge(api, "a", {"spec": {"gone": None, "list": [4], "in": {"y": None, "z": 3}}})
    assert (said.status, said.json["spec"]) == (200, {"keep": 1, "list": [4], "in": {"x": 1, "z": 3}})


async def test_a_version_in_a_merge_patch_is_a_precondition(api: Api) -> None:
    made = (await api.ask("POST", api.widgets, widget("a"))).json
    await merge(api, "a", {"spec": {"size": 2}})
    version = made["metadata"]["resourceVersion"]
    said = await merge(api, "a", {"metadata": {"resourceVersion": version}, "spec": {"size": 3}})
    assert (said.status, said.json["reason"]) == (409, "Conflict")
    assert said.json["message"] == (
        f'Operation cannot be fulfilled on widgets.{WIDGETS.group} "a": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )


async def test_a_patch_of_what_is_absent_is_not_found(api: Api) -> None:
    said = await merge(api, "none", {})
    assert (said.status, said.json["message"]) == (404, f'widgets.{WIDGETS.group} "none" not found')


@pytest.mark.parametrize("body", [b"[]", b"{x"])
async def test_a_malformed_merge_patch_is_a_bad_request(api: Api, body: bytes) -> None:
    await api.ask("POST", api.widgets, widget("a"))
    said = await api.ask("PATCH", f"{api.widgets}/a", body, content_type=MERGE)
    assert (said.status, said.json["reason"]) == (400, "BadRequest")
    assert str(said.json["message"]).startswith("error decoding patch: ")


async def test_a_patch_can_not_rename(api: Api) -> None:
    await api.ask("POST", api.widgets, widget("a"))
    said = await merge(api, "a", {"metadata": {"name": "b"}})
    message = "the name of the object (b) does not match the name on the URL (a)"
    assert (said.status, said.json["message"]) == (400, message)


async def test_a_json_patch_does_its_operations_in_order(api: Api) -> None:
    await api.ask("POST", api.widgets, widget("a"))
    added = {"op": "add", "path": "/spec/x", "value": [1, 3]}
    between = {"op": "add", "path": "/spec/x/1", "value": 2}
    copied = {"op": "copy", "from": "/spec/x", "path": "/spec/y"}
    moved = {"op": "move", "from": "/spec/y", "path": "/spec/z"}
    tested = {"op": "test", "path": "/spec/z/2", "value": 3}
    said = await operate(api, "a", [added, between, copied, moved, tested, {"op": "remove", "path": "/spec/size"}])
    assert (said.status, said.json["spec"]) == (200, {"x": [1, 2, 3], "z": [1, 2, 3]})


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/spec/size", "value": 9},
        {"op": "remove", "path": "/spec/nothing"},
        {"op": "replace", "path": "/spec/none/x", "value": 1},
        {"op": "add", "path": "spec", "value": 1},
        {"op": "frob", "path": "/spec"},
        {"path": "/spec"},
    ],
)
async def test_a_json_patch_that_does_not_fit_changes_nothing(api: Api, operation: JsonObject) -> None:
    created = await api.ask("POST", api.widgets, widget("a"))
    first: JsonObject = {"op": "add", "path": "/spec/x", "value": 1}
    said = await operate(api, "a", [first, operation])
    assert (said.status, said.json["reason"]) == (422, "Invalid")
    assert said.json["message"] == "the server rejected our request due to an error in our request"
    assert (await api.ask("GET", f"{api.widgets}/a")).json == created.json


@pytest.mark.parametrize("body", [b"{}", b"[1]", b"{x"])
async def test_a_malformed_json_patch_is_a_bad_request(api: Api, body: bytes) -> None:
    await api.ask("POST", api.widgets, widget("a"))
    said = await api.ask("PATCH", f"{api.widgets}/a", body, content_type=JSON_PATCH)
    assert (said.status, said.json["reason"]) == (400, "BadRequest")
    assert str(said.json["message"]).startswith("error decoding patch: ")


async def test_a_json_patch_leaves_an_object_of_its_name(api: Api) -> None:
    await api.ask("POST", api.widgets, widget("a"))
    renamed = await operate(api, "a", [{"op": "replace", "path": "/metadata/name", "value": "b"}])
    assert (renamed.status, renamed.json["reason"]) == (400, "BadRequest")
    nothing = await operate(api, "a", [{"op": "replace", "path": "", "value": [1]}])
    assert (nothing.status, nothing.json["details"]["causes"][0]["field"]) == (422, "patch")


@pytest.mark.parametrize("content_type", ["application/foo", "application/strategic-merge-patch+json"])
async def test_a_patch_in_another_format_is_not_supported(api: Api, content_type: str) -> None:
    await api.ask("POST", api.widgets, widget("a"))
    said = await api.ask("PATCH", f"{api.widgets}/a", {}, content_type=content_type)
    assert (said.status, said.json["reason"]) == (415, "UnsupportedMediaType")
    assert str(said.json["message"]).endswith(
        "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
    )


async def test_a_dry_patch_changes_nothing(api: Api) -> None:
    made = (await api.ask("POST", api.widgets, widget("a"))).json
    said = await merge(api, "a", {"spec": {"size": 2}}, dryRun="All")
    assert (said.json["spec"], said.json["metadata"]["generation"]) == ({"size": 2}, 2)
    assert (await api.ask("GET", f"{api.widgets}/a")).json == made


async def test_a_write_is_recorded_under_its_manager(api: Api) -> None:
    await api.ask("POST", api.widgets, widget("a"), fieldManager="one")
    said = await merge(api, "a", {"spec": {"more": 1}, "metadata": {"labels": {"l": "1"}}}, fieldManager="two")
    assert owners(said) == {
        "one Update": {"f:spec": {".": {}, "f:size": {}}},
        "two Update": {"f:metadata": {"f:labels": {".": {}, "f:l": {}}}, "f:spec": {"f:more": {}}},
    }
    said = await merge(api, "a", {"spec": {"size": 2}}, fieldManager="two")
    assert owners(said) == {
        "one Update": {"f:spec": {}},
        "two Update": {"f:metadata": {"f:labels": {".": {}, "f:l": {}}}, "f:spec": {"f:more": {}, "f:size": {}}},
    }


async def test_an_apply_creates_and_owns_what_it_says(api: Api) -> None:
    said = await apply(api, "one", {"a": 1, "l": [1, 2], "n": {"x": 1}})
    assert (said.status, said.json["spec"]) == (201, {"a": 1, "l": [1, 2], "n": {"x": 1}})
    assert owners(said) == {"one Apply": {"f:spec": {".": {}, "f:a": {}, "f:l": {}, "f:n": {".": {}, "f:x": {}}}}}


async def test_an_apply_that_says_the_same_again_writes_nothing(api: Api) -> None:
    made = await apply(api, "one", {"a": 1})
    assert (await apply(api, "one", {"a": 1})).json == made.json


async def test_an_apply_of_others_fields_names_each_of_them(api: Api) -> None:
    await apply(api, "one", {"a": 1, "l": [1, 2]})
    said = await apply(api, "two", {"a": 2, "l": [1]})
    assert said.json == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'Apply failed with 2 conflicts: conflicts with "one":\n- .spec.a\n- .spec.l',
        "reason": "Conflict",
        "details": {
            "causes": [
                {"reason": "FieldManagerConflict", "message": 'conflict with "one"', "field": field}
                for field in (".spec.a", ".spec.l")
            ]
        },
        "code": 409,
    }


async def test_an_apply_over_an_update_names_its_version(api: Api) -> None:
    await api.ask("POST", api.widgets, widget("a"), fieldManager="upd")
    said = await apply(api, "one", {"size": 2})
    who = f'conflict with "upd" using {WIDGETS.api_version}'
    assert said.json["message"] == f"Apply failed with 1 conflict: {who}: .spec.size"
    assert said.json["details"] == {
        "causes": [{"reason": "FieldManagerConflict", "message": who, "field": ".spec.size"}]
    }


async def test_force_takes_the_fields_over(api: Api) -> None:
    await apply(api, "one", {"a": 1, "b": 1})
    said = await apply(api, "two", {"a": 2}, force="true")
    assert said.json["spec"] == {"a": 2, "b": 1}
    assert owners(said) == {
        "one Apply": {"f:spec": {".": {}, "f:b": {}}},
        "two Apply": {"f:spec": {".": {}, "f:a": {}}},
    }


async def test_two_managers_may_own_the_same_value_and_it_goes_with_the_last(api: Api) -> None:
    await apply(api, "one", {"a": 1, "own": 1})
    said = await apply(api, "two", {"a": 1, "b": 1})
    assert said.json["spec"] == {"a": 1, "b": 1, "own": 1}
    said = await apply(api, "one", {})
    assert said.json["spec"] == {"a": 1, "b": 1}
    said = await apply(api, "two", {"b": 1})
    assert said.json["spec"] == {"b": 1}


async def test_finalizers_and_owners_are_merged_by_entry(api: Api) -> None:
    one: JsonObject = {"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "u1"}
    two: JsonObject = {"apiVersion": "v1", "kind": "ConfigMap", "name": "b", "uid": "u2"}
    await apply(api, "one", metadata={"ownerReferences": [one], "finalizers": ["example.com/x"]})
    said = await apply(
        api, "two", metadata={"ownerReferences": [two], "finalizers": ["example.com/z"], "labels": {"a": "b"}}
    )
    metadata = said.json["metadata"]
    assert metadata["finalizers"] == ["example.com/x", "example.com/z"]
    assert [owner["uid"] for owner in metadata["ownerReferences"]] == ["u1", "u2"]
    said = await apply(api, "one")
    metadata = said.json["metadata"]
    assert metadata["finalizers"] == ["example.com/z"]
    assert [owner["uid"] for owner in metadata["ownerReferences"]] == ["u2"]
    assert owners(said) == {
        "two Apply": {
            "f:metadata": {
                "f:finalizers": {'v:"example.com/z"': {}},
                "f:labels": {"f:a": {}},
                "f:ownerReferences": {'k:{"uid":"u2"}': {}},
            }
        }
    }
    said = await apply(api, "two")
    assert not {"finalizers", "ownerReferences", "labels"} & set(said.json["metadata"])


async def test_an_apply_of_the_status_touches_nothing_else(api: Api) -> None:
    await apply(api, "one", {"a": 1})
    body: JsonObject = {
        "apiVersion": WIDGETS.api_version,
        "kind": "Widget",
        "metadata": {"name": "a", "labels": {"x": "y"}},
        "spec": {"a": 2},
        "status": {"ok": True},
    }
    said = await api.ask("PATCH", f"{api.widgets}/a/status", body, content_type=APPLY, fieldManager="st")
    assert (said.json["spec"], said.json["status"]) == ({"a": 1}, {"ok": True})
    assert "labels" not in said.json["metadata"]
    assert owners(said)["st Apply"] == {"f:status": {".": {}, "f:ok": {}}}
    absent = await api.ask(
        "PATCH",
        f"{api.widgets}/none/status",
        json.loads(json.dumps(body).replace('"name": "a"', '"name": "none"')),
        content_type=APPLY,
        fieldManager="st",
    )
    assert absent.status == 404


async def test_an_apply_needs_a_manager(api: Api) -> None:
    body: JsonObject = {"apiVersion": WIDGETS.api_version, "kind": "Widget", "metadata": {"name": "a"}}
    said = await api.ask("PATCH", f"{api.widgets}/a", body, content_type=APPLY)
    message = "Required value: is required for apply patch"
    assert (said.status, said.json["reason"]) == (422, "Invalid")
    assert said.json["message"] == f'PatchOptions.meta.k8s.io "" is invalid: fieldManager: {message}'
    assert said.json["details"]["causes"] == [
        {"reason": "FieldValueRequired", "message": message, "field": "fieldManager"}
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "Gadget"}, f"invalid object type: {WIDGETS.api_version}, Kind=Gadget"),
        ({"kind": "", "apiVersion": ""}, "invalid object type: /, Kind="),
        ({"metadata": {"name": "a", "managedFields": [{"manager": "x"}]}}, "metadata.managedFields must be nil"),
    ],
)
async def test_an_apply_that_makes_no_sense_is_a_bad_request(api: Api, change: JsonObject, message: str) -> None:
    body: JsonObject = {"apiVersion": WIDGETS.api_version, "kind": "Widget", "metadata": {"name": "a"}}
    said = await api.ask("PATCH", f"{api.widgets}/a", {**body, **change}, content_type=APPLY, fieldManager="one")
    assert (said.status, said.json["reason"], said.json["message"]) == (400, "BadRequest", message)


async def test_a_stale_version_in_an_apply_is_a_conflict(api: Api) -> None:
    await apply(api, "one", {"a": 1})
    said = await apply(api, "one", {"a": 2}, {"resourceVersion": "1"})
    assert (said.status, said.json["reason"]) == (409, "Conflict")
    assert "the object has been modified" in str(said.json["message"])
