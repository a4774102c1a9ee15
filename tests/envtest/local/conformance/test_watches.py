"""What both servers say on a watch."""

import asyncio
import copy
import secrets

import pytest
from tests.envtest.local.conformance.api import WIDGETS, Api, config_map, definition, widget

from omectl.api.document import as_object
from omectl.api.json import JsonObject
from omectl.kube.resources import CUSTOM_RESOURCE_DEFINITIONS

FUTURE = "9999999999"
STREAMING = {
    "watch": "true",
    "sendInitialEvents": "true",
    "resourceVersionMatch": "NotOlderThan",
    "allowWatchBookmarks": "true",
}
TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"
PARTIAL = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


def invalid(*causes: tuple[str, str]) -> JsonObject:
    texts = [f"resourceVersionMatch: {message}" for _, message in causes]
    joined = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f'ListOptions.meta.k8s.io "" is invalid: {joined}',
        "reason": "Invalid",
        "details": {
            "group": "meta.k8s.io",
            "kind": "ListOptions",
            "causes": [
                {"reason": reason, "message": message, "field": "resourceVersionMatch"} for reason, message in causes
            ],
        },
        "code": 422,
    }


def brief(events: list[tuple[str, JsonObject]]) -> list[tuple[str, str]]:
    return [(kind, obj["metadata"].get("name", "")) for kind, obj in events]


async def watch(api: Api, path: str, seconds: int = 1, **query: str) -> list[tuple[str, JsonObject]]:
    """The events of a watch that runs for some seconds."""
    return (await api.ask("GET", path, watch="true", timeoutSeconds=str(seconds), **query)).events


async def version(api: Api) -> str:
    return str((await api.ask("GET", api.config_maps)).json["metadata"]["resourceVersion"])


@pytest.mark.parametrize("query", [{}, {"resourceVersion": ""}, {"resourceVersion": "0"}])
async def test_a_watch_without_a_version_begins_with_what_is_there_in_the_order_of_names(
    api: Api, query: dict[str, str]
) -> None:
    await api.create("b", "a")
    # Version 0 begins with what the server's cache has: a list that may not be older waits until that is all of it.
    await api.ask("GET", api.config_maps, resourceVersion=await version(api))
    events = await watch(api, api.config_maps, **query)
    assert brief(events) == [("ADDED", "a"), ("ADDED", "b")]
    assert (events[0][1]["kind"], events[0][1]["apiVersion"]) == ("ConfigMap", "v1")


async def test_a_watch_from_a_version_tells_what_came_after_it_in_order(api: Api) -> None:
    await api.create("a", "b")
    start = await version(api)
    await api.ask("DELETE", f"{api.config_maps}/b")
    changed = (await api.ask("PUT", f"{api.config_maps}/a", config_map("a", "2"))).json
    await api.create("c")
    events = await watch(api, api.config_maps, resourceVersion=start)
    assert brief(events) == [("DELETED", "b"), ("MODIFIED", "a"), ("ADDED", "c")]
    gone, modified, _ = (obj for _, obj in events)
    assert modified == changed
    assert gone["data"] == {"value": "1"}
    assert int(start) < int(gone["metadata"]["resourceVersion"]) < int(modified["metadata"]["resourceVersion"])


async def test_events_come_while_the_watch_is_open_and_it_ends_at_its_time(api: Api) -> None:
    await api.create("a")
    begun, clock = asyncio.Event(), asyncio.get_running_loop().time
    started = clock()
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(api.watch(api.config_maps, begun, timeoutSeconds="3"))
        await begun.wait()
        await api.create("b")
    assert brief(asked.result()) == [("ADDED", "a"), ("ADDED", "b")]
    assert clock() - started > 2.9


async def test_an_unsaid_yes_makes_a_watch_and_a_no_makes_a_list(api: Api) -> None:
    await api.create("a")
    said = await api.ask("GET", api.config_maps, watch="foo", timeoutSeconds="1")
    assert brief(said.events) == [("ADDED", "a")]
    for no in ("0", "false"):
        assert (await api.ask("GET", api.config_maps, watch=no)).names == ["a"]


