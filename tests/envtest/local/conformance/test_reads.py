"""What both servers answer to get, list and discovery."""

import gzip
import json
import secrets

import pytest
from tests.envtest.local.conformance.api import WIDGETS, Api, Said, config_map, widget

from omectl.api.json import JsonObject
from omectl.kube.discovery import Discovery
from omectl.kube.resources import CONFIG_MAPS, DEPLOYMENTS

TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"
PARTIAL = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
PARTIAL_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
FUTURE = "9999999999"


def refusal(code: int, reason: str, message: str, **details: object) -> JsonObject:
    status: JsonObject = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message}
    if reason:
        status["reason"] = reason
    if details:
        status["details"] = json.loads(json.dumps(details))
    return {**status, "code": code}


def list_options(message: str, field: str = "resourceVersionMatch", reason: str = "FieldValueForbidden") -> JsonObject:
    return refusal(
        422,
        "Invalid",
        f'ListOptions.meta.k8s.io "" is invalid: {field}: {message}',
        group="meta.k8s.io",
        kind="ListOptions",
        causes=[{"reason": reason, "message": message, "field": field}],
    )


def too_large(said: Said) -> None:
    assert said.status == 504
    assert said.headers["Retry-After"] == "1"
    status = said.json
    assert status["reason"] == "Timeout"
    assert str(status["message"]).startswith(f"Timeout: Too large resource version: {FUTURE}, current: ")
    causes = [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]
    assert status["details"] == {"causes": causes, "retryAfterSeconds": 1}
    assert 2.9 < said.seconds < 14.0


async def test_what_is_absent_is_named(api: Api) -> None:
    said = await api.ask("GET", f"{api.config_maps}/none")
    message = 'configmaps "none" not found'
    assert said.json == refusal(404, "NotFound", message, name="none", kind="configmaps")
    said = await api.ask("GET", f"{api.widgets}/none")
    message = f'widgets.{WIDGETS.group} "none" not found'
    assert said.json == refusal(404, "NotFound", message, name="none", group=WIDGETS.group, kind="widgets")


@pytest.mark.parametrize("path", ["/apis/nowhere.io/v1/things", "/apis/nowhere.io/v1", "/nowhere", "/nowhere/else"])
async def test_an_unknown_group_or_path_is_a_bare_text(api: Api, path: str) -> None:
    said = await api.ask("GET", path)
    assert (said.status, said.content_type, said.body) == (404, "text/plain", b"404 page not found\n")


async def test_an_unknown_resource_of_a_custom_group_is_a_bare_text(api: Api) -> None:
    said = await api.ask("GET", f"/apis/{WIDGETS.api_version}/gadgets")
    assert (said.status, said.content_type, said.body) == (404, "text/plain", b"404 page not found\n")
    assert (await api.ask("GET", f"/apis/{WIDGETS.group}/v9")).body == b"404 page not found\n"


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/things",
        "/apis/apps/v1/things",
        "/api/v2",
        "/api/v1/namespaces/default/nodes",
        "/api/v1/namespaces/default/configmaps/a/foo",
        "/api/v1/namespaces/default/configmaps/a/status",
        "/api/v1/namespaces/default/configmaps/a/b/c",
    ],
)
async def test_an_unknown_resource_of_a_built_in_group_is_a_status(api: Api, path: str) -> None:
    said = await api.ask("GET", path)
    message = "the server could not find the requested resource"
    assert said.json == {**refusal(404, "NotFound", message), "details": {}}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "{maps}/a"),
        ("PUT", "{maps}"),
        ("PATCH", "{maps}"),
        ("OPTIONS", "{maps}"),
        ("DELETE", "/api/v1/configmaps"),
        ("POST", "/api/v1/configmaps"),
        ("POST", "/version"),
    ],
)
async def test_a_verb_that_a_path_does_not_have_is_not_allowed(api: Api, method: str, path: str) -> None:
    said = await api.ask(method, path.format(maps=api.config_maps), config_map("a"))
    message = "the server does not allow this method on the requested resource"
    assert said.json == {**refusal(405, "MethodNotAllowed", message), "details": {}}


