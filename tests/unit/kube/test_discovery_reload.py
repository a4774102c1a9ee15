"""Finding kinds: when the documents are read again, and that concurrent misses read them once."""

import asyncio

import pytest

from omectl.api.json import JsonObject
from omectl.api.resource import ResourceKind
from omectl.kube.client import Client
from omectl.kube.credentials import ClientConfig
from omectl.kube.discovery import Discovery
from omectl.kube.errors import ServiceUnavailable

THING = ResourceKind("example.com", "v1", "Thing", "things", namespaced=True)


def served(*kinds: ResourceKind) -> JsonObject:
    """The aggregated document of these kinds, each in a group of its own."""
    return {
        "kind": "APIGroupDiscoveryList",
        "items": [
            {
                "metadata": {"name": kind.group},
                "versions": [
                    {
                        "version": kind.version,
                        "resources": [
                            {
                                "resource": kind.plural,
                                "responseKind": {"kind": kind.kind},
                                "scope": "Namespaced" if kind.namespaced else "Cluster",
                            }
                        ],
                    }
                ],
            }
            for kind in kinds
        ],
    }


class Server:
    """What it serves, how often it was asked, and an error to answer instead."""

    def __init__(self) -> None:
        self.kinds: list[ResourceKind] = []
        self.reads = 0
        self.error: Exception | None = None

    async def read_object(self, path: str, accept: str) -> JsonObject:
        assert accept.startswith("application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,")
        await asyncio.sleep(1)
        if path == "/api":
            self.reads += 1
            return served()
        if self.error is not None:
            raise self.error
        return served(*self.kinds)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    monkeypatch.setattr(Client, "read_object", lambda _, path, accept: made.read_object(path, accept))
    return made


@pytest.fixture
def discovery(server: Server) -> Discovery:
    return Discovery(Client(ClientConfig(server="https://server.example")))


@pytest.mark.looptime
async def test_nothing_is_read_before_it_is_asked_for(server: Server, discovery: Discovery) -> None:
    assert server.reads == 0
    server.kinds = [THING]
    assert await discovery.find("example.com", "Thing") == THING
    assert await discovery.find("example.com", "Thing") == THING
    assert server.reads == 1


@pytest.mark.looptime
async def test_a_miss_reads_the_documents_again_once(server: Server, discovery: Discovery) -> None:
    await discovery.kinds()
    server.kinds = [THING]
    assert await discovery.find("example.com", "Thing") == THING
    assert server.reads == 2


@pytest.mark.looptime
async def test_what_is_not_served_costs_one_reload_at_each_question(server: Server, discovery: Discovery) -> None:
    await discovery.kinds()
    assert await discovery.find("example.com", "Thing") is None
    assert await discovery.find("example.com", "Thing") is None
    assert server.reads == 3


@pytest.mark.looptime
async def test_concurrent_misses_cause_one_reload(server: Server, discovery: Discovery) -> None:
    await discovery.kinds()
    server.kinds = [THING]
    found = await asyncio.gather(*(discovery.find("example.com", "Thing") for _ in range(20)))
    assert found == [THING] * 20
    assert server.reads == 2


@pytest.mark.looptime
async def test_a_reload_that_fails_is_raised_and_the_next_question_tries_again(
    server: Server, discovery: Discovery
) -> None:
    server.kinds, server.error = [THING], ServiceUnavailable(503, "", "")
    with pytest.raises(ServiceUnavailable):
        await discovery.find("example.com", "Thing")
    server.error = None
    assert await discovery.find("example.com", "Thing") == THING


@pytest.mark.looptime
async def test_a_failed_reload_keeps_what_was_known(server: Server, discovery: Discovery) -> None:
    server.kinds = [THING]
    await discovery.kinds()
    server.error = ServiceUnavailable(503, "", "")
    with pytest.raises(ServiceUnavailable):
        await discovery.refresh()
    assert await discovery.find("example.com", "Thing") == THING


@pytest.mark.looptime
async def test_a_refresh_forgets_what_is_gone_and_learns_what_came_back_otherwise(
    server: Server, discovery: Discovery
) -> None:
    server.kinds = [THING]
    await discovery.kinds()
    server.kinds = []
    await discovery.refresh()
    assert await discovery.find("example.com", "Thing") is None
    again = ResourceKind("example.com", "v2", "Thing", "thingies", namespaced=False)
    server.kinds = [again]
    assert await discovery.find("example.com", "Thing") == again
    assert await discovery.kinds() == [again]
    assert await discovery.capabilities() == {"Thing.example.com"}


@pytest.mark.looptime
async def test_capabilities_are_read_afresh_each_time(server: Server, discovery: Discovery) -> None:
    assert await discovery.capabilities() == frozenset()
    server.kinds = [THING]
    assert await discovery.capabilities() == {"Thing.example.com"}
    assert server.reads == 2
