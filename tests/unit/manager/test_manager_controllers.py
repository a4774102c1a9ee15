"""What a manager does for its controllers: warm-up beside leadership, recovery, needs; in virtual time."""

import asyncio
from typing import Any

import pytest
from tests.unit.manager.running import running

from omectl.api.resource import ObjectKey
from omectl.kube.resources import LEASES
from omectl.manager import (
    Controller,
    FunctionSource,
    KindSource,
    Manager,
    ManagerOptions,
    Result,
    RunnableFailed,
    WriteGate,
    enqueue_object,
)

pytestmark = pytest.mark.looptime


@pytest.fixture
def make(api: Any, make_factory: Any) -> Any:
    def make_manager(*informers: Any, **options: Any) -> Manager:
        wanted = {"leader_election": True, "identity": "me", "namespace": "ome", "renew_in_thread": False, **options}
        return Manager(api, ManagerOptions(**wanted), informers=make_factory(*informers))

    return make_manager


def held_by_another(api: Any) -> None:
    """A Lease that lasts an hour."""
    api.objects[(LEASES, ObjectKey("ome", ManagerOptions().lease_name))] = {
        "metadata": {"namespace": "ome", "name": ManagerOptions().lease_name, "resourceVersion": "1"},
        "spec": {
            "holderIdentity": "other",
            "leaseDurationSeconds": 3600,
            "acquireTime": "2026-01-01T00:00:00.000000Z",
            "renewTime": "2026-01-01T00:00:00.000000Z",
            "leaseTransitions": 1,
        },
    }


def watching(name: str, informer: Any, seen: list[str], **options: Any) -> "Controller[ObjectKey]":
    async def reconcile(key: ObjectKey) -> Result:
        seen.append(str(key))
        return Result()

    return Controller(name, reconcile, [KindSource(informer, enqueue_object())], **options)


async def test_a_candidate_warms_up_and_begins_with_a_filled_queue_when_it_leads(
    make: Any, api: Any, informer: Any, told: Any
) -> None:
    held_by_another(api)
    seen: list[str] = []
    manager = make(informer)
    controller = manager.add_controller(watching("warm", informer, seen, warm_up=True))
    async with running(manager):
        assert manager.statistics().runnables["others"] == ["sync-report", "warm/warm-up"]
        informer.sync()
        informer.emit(told.added("a", initial=True))
        await asyncio.sleep(60.0)
        assert (seen, len(controller.queue)) == ([], 1)
        assert len(informer.registrations) == 1
        del api.objects[(LEASES, ObjectKey("ome", ManagerOptions().lease_name))]
        await asyncio.sleep(5.0)
        assert seen == ["ns/a"]
        assert len(informer.registrations) == 1
        assert controller.statistics().state == "running"
    assert informer.registrations[0].removed
    assert controller.statistics().state == "stopped"


async def test_without_warm_up_a_candidate_listens_to_nothing(make: Any, api: Any, informer: Any) -> None:
    held_by_another(api)
    manager = make(informer)
    manager.add_controller(watching("cold", informer, []))
    async with running(manager):
        informer.sync()
        await asyncio.sleep(60.0)
        assert informer.registrations == []


@pytest.mark.parametrize("needs_leader", [True, False])
async def test_a_warm_controller_works_without_any_election(
    make: Any, informer: Any, told: Any, needs_leader: bool
) -> None:
    seen: list[str] = []
    manager = make(informer, leader_election=False)
    manager.add_controller(watching("warm", informer, seen, warm_up=True, needs_leader=needs_leader))
    async with running(manager):
        informer.sync()
        informer.emit(told.added("a"))
        await asyncio.sleep(0.01)
        assert seen == ["ns/a"]
        assert len(informer.registrations) == 1


async def test_an_error_in_a_warm_up_stops_the_manager_and_names_the_controller(make: Any, api: Any) -> None:
    held_by_another(api)

    async def feed(queue: Any, synced: Any) -> None:
        await asyncio.sleep(1.0)
        raise OSError("no such kind")

    async def reconcile(key: str) -> Result:
        return Result()

    manager = make()
    manager.add_controller(Controller("warm", reconcile, [FunctionSource[str]("broken", feed)], warm_up=True))
    async with running(manager) as task:
        await asyncio.wait({task}, timeout=5.0)
        with pytest.raises(RunnableFailed, match="controller warm ended: OSError: no such kind"):
            task.result()


async def test_a_stop_during_the_warm_up_of_a_candidate_is_clean(make: Any, api: Any, informer: Any) -> None:
    held_by_another(api)
    manager = make(informer)
    manager.add_controller(watching("warm", informer, [], warm_up=True))
    async with running(manager) as task:
        manager.stop()
        await asyncio.wait({task}, timeout=1.0)
        assert task.done()
        assert task.exception() is None
    assert informer.registrations[0].removed


@pytest.mark.parametrize(
    ("of_manager", "of_controller", "survives"),
    [(True, None, True), (False, None, False), (False, True, True), (True, False, False)],
)
async def test_a_controller_recovers_as_it_says_or_else_as_the_manager_says(
    make: Any, of_manager: bool, of_controller: bool | None, survives: bool
) -> None:
    async def feed(queue: Any, synced: Any) -> None:
        queue.add("a")

    async def reconcile(key: str) -> Result:
        raise KeyError("spec")

    manager = make(leader_election=False, recover=of_manager)
    manager.add_controller(Controller("panics", reconcile, [FunctionSource[str]("once", feed)], recover=of_controller))
    async with running(manager) as task:
        await asyncio.sleep(1.0)
        assert task.done() is not survives
        if not survives:
            with pytest.raises(RunnableFailed, match="KeyError: 'spec'"):
                task.result()


async def test_recovery_is_the_default_of_a_manager() -> None:
    assert ManagerOptions().recover is True


async def test_a_gate_is_no_cache_that_readiness_waits_for(make: Any, informer: Any, make_informer: Any) -> None:
    gated = make_informer()
    gated.lister = None
    manager = make(informer, leader_election=False)
    manager.add_controller(watching("gated", informer, [], gate=WriteGate(gated)))
    async with running(manager):
        informer.sync()
        await asyncio.sleep(0.01)
        assert manager.statistics().unsynced == []
        assert manager.controllers[0].statistics().state == "running"