async def test_a_get_at_a_future_version_waits_and_fails(api: Api) -> None:
    await api.create("a")
    too_large(await api.ask("GET", f"{api.config_maps}/a", resourceVersion=FUTURE))


async def test_a_list_at_a_future_version_waits_and_fails(api: Api) -> None:
    too_large(await api.ask("GET", api.config_maps, resourceVersion=FUTURE))


async def test_an_exact_list_at_a_future_version_waits_and_fails(api: Api) -> None:
    too_large(await api.ask("GET", api.config_maps, resourceVersion=FUTURE, resourceVersionMatch="Exact"))


async def test_a_malformed_version_is_told_by_the_verb(api: Api) -> None:
    await api.create("a")
    syntax = 'resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax'
    assert (await api.ask("GET", f"{api.config_maps}/a", resourceVersion="abc")).json == refusal(500, "", syntax)
    said = await api.ask("GET", api.config_maps, resourceVersion="abc")
    assert said.json == refusal(400, "BadRequest", f"invalid resource version: {syntax}")
    said = await api.ask("GET", api.config_maps, watch="true", resourceVersion="abc")
    assert said.json == refusal(500, "", syntax)


async def test_a_malformed_continue_token_is_a_bad_request(api: Api) -> None:
    said = await api.ask("GET", api.config_maps, limit="1", **{"continue": "nonsense"})
    assert (said.status, said.json["reason"]) == (400, "BadRequest")
    assert str(said.json["message"]).startswith("invalid continue token: continue key is not valid: ")


async def test_malformed_numbers_are_a_bad_request(api: Api) -> None:
    message = 'strconv.ParseInt: parsing "x": invalid syntax'
    assert (await api.ask("GET", api.config_maps, limit="x")).json == refusal(400, "BadRequest", message)
    said = await api.ask("GET", api.config_maps, watch="1", timeoutSeconds="x")
    assert said.json == refusal(400, "BadRequest", message)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"resourceVersionMatch": "Exact"}, "resourceVersionMatch is forbidden unless resourceVersion is provided"),
        (
            {"resourceVersionMatch": "Exact", "resourceVersion": "0"},
            'resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
        ),
        (
            {"resourceVersionMatch": "Exact", "resourceVersion": "1", "continue": "x"},
            "resourceVersionMatch is forbidden when continue is provided",
        ),
    ],
)
async def test_a_match_that_contradicts_the_version_is_invalid(api: Api, query: dict[str, str], message: str) -> None:
    assert (await api.ask("GET", api.config_maps, **query)).json == list_options(f"Forbidden: {message}")


async def test_an_unknown_match_is_invalid(api: Api) -> None:
    said = await api.ask("GET", api.config_maps, resourceVersion="5", resourceVersionMatch="Foo")
    message = 'Unsupported value: "Foo": supported values: "Exact", "NotOlderThan", ""'
    assert said.json == list_options(message, reason="FieldValueNotSupported")


async def test_a_list_takes_no_send_initial_events(api: Api) -> None:
    said = await api.ask("GET", api.config_maps, sendInitialEvents="true")
    message = "Forbidden: sendInitialEvents is forbidden for list"
    assert said.json == list_options(message, field="sendInitialEvents")


async def test_items_of_built_in_kinds_do_not_say_their_kind_and_custom_ones_do(api: Api) -> None:
    await api.create("a")
    await api.ask("POST", api.widgets, widget("a"))
    maps = (await api.ask("GET", api.config_maps)).json
    assert (maps["kind"], maps["apiVersion"]) == ("ConfigMapList", "v1")
    assert set(maps["items"][0]) == {"metadata", "data"}
    widgets = (await api.ask("GET", api.widgets)).json
    assert (widgets["kind"], widgets["apiVersion"]) == ("WidgetList", WIDGETS.api_version)
    assert (widgets["items"][0]["kind"], widgets["items"][0]["apiVersion"]) == ("Widget", WIDGETS.api_version)


