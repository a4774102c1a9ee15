"""Informers against a server that misbehaves over HTTP: whatever it does, the cache becomes the collection again."""

import asyncio
import random

import pytest

from omectl.api.resource import ResourceKind
from omectl.informers import EventType, ObjectEvent, ReflectorState
from omectl.informers.reflector_state import NoMarker
from omectl.kube.errors import Forbidden, InternalError, InvalidResponse, NotFound
from omectl.kube.lines import LineSplitter
from omectl.kube.resources import CONFIG_MAPS, SECRETS
from omectl.local.embedded import (
    Delay,
    EmbeddedOptions,
    EmbeddedServer,
    HalfOpen,
    Refuse,
    Reset,
    Say,
    ServedKind,
    Stream,
)

WIDGETS = ResourceKind("example.com", "v1", "Widget", "widgets", namespaced=True)
PAGE = b"<html><body>502 Bad Gateway</body></html>"
ASKED = (
    *("resourceVersion", "resourceVersionMatch", "sendInitialEvents", "allowWatchBookmarks"),
    *("limit", "continue"),
)


@pytest.fixture
def embedded_kinds() -> tuple[ResourceKind | ServedKind, ...]:
    return (WIDGETS,)


def asked(server: EmbeddedServer, verb: str, kind: ResourceKind = CONFIG_MAPS) -> list[dict[str, str]]:
    return [
        {name: request.query[name] for name in ASKED if name in request.query}
        for request in server.requests_for(kind, verb)
    ]


# --- what is asked ---


