"""What leading means for a manager: who may write, what starts once, what is given back, what runs in a thread."""

import asyncio
import threading
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.unit.manager.running import running

from omectl.api.resource import ObjectKey
from omectl.clock import FakeClock
from omectl.kube.client import Client
from omectl.kube.credentials import ClientConfig
from omectl.kube.errors import ConnectionFailed
from omectl.kube.resources import CONFIG_MAPS, LEASES
from omectl.manager import (
    ChannelSource,
    Controller,
    Group,
    LeadershipLost,
    Manager,
    ManagerOptions,
    NotLeading,
    Result,
    StopTimeout,
)
from omectl.manager import manager as manager_module
from omectl.metrics import REGISTRY

looptime = pytest.mark.looptime

MAP = {"metadata": {"namespace": "ns", "name": "a"}}


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.fixture
def make(api: Any, make_factory: Any) -> Any:
    """Makes candidates over `api`."""

    def make_manager(**options: Any) -> Manager:
        wanted = {"leader_election": True, "identity": "me", "namespace": "ome", "renew_in_thread": False, **options}
        return Manager(api, ManagerOptions(**wanted), informers=make_factory())

    return make_manager


class Elected:
    """Runs until cancelled, and then for `ends_in_s` whatever is asked of it."""

    needs_leader = True

    def __init__(self, journal: list[str], ends_in_s: float = 0.0, name: str = "elected") -> None:
        self.name = name
        self._journal = journal
        self._ends_in_s = ends_in_s

    async def run(self) -> None:
        self._journal.append(f"+{self.name}")
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ends = now() + self._ends_in_s
            while now() < ends:
                try:
                    await asyncio.sleep(ends - now())
                except asyncio.CancelledError:
                    continue
            self._journal.append(f"-{self.name}")


def held_by_other(api: Any) -> None:
    api.objects[(LEASES, ObjectKey("ome", "ome-controller-manager-leader-lock"))] = {
        "metadata": {"namespace": "ome", "name": "ome-controller-manager-leader-lock", "resourceVersion": "1"},
        "spec": {"holderIdentity": "you", "leaseDurationSeconds": 3600},
    }


def holder(api: Any) -> str:
    return api.of(LEASES)[0]["spec"]["holderIdentity"]


@looptime
async def test_without_election_the_leaders_client_is_the_plain_one(make: Any, api: Any) -> None:
    manager = make(leader_election=False)
    assert manager.leader_client is api
    assert manager.client is api


@looptime
async def test_the_leaders_client_writes_only_while_this_process_leads(make: Any, api: Any) -> None:
    manager = make()
    with pytest.raises(NotLeading, match="create ConfigMap a: wanted to lead"):
        await manager.leader_client.create(CONFIG_MAPS, MAP)
    async with running(manager):
        await manager.leader_client.create(CONFIG_MAPS, MAP)
        api.latency_s = lambda: 3600.0
        await asyncio.sleep(9.9)
        api.latency_s = lambda: 0.0
        await manager.leader_client.merge_patch(CONFIG_MAPS, "a", {"data": {"n": "1"}}, "ns")


@looptime
async def test_past_the_fence_the_leaders_client_refuses_and_the_plain_one_does_not(make: Any, api: Any) -> None:
    manager = make()
    async with running(manager):
        await manager.client.create(CONFIG_MAPS, MAP)
        refused: list[str] = []

        def try_to_write() -> None:
            try:
                manager._elector.guard("x")
            except NotLeading as error:
                refused.append(str(error))

        asyncio.get_running_loop().call_at(10.0, try_to_write)
        api.fault = lambda verb, kind, name: ConnectionFailed("https://s", "down") if kind is LEASES else None
        await asyncio.sleep(11.0)
        assert len(refused) == 1
        await manager.client.merge_patch(CONFIG_MAPS, "a", {"data": {"n": "1"}}, "ns")
        with pytest.raises(NotLeading):
            await manager.leader_client.merge_patch(CONFIG_MAPS, "a", {"data": {"n": "2"}}, "ns")
        assert (await manager.leader_client.get(CONFIG_MAPS, "a", "ns"))["data"] == {"n": "1"}