async def test_pages_are_one_snapshot_and_count_what_remains(api: Api) -> None:
    await api.create("a", "b", "c", "d", "e")
    first = await api.ask("GET", api.config_maps, limit="2")
    metadata = first.json["metadata"]
    assert (first.names, metadata["remainingItemCount"]) == (["a", "b"], 3)
    await api.ask("DELETE", f"{api.config_maps}/c")
    await api.create("bb")
    second = await api.ask("GET", api.config_maps, limit="2", **{"continue": metadata["continue"]})
    assert (second.names, second.json["metadata"]["remainingItemCount"]) == (["c", "d"], 1)
    assert second.json["metadata"]["resourceVersion"] == metadata["resourceVersion"]
    third = await api.ask("GET", api.config_maps, limit="2", **{"continue": second.json["metadata"]["continue"]})
    assert third.names == ["e"]
    assert set(third.json["metadata"]) == {"resourceVersion"}


async def test_a_selected_page_does_not_count_what_remains(api: Api) -> None:
    await api.create("a", "b", app="x")
    said = await api.ask("GET", api.config_maps, limit="1", labelSelector="app=x")
    assert set(said.json["metadata"]) == {"resourceVersion", "continue"}


async def test_a_limit_at_version_zero_is_ignored_for_the_cache_has_everything(api: Api) -> None:
    await api.create("a", "b", "c")
    said = await api.ask("GET", api.config_maps, limit="1", resourceVersion="0")
    assert said.names == ["a", "b", "c"]
    assert "continue" not in said.json["metadata"]


async def test_later_pages_take_no_version(api: Api) -> None:
    await api.create("a", "b", "c")
    token = (await api.ask("GET", api.config_maps, limit="1")).json["metadata"]["continue"]
    said = await api.ask("GET", api.config_maps, limit="1", resourceVersion="5", **{"continue": token})
    message = "specifying resource version is not allowed when using continue"
    assert said.json == refusal(400, "BadRequest", message)
    said = await api.ask("GET", api.config_maps, limit="1", resourceVersion="0", **{"continue": token})
    assert said.names == ["b", "c"]


async def test_an_exact_list_at_an_old_version_is_that_state(api: Api) -> None:
    await api.create("a", "b")
    then = (await api.ask("GET", api.config_maps)).json["metadata"]["resourceVersion"]
    await api.ask("DELETE", f"{api.config_maps}/b")
    await api.create("c")
    changed = await api.ask("PUT", f"{api.config_maps}/a", config_map("a", "2"))
    said = await api.ask("GET", api.config_maps, resourceVersion=then, resourceVersionMatch="Exact")
    assert (said.names, said.json["metadata"]["resourceVersion"]) == (["a", "b"], then)
    assert said.json["items"][0]["data"] == {"value": "1"}
    limited = await api.ask("GET", api.config_maps, resourceVersion=then, limit="1")
    assert (limited.names, limited.json["metadata"]["remainingItemCount"]) == (["a"], 1)
    now = await api.ask("GET", api.config_maps, resourceVersion=then, resourceVersionMatch="NotOlderThan", limit="5")
    assert now.names == ["a", "c"]
    assert now.json["metadata"]["resourceVersion"] == changed.json["metadata"]["resourceVersion"]


