"""Order, deadlines and leadership of a whole manager, in virtual time and with a server that is a dictionary."""

import asyncio
import socket
from typing import Any

import pytest
from tests.unit.manager.running import running

from omectl.api.resource import ObjectKey
from omectl.kube.errors import ConnectionFailed, Forbidden
from omectl.kube.resources import EVENTS, LEASES
from omectl.manager import (
    AddressUnavailable,
    ChannelSource,
    Controller,
    Group,
    KindSource,
    LeadershipLost,
    Manager,
    ManagerOptions,
    Result,
    RunnableFailed,
    StopTimeout,
    enqueue_object,
)

MODEL = {"apiVersion": "ome.io/v1beta1", "kind": "BaseModel", "metadata": {"namespace": "ns", "name": "m", "uid": "u"}}

looptime = pytest.mark.looptime


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.fixture
def make(api: Any, make_factory: Any) -> Any:
    """Makes managers over `api` with the given fake informers."""

    def make_manager(*informers: Any, **options: Any) -> Manager:
        options = {"renew_in_thread": False, **options}
        return Manager(api, ManagerOptions(**options), informers=make_factory(*informers))

    return make_manager


class Probe:
    """A runnable that writes down when it begins and ends."""

    def __init__(self, name: str, journal: list[str], group: Group | None = None, **behaviour: Any) -> None:
        self.name = name
        self.needs_leader = group is Group.ELECTED
        if group is not None:
            self.group = group
        self._journal = journal
        self._ends_in_s: float = behaviour.get("ends_in_s", 0.0)

    async def run(self) -> None:
        self._journal.append(f"+{self.name}")
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self._journal.append(f"-{self.name}")
            await asyncio.sleep(self._ends_in_s)


class Lingering:
    """Takes 0.9 s to end, and knows when it was asked to."""

    name = "lingering"
    needs_leader = False
    asked_at = 0.0

    async def run(self) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.asked_at = now()
            await asyncio.sleep(0.9)


class Failing:
    name = "failing"
    needs_leader = False

    async def run(self) -> None:
        await asyncio.sleep(1.0)
        raise OSError("disk full")


def controller(name: str, informer: Any, seen: list[str], **options: Any) -> "Controller[ObjectKey]":
    async def reconcile(key: ObjectKey) -> Result:
        seen.append(str(key))
        return Result()

    source = KindSource(informer, enqueue_object(), optional=options.get("optional", False))
    return Controller(name, reconcile, [source])


@looptime
async def test_groups_start_in_order_and_stop_in_reverse(make: Any) -> None:
    journal: list[str] = []
    manager = make()
    for group in (Group.ELECTED, Group.OTHERS, Group.WEBHOOKS, Group.SERVERS):
        manager.add(Probe(group.value, journal, group))
    async with running(manager) as task:
        assert journal == ["+servers", "+webhooks", "+others", "+elected"]
        manager.stop()
        await task
    assert journal[4:] == ["-elected", "-others", "-webhooks", "-servers"]


@looptime
async def test_a_runnable_added_later_starts_at_once_and_one_added_while_stopping_is_refused(make: Any) -> None:
    journal: list[str] = []
    manager = make()
    async with running(manager) as task:
        manager.add(Probe("late", journal))
        await asyncio.sleep(0.01)
        assert journal == ["+late"]
        manager.stop()
        await task
        with pytest.raises(RuntimeError, match="stop procedure is already engaged"):
            manager.add(Probe("too late", journal))


@looptime
async def test_names_are_unique(make: Any) -> None:
    manager = make()
    manager.add(Probe("a", []))
    with pytest.raises(ValueError, match="'a' for the second time"):
        manager.add(Probe("a", []))


@looptime
async def test_a_manager_runs_once(make: Any) -> None:
    manager = make()
    async with running(manager):
        with pytest.raises(RuntimeError, match=r"^this manager was started already; make a new one to run again$"):
            await manager.run()


@looptime
async def test_a_failed_runnable_stops_the_manager_and_is_named(make: Any) -> None:
    journal: list[str] = []
    manager = make()
    manager.add(Probe("other", journal))
    manager.add(Failing())
    with pytest.raises(RunnableFailed, match="failing failed and the manager stopped: OSError: disk full") as caught:
        await manager.run()
    assert isinstance(caught.value.__cause__, OSError)
    assert journal == ["+other", "-other"]


@looptime
async def test_a_slow_runnable_is_cut_off_and_named(make: Any) -> None:
    manager = make(graceful_shutdown_s=10.0)
    manager.add(Probe("slow", [], ends_in_s=60.0))
    async with running(manager) as task:
        manager.stop()
        with pytest.raises(StopTimeout, match="within grace period of 10 s: slow did not"):
            await task
        assert now() < 12.0


@looptime
async def test_a_negative_grace_waits_for_ever(make: Any) -> None:
    manager = make(graceful_shutdown_s=-1.0)
    manager.add(Probe("slow", [], ends_in_s=3600.0))
    async with running(manager) as task:
        manager.stop()
        await task
        assert now() > 3600.0


