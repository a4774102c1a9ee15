"""How a manager begins: what waits for what, what it listens on, what it tells about itself."""

import asyncio
import json
import socket
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs
from tests.unit.manager.running import running

from omectl.clock import FakeClock
from omectl.kube.resources import EVENTS
from omectl.manager import (
    AddressUnavailable,
    ChannelSource,
    Controller,
    Group,
    Manager,
    ManagerOptions,
    Result,
    RunnableFailed,
)
from omectl.manager import manager as manager_module

CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "ns", "name": "m", "uid": "u"}}

looptime = pytest.mark.looptime


@pytest.fixture
def make(api: Any, make_factory: Any) -> Any:
    """Makes managers over `api` with the given fake informers."""

    def make_manager(*informers: Any, **options: Any) -> Manager:
        given = {name: options.pop(name) for name in ("metrics_listener", "probe_listener") if name in options}
        options = {"renew_in_thread": False, **options}
        return Manager(api, ManagerOptions(**options), informers=make_factory(*informers), **given)

    return make_manager


class Slow:
    """A runnable that is ready when the test says so."""

    def __init__(self, group: Group, journal: list[str]) -> None:
        self.name = group.value
        self.needs_leader = False
        self.group = group
        self.prepared = asyncio.Event()
        self.preparation_fails: Exception | None = None
        self.fails = asyncio.Event()
        self.ends = asyncio.Event()
        self._journal = journal

    async def ready(self) -> None:
        await self.prepared.wait()
        if self.preparation_fails is not None:
            raise self.preparation_fails

    async def run(self) -> None:
        self._journal.append(f"+{self.name}")
        waits = {asyncio.ensure_future(event.wait()) for event in (self.fails, self.ends)}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        if self.fails.is_set():
            raise OSError(f"{self.name} is broken")


ORDER = (Group.SERVERS, Group.WEBHOOKS, Group.CACHES, Group.OTHERS, Group.ELECTED)


@looptime
async def test_each_group_begins_when_the_one_before_is_ready(make: Any) -> None:
    journal: list[str] = []
    manager = make()
    slow = {group: Slow(group, journal) for group in reversed(ORDER)}
    for runnable in slow.values():
        manager.add(runnable)
    async with running(manager):
        for number, group in enumerate(ORDER, start=1):
            await asyncio.sleep(60.0)
            assert journal == [f"+{begun.value}" for begun in ORDER[:number]]
            slow[group].prepared.set()


@looptime
async def test_readiness_names_who_is_not_ready_yet(make: Any) -> None:
    manager = make()
    slow = Slow(Group.WEBHOOKS, [])
    manager.add(slow)
    async with running(manager):
        assert "[-]running failed: starting, waiting for webhooks\n" in manager.readyz.answer().text
        assert manager.healthz.answer().healthy
        slow.prepared.set()
        await asyncio.sleep(0.01)
        assert manager.readyz.answer().healthy
    assert "[-]running failed: stopped\n" in manager.readyz.answer().text


@looptime
async def test_a_group_that_takes_long_is_named_in_the_log_again_and_again(make: Any) -> None:
    manager = make(sync_timeout_s=30.0)
    slow = Slow(Group.WEBHOOKS, [])
    manager.add(slow)
    with capture_logs() as logs:
        async with running(manager):
            await asyncio.sleep(29.9)
            assert logs == []
            await asyncio.sleep(30.2)
            slow.prepared.set()
            await asyncio.sleep(100.0)
    said = [entry for entry in logs if entry["event"] == "group_not_ready"]
    assert [(entry["group"], entry["after_s"], entry["waiting_for"]) for entry in said] == [
        ("webhooks", 30.0, ["webhooks"]),
        ("webhooks", 30.0, ["webhooks"]),
    ]
    assert said[0]["log_level"] == "error"
    assert said[0]["next_step"] == "the groups after it start as soon as it is ready"