async def test_a_label_that_comes_and_goes_is_an_addition_and_a_deletion(api: Api) -> None:
    await api.create("a")
    start = await version(api)
    await api.ask("PUT", f"{api.config_maps}/a", config_map("a", "2", app="x"))
    await api.ask("PUT", f"{api.config_maps}/a", config_map("a", "3", app="x"))
    out = (await api.ask("PUT", f"{api.config_maps}/a", config_map("a", "4", app="y"))).json
    events = await watch(api, api.config_maps, resourceVersion=start, labelSelector="app=x")
    assert [(kind, obj["data"]["value"]) for kind, obj in events] == [
        ("ADDED", "2"),
        ("MODIFIED", "3"),
        ("DELETED", "3"),
    ]
    assert events[2][1]["metadata"]["resourceVersion"] == out["metadata"]["resourceVersion"]


async def test_a_watch_of_one_namespace_or_name_hears_of_no_other(api: Api) -> None:
    start = await version(api)
    await api.ask("POST", "/api/v1/namespaces/default/configmaps", config_map(f"{api.namespace}-other"))
    await api.create("a", "b")
    assert brief(await watch(api, api.config_maps, resourceVersion=start)) == [("ADDED", "a"), ("ADDED", "b")]
    named = await watch(api, api.config_maps, resourceVersion=start, fieldSelector="metadata.name=b")
    assert brief(named) == [("ADDED", "b")]


async def test_a_watch_at_a_future_version_is_silent_and_ends_cleanly(api: Api) -> None:
    await api.create("a")
    said = await api.ask("GET", api.config_maps, watch="true", timeoutSeconds="1", resourceVersion=FUTURE)
    assert (said.status, said.body) == (200, b"")
    assert said.headers["Transfer-Encoding"] == "chunked"


async def test_an_old_version_is_good_as_long_as_nothing_of_the_kind_was_forgotten(api: Api) -> None:
    start = await version(api)
    await api.create("a", "b", "c")
    created = await api.ask("POST", api.widgets, widget("w"))
    assert created.status == 201
    assert brief(await watch(api, api.widgets, resourceVersion=start)) == [("ADDED", "w")]


async def test_a_streaming_list_needs_a_match(api: Api) -> None:
    said = await api.ask("GET", api.config_maps, watch="true", sendInitialEvents="true", allowWatchBookmarks="true")
    message = "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
    assert said.json == invalid(("FieldValueForbidden", message))
    said = await api.ask("GET", api.config_maps, watch="true", sendInitialEvents="true", resourceVersionMatch="Exact")
    unsupported = 'Unsupported value: "Exact": supported values: "NotOlderThan"'
    assert said.json == invalid(("FieldValueForbidden", message), ("FieldValueNotSupported", unsupported))


async def test_a_match_needs_a_streaming_list(api: Api) -> None:
    said = await api.ask("GET", api.config_maps, watch="true", resourceVersionMatch="NotOlderThan")
    message = "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
    assert said.json == invalid(("FieldValueForbidden", message))


async def test_a_streaming_list_ends_with_a_marker_of_the_kind(api: Api) -> None:
    await api.create("b", "a")
    newest = await version(api)
    said = await api.ask("GET", api.config_maps, timeoutSeconds="1", **STREAMING)
    assert brief(said.events) == [("ADDED", "a"), ("ADDED", "b"), ("BOOKMARK", "")]
    marker = said.events[2][1]
    annotations = {"k8s.io/initial-events-end": "true"}
    found = marker["metadata"]["resourceVersion"]
    assert marker == {
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "metadata": {"resourceVersion": found, "annotations": annotations},
    }
    assert int(found) >= int(newest)


async def test_an_empty_streaming_list_is_a_marker_alone(api: Api) -> None:
    ((kind, obj),) = (await api.ask("GET", api.widgets, timeoutSeconds="1", **STREAMING)).events
    assert (kind, obj["kind"], obj["apiVersion"]) == ("BOOKMARK", "Widget", WIDGETS.api_version)
    assert set(obj) == {"kind", "apiVersion", "metadata"}


async def test_a_streaming_list_without_bookmarks_has_no_marker(api: Api) -> None:
    await api.create("a")
    query = {**STREAMING, "allowWatchBookmarks": "false"}
    said = await api.ask("GET", api.config_maps, timeoutSeconds="1", **query)
    assert brief(said.events) == [("ADDED", "a")]


async def test_no_initial_events_are_sent_when_none_are_wanted(api: Api) -> None:
    await api.create("a")
    query = {**STREAMING, "sendInitialEvents": "false"}
    assert (await api.ask("GET", api.config_maps, timeoutSeconds="1", **query)).body == b""


