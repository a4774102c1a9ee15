"""What both servers answer to create, update, status, delete and namespaces."""

import json

import pytest
from tests.envtest.local.conformance.api import WIDGETS, Api, config_map, widget

from omectl.api.json import JsonObject

MERGE = "application/merge-patch+json"
GROUP = WIDGETS.group


def refusal(code: int, reason: str, message: str, **details: object) -> JsonObject:
    status: JsonObject = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message}
    if reason:
        status["reason"] = reason
    if details:
        status["details"] = json.loads(json.dumps(details))
    return {**status, "code": code}


def meta(obj: JsonObject) -> JsonObject:
    metadata = obj["metadata"]
    assert isinstance(metadata, dict)
    return metadata


async def made(api: Api, name: str, **metadata: object) -> JsonObject:
    said = await api.ask("POST", api.widgets, widget(name, **json.loads(json.dumps(metadata))))
    assert said.status == 201
    return said.json


# --- create ---


async def test_the_server_fills_in_what_only_it_may_say(api: Api) -> None:
    obj = widget("a", uid="mine", creationTimestamp="2000-01-01T00:00:00Z", generation=7, labels={"a": "b"})
    said = await api.ask("POST", api.widgets, {**obj, "status": {"phase": "mine"}})
    assert said.status == 201
    metadata = meta(said.json)
    assert (metadata["namespace"], metadata["generation"], metadata["labels"]) == (api.namespace, 1, {"a": "b"})
    assert metadata["uid"] != "mine"
    assert str(metadata["creationTimestamp"]) > "2026"
    assert "status" not in said.json
    assert (await api.ask("GET", f"{api.widgets}/a")).json == said.json


async def test_a_config_map_has_no_generation(api: Api) -> None:
    (obj,) = await api.create("a")
    assert "generation" not in meta(obj)


async def test_a_taken_name_already_exists(api: Api) -> None:
    await api.create("a")
    said = await api.ask("POST", api.config_maps, config_map("a"))
    assert said.json == refusal(409, "AlreadyExists", 'configmaps "a" already exists', name="a", kind="configmaps")


async def test_a_name_is_made_from_its_beginning(api: Api) -> None:
    body: JsonObject = {"metadata": {"generateName": "gen-"}}
    names = {str(meta((await api.ask("POST", api.config_maps, body)).json)["name"]) for _ in range(3)}
    assert len(names) == 3
    assert all(name.startswith("gen-") and len(name) == 9 for name in names)


async def test_no_name_is_invalid(api: Api) -> None:
    said = await api.ask("POST", api.config_maps, config_map(""))
    message = "Required value: name or generateName is required"
    causes = [{"reason": "FieldValueRequired", "message": message, "field": "metadata.name"}]
    text = f'ConfigMap "" is invalid: metadata.name: {message}'
    assert said.json == refusal(422, "Invalid", text, kind="ConfigMap", causes=causes)


async def test_a_bad_name_is_invalid_and_named(api: Api) -> None:
    said = await api.ask("POST", api.widgets, widget("Not A Name"))
    assert (said.status, said.json["reason"]) == (422, "Invalid")
    details = said.json["details"]
    assert (details["name"], details["group"], details["kind"]) == ("Not A Name", GROUP, "Widget")
    (cause,) = details["causes"]
    assert (cause["reason"], cause["field"]) == ("FieldValueInvalid", "metadata.name")
    assert str(cause["message"]).startswith(
        'Invalid value: "Not A Name": a lowercase RFC 1123 subdomain must consist of'
    )


async def test_a_version_is_not_the_clients_to_give(api: Api) -> None:
    obj = config_map("a")
    meta(obj)["resourceVersion"] = "5"
    said = await api.ask("POST", api.config_maps, obj)
    assert said.json == refusal(500, "", "resourceVersion should not be set on objects to be created")


async def test_another_namespace_in_the_body_is_refused(api: Api) -> None:
    obj = config_map("a")
    meta(obj)["namespace"] = "other"
    message = "the namespace of the provided object does not match the namespace sent on the request"
    assert (await api.ask("POST", api.config_maps, obj)).json == refusal(400, "BadRequest", message)


async def test_a_kind_may_be_left_out_of_a_built_in_object_and_not_of_a_custom_one(api: Api) -> None:
    said = await api.ask("POST", api.config_maps, {"metadata": {"name": "a"}})
    assert (said.status, said.json["kind"]) == (201, "ConfigMap")
    said = await api.ask("POST", api.widgets, {"metadata": {"name": "a"}})
    assert (said.status, said.json["reason"]) == (400, "BadRequest")
    assert str(said.json["message"]).startswith(
        "the object provided is unrecognized (must be of type Widget): Object 'Kind' is missing in '"
    )