@looptime
async def test_a_reconcile_that_is_refused_its_write_is_requeued_quietly(make: Any, api: Any) -> None:
    held_by_other(api)
    manager = make()
    channel: ChannelSource[str] = ChannelSource("c")
    tries: list[str] = []

    async def reconcile(key: str) -> Result:
        tries.append(key)
        if len(tries) == 1:
            await manager.leader_client.create(CONFIG_MAPS, MAP)
        return Result()

    controller = Controller("refused-write", reconcile, [channel], needs_leader=False)
    manager.add_controller(controller)
    with capture_logs() as logs:
        async with running(manager):
            channel.put("k")
            await asyncio.sleep(1.0)
    assert tries == ["k", "k"]
    assert logs == []

    def told(name: str, **labels: str) -> float | None:
        return REGISTRY.get_sample_value(name, {"controller": "refused-write", **labels})

    assert told("controller_runtime_reconcile_total", result="requeue") == 1
    assert told("controller_runtime_reconcile_errors_total") == 0
    assert told("controller_runtime_reconcile_panics_total") == 0


@looptime
@pytest.mark.parametrize("election", [False, True])
async def test_elected_is_set_exactly_once(make: Any, election: bool) -> None:
    manager = make(leader_election=election)
    sets: list[float] = []
    really_set = manager.elected.set

    def count() -> None:
        sets.append(now())
        really_set()

    manager.elected.set = count
    async with running(manager):
        assert manager.is_leader
        await asyncio.sleep(100.0)
    assert sets == [0.0]


@looptime
async def test_elected_is_not_set_while_another_leads(make: Any, api: Any) -> None:
    held_by_other(api)
    manager = make()
    async with running(manager):
        await asyncio.sleep(100.0)
        assert not manager.elected.is_set()
        assert not manager.is_leader


@looptime
async def test_leadership_that_comes_after_the_stop_starts_nothing(make: Any, api: Any) -> None:
    journal: list[str] = []
    manager = make()
    manager.add(Elected(journal))
    async with running(manager) as task:
        pass
    assert task.done()
    journal.clear()
    manager.elected.clear()
    manager._lead()
    assert (journal, manager.elected.is_set()) == ([], False)


@looptime
async def test_the_lease_is_kept_while_an_elected_runnable_can_not_be_ended(make: Any, api: Any) -> None:
    journal: list[str] = []
    manager = make(graceful_shutdown_s=1.0)
    manager.add(Elected(journal, ends_in_s=3.0))
    async with running(manager) as task:
        manager.stop()
        with pytest.raises(StopTimeout, match="grace period of 1 s: elected did not"):
            await task
    assert holder(api) == "me"
    await asyncio.sleep(3.0)
    assert journal == ["+elected", "-elected"]


@looptime
async def test_the_lease_is_kept_when_the_options_say_so(make: Any, api: Any) -> None:
    manager = make(release_on_stop=False)
    async with running(manager):
        pass
    assert holder(api) == "me"


@looptime
async def test_an_elected_runnable_that_had_to_be_cut_off_still_costs_no_lease_duration(make: Any, api: Any) -> None:
    manager = make(graceful_shutdown_s=1.0)
    manager.add(Elected([], ends_in_s=1.5))
    async with running(manager) as task:
        manager.stop()
        with pytest.raises(StopTimeout):
            await task
    assert holder(api) == ""


@looptime
async def test_a_server_that_is_away_holds_up_the_stop_for_the_renew_deadline_only(make: Any, api: Any) -> None:
    manager = make(graceful_shutdown_s=600.0)
    async with running(manager) as task:
        await asyncio.sleep(1.0)
        api.latency_s = lambda: 3600.0
        manager.stop()
        await task
        assert now() == pytest.approx(11.01)


