"""What each verb is on the wire."""

import json

import pytest

from omectl.api.resource import ObjectKey
from omectl.kube import requests
from omectl.kube.listing import ListOptions, WatchOptions
from omectl.kube.requests import APPLY_PATCH, MERGE_PATCH, DeleteOptions, WriteOptions
from omectl.kube.resources import CLUSTER_ROLES, CONFIG_MAPS, DEPLOYMENTS, NODES

KEY = ObjectKey("ns", "a")


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        (requests.object_path(CONFIG_MAPS), "/api/v1/configmaps"),
        (requests.object_path(CONFIG_MAPS, namespace="ns"), "/api/v1/namespaces/ns/configmaps"),
        (requests.object_path(DEPLOYMENTS, KEY), "/apis/apps/v1/namespaces/ns/deployments/a"),
        (
            requests.object_path(DEPLOYMENTS, KEY, subresource="scale"),
            "/apis/apps/v1/namespaces/ns/deployments/a/scale",
        ),
        (requests.object_path(NODES, ObjectKey("ignored", "n")), "/api/v1/nodes/n"),
        (
            requests.object_path(CLUSTER_ROLES, ObjectKey("", "system:node")),
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node",
        ),
        (requests.object_path(CONFIG_MAPS, ObjectKey("ns", "../x")), "/api/v1/namespaces/ns/configmaps/..%2Fx"),
    ],
)
def test_paths(path: str, wanted: str) -> None:
    assert path == wanted


@pytest.mark.parametrize(("name", "namespace", "text"), [("", "ns", "name"), ("a", "", "namespace")])
def test_a_key_without_a_part_is_refused(name: str, namespace: str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        requests.target_key(CONFIG_MAPS, name, namespace)


def test_a_namespaced_object_without_namespace_is_not_created() -> None:
    with pytest.raises(ValueError, match=r"metadata\.namespace"):
        requests.create(CONFIG_MAPS, {"metadata": {"name": "a"}}, WriteOptions())


def test_writes_carry_their_options_and_the_objects_type() -> None:
    options = WriteOptions(field_manager="me", dry_run=True, validation="Strict")
    request = requests.create(CONFIG_MAPS, {"metadata": {"name": "a", "namespace": "ns"}}, options)
    assert request.target == ("/api/v1/namespaces/ns/configmaps?fieldManager=me&dryRun=All&fieldValidation=Strict")
    assert json.loads(request.body or b"") == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": "ns"},
    }
    assert (request.verb, request.method, request.action) == ("create", "POST", "create ConfigMap ns/a")


def test_apply_is_forced_only_when_told() -> None:
    body = {"metadata": {"name": "a", "namespace": "ns"}}
    plain = requests.patch(CONFIG_MAPS, KEY, body, APPLY_PATCH, WriteOptions(field_manager="me"))
    forced = requests.patch(CONFIG_MAPS, KEY, body, APPLY_PATCH, WriteOptions(field_manager="me", force=True))
    assert plain.target.endswith("?fieldManager=me")
    assert forced.target.endswith("?fieldManager=me&force=true")
    assert (forced.verb, forced.content_type) == ("apply", "application/apply-patch+yaml")


def test_a_merge_patch_is_sent_as_it_is() -> None:
    request = requests.patch(CONFIG_MAPS, KEY, {"data": {"x": None}}, MERGE_PATCH, WriteOptions(), "status")
    assert request.body == b'{"data":{"x":null}}'
    assert request.action == "patch ConfigMap/status ns/a"


def test_delete_carries_its_preconditions() -> None:
    options = DeleteOptions(uid="u", resource_version="7", propagation="Background", grace_period_s=0, dry_run=True)
    request = requests.delete(CONFIG_MAPS, KEY, options)
    assert json.loads(request.body or b"") == {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": {"uid": "u", "resourceVersion": "7"},
        "propagationPolicy": "Background",
        "gracePeriodSeconds": 0,
        "dryRun": ["All"],
    }


def test_a_collection_is_deleted_by_its_selectors() -> None:
    options = DeleteOptions(propagation="Foreground")
    request = requests.delete_collection(
        CONFIG_MAPS, "ns", options, label_selector="a=b", field_selector="metadata.name=x"
    )
    assert request.target == "/api/v1/namespaces/ns/configmaps?labelSelector=a%3Db&fieldSelector=metadata.name%3Dx"
    assert (request.verb, request.method, request.action) == ("deletecollection", "DELETE", "delete configmaps in ns")
    assert json.loads(request.body or b"")["propagationPolicy"] == "Foreground"
    assert requests.delete_collection(NODES, "", DeleteOptions()).target == "/api/v1/nodes"
    assert requests.delete_collection(NODES, "", DeleteOptions()).action == "delete nodes"


def test_a_collection_of_all_namespaces_is_not_deleted() -> None:
    with pytest.raises(ValueError, match="the namespace whose configmaps are to be deleted"):
        requests.delete_collection(CONFIG_MAPS, "", DeleteOptions())


@pytest.mark.parametrize("validation", ["Ignore", "Warn", "Strict"])
def test_validation_is_asked_for_by_its_name(validation: requests.FieldValidation) -> None:
    assert WriteOptions(validation=validation).query()["fieldValidation"] == validation
    assert WriteOptions().query()["fieldValidation"] is None


def test_what_a_subresource_takes_keeps_its_own_type() -> None:
    scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "a", "namespace": "ns"}}
    put = requests.replace(DEPLOYMENTS, scale, WriteOptions(), subresource="scale")
    assert json.loads(put.body or b"") == scale
    applied = requests.patch(DEPLOYMENTS, KEY, scale, APPLY_PATCH, WriteOptions(), "scale")
    assert json.loads(applied.body or b"") == scale
    bare = requests.replace(DEPLOYMENTS, {"metadata": scale["metadata"]}, WriteOptions(), subresource="status")
    assert json.loads(bare.body or b"")["kind"] == "Deployment"
    wrong = requests.replace(DEPLOYMENTS, scale, WriteOptions())
    assert json.loads(wrong.body or b"")["kind"] == "Deployment"


def test_later_pages_send_the_token_in_place_of_the_version() -> None:
    options = ListOptions(resource_version="0", page_size=3, label_selector="a=b")
    wanted = "/api/v1/configmaps?labelSelector=a%3Db&limit=3&continue=t"
    assert requests.collection(CONFIG_MAPS, "", options.next_query("t")).target == wanted
    assert options.full_query()["limit"] is None


def test_a_streaming_list_asks_for_its_marker() -> None:
    query = WatchOptions(send_initial_events=True).query()
    assert (query["sendInitialEvents"], query["resourceVersionMatch"], query["allowWatchBookmarks"]) == (
        True,
        "NotOlderThan",
        True,
    )