@looptime
@pytest.mark.parametrize("group", ORDER, ids=lambda group: group.value)
async def test_a_runnable_that_fails_before_it_is_ready_stops_the_manager(make: Any, group: Group) -> None:
    journal: list[str] = []
    manager = make()
    slow = Slow(group, journal)
    later = Slow(Group.ELECTED, journal)
    later.name = "later"
    manager.add(slow)
    if group is not Group.ELECTED:
        manager.add(later)
    async with running(manager) as task:
        slow.fails.set()
        with pytest.raises(RunnableFailed, match=f"{group.value} failed and the manager stopped: OSError: .* broken"):
            await task
    assert journal == [f"+{group.value}"]


@looptime
async def test_a_preparation_that_fails_stops_the_manager(make: Any) -> None:
    journal: list[str] = []
    manager = make()
    slow, later = Slow(Group.WEBHOOKS, journal), Slow(Group.OTHERS, journal)
    slow.preparation_fails = ValueError("no certificate")
    slow.prepared.set()
    manager.add(slow)
    manager.add(later)
    with pytest.raises(RunnableFailed, match=r"webhooks failed .* ValueError: no certificate"):
        await manager.run()
    assert journal == ["+webhooks"]


@looptime
async def test_a_runnable_that_ended_is_waited_for_no_more(make: Any) -> None:
    journal: list[str] = []
    manager = make()
    slow, later = Slow(Group.WEBHOOKS, journal), Slow(Group.ELECTED, journal)
    slow.ends.set()
    manager.add(slow)
    manager.add(later)
    async with running(manager):
        assert journal == ["+webhooks", "+elected"]


@looptime
async def test_a_stop_while_a_group_prepares_starts_nothing_more(make: Any) -> None:
    journal: list[str] = []
    manager = make()
    manager.add(Slow(Group.WEBHOOKS, journal))
    manager.add(Slow(Group.ELECTED, journal))
    async with running(manager) as task:
        manager.stop()
        await task
    assert journal == ["+webhooks"]
    assert not manager.elected.is_set()


@looptime
async def test_caches_that_are_not_synced_hold_up_no_group(make: Any, informer: Any) -> None:
    journal: list[str] = []
    manager = make(informer)
    manager.add(Slow(Group.OTHERS, journal))
    async with running(manager):
        assert journal == ["+others"]
        assert "[-]caches failed: waiting for configmaps (listing)" in manager.readyz.answer().text


@looptime
async def test_caches_that_are_not_synced_in_time_are_named(make: Any, informer: Any) -> None:
    manager = make(informer, sync_timeout_s=7.0)
    async with running(manager):
        with capture_logs() as logs:
            await asyncio.sleep(8.0)
    (told,) = [entry for entry in logs if entry["event"] == "caches_not_synced"]
    assert (told["after_s"], told["waiting_for"]) == (7.0, ["configmaps (listing)"])


@looptime
async def test_a_runnable_may_add_another(make: Any) -> None:
    journal: list[str] = []
    manager = make()

    class Adding:
        name = "adding"
        needs_leader = False

        async def run(self) -> None:
            manager.add(Slow(Group.OTHERS, journal))

    manager.add(Adding())
    async with running(manager):
        await asyncio.sleep(0.01)
        assert journal == ["+others"]


@looptime
async def test_an_addition_while_stopping_is_refused_by_name(make: Any) -> None:
    manager = make()
    async with running(manager) as task:
        manager.stop()
        await task
        late = Slow(Group.OTHERS, [])
        with pytest.raises(RuntimeError) as caught:
            manager.add(late)
    assert str(caught.value) == (
        "can't accept new runnable others as stop procedure is already engaged; add it earlier"
    )


async def get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()


async def test_probes_answer_while_a_group_prepares(make: Any) -> None:
    manager = make(probe_address="127.0.0.1:0")
    manager.add(Slow(Group.WEBHOOKS, []))
    async with running(manager):
        async with asyncio.timeout(5.0):
            while not manager.probe_url:
                await asyncio.sleep(0.01)
        assert await get(manager.probe_url + "/healthz") == (200, "ok")
        status, text = await get(manager.probe_url + "/readyz")
        assert status == 500
        assert "[-]running failed" in text