async def test_another_kind_is_refused(api: Api) -> None:
    said = await api.ask("POST", api.config_maps, {**config_map("a"), "kind": "Secret"})
    assert (said.status, said.json["reason"]) == (400, "BadRequest")
    assert str(said.json["message"]).startswith('Secret in version "v1" cannot be handled as a ConfigMap: ')
    said = await api.ask("POST", api.widgets, {**widget("a"), "kind": "Gadget"})
    message = 'Invalid value: "Gadget": must be Widget'
    causes = [{"reason": "FieldValueInvalid", "message": message, "field": "kind"}]
    text = f'Gadget.{GROUP} "a" is invalid: kind: {message}'
    assert said.json == refusal(422, "Invalid", text, name="a", group=GROUP, kind="Gadget", causes=causes)


async def test_a_body_that_is_no_object_is_a_bad_request(api: Api) -> None:
    for body in (b"{nonsense", b"[]"):
        said = await api.ask("POST", api.config_maps, body)
        assert (said.status, said.json["reason"]) == (400, "BadRequest")
        assert str(said.json["message"]).startswith(
            "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; "
        )


async def test_a_body_may_say_its_character_set(api: Api) -> None:
    said = await api.ask(
        "POST",
        api.config_maps,
        b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}',
        content_type="application/json; charset=utf-8",
    )
    assert said.status == 201
    patch = b'{"data":{"x":"1"}}'
    said = await api.ask("PATCH", f"{api.config_maps}/a", patch, content_type=f"{MERGE}; charset=utf-8")
    assert (said.status, said.json["data"]) == (200, {"x": "1"})


@pytest.mark.parametrize("content_type", ["application/json", MERGE])
async def test_a_body_that_is_nested_too_deep_is_refused(api: Api, content_type: str) -> None:
    await api.create("a")
    body = b'{"data":' * 50_000 + b"{}" + b"}" * 50_000
    method, path = ("POST", api.config_maps) if content_type != MERGE else ("PATCH", f"{api.config_maps}/a")
    said = await api.ask(method, path, body, content_type=content_type)
    assert (said.status, said.json["reason"]) == (400, "BadRequest")


async def test_a_body_in_yaml_is_taken_and_in_an_unknown_format_not(api: Api) -> None:
    body = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: hello}\n"
    said = await api.ask("POST", api.config_maps, body, content_type="application/yaml")
    assert (said.status, said.json["data"]) == (201, {"x": "hello"})
    said = await api.ask("POST", api.config_maps, body, content_type="text/plain")
    assert (said.status, said.json["reason"]) == (415, "UnsupportedMediaType")
    assert "accepted media types include: application/json, application/yaml" in str(said.json["message"])


async def test_a_body_beyond_three_megabytes_is_too_large(api: Api) -> None:
    said = await api.ask("POST", api.config_maps, config_map("a", "x" * 4_000_000))
    message = "Request entity too large: limit is 3145728"
    assert said.json == refusal(413, "RequestEntityTooLarge", message)


async def test_a_dry_run_creates_nothing(api: Api) -> None:
    assert (await api.ask("POST", api.config_maps, config_map("a"), dryRun="All")).status == 201
    assert (await api.ask("GET", f"{api.config_maps}/a")).status == 404


# --- update ---


async def test_an_update_moves_the_version_and_keeps_what_is_the_servers(api: Api) -> None:
    old = await made(api, "a")
    new: JsonObject = {**widget("a", 2), "metadata": {"name": "a", "resourceVersion": meta(old)["resourceVersion"]}}
    said = await api.ask("PUT", f"{api.widgets}/a", new)
    assert said.status == 200
    assert (meta(said.json)["uid"], meta(said.json)["generation"]) == (meta(old)["uid"], 2)
    assert int(meta(said.json)["resourceVersion"]) > int(meta(old)["resourceVersion"])


async def test_the_generation_counts_changes_of_the_spec_only(api: Api) -> None:
    await made(api, "a")
    for patch, generation in (
        ({"metadata": {"labels": {"x": "y"}}}, 1),
        ({"spec": {"size": 2}}, 2),
        ({"status": {"phase": "ignored"}}, 2),
        ({"other": 1}, 3),
    ):
        said = await api.ask("PATCH", f"{api.widgets}/a", json.loads(json.dumps(patch)), content_type=MERGE)
        assert meta(said.json)["generation"] == generation
        assert "status" not in said.json


