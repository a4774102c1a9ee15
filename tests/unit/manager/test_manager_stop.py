"""How a manager ends: in which order, within which time, and with nothing left."""

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from omectl.manager import Group, Manager, ManagerError, ManagerOptions, RunnableFailed, StopTimeout
from omectl.testing.leaks import leaked_tasks

pytestmark = pytest.mark.looptime


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.fixture
def make(api: Any, make_factory: Any) -> Any:
    """Makes managers over `api`."""

    def make_manager(*informers: Any, **options: Any) -> Manager:
        return Manager(api, ManagerOptions(renew_in_thread=False, **options), informers=make_factory(*informers))

    return make_manager


class Ending:
    """Notes when it is asked to end and when it has; takes `ends_in_s` and ignores the first `deaf` cancellations."""

    needs_leader = False

    def __init__(self, group: Group, journal: list[str], *, ends_in_s: float = 0.0, deaf: int = 0) -> None:
        self.name = group.value
        self.group = group
        self._journal = journal
        self._ends_in_s = ends_in_s
        self._deaf = deaf

    async def run(self) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self._journal.append(f"ask {self.name}")
            for _ in range(self._deaf):
                try:
                    await asyncio.sleep(10_000.0)
                except asyncio.CancelledError:
                    continue
            await asyncio.sleep(self._ends_in_s)
            self._journal.append(f"end {self.name}")


async def test_every_group_ends_before_the_next_is_asked_to(make: Any) -> None:
    journal: list[str] = []
    manager = make()
    for group in Group:
        manager.add(Ending(group, journal, ends_in_s=1.0))
    task = asyncio.ensure_future(manager.run())
    await asyncio.sleep(1.0)
    manager.stop()
    await task
    assert journal == [
        "ask elected",
        "ask others",
        "end elected",
        "end others",
        "ask caches",
        "end caches",
        "ask webhooks",
        "end webhooks",
        "ask election",
        "end election",
        "ask events",
        "end events",
        "ask servers",
        "end servers",
    ]
    assert now() == 7.0


async def test_every_change_of_state_is_told(make: Any, debug_logs: list[dict[str, Any]]) -> None:
    manager = make()
    manager.stop()
    await manager.run()
    assert [entry for entry in debug_logs if entry["event"] == "manager_state"] == [
        {"event": "manager_state", "log_level": "debug", "old": old, "new": new}
        for old, new in (("created", "starting"), ("starting", "stopping"), ("stopping", "stopped"))
    ]


async def test_a_runnable_that_ignores_cancellation_is_named(make: Any) -> None:
    journal: list[str] = []
    manager = make(graceful_shutdown_s=4.5)
    manager.add(Ending(Group.WEBHOOKS, journal, deaf=5))
    manager.add(Ending(Group.OTHERS, journal, ends_in_s=60.0))
    task = asyncio.ensure_future(manager.run())
    await asyncio.sleep(1.0)
    manager.stop()
    with pytest.raises(StopTimeout) as caught:
        await task
    assert str(caught.value) == (
        "failed waiting for all runnables to end within grace period of 4.5 s: others, webhooks did not; "
        "raise graceful_shutdown_s, or find out what they wait for"
    )
    assert caught.value.names == ["others", "webhooks"]
    assert isinstance(caught.value, TimeoutError)
    assert "end webhooks" in journal
    assert leaked_tasks() == []


async def test_without_grace_what_was_cut_off_is_no_error(make: Any) -> None:
    manager = make(graceful_shutdown_s=0.0)
    manager.add(Ending(Group.OTHERS, [], ends_in_s=60.0))
    task = asyncio.ensure_future(manager.run())
    await asyncio.sleep(1.0)
    manager.stop()
    await task
    assert now() < 1.5


async def test_a_grace_that_suffices_is_no_error(make: Any) -> None:
    manager = make(graceful_shutdown_s=10.0)
    manager.add(Ending(Group.OTHERS, [], ends_in_s=9.9))
    task = asyncio.ensure_future(manager.run())
    await asyncio.sleep(1.0)
    manager.stop()
    await task
    assert now() == 10.9


@pytest.mark.parametrize("how", ["stop", "failure", "cancellation", "two cancellations", "stop before the start"])
async def test_no_task_is_left_however_it_ends(make: Any, informer: Any, how: str) -> None:
    class Failing:
        name = "failing"
        needs_leader = False

        async def run(self) -> None:
            await asyncio.sleep(5.0 if how == "failure" else 10_000.0)
            raise OSError("disk full")

    manager = make(informer, leader_election=True, identity="me")
    manager.add(Failing())
    manager.add(Ending(Group.ELECTED, [], ends_in_s=3.0))
    task = asyncio.ensure_future(manager.run())
    if how == "stop before the start":
        manager.stop()
    await asyncio.sleep(1.0)
    if how == "stop":
        manager.stop()
    if "cancellation" in how:
        task.cancel()
        await asyncio.sleep(0.1)
    if how == "two cancellations":
        task.cancel()
    await asyncio.wait({task})
    assert leaked_tasks() == []
    assert task.cancelled() == ("cancellation" in how)
    assert manager.statistics().state == "stopped"
    assert not any(manager.statistics().runnables.values())


async def test_the_first_failure_is_the_one_that_is_raised(make: Any) -> None:
    class Failing:
        needs_leader = False

        def __init__(self, name: str, after_s: float) -> None:
            self.name = name
            self._after_s = after_s

        async def run(self) -> None:
            try:
                await asyncio.sleep(self._after_s)
            finally:
                raise OSError(self.name)

    manager = make()
    manager.add(Failing("first", 1.0))
    manager.add(Failing("second", 50.0))
    with pytest.raises(RunnableFailed) as caught:
        await manager.run()
    assert caught.value.name == "first"
    assert str(caught.value) == "first failed and the manager stopped: OSError: first"


@pytest.mark.parametrize("error", [OSError("disk full"), ManagerError("explains itself")], ids=["any", "explained"])
async def test_a_failure_is_logged_with_its_stack_unless_it_explains_itself(make: Any, error: Exception) -> None:
    class Failing:
        name = "failing"
        needs_leader = False

        async def run(self) -> None:
            raise error

    manager = make()
    manager.add(Failing())
    with capture_logs() as logs, pytest.raises(RunnableFailed):
        await manager.run()
    assert logs == [
        {
            "event": "runnable_failed",
            "log_level": "error",
            "runnable": "failing",
            "error": str(error),
            "exc_info": None if isinstance(error, ManagerError) else error,
        }
    ]
