"""What lists and watches ask for."""

import msgspec
import pytest

from omectl.kube.listing import ListBody, ListOptions, WatchOptions


def test_a_list_asks_for_version_match_and_limit_on_its_first_page_only() -> None:
    options = ListOptions(
        resource_version="7",
        resource_version_match="Exact",
        page_size=3,
        label_selector="a=b",
        field_selector="metadata.name=x",
    )
    selectors = {"labelSelector": "a=b", "fieldSelector": "metadata.name=x"}
    assert options.first_query() == {**selectors, "resourceVersion": "7", "resourceVersionMatch": "Exact", "limit": 3}
    assert options.next_query("token") == {
        **selectors,
        "resourceVersion": None,
        "resourceVersionMatch": None,
        "limit": 3,
        "continue": "token",
    }
    assert options.full_query() == {**selectors, "resourceVersion": "7", "resourceVersionMatch": "Exact", "limit": None}


def test_no_limit_is_sent_for_one_page_of_everything() -> None:
    assert ListOptions(page_size=0).first_query()["limit"] is None
    assert ListOptions().first_query()["limit"] == 500


def test_a_streaming_list_is_a_watch_with_initial_events() -> None:
    plain = WatchOptions(resource_version="7", timeout_s=400)
    assert plain.query() == {
        "watch": True,
        "resourceVersion": "7",
        "allowWatchBookmarks": True,
        "timeoutSeconds": 400,
        "labelSelector": "",
        "fieldSelector": "",
    }
    streaming = WatchOptions(resource_version="7", timeout_s=400, send_initial_events=True)
    assert streaming.query() == {
        **plain.query(),
        "sendInitialEvents": True,
        "resourceVersionMatch": "NotOlderThan",
    }


@pytest.mark.parametrize("options", [ListOptions(), WatchOptions()])
def test_whole_objects_are_asked_for_as_json(options: ListOptions | WatchOptions) -> None:
    assert options.accept == "application/json"


def test_metadata_alone_is_asked_for_by_its_media_type_with_whole_objects_as_second_choice() -> None:
    assert (
        ListOptions(metadata_only=True).accept
        == "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
    )
    assert (
        WatchOptions(metadata_only=True).accept
        == "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
    )


@pytest.mark.parametrize(
    ("body", "items", "token"),
    [
        (b'{"kind":"XList","metadata":{"resourceVersion":"9","continue":"t"},"items":[{"a":1},2]}', 2, "t"),
        (b'{"kind":"XList","metadata":{"resourceVersion":"9"},"items":null}', 0, ""),
        (b'{"kind":"XList","metadata":{"resourceVersion":"9","continue":null}}', 0, ""),
    ],
)
def test_a_page_has_its_items_as_bytes(body: bytes, items: int, token: str) -> None:
    page = msgspec.json.decode(body, type=ListBody).page(first=False)
    assert (len(page.items), page.resource_version, page.continue_token, page.first) == (items, "9", token, False)