async def test_an_update_that_changes_nothing_moves_no_version(api: Api) -> None:
    old = await made(api, "a")
    said = await api.ask("PUT", f"{api.widgets}/a", old)
    assert said.json == old
    said = await api.ask("PATCH", f"{api.widgets}/a", {"spec": {"size": 1}}, content_type=MERGE)
    assert said.json == old


async def test_a_stale_version_is_a_conflict(api: Api) -> None:
    (old,) = await api.create("a")
    await api.ask("PUT", f"{api.config_maps}/a", config_map("a", "2"))
    said = await api.ask("PUT", f"{api.config_maps}/a", {**old, "data": {"value": "3"}})
    message = (
        'Operation cannot be fulfilled on configmaps "a": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )
    assert said.json == refusal(409, "Conflict", message, name="a", kind="configmaps")


async def test_a_custom_object_is_not_updated_without_a_version(api: Api) -> None:
    await made(api, "a")
    message = "Invalid value: 0: must be specified for an update"
    causes = [{"reason": "FieldValueInvalid", "message": message, "field": "metadata.resourceVersion"}]
    text = f'widgets.{GROUP} "a" is invalid: metadata.resourceVersion: {message}'
    expected = refusal(422, "Invalid", text, name="a", group=GROUP, kind="widgets", causes=causes)
    assert (await api.ask("PUT", f"{api.widgets}/a", widget("a"))).json == expected
    assert (await api.ask("PUT", f"{api.widgets}/a", widget("a", resourceVersion="0"))).json == expected
    assert (await api.ask("PUT", f"{api.widgets}/a/status", widget("a"))).json == expected


async def test_a_malformed_version_in_the_body_is_an_error(api: Api) -> None:
    await api.create("a")
    obj = config_map("a")
    meta(obj)["resourceVersion"] = "xx"
    said = await api.ask("PUT", f"{api.config_maps}/a", obj)
    assert said.json == refusal(500, "", 'strconv.ParseUint: parsing "xx": invalid syntax')


async def test_another_uid_is_a_conflict(api: Api) -> None:
    (old,) = await api.create("a")
    obj = config_map("a")
    meta(obj)["uid"] = "other"
    said = await api.ask("PUT", f"{api.config_maps}/a", obj)
    assert (said.status, said.json["reason"]) == (409, "Conflict")
    assert said.json["details"] == {"name": "a", "kind": "configmaps"}
    end = f"Precondition failed: UID in precondition: other, UID in object meta: {meta(old)['uid']}"
    assert str(said.json["message"]).endswith(end)


async def test_another_name_in_the_body_is_refused(api: Api) -> None:
    await api.create("a")
    said = await api.ask("PUT", f"{api.config_maps}/a", config_map("b"))
    message = "the name of the object (b) does not match the name on the URL (a)"
    assert said.json == refusal(400, "BadRequest", message)
    said = await api.ask("PUT", f"{api.config_maps}/a", config_map(""))
    message = "the name of the object (a based on URL) was undeterminable: name must be provided"
    assert said.json == refusal(400, "BadRequest", message)


async def test_what_is_absent_is_not_created_by_an_update(api: Api) -> None:
    said = await api.ask("PUT", f"{api.config_maps}/none", config_map("none"))
    message = 'configmaps "none" not found'
    assert said.json == refusal(404, "NotFound", message, name="none", kind="configmaps")


# --- status ---


async def test_the_status_is_written_apart(api: Api) -> None:
    old = await made(api, "a")
    body: JsonObject = {**old, "spec": {"size": 9}, "status": {"phase": "Ready"}}
    body["metadata"] = {**meta(old), "labels": {"x": "y"}}
    said = await api.ask("PUT", f"{api.widgets}/a/status", body)
    assert (said.json["spec"], said.json["status"]) == ({"size": 1}, {"phase": "Ready"})
    assert "labels" not in meta(said.json)
    assert meta(said.json)["generation"] == 1
    patch: JsonObject = {"status": {"phase": None, "ready": True}, "spec": {"size": 9}}
    said = await api.ask("PATCH", f"{api.widgets}/a/status", patch, content_type=MERGE)
    assert (said.json["spec"], said.json["status"]) == ({"size": 1}, {"ready": True})
    said = await api.ask("GET", f"{api.widgets}/a/status")
    assert said.json["status"] == {"ready": True}


async def test_a_status_that_is_taken_away_or_left_out_is_gone(api: Api) -> None:
    body: JsonObject = {**await made(api, "a"), "status": {"phase": "Ready"}}
    assert "status" in (await api.ask("PUT", f"{api.widgets}/a/status", body)).json
    said = await api.ask("PATCH", f"{api.widgets}/a/status", {"status": None}, content_type=MERGE)
    assert (said.status, said.json["spec"], "status" in said.json) == (200, {"size": 1}, False)
    written = (await api.ask("PATCH", f"{api.widgets}/a/status", {"status": {"x": 1}}, content_type=MERGE)).json
    left_out = {name: part for name, part in written.items() if name != "status"}
    said = await api.ask("PUT", f"{api.widgets}/a/status", left_out)
    assert (said.status, said.json["spec"], "status" in said.json) == (200, {"size": 1}, False)
    assert "status" not in (await api.ask("GET", f"{api.widgets}/a")).json


async def test_a_stale_status_is_a_conflict(api: Api) -> None:
    old = await made(api, "a")
    await api.ask("PATCH", f"{api.widgets}/a", {"spec": {"size": 2}}, content_type=MERGE)
    said = await api.ask("PUT", f"{api.widgets}/a/status", {**old, "status": {"phase": "Ready"}})
    assert (said.status, said.json["reason"]) == (409, "Conflict")


# --- delete ---


async def test_a_delete_names_what_is_gone(api: Api) -> None:
    obj = await made(api, "a")
    said = await api.ask("DELETE", f"{api.widgets}/a")
    assert said.json == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {"name": "a", "group": GROUP, "kind": "widgets", "uid": meta(obj)["uid"]},
    }
    assert (await api.ask("DELETE", f"{api.widgets}/a")).status == 404