async def test_a_streaming_list_is_one_watch_that_goes_on(
    embedded_server: EmbeddedServer, mirroring, until, agree, config_map
) -> None:
    embedded_server.put(config_map("a"))
    async with mirroring() as informer:
        await until(lambda: informer.has_synced)
        embedded_server.put(config_map("b"))
        embedded_server.delete(CONFIG_MAPS, "a", "default")
        await until(lambda: agree(informer))
    assert asked(embedded_server, "list") == []
    assert asked(embedded_server, "watch") == [
        {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
    ]
    (request,) = embedded_server.requests_for(CONFIG_MAPS, "watch")
    assert 300 <= int(request.query["timeoutSeconds"]) <= 600
    assert request.header("accept") == "application/json"


async def test_pages_are_asked_for_by_token_and_a_lost_token_by_one_full_list_at_the_first_version(
    embedded_server: EmbeddedServer, mirroring, until, agree, config_map
) -> None:
    for number in range(5):
        embedded_server.put(config_map(f"c{number}"))
    listed_at = embedded_server.resource_version
    async with mirroring(streaming=False, page_size=2) as informer:
        await until(lambda: informer.has_synced)
        await until(lambda: embedded_server.watches(CONFIG_MAPS) == 1)
        embedded_server.faults.next(
            Refuse(410, "Expired"), verb="list", where=lambda request: "continue" in request.query
        )
        embedded_server.fail_watches(Refuse(500, "InternalError"), CONFIG_MAPS)
        await until(lambda: embedded_server.watches(CONFIG_MAPS) == 0)
        await until(lambda: informer.state is ReflectorState.WATCHING and embedded_server.watches(CONFIG_MAPS) == 1)
        assert agree(informer)
    lists = asked(embedded_server, "list")
    assert [{name: query.get(name, "") for name in ("resourceVersion", "limit")} for query in lists] == [
        {"resourceVersion": "0", "limit": "2"},
        *[{"resourceVersion": "", "limit": "2"}] * (len(lists) - 4),
        {"resourceVersion": listed_at, "limit": "2"},
        {"resourceVersion": "", "limit": "2"},
        {"resourceVersion": listed_at, "limit": ""},
    ]


async def test_metadata_alone_is_asked_for_listed_and_watched(
    embedded_server: EmbeddedServer, mirroring, until, config_map
) -> None:
    embedded_server.put(config_map("a", "secret"))
    for streaming in (True, False):
        async with mirroring(streaming=streaming, metadata_only=True) as informer:
            await until(lambda: informer.has_synced)
            embedded_server.put(config_map("b", "secret"))
            await until(lambda: len(informer.lister) == 2)
            for cached in informer.lister.list():
                assert (cached["apiVersion"], cached["kind"]) == ("v1", "ConfigMap")
                assert set(cached) == {"apiVersion", "kind", "metadata"}
                assert "managedFields" not in cached["metadata"]
        embedded_server.delete(CONFIG_MAPS, "b", "default")
    types = {request.header("accept") for request in embedded_server.requests_for(CONFIG_MAPS)}
    assert types == {
        "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json",
        "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json",
    }


async def test_a_streaming_list_agrees_with_a_list_at_its_version(
    embedded_server: EmbeddedServer, mirroring, until, agree, config_map
) -> None:
    for number in range(3):
        embedded_server.put(config_map(f"c{number}"))
    async with mirroring(check_streaming_list=True) as informer:
        await until(lambda: informer.has_synced)
        assert agree(informer)
    assert [query["resourceVersionMatch"] for query in asked(embedded_server, "list")] == ["Exact"]


# --- streams ---


@pytest.mark.parametrize(
    "fault",
    [
        Stream(chunk_bytes=1),
        Stream(end_after=1),
        Stream(end_after=1, cut=True),
        Stream(end_after=1, reset=True),
        Refuse(429, "TooManyRequests", retry_after_s=0),
        Refuse(500, "InternalError"),
        Refuse(422, "Invalid"),
        Refuse(403, "Forbidden"),
        Say(PAGE, 502),
        Say(PAGE),
        Reset(),
        Delay(0.1),
        HalfOpen(after_head=True),
        Stream(inject=(b"garbage\n",)),
        Stream(inject=(b"\n\n",)),
        Stream(inject=(b'{"type":"ADDED","object":{"kind":"Pod","metadata":{"name":"p"}}}\n',)),
        Stream(inject=(b'{"type":"ADDED","object":{"kind":"Table","rows":[]}}\n',)),
        Stream(inject=(b'{"type":"HELLO","object":{}}\n',)),
    ],
    ids=repr,
)
async def test_a_broken_stream_fills_the_cache_all_the_same(
    embedded_server: EmbeddedServer, mirroring, until, agree, config_map, fault
) -> None:
    for name in ("a", "b", "c"):
        embedded_server.put(config_map(name, "ä€𝄞"))
    embedded_server.faults.next(fault, verb="watch", kind=CONFIG_MAPS)
    async with mirroring() as informer:
        await until(lambda: informer.has_synced and agree(informer))
        embedded_server.put(config_map("d"))
        await until(lambda: agree(informer))
    assert embedded_server.faults.pending == 0


async def test_a_stream_that_is_reset_before_its_marker_is_begun_again(
    embedded_server: EmbeddedServer, mirroring, until, agree, config_map
) -> None:
    embedded_server.put(config_map("a"))
    embedded_server.faults.next(Stream(end_after=1, marker=None, reset=True), verb="watch", kind=CONFIG_MAPS)
    async with mirroring() as informer:
        await until(lambda: agree(informer))
    assert [query.get("sendInitialEvents") for query in asked(embedded_server, "watch")] == ["true", "true"]
    assert asked(embedded_server, "list") == []


async def test_a_marker_that_never_comes_is_waited_for_no_longer_than_the_patience(
    embedded_server: EmbeddedServer, mirroring, until, agree, config_map
) -> None:
    embedded_server.put(config_map("a"))
    embedded_server.faults.next(Stream(marker=None), times=None, verb="watch", kind=CONFIG_MAPS)
    async with mirroring(marker_patience_s=0.4) as informer:
        await until(lambda: isinstance(informer.last_error, NoMarker) or informer.has_synced)
        await until(lambda: agree(informer))
        assert informer.statistics()["mirrors"][0]["reflector"]["fallbacks"] == 1
    assert len(asked(embedded_server, "list")) == 1


async def test_a_marker_with_another_value_is_none(
    embedded_server: EmbeddedServer, mirroring, until, agree, config_map
) -> None:
    embedded_server.put(config_map("a"))
    embedded_server.faults.next(Stream(marker="false"), verb="watch", kind=CONFIG_MAPS)
    async with mirroring(marker_patience_s=0.4) as informer:
        await until(lambda: agree(informer))
    assert len(asked(embedded_server, "list")) == 1


class TestWithoutStreamingLists:
    """On a server that knows no streaming list."""

    @pytest.fixture
    def embedded_options(self) -> EmbeddedOptions:
        return EmbeddedOptions(streaming_lists=False, bookmark_interval_s=0.2)

    async def test_the_list_is_read_in_pages(
        self, embedded_server: EmbeddedServer, mirroring, until, agree, config_map
    ) -> None:
        embedded_server.put(config_map("a"))
        async with mirroring() as informer:
            await until(lambda: agree(informer))
            embedded_server.put(config_map("b"))
            await until(lambda: agree(informer))
        assert len(asked(embedded_server, "list")) == 1


# --- watches ---


async def test_a_dropped_watch_is_resumed_and_misses_nothing(
    embedded_server: EmbeddedServer, mirroring, until, agree, config_map
) -> None:
    embedded_server.put(config_map("a"))
    events: list[ObjectEvent] = []
    async with mirroring() as informer:
        informer.add_handler(events.append)
        await until(lambda: len(events) == 1)
        for reset in (False, True):
            version = embedded_server.resource_version
            embedded_server.send_bookmarks(CONFIG_MAPS)
            await until(lambda at=version: informer.lister.resource_version == at)
            embedded_server.drop_watches(CONFIG_MAPS, reset=reset)
            embedded_server.put(config_map("b"))
            embedded_server.delete(CONFIG_MAPS, "b", "default")
            await until(lambda: embedded_server.watches(CONFIG_MAPS) == 1 and agree(informer))
            embedded_server.send_bookmarks(CONFIG_MAPS)
            at = embedded_server.resource_version
            await until(lambda at=at: informer.lister.resource_version == at)
    told = [(event.type, event.key.name) for event in events]
    assert told == [(EventType.ADDED, "a")] + [(EventType.ADDED, "b"), (EventType.DELETED, "b")] * 2
    assert asked(embedded_server, "list") == []
    assert [query.get("sendInitialEvents") for query in asked(embedded_server, "watch")] == ["true", None, None]


@pytest.mark.parametrize(
    "line",
    [b"<html>\n", b'{"type":"ADDED"\n', b'{"type":"ADDED","object":{"kind":"ConfigMap","metadata":{\n', b"\xff\xfe\n"],
)
async def test_garbage_in_a_watch_is_mended_by_a_list(
    embedded_server: EmbeddedServer, mirroring, until, agree, config_map, line: bytes
) -> None:
    embedded_server.put(config_map("a"))
    async with mirroring() as informer:
        await until(lambda: informer.has_synced)
        embedded_server.send_line(line, CONFIG_MAPS)
        await until(lambda: len(asked(embedded_server, "watch")) == 2)
        embedded_server.put(config_map("b"))
        await until(lambda: agree(informer))
        assert informer.statistics()["mirrors"][0]["reflector"]["errors"] == 1


async def test_a_line_that_never_ends_is_refused_and_mended(
    embedded_server: EmbeddedServer, mirroring, until, agree, config_map, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("omectl.kube.client.LineSplitter", lambda: LineSplitter(limit=64 * 1024))
    embedded_server.put(config_map("a"))
    errors: list[str] = []
    async with mirroring() as informer:
        await until(lambda: informer.has_synced)
        embedded_server.send_line(b"x" * 65 * 1024, CONFIG_MAPS)
        await until(lambda: informer.last_error is not None)
        errors.append(str(informer.last_error))
        embedded_server.put(config_map("b"))
        await until(lambda: agree(informer))
    assert "wanted events, found" in errors[0]
    assert "without a newline, the limit is 65536" in errors[0]


async def test_a_half_open_watch_is_found_by_its_silence_and_resumed_without_a_list(
    embedded_server: EmbeddedServer, mirroring, until, agree, config_map
) -> None:
    async with mirroring() as informer:
        await until(lambda: informer.has_synced)
        embedded_server.faults.next(HalfOpen(after_head=True), verb="watch", kind=CONFIG_MAPS)
        embedded_server.drop_watches(CONFIG_MAPS)
        await until(lambda: len(asked(embedded_server, "watch")) == 2)
        embedded_server.put(config_map("a"))
        await until(lambda: agree(informer))
        statistics = informer.statistics()["mirrors"][0]["reflector"]
        assert statistics["idle_watches"] >= 1
        assert (statistics["lists"], statistics["streaming_lists"]) == (0, 1)


async def test_objects_of_any_size_arrive_whole(
    embedded_server: EmbeddedServer, mirroring, until, agree, config_map
) -> None:
    embedded_server.put(config_map("listed", "é" * 750_000))
    async with mirroring() as informer:
        await until(lambda: informer.has_synced)
        embedded_server.put(config_map("huge", "x" * 12 * 1024 * 1024))
        embedded_server.put(config_map("large", "é" * 750_000))
        await until(lambda: len(informer.lister) == 3)
        assert agree(informer)


# --- refusals ---


async def test_a_kind_that_may_not_be_read_leaves_the_others_running_and_is_named(
    embedded_server: EmbeddedServer, mirroring, until, agree, config_map
) -> None:
    for verb in ("list", "watch"):
        refuse = Refuse(403, "Forbidden", 'secrets is forbidden: User "half-sighted" cannot read')
        embedded_server.faults.next(refuse, times=None, verb=verb, kind=SECRETS)
    async with mirroring() as config_maps, mirroring(SECRETS) as secrets:
        await until(lambda: config_maps.has_synced and isinstance(secrets.last_error, Forbidden))
        embedded_server.put(config_map("a"))
        await until(lambda: agree(config_maps))
        assert not secrets.has_synced
        assert "secrets" in secrets.describe()
        assert "half-sighted" in secrets.describe()
        embedded_server.faults.clear()
        await until(lambda: secrets.has_synced)
        assert secrets.last_error is None


async def test_a_starting_server_is_given_its_time_and_costs_no_list(
    embedded_server: EmbeddedServer, mirroring, until, agree, config_map
) -> None:
    async with mirroring() as informer:
        await until(lambda: informer.has_synced)
        embedded_server.faults.next(
            Refuse(429, "TooManyRequests", "storage is (re)initializing", retry_after_s=1), verb="watch"
        )
        before = asyncio.get_running_loop().time()
        embedded_server.drop_watches(CONFIG_MAPS)
        embedded_server.put(config_map("a"))
        await until(lambda: agree(informer))
        assert asyncio.get_running_loop().time() - before >= 1.0
        assert informer.statistics()["mirrors"][0]["reflector"]["errors"] == 0
    assert [query.get("sendInitialEvents") for query in asked(embedded_server, "watch")] == ["true", None, None]
    assert asked(embedded_server, "list") == []


async def test_a_restarted_server_costs_one_list_and_loses_no_delete(
    embedded_server: EmbeddedServer, mirroring, until, agree, config_map
) -> None:
    for name in "abc":
        embedded_server.put(config_map(name))
    events: list[ObjectEvent] = []
    async with mirroring() as informer:
        informer.add_handler(events.append)
        await until(lambda: len(events) == 3)
        await embedded_server.stop()
        embedded_server.delete(CONFIG_MAPS, "b", "default")
        embedded_server.put(config_map("d"))
        await embedded_server.restart(initializing_s=0.2)
        await until(lambda: agree(informer))
    told = [(event.type, event.key.name, event.tombstone) for event in events[3:] if not event.resync]
    assert told == [(EventType.DELETED, "b", True), (EventType.ADDED, "d", False)]
    lists = [query for query in asked(embedded_server, "watch") if "sendInitialEvents" in query]
    assert len(lists) <= 3  # the first, one that met the starting server, one that it served


async def test_a_server_that_is_away_for_a_moment_costs_no_list(
    embedded_server: EmbeddedServer, mirroring, until, agree, config_map
) -> None:
    async with mirroring() as informer:
        await until(lambda: informer.has_synced)
        embedded_server.send_bookmarks(CONFIG_MAPS)
        await until(lambda: informer.lister.resource_version == embedded_server.resource_version)
        await asyncio.sleep(1.0)  # so that the watch is no very short one
        async with embedded_server.down():
            await until(lambda: informer.last_error is not None)
            embedded_server.put(config_map("a"))
        await until(lambda: agree(informer))
    assert asked(embedded_server, "list") == []
    assert [query.get("sendInitialEvents") for query in asked(embedded_server, "watch")].count("true") == 1


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (
            Say(b'{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":{},"rows":[]}', 200, "application/json"),
            InvalidResponse,
        ),
        (Say(PAGE), InvalidResponse),
        (
            Say(
                b'{"kind":"ConfigMapList","metadata":{"resourceVersion":"9"},"items":[{"metad', 200, "application/json"
            ),
            InvalidResponse,
        ),
        (Refuse(500, "InternalError"), InternalError),
        (Say(PAGE, 404), NotFound),
    ],
    ids=["table", "page", "half", "error", "a proxy's 404"],
)
async def test_a_bad_answer_to_a_list_is_named_and_asked_for_again(
    embedded_server: EmbeddedServer, mirroring, until, agree, config_map, fault, error: type[Exception]
) -> None:
    embedded_server.put(config_map("a"))
    held = embedded_server.faults.next(fault, times=None, verb="list", kind=CONFIG_MAPS)
    async with mirroring(streaming=False) as informer:
        await until(lambda: held.hits >= 2)
        assert isinstance(informer.last_error, error)
        assert not informer.is_settled
        embedded_server.faults.clear()
        await until(lambda: agree(informer))
        assert informer.last_error is None