async def test_a_streaming_list_goes_on_as_a_watch(api: Api) -> None:
    begun = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(api.watch(api.config_maps, begun, timeoutSeconds="3", **STREAMING))
        await begun.wait()
        await api.create("later")
    assert brief(asked.result())[:2] == [("BOOKMARK", ""), ("ADDED", "later")]


async def test_a_streaming_list_at_a_future_version_fails_within_the_stream(api: Api) -> None:
    said = await api.ask("GET", api.config_maps, timeoutSeconds="14", resourceVersion=FUTURE, **STREAMING)
    assert said.status == 200
    ((kind, status),) = said.events
    assert (kind, status["code"], status["reason"]) == ("ERROR", 504, "Timeout")
    assert str(status["message"]).startswith(f"Timeout: Too large resource version: {FUTURE}, current: ")
    assert status["details"]["causes"] == [
        {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    ]
    assert 2.9 < said.seconds < 13.0


async def test_a_bookmark_comes_shortly_before_the_end(api: Api) -> None:
    start = await version(api)
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(
            api.ask(
                "GET",
                api.config_maps,
                watch="true",
                timeoutSeconds="5",
                allowWatchBookmarks="true",
                resourceVersion=start,
            )
        )
        await asyncio.sleep(0.5)
        (made,) = await api.create("a")
    events = (await asked).events
    # The real server looks for what is due in ticks of a timer, so that a slow one may send it in two of them.
    added, first, *more = brief(events)
    assert (added, first) == (("ADDED", "a"), ("BOOKMARK", ""))
    assert more in ([], [first])
    for _, bookmark in events[1:]:
        assert int(bookmark["metadata"]["resourceVersion"]) >= int(made["metadata"]["resourceVersion"])
        assert "annotations" not in bookmark["metadata"]


async def test_a_watch_as_a_table_has_a_table_in_each_event(api: Api) -> None:
    made = (await api.ask("POST", api.widgets, widget("a"))).json
    query = {"watch": "true", "timeoutSeconds": "1", "resourceVersion": "0"}
    ((kind, table),) = (await api.ask("GET", api.widgets, accept=TABLE, **query)).events
    assert (kind, table["kind"], table["apiVersion"]) == ("ADDED", "Table", "meta.k8s.io/v1")
    assert table["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
    assert table["rows"][0]["cells"][0] == "a"


async def test_a_watch_of_metadata_has_metadata_in_each_event_and_in_the_marker(api: Api) -> None:
    (made,) = await api.create("a")
    added, marker = (await api.ask("GET", api.config_maps, accept=PARTIAL, timeoutSeconds="1", **STREAMING)).events
    expected = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": made["metadata"]}
    assert added == ("ADDED", expected)
    assert (marker[0], marker[1]["kind"]) == ("BOOKMARK", "PartialObjectMetadata")


async def test_the_last_event_of_a_deletion_that_waited_carries_the_last_state(api: Api) -> None:
    await api.ask("POST", api.widgets, widget("a", finalizers=["example.com/held"]))
    start = (await api.ask("GET", api.widgets)).json["metadata"]["resourceVersion"]
    await api.ask("DELETE", f"{api.widgets}/a")
    patch: JsonObject = {"metadata": {"finalizers": None}}
    await api.ask("PATCH", f"{api.widgets}/a", patch, content_type="application/merge-patch+json")
    events = await watch(api, api.widgets, resourceVersion=start)
    assert brief(events) == [("MODIFIED", "a"), ("DELETED", "a")]
    assert events[0][1]["metadata"]["deletionTimestamp"]


async def test_the_watches_of_a_kind_end_with_its_definition(api: Api) -> None:
    group = f"x{secrets.token_hex(4)}.example.com"
    made = copy.deepcopy(definition())
    made["metadata"] = {"name": f"widgets.{group}"}
    made["spec"] = {**as_object(made["spec"]), "group": group}
    await api.client.create(CUSTOM_RESOURCE_DEFINITIONS, made)
    path = f"/apis/{group}/v1/widgets"
    async with asyncio.timeout(20.0):
        while (await api.ask("GET", path, resourceVersion="0")).status != 200:
            await asyncio.sleep(0.05)
    body: JsonObject = {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "a"}}
    await api.ask("POST", f"/apis/{group}/v1/namespaces/{api.namespace}/widgets", body)
    begun = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(api.watch(path, begun, timeoutSeconds="60"))
        await begun.wait()
        await api.client.delete(CUSTOM_RESOURCE_DEFINITIONS, f"widgets.{group}")
    assert brief(asked.result()) == [("ADDED", "a"), ("DELETED", "a")]