async def test_a_failed_precondition_is_a_conflict(api: Api) -> None:
    obj = await made(api, "a")
    uid, version = meta(obj)["uid"], meta(obj)["resourceVersion"]
    said = await api.ask("DELETE", f"{api.widgets}/a", {"preconditions": {"uid": "x"}})
    message = (
        f'Operation cannot be fulfilled on Widget.{GROUP} "a": the UID in the precondition (x) does not match the UID '
        f"in record ({uid}). The object might have been deleted and then recreated"
    )
    assert said.json == refusal(409, "Conflict", message, name="a", group=GROUP, kind="Widget")
    said = await api.ask("DELETE", f"{api.widgets}/a", {"preconditions": {"uid": uid, "resourceVersion": "1"}})
    message = (
        f'Operation cannot be fulfilled on Widget.{GROUP} "a": the ResourceVersion in the precondition (1) does not '
        f"match the ResourceVersion in record ({version}). The object might have been modified"
    )
    assert said.json == refusal(409, "Conflict", message, name="a", group=GROUP, kind="Widget")
    body = {"preconditions": {"uid": uid, "resourceVersion": version}}
    assert (await api.ask("DELETE", f"{api.widgets}/a", json.loads(json.dumps(body)))).status == 200


async def test_a_finalizer_keeps_a_deleted_object_until_it_is_removed(api: Api) -> None:
    await made(api, "a", finalizers=["example.com/held"])
    said = await api.ask("DELETE", f"{api.widgets}/a")
    marked = meta(said.json)
    assert (said.status, marked["generation"], marked["deletionGracePeriodSeconds"]) == (200, 2, 0)
    again = await api.ask("DELETE", f"{api.widgets}/a")
    assert meta(again.json) == marked
    patch: JsonObject = {"metadata": {"finalizers": ["example.com/held", "example.com/new"]}}
    said = await api.ask("PATCH", f"{api.widgets}/a", patch, content_type=MERGE)
    assert (said.status, said.json["reason"]) == (422, "Invalid")
    assert str(said.json["details"]["causes"][0]["message"]).endswith(
        'if the object is being deleted, found new finalizers []string{"example.com/new"}'
    )
    said = await api.ask("PATCH", f"{api.widgets}/a", {"metadata": {"finalizers": None}}, content_type=MERGE)
    assert (said.status, "finalizers" in meta(said.json)) == (200, False)
    assert (await api.ask("GET", f"{api.widgets}/a")).status == 404


@pytest.mark.parametrize(("policy", "finalizer"), [("Foreground", "foregroundDeletion"), ("Orphan", "orphan")])
async def test_a_propagation_policy_leaves_the_object_to_the_garbage_collector(
    api: Api, policy: str, finalizer: str
) -> None:
    await made(api, "a")
    said = await api.ask("DELETE", f"{api.widgets}/a", {"propagationPolicy": policy})
    assert meta(said.json)["finalizers"] == [finalizer]
    assert meta(said.json)["deletionTimestamp"]


async def test_an_unknown_propagation_policy_is_invalid(api: Api) -> None:
    await made(api, "a")
    said = await api.ask("DELETE", f"{api.widgets}/a", propagationPolicy="Foo")
    message = 'Unsupported value: "Foo": supported values: "Foreground", "Background", "Orphan", "nil"'
    causes = [{"reason": "FieldValueNotSupported", "message": message, "field": "propagationPolicy"}]
    text = f'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: {message}'
    assert said.json == refusal(422, "Invalid", text, group="meta.k8s.io", kind="DeleteOptions", causes=causes)