# --- kinds that come and go ---


def widget(name: str) -> dict:
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name, "namespace": "default"}}


async def test_a_kind_that_goes_empties_the_cache_and_one_that_comes_back_fills_it(
    embedded_server: EmbeddedServer, mirroring, until, agree
) -> None:
    embedded_server.put(widget("a"))
    events: list[ObjectEvent] = []
    async with mirroring(WIDGETS) as informer:
        informer.add_handler(events.append)
        await until(lambda: len(events) == 1)
        embedded_server.withdraw(WIDGETS)
        await until(lambda: informer.is_absent and len(informer.lister) == 0)
        assert isinstance(informer.last_error, NotFound)
        embedded_server.serve(WIDGETS)
        await until(lambda: informer.state is ReflectorState.WATCHING and agree(informer))
        assert informer.last_error is None
    assert [(event.type, event.tombstone) for event in events] == [
        (EventType.ADDED, False),
        (EventType.DELETED, True),
        (EventType.ADDED, False),
    ]


async def test_a_kind_that_comes_later_starts_by_itself(embedded_server: EmbeddedServer, mirroring, until) -> None:
    late = ResourceKind("late.example.com", "v1", "Latecomer", "latecomers", namespaced=True)
    async with mirroring(late) as informer:
        await until(lambda: informer.is_absent)
        assert informer.is_settled
        assert not informer.has_synced
        embedded_server.serve(late)
        await until(lambda: informer.has_synced)