@looptime
async def test_a_zero_grace_waits_for_nothing(make: Any) -> None:
    manager = make(graceful_shutdown_s=0.0)
    manager.add(Probe("slow", [], ends_in_s=60.0))
    async with running(manager) as task:
        manager.stop()
        await asyncio.wait({task})
        assert now() < 2.0


@looptime
async def test_the_deadline_is_common_to_all_groups(make: Any) -> None:
    manager = make(graceful_shutdown_s=10.0)
    manager.add(Probe("first", [], ends_in_s=6.0))
    manager.add(Probe("second", [], Group.WEBHOOKS, ends_in_s=6.0))
    async with running(manager) as task:
        manager.stop()
        with pytest.raises(StopTimeout, match=": second did not"):
            await task
        assert now() < 12.0


@looptime
async def test_a_cancellation_stops_cleanly_and_a_second_one_at_once(make: Any) -> None:
    journal: list[str] = []
    manager = make(graceful_shutdown_s=600.0)
    manager.add(Probe("slow", journal, ends_in_s=300.0))
    manager.add(Probe("webhook", journal, Group.WEBHOOKS, ends_in_s=300.0))
    async with running(manager) as task:
        task.cancel()
        await asyncio.sleep(100.0)
        assert not task.done()
        cancelled_at = now()
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        assert now() < cancelled_at + 0.5
    assert journal == ["+webhook", "+slow", "-slow", "-webhook"]


@looptime
async def test_readiness_names_the_missing_cache_and_its_error(make: Any, informer: Any) -> None:
    """D 58."""
    manager = make(informer)
    seen: list[str] = []
    manager.add_controller(controller("ready-c", informer, seen))
    informer.last_error = Forbidden(403, "Forbidden", "configmaps is forbidden")
    async with running(manager):
        answer = manager.readyz.answer()
        assert answer.status == 500
        assert "[-]caches failed: waiting for configmaps (listing: the API server answered 403" in answer.text
        assert manager.healthz.answer().healthy
        informer.sync()
        await asyncio.sleep(0.01)
        assert manager.readyz.answer().healthy
        manager.stop()
        await asyncio.sleep(0)
        assert not manager.readyz.answer().healthy


@looptime
async def test_a_missing_cache_holds_up_only_the_controllers_that_need_it(
    make: Any, make_informer: Any, told: Any
) -> None:
    good, bad = make_informer(), make_informer()
    manager = make(good, bad)
    seen: list[str] = []
    manager.add_controller(controller("with-good", good, seen))
    manager.add_controller(controller("with-bad", bad, seen))
    async with running(manager):
        good.sync()
        await asyncio.sleep(0.01)
        good.emit(told.added("fine"))
        bad.emit(told.added("stuck"))
        await asyncio.sleep(300.0)
        assert seen == ["ns/fine"]
        assert manager.statistics().controllers["with-bad"].waiting_for == ("configmaps (listing)",)
        bad.sync()
        await asyncio.sleep(0.01)
        assert seen == ["ns/fine", "ns/stuck"]


@looptime
async def test_an_absent_kind_is_ready_only_where_it_is_optional(make: Any, make_informer: Any) -> None:
    optional, unneeded, required = make_informer(), make_informer(), make_informer()
    manager = make(optional, unneeded, required)
    manager.add_controller(controller("with-optional", optional, [], optional=True))
    manager.add_controller(controller("with-required", required, []))
    async with running(manager):
        for informer in (optional, unneeded, required):
            informer.be_absent()
        await asyncio.sleep(0.01)
        assert manager.statistics().unsynced == ["configmaps (absent)"]
        required.sync()
        await asyncio.sleep(0.01)
        assert manager.readyz.answer().healthy


@looptime
async def test_elected_runnables_wait_for_leadership(make: Any, api: Any) -> None:
    journal: list[str] = []
    first = make(leader_election=True, identity="first")
    second = make(leader_election=True, identity="second")
    for manager, name in ((first, "first"), (second, "second")):
        manager.add(Probe(f"{name}-elected", journal, Group.ELECTED))
        manager.add(Probe(f"{name}-other", journal))
    async with running(first), running(second):
        await asyncio.sleep(60.0)
        assert journal == ["+first-other", "+first-elected", "+second-other"]
        assert (first.is_leader, second.is_leader) == (True, False)
        first.stop()
        await asyncio.sleep(6.0)
        assert second.is_leader
        assert second.elected.is_set()
        assert "+second-elected" in journal
    assert api.of(LEASES)[0]["spec"]["holderIdentity"] == ""


@looptime
async def test_the_lease_is_released_only_after_the_elected_have_ended(make: Any, api: Any) -> None:
    manager = make(leader_election=True, identity="me")
    manager.add(Probe("slow", [], Group.ELECTED, ends_in_s=20.0))
    async with running(manager) as task:
        await asyncio.sleep(3.0)
        manager.stop()
        await asyncio.sleep(19.0)
        assert api.of(LEASES)[0]["spec"]["holderIdentity"] == "me"
        assert manager.is_leader
        await task
        assert api.of(LEASES)[0]["spec"]["holderIdentity"] == ""