@looptime
async def test_lost_leadership_is_the_error_also_when_runnables_were_cut_off(make: Any, api: Any) -> None:
    journal: list[str] = []
    manager = make(graceful_shutdown_s=600.0)
    manager.add(Elected(journal, ends_in_s=0.5))
    with capture_logs() as logs:
        async with running(manager) as task:
            api.fault = lambda verb, kind, name: ConnectionFailed("https://s", "down")
            with pytest.raises(LeadershipLost):
                await task
            assert now() < 11.5
    assert journal == ["+elected", "-elected"]
    (said,) = [entry for entry in logs if entry["event"] == "leader_election_lost"]
    assert (said["log_level"], said["error"]) == ("error", str(task.exception()))
    assert [entry for entry in logs if entry["event"] == "runnable_failed"] == []


@looptime
async def test_the_lease_bears_the_time_of_the_managers_clock(api: Any, make_factory: Any) -> None:
    options = ManagerOptions(leader_election=True, identity="me", namespace="ome", renew_in_thread=False)
    clock = FakeClock(datetime(2031, 2, 3, 4, 5, 6, 7, tzinfo=UTC))
    async with running(Manager(api, options, clock=clock, informers=make_factory())):
        assert api.of(LEASES)[0]["spec"]["renewTime"] == "2031-02-03T04:05:06.000007Z"


@looptime
async def test_labels_reach_the_lease(make: Any, api: Any) -> None:
    async with running(make(lease_labels={"team": "a"})):
        assert api.of(LEASES)[0]["metadata"]["labels"] == {"team": "a"}


@looptime
async def test_a_leader_that_did_not_renew_is_unhealthy(make: Any, api: Any) -> None:
    manager = make()
    async with running(manager):
        assert "[+]leader-election ok" in manager.healthz.answer(verbose=True).text
        manager._elector._renewed_at = now() - 36.0
        assert "[-]leader-election failed: lease ome/" in manager.healthz.answer().text


async def test_without_election_there_is_no_thread_of_it(make: Any) -> None:
    async with running(make(leader_election=False, renew_in_thread=True)):
        assert [thread.name for thread in threading.enumerate() if thread.name == "leader-election"] == []


async def test_a_candidate_without_a_server_ends_with_its_thread() -> None:
    options = ManagerOptions(leader_election=True, identity="me", namespace="ome", loop_stall_s=0.0)
    async with Client(ClientConfig(server="http://127.0.0.1:1")) as client:
        manager = Manager(client, options)
        assert manager.leader_client is not client
        async with running(manager) as task:
            async with asyncio.timeout(5.0):
                while "127.0.0.1:1" not in manager.statistics().election.last_error:  # type: ignore[union-attr]
                    await asyncio.sleep(0.01)
            assert [thread.name for thread in threading.enumerate() if thread.name == "leader-election"]
            assert not manager.is_leader
        assert task.exception() is None
    assert [thread.name for thread in threading.enumerate() if thread.name == "leader-election"] == []


class Plugin:
    """Credentials that know for which loop they were made."""

    def __init__(self, loop: str) -> None:
        self.loop = loop

    def for_another_loop(self) -> "Plugin":
        return Plugin("another")


async def test_the_thread_gets_a_connection_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made: list[Any] = []

    class Spy(manager_module.CampaignThread):
        def __init__(self, *args: Any, **options: Any) -> None:
            made.append((*args, options))
            super().__init__(*args, **options)

    monkeypatch.setattr(manager_module, "CampaignThread", Spy)
    config = ClientConfig(server="http://127.0.0.1:1", plugin=Plugin("main"))  # type: ignore[arg-type]
    options = ManagerOptions(leader_election=True, renew_deadline_s=8.0)
    left: list[int] = []
    async with Client(config) as client:
        manager = Manager(client, options, leave=left.append)
        ((elector, connection, lead, given),) = made
        assert connection is not client
        assert connection.config.plugin.loop == "another"
        assert client.config.plugin.loop == "main"  # type: ignore[union-attr]
        assert connection._options.transport.call_s == 4.0
        assert connection._options.transport.connections == 1
        assert given == {"deadline_s": 8.0, "leave": left.append}
        assert elector is manager._elector
        assert (elector._time, elector._clock, elector._lock._client) == (monotonic, manager.clock, connection)
        assert lead == manager._lead
        assert manager._groups[Group.ELECTION]._waiting[0].name == "leader-election"