@pytest.mark.parametrize("everything", [True, False], ids=["every path", "the kind alone"])
async def test_a_proxy_that_answers_404_empties_no_cache(
    embedded_server: EmbeddedServer, mirroring, until, agree, everything: bool
) -> None:
    embedded_server.put(widget("a"))
    async with mirroring(WIDGETS) as informer:
        await until(lambda: informer.has_synced)
        fault = embedded_server.faults.next(
            Say(b"404 page not found\n", 404, "text/plain"), times=None, kind=None if everything else WIDGETS
        )
        embedded_server.drop_watches(WIDGETS, reset=True)
        await until(lambda: fault.hits >= 10)
        assert len(informer.lister) == 1
        assert not informer.is_absent
        assert isinstance(informer.last_error, NotFound)
        embedded_server.faults.clear()
        embedded_server.put(widget("b"))
        await until(lambda: agree(informer))


# --- all at once ---


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("streaming", [True, False])
async def test_a_second_of_every_misbehaviour_leaves_the_cache_equal_to_the_server(
    embedded_server: EmbeddedServer, mirroring, until, agree, config_map, seed: int, streaming: bool
) -> None:
    choose = random.Random(seed)
    known: dict[str, str] = {}
    problems: list[str] = []

    def check(event: ObjectEvent) -> None:
        name, uid = event.key.name, event.header.uid
        if event.type is EventType.ADDED:
            if name in known:
                problems.append(f"{name} added twice")
            known[name] = uid
        elif known.get(name) != uid:
            problems.append(f"{name} {event.type.value} with uid {uid}, known {known.get(name)}")
        elif event.type is EventType.DELETED:
            del known[name]

    faults = [
        Refuse(429, "TooManyRequests"),
        Refuse(500, "InternalError"),
        Refuse(410, "Expired"),
        Refuse(503, "ServiceUnavailable"),
        Say(PAGE, 502),
        Say(PAGE, 404),
        Reset(),
        Stream(chunk_bytes=7),
        Stream(end_after=2, cut=True),
        Stream(end_after=2, reset=True),
        Stream(inject=(b"garbage\n",)),
    ]
    async with mirroring(streaming=streaming, page_size=3) as informer:
        informer.add_handler(check)
        for _ in range(150):
            step = choose.random()
            name = f"c{choose.randrange(8)}"
            if step < 0.5:
                embedded_server.put(config_map(name, str(choose.random())))
            elif step < 0.7:
                if embedded_server.get(CONFIG_MAPS, name, "default") is not None:
                    embedded_server.delete(CONFIG_MAPS, name, "default")
            elif step < 0.85:
                verb = choose.choice(["list", "watch"])
                embedded_server.faults.next(choose.choice(faults), verb=verb, kind=CONFIG_MAPS)
            elif step < 0.9:
                embedded_server.forget_history()
                embedded_server.fail_watches(Refuse(410, "Expired"), CONFIG_MAPS)
            elif step < 0.95:
                embedded_server.drop_watches(CONFIG_MAPS, reset=choose.random() < 0.5)
            else:
                embedded_server.send_line(b"{half\n", CONFIG_MAPS)
            await asyncio.sleep(choose.random() * 0.015)
        embedded_server.faults.clear()
        await until(lambda: agree(informer) and informer.state is ReflectorState.WATCHING)
        await until(lambda: {key.name for key in informer.lister.keys()} == set(known))  # noqa: SIM118
    assert problems == []
