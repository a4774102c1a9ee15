"""The lister-watcher of a live server adds the collection's selection to what the reflector asks."""

from omectl.api.resource import ResourceKind
from omectl.informers.lister_watcher import ClientListerWatcher
from omectl.kube.listing import ListOptions, WatchOptions
from omectl.kube.resources import CONFIG_MAPS


class RecordingClient:
    """Remembers what it was asked for; hands out a name for each answer."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []

    def raw_pages(self, *asked: object) -> str:
        self.asked.append(asked)
        return "pages"

    def watch(self, *asked: object) -> str:
        self.asked.append(asked)
        return "watch"

    async def read_object(self, path: str, **_: object) -> dict[str, object]:
        self.asked.append((path,))
        return {"kind": "APIResourceList", "groupVersion": "v1", "resources": [{"name": "configmaps"}]}


async def test_lists_and_watches_carry_the_selection() -> None:
    client = RecordingClient()
    source = ClientListerWatcher(client, CONFIG_MAPS, "ns", "a=b", "metadata.name=x")
    assert source.streaming_list
    assert source.pages(ListOptions(resource_version="7", page_size=3)) == "pages"
    assert source.watch(WatchOptions(resource_version="7", timeout_s=400, send_initial_events=True)) == "watch"
    selection = {"label_selector": "a=b", "field_selector": "metadata.name=x"}
    assert client.asked == [
        (CONFIG_MAPS, "ns", ListOptions(resource_version="7", page_size=3, **selection)),
        (CONFIG_MAPS, "ns", WatchOptions(resource_version="7", timeout_s=400, send_initial_events=True, **selection)),
    ]


async def test_metadata_alone_is_asked_for_in_lists_and_watches() -> None:
    client = RecordingClient()
    source = ClientListerWatcher(client, CONFIG_MAPS, "", "", "", metadata_only=True)
    source.pages(ListOptions())
    source.watch(WatchOptions())
    assert client.asked == [
        (CONFIG_MAPS, "", ListOptions(metadata_only=True)),
        (CONFIG_MAPS, "", WatchOptions(metadata_only=True)),
    ]


async def test_discovery_says_whether_the_kind_is_served() -> None:
    client = RecordingClient()
    assert await ClientListerWatcher(client, CONFIG_MAPS, "", "", "").is_served()
    other = ResourceKind("", "v1", "Other", "others", namespaced=True)
    assert not await ClientListerWatcher(client, other, "", "", "").is_served()
    assert client.asked == [("/api/v1",), ("/api/v1",)]