def bound() -> socket.socket:
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    return made


async def test_listeners_that_are_given_are_used_and_closed(make: Any) -> None:
    probes, numbers = bound(), bound()
    probe_port, metrics_port = probes.getsockname()[1], numbers.getsockname()[1]
    manager = make(probe_listener=probes, metrics_listener=numbers)
    async with running(manager):
        async with asyncio.timeout(5.0):
            while not manager.metrics_url:
                await asyncio.sleep(0.01)
        assert manager.probe_url == f"http://127.0.0.1:{probe_port}"
        assert manager.metrics_url == f"http://127.0.0.1:{metrics_port}"
        assert await get(manager.probe_url + "/healthz") == (200, "ok")
        assert (await get(manager.metrics_url + "/metrics"))[0] == 200
    assert (probes.fileno(), numbers.fileno()) == (-1, -1)
    assert (manager.probe_url, manager.metrics_url) == ("", "")


async def test_nothing_listens_after_a_stop(make: Any) -> None:
    manager = make(probe_address="127.0.0.1:0", metrics_address="127.0.0.1:0")
    async with running(manager):
        async with asyncio.timeout(5.0):
            while not manager.metrics_url:
                await asyncio.sleep(0.01)
        urls = [manager.probe_url + "/healthz", manager.metrics_url + "/metrics"]
    for url in urls:
        with pytest.raises(aiohttp.ClientConnectorError):
            await get(url)


async def test_a_port_in_use_is_named_with_address_and_flag(make: Any) -> None:
    with bound() as taken:
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(AddressUnavailable) as caught:
            await make(probe_address=address).run()
    assert str(caught.value).startswith(f"wanted to listen on {address} (--health-probe-addr), found that another")


async def test_the_debug_page_shows_the_whole_manager(make: Any, informer: Any) -> None:
    manager = make(informer, metrics_address="127.0.0.1:0", leader_election=True, identity="me", namespace="ome")
    async with running(manager):
        async with asyncio.timeout(5.0):
            while not (manager.metrics_url and manager.is_leader):
                await asyncio.sleep(0.01)
        status, text = await get(manager.metrics_url + "/debug/statistics")
    told = json.loads(text)
    assert status == 200
    assert set(told) == {
        "state",
        "leader",
        "runnables",
        "unsynced",
        "controllers",
        "election",
        "events",
        "informers",
        "event_loop",
    }
    assert (told["state"], told["leader"]) == ("running", True)
    assert told["runnables"]["election"] == ["leader-election"]
    assert told["runnables"]["servers"] == ["loop-watchdog"]
    assert told["informers"] == [{"name": "configmaps", "state": "listing"}]
    assert told["election"]["lease"] == "ome/ome-controller-manager-leader-lock"
    assert told["event_loop"] == {"stalls": 0, "last_stall": None}


@looptime
async def test_the_statistics_are_json_with_texts_for_keys(make: Any) -> None:
    async def reconcile(key: str) -> Result:
        return Result()

    manager = make()
    controller = manager.add_controller(Controller("queued", reconcile, [ChannelSource[str]("c")]))
    controller.queue.add("k")
    told = manager._statistics_json()
    assert told["controllers"]["queued"]["queue"]["depth"] == {"0": 1}
    assert told["events"]["pending"] == 0


@looptime
async def test_readiness_lists_everything_that_is_waited_for(make: Any, make_informer: Any) -> None:
    manager = make(make_informer(), make_informer())
    slow, other = Slow(Group.WEBHOOKS, []), Slow(Group.WEBHOOKS, [])
    other.name = "conversion"
    manager.add(slow)
    manager.add(other)
    async with running(manager):
        text = manager.readyz.answer().text
    assert "[-]caches failed: waiting for configmaps (listing), configmaps (listing)\n" in text
    assert "[-]running failed: starting, waiting for conversion, webhooks\n" in text