async def test_a_list_over_all_namespaces_is_in_the_order_of_paths(api: Api) -> None:
    for namespace in (f"{api.namespace}-a", api.namespace):
        if namespace != api.namespace:
            await api.ask("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        path = f"/api/v1/namespaces/{namespace}/configmaps"
        await api.ask("POST", path, config_map("x", owner=api.namespace))
    said = await api.ask("GET", "/api/v1/configmaps", labelSelector=f"owner={api.namespace}")
    found = [item["metadata"]["namespace"] for item in said.json["items"]]
    assert found == [f"{api.namespace}-a", api.namespace]


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("", ["a", "b", "c"]),
        ("app=x", ["a"]),
        ("app==x", ["a"]),
        ("app!=x", ["b", "c"]),
        ("app in (x, y)", ["a", "b"]),
        ("app notin (x)", ["b", "c"]),
        ("app", ["a", "b"]),
        ("!app", ["c"]),
        ("app,app!=y", ["a"]),
        ("size>4", ["b"]),
        ("size<5", ["a"]),
    ],
)
async def test_label_selectors(api: Api, selector: str, names: list[str]) -> None:
    await api.create("a", app="x", size="4")
    await api.create("b", app="y", size="5")
    await api.create("c")
    said = await api.ask("GET", api.config_maps, labelSelector=selector)
    assert [name for name in said.names if name != "kube-root-ca.crt"] == names


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"labelSelector": "a b c"}, "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ({"labelSelector": "a in (b"}, "unable to parse requirement: found '', expected: ',' or ')'"),
        ({"labelSelector": "a in b"}, "unable to parse requirement: found 'b' expected: '('"),
        ({"labelSelector": "a,"}, "found '', expected: identifier after ','"),
        ({"labelSelector": ",a"}, "found ',', expected: !, identifier, or 'end of string'"),
        ({"fieldSelector": "foo"}, "invalid selector: 'foo'; can't understand 'foo'"),
        (
            {"fieldSelector": "foo=bar"},
            '"foo" is not a known field selector: only "metadata.name", "metadata.namespace"',
        ),
    ],
)
async def test_a_malformed_selector_is_a_bad_request(api: Api, query: dict[str, str], message: str) -> None:
    assert (await api.ask("GET", api.config_maps, **query)).json == refusal(400, "BadRequest", message)


async def test_a_custom_kind_knows_no_fields_but_its_names(api: Api) -> None:
    said = await api.ask("GET", api.widgets, fieldSelector="spec.size=1")
    assert said.json == refusal(400, "BadRequest", "field label not supported: spec.size")
    await api.ask("POST", api.widgets, widget("a"))
    await api.ask("POST", api.widgets, widget("b"))
    assert (await api.ask("GET", api.widgets, fieldSelector="metadata.name=b")).names == ["b"]
    assert (await api.ask("GET", api.widgets, fieldSelector="metadata.name!=b")).names == ["a"]
    said = await api.ask("GET", api.widgets, fieldSelector=f"metadata.namespace={api.namespace},metadata.name=a")
    assert said.names == ["a"]


async def test_metadata_alone_can_be_asked_for(api: Api) -> None:
    (made,) = await api.create("a")
    said = await api.ask("GET", f"{api.config_maps}/a", accept=PARTIAL)
    expected = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": made["metadata"]}
    assert said.json == expected
    listed = (await api.ask("GET", api.config_maps, accept=PARTIAL_LIST)).json
    assert (listed["kind"], listed["apiVersion"]) == ("PartialObjectMetadataList", "meta.k8s.io/v1")
    assert listed["items"] == [expected]


async def test_a_table_has_columns_and_a_row_for_each(api: Api) -> None:
    await api.ask("POST", api.widgets, widget("a"))
    table = (await api.ask("GET", api.widgets, accept=f"{TABLE},application/json")).json
    assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    columns = [(column["name"], column["type"], column["format"]) for column in table["columnDefinitions"]]
    assert columns == [("Name", "string", "name"), ("Age", "date", "")]
    (row,) = table["rows"]
    assert row["cells"][0] == "a"
    assert row["object"]["kind"] == "PartialObjectMetadata"
    bare = (await api.ask("GET", api.widgets, accept=TABLE, includeObject="None")).json
    assert bare["rows"][0]["object"] is None
    one = (await api.ask("GET", f"{api.widgets}/a", accept=TABLE)).json
    assert one["metadata"]["resourceVersion"] == row["object"]["metadata"]["resourceVersion"]