async def test_a_dry_run_deletes_nothing(api: Api) -> None:
    await api.create("a")
    assert (await api.ask("DELETE", f"{api.config_maps}/a", dryRun="All")).status == 200
    assert (await api.ask("DELETE", f"{api.config_maps}/a", {"dryRun": ["All"]})).status == 200
    assert (await api.ask("GET", f"{api.config_maps}/a")).status == 200


async def test_a_collection_is_deleted_as_far_as_it_is_selected(api: Api) -> None:
    await api.create("a", "b", app="x")
    await api.create("c")
    said = await api.ask("DELETE", api.config_maps, labelSelector="app=x")
    assert (said.json["kind"], said.names) == ("ConfigMapList", ["a", "b"])
    assert (await api.ask("GET", api.config_maps)).names == ["c"]


async def test_a_pod_on_a_node_gets_its_time_and_goes_when_it_is_told_to(api: Api) -> None:
    pods = f"/api/v1/namespaces/{api.namespace}/pods"
    container: JsonObject = {"name": "c", "image": "i"}
    await api.ask("POST", pods, {"metadata": {"name": "a"}, "spec": {"nodeName": "n", "containers": [container]}})
    said = await api.ask("DELETE", f"{pods}/a")
    metadata = meta(said.json)
    assert (said.json["kind"], metadata["deletionGracePeriodSeconds"]) == ("Pod", 30)
    assert (await api.ask("GET", f"{pods}/a")).status == 200
    shorter = await api.ask("DELETE", f"{pods}/a", {"gracePeriodSeconds": 5})
    assert meta(shorter.json)["deletionGracePeriodSeconds"] == 5
    assert (await api.ask("DELETE", f"{pods}/a", {"gracePeriodSeconds": 0})).json["kind"] == "Pod"
    assert (await api.ask("GET", f"{pods}/a")).status == 404


async def test_a_pod_that_is_on_no_node_goes_at_once(api: Api) -> None:
    pods = f"/api/v1/namespaces/{api.namespace}/pods"
    container: JsonObject = {"name": "c", "image": "i"}
    await api.ask("POST", pods, {"metadata": {"name": "a"}, "spec": {"containers": [container]}})
    assert (await api.ask("DELETE", f"{pods}/a")).json["kind"] == "Pod"
    assert (await api.ask("GET", f"{pods}/a")).status == 404


# --- namespaces ---


async def test_nothing_is_made_in_a_namespace_that_is_not_there(api: Api) -> None:
    said = await api.ask("POST", "/api/v1/namespaces/nowhere/configmaps", config_map("a"))
    assert said.json == refusal(404, "NotFound", 'namespaces "nowhere" not found', name="nowhere", kind="namespaces")


async def test_nothing_new_is_made_in_a_namespace_that_ends(api: Api) -> None:
    name = f"{api.namespace}-ends"
    born = (await api.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}})).json
    assert (meta(born)["labels"], born["status"]) == ({"kubernetes.io/metadata.name": name}, {"phase": "Active"})
    assert born["spec"] == {"finalizers": ["kubernetes"]}
    ending = (await api.ask("DELETE", f"/api/v1/namespaces/{name}")).json
    assert (ending["kind"], ending["status"]) == ("Namespace", {"phase": "Terminating"})
    said = await api.ask("POST", f"/api/v1/namespaces/{name}/configmaps", config_map("a"))
    why = f"unable to create new content in namespace {name} because it is being terminated"
    text = f'configmaps "a" is forbidden: {why}'
    cause = {
        "reason": "NamespaceTerminating",
        "message": f"namespace {name} is being terminated",
        "field": "metadata.namespace",
    }
    assert said.json == refusal(403, "Forbidden", text, name="a", kind="configmaps", causes=[cause])


async def test_a_lease_is_an_object_like_others_and_is_not_updated_blindly(api: Api) -> None:
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{api.namespace}/leases"
    lease: JsonObject = {"metadata": {"name": "a"}, "spec": {"holderIdentity": "me", "leaseDurationSeconds": 15}}
    said = await api.ask("POST", leases, lease)
    assert said.status == 201
    taken: JsonObject = {**said.json, "spec": {"holderIdentity": "you", "leaseDurationSeconds": 15}}
    assert (await api.ask("PUT", f"{leases}/a", taken)).status == 200
    assert (await api.ask("PUT", f"{leases}/a", taken)).status == 409