@looptime
async def test_without_a_watchdog_nothing_is_told_of_the_loop(make: Any) -> None:
    manager = make(loop_stall_s=0.0)
    async with running(manager):
        told = manager.statistics()
        assert told.event_loop is None
        assert told.runnables["servers"] == []
        assert "event-loop" not in manager.readyz.answer(verbose=True).text


@looptime
async def test_the_watchdog_allows_what_the_options_say(make: Any) -> None:
    assert make(loop_stall_s=0.25)._watchdog._stall_s == 0.25


@looptime
async def test_the_probes_bear_their_names_and_list_what_they_ask(make: Any) -> None:
    manager = make()
    assert manager.healthz.answer(verbose=True).text == "[+]ping ok\nhealthz check passed\n"
    assert manager.readyz.answer().text == (
        "[+]caches ok\n[-]running failed: created\n[+]event-loop ok\nreadyz check failed\n"
    )
    leader = make(leader_election=True)
    assert leader.healthz.answer(verbose=True).text == "[+]leader-election ok\n[+]ping ok\nhealthz check passed\n"


@looptime
async def test_events_bear_the_managers_time_and_the_component_of_the_options(api: Any, make_factory: Any) -> None:
    options = ManagerOptions(event_component="someone", loop_stall_s=0.0)
    clock = FakeClock(datetime(2031, 2, 3, 4, 5, 6, 7, tzinfo=UTC))
    manager = Manager(api, options, clock=clock, informers=make_factory())
    async with running(manager):
        manager.events.event(CONFIG_MAP, "Normal", "Ready", "x")
    (event,) = api.of(EVENTS)
    assert (event["eventTime"], event["reportingController"]) == ("2031-02-03T04:05:06.000007Z", "someone")


@looptime
async def test_a_manager_without_informers_makes_them_of_its_client(
    monkeypatch: pytest.MonkeyPatch, api: Any, make_factory: Any
) -> None:
    made: list[Any] = []

    def make(client: Any) -> Any:
        made.append(client)
        return make_factory()

    monkeypatch.setattr(manager_module, "InformerFactory", make)
    Manager(api)
    assert made == [api]


@looptime
async def test_the_metrics_server_gets_options_client_and_clock(
    monkeypatch: pytest.MonkeyPatch, api: Any, make_factory: Any
) -> None:
    given: list[Any] = []
    really = manager_module.metrics_server

    def spy(*arguments: Any) -> Any:
        given.append(arguments)
        return really(*arguments)

    monkeypatch.setattr(manager_module, "metrics_server", spy)
    options, clock = ManagerOptions(), FakeClock()
    Manager(api, options, clock=clock, informers=make_factory())
    assert given == [(options, api, clock)]


async def test_each_server_says_which_it_is_and_where(make: Any, told_logs: list[dict[str, Any]]) -> None:
    manager = make(probe_address="127.0.0.1:0", metrics_address="127.0.0.1:0")
    async with running(manager):
        async with asyncio.timeout(5.0):
            while not manager.metrics_url:
                await asyncio.sleep(0.01)
        urls = [("probes", manager.probe_url), ("metrics", manager.metrics_url)]
    said = [entry for entry in told_logs if entry["event"] == "listening"]
    assert [(entry["server"], entry["url"]) for entry in said] == urls


@looptime
async def test_the_defaults_are_the_fields(make: Any) -> None:
    options = ManagerOptions()
    assert (options.metrics_address, options.probe_address) == ("0", "0")
    assert (options.graceful_shutdown_s, options.sync_timeout_s, options.loop_stall_s) == (30.0, 120.0, 0.1)
    assert (options.leader_election, options.renew_in_thread, options.release_on_stop) == (False, True, True)
    assert options.event_component == "v1beta1Controllers"