@looptime
async def test_a_manager_that_never_led_starts_no_elected_runnable_while_stopping(make: Any, api: Any) -> None:
    journal: list[str] = []
    leader, other = make(leader_election=True, identity="a"), make(leader_election=True, identity="b")
    other.add(Probe("elected", journal, Group.ELECTED))
    other.add(Probe("slow", journal, ends_in_s=25.0))
    async with running(leader), running(other) as task:
        await asyncio.sleep(5.0)
        other.stop()
        leader.stop()
        await task
    assert "+elected" not in journal


@looptime
async def test_lost_leadership_ends_the_manager_without_grace(make: Any, api: Any) -> None:
    manager = make(leader_election=True, identity="me", graceful_shutdown_s=600.0)
    manager.add(Probe("elected", [], Group.ELECTED, ends_in_s=300.0))
    lingering = Lingering()
    manager.add(lingering)
    async with running(manager) as task:
        await asyncio.sleep(5.0)
        api.fault = lambda verb, kind, name: ConnectionFailed("https://server", "no route to host")
        with pytest.raises(LeadershipLost, match="no route to host"):
            await task
        assert now() < 5.0 + 10.0 + 10.0
        assert now() < lingering.asked_at + 0.5


@looptime
async def test_leadership_lost_while_stopping_ends_the_grace_of_the_elected(make: Any, api: Any) -> None:
    manager = make(leader_election=True, identity="me", graceful_shutdown_s=600.0)
    manager.add(Probe("elected", [], Group.ELECTED, ends_in_s=300.0))
    async with running(manager) as task:
        await asyncio.sleep(5.0)
        manager.stop()
        api.fault = lambda verb, kind, name: ConnectionFailed("https://server", "no route to host")
        with pytest.raises(LeadershipLost):
            await task
        assert now() < 40.0


@looptime
async def test_a_leader_past_its_fence_begins_no_reconcile(make: Any, api: Any, told: Any, informer: Any) -> None:
    manager = make(informer, leader_election=True, identity="me")
    seen: list[str] = []
    elected = manager.add_controller(controller("fenced", informer, seen))
    async with running(manager):
        informer.sync()
        await asyncio.sleep(1.0)
        assert elected.may_work()
        api.latency_s = lambda: 3600.0
        await asyncio.sleep(9.5)
        assert not elected.may_work()


@looptime
async def test_without_election_the_elected_start_at_once(make: Any, api: Any) -> None:
    manager = make()
    assert not manager.is_leader
    async with running(manager):
        assert manager.is_leader
        assert manager.elected.is_set()
    assert api.calls == []


@looptime
async def test_events_told_while_stopping_are_written(make: Any, api: Any) -> None:
    manager = make()

    class Farewell:
        name = "farewell"
        needs_leader = False

        async def run(self) -> None:
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                manager.events.event(MODEL, "Normal", "Stopped", "bye")

    manager.add(Farewell())
    async with running(manager):
        pass
    assert [event["reason"] for event in api.of(EVENTS)] == ["Stopped"]


@looptime
async def test_events_that_nobody_takes_do_not_hold_up_the_end(make: Any, api: Any) -> None:
    manager = make()
    api.latency_s = lambda: 3600.0
    async with running(manager) as task:
        manager.events.event(MODEL, "Normal", "Ready", "x")
        manager.stop()
        await asyncio.wait({task})
        assert now() < 10.0


@looptime
async def test_statistics_show_the_whole(make: Any, informer: Any) -> None:
    manager = make(informer, leader_election=True, identity="me")
    manager.add_controller(controller("shown", informer, []))
    async with running(manager):
        await asyncio.sleep(0.01)
        told = manager.statistics()
        assert (told.state, told.leader, told.unsynced) == ("running", True, ["configmaps (listing)"])
        assert told.runnables["elected"] == ["shown"]
        assert told.controllers["shown"].state == "syncing"
        assert told.election is not None
        assert told.election.holder == "me"
        assert manager._statistics_json()["state"] == "running"


async def test_an_address_in_use_is_said_before_anything_runs(make: Any) -> None:
    journal: list[str] = []
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        manager = make(probe_address="127.0.0.1:0", metrics_address=f"127.0.0.1:{port}")
        manager.add(Probe("a", journal))
        with pytest.raises(AddressUnavailable, match="--metrics-bind-address"):
            await manager.run()
    assert journal == []
    assert manager.probe_url == ""


@looptime
async def test_a_channel_reaches_a_controller_through_the_manager(make: Any) -> None:
    seen: list[str] = []

    async def reconcile(key: str) -> Result:
        seen.append(key)
        return Result()

    channel: ChannelSource[str] = ChannelSource("c")
    manager = make()
    manager.add_controller(Controller("by-channel", reconcile, [channel]))
    async with running(manager):
        channel.put("a")
        await asyncio.sleep(0.01)
    assert seen == ["a"]