@pytest.mark.parametrize("accept", ["text/html", "application/json;as=Foo;g=meta.k8s.io;v=v1"])
async def test_a_form_that_is_not_there_is_not_acceptable(api: Api, accept: str) -> None:
    said = await api.ask("GET", api.config_maps, accept=accept)
    assert (said.status, said.json["reason"]) == (406, "NotAcceptable")


async def test_metadata_of_a_list_has_a_name_of_its_own(api: Api) -> None:
    await api.create("a")
    said = await api.ask("GET", api.config_maps, accept=PARTIAL)
    assert (said.status, said.json["reason"]) == (406, "NotAcceptable")
    said = await api.ask("GET", f"{api.config_maps}/a", accept=PARTIAL_LIST)
    assert (said.status, said.json["reason"]) == (406, "NotAcceptable")
    await api.ask("POST", api.widgets, widget("a"))
    said = await api.ask("GET", f"{api.widgets}/a", accept=PARTIAL_LIST)
    assert (said.status, said.json["message"]) == (500, "content is not a list")


async def test_a_large_list_is_compressed_for_who_accepts_it(api: Api) -> None:
    for number in range(4):
        await api.ask("POST", api.config_maps, config_map(f"big-{number}", secrets.token_hex(50_000)))
    plain = await api.ask("GET", api.config_maps)
    assert "Content-Encoding" not in plain.headers
    small = await api.ask("GET", f"{api.config_maps}/big-0", encoding="gzip")
    assert "Content-Encoding" not in small.headers
    packed = await api.ask("GET", api.config_maps, encoding="gzip")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Transfer-Encoding"] == "chunked"
    assert json.loads(gzip.decompress(packed.body)) == plain.json
    query = {"watch": "true", "timeoutSeconds": "1", "resourceVersion": "0"}
    assert "Content-Encoding" not in (await api.ask("GET", api.config_maps, encoding="gzip", **query)).headers


async def test_health_and_version_are_there(api: Api) -> None:
    for path in ("/healthz", "/livez", "/readyz"):
        assert (await api.ask("GET", path, accept="*/*")).body == b"ok"
    assert ((await api.client.version())["major"], (await api.client.version())["minor"]) == ("1", "36")


async def test_discovery_names_the_kinds_in_both_forms(api: Api) -> None:
    discovery = Discovery(api.client)
    assert await discovery.find("", "ConfigMap") == CONFIG_MAPS
    assert await discovery.find("apps", "Deployment") == DEPLOYMENTS
    assert await discovery.find(WIDGETS.group, "Widget") == WIDGETS
    assert await discovery.has(WIDGETS)
    group = (await api.ask("GET", f"/apis/{WIDGETS.group}")).json
    version = {"groupVersion": WIDGETS.api_version, "version": "v1"}
    assert group == {
        "kind": "APIGroup",
        "apiVersion": "v1",
        "name": WIDGETS.group,
        "versions": [version],
        "preferredVersion": version,
    }
    listed = (await api.ask("GET", "/apis")).json
    assert WIDGETS.group in [found["name"] for found in listed["groups"]]
    assert (await api.ask("GET", "/api")).json["versions"] == ["v1"]
    resources = (await api.ask("GET", f"/apis/{WIDGETS.api_version}")).json["resources"]
    assert [(found["name"], found["kind"], found["namespaced"]) for found in resources] == [
        ("widgets", "Widget", True),
        ("widgets/status", "Widget", True),
    ]
    assert set(resources[0]["verbs"]) == {
        "create",
        "delete",
        "deletecollection",
        "get",
        "list",
        "patch",
        "update",
        "watch",
    }
