"""What belongs to the session, and what a test left behind."""

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from omectl.testing import leaks
from omectl.testing.leaks import Residents, leaked_tasks


@contextmanager
def running_thread(name: str) -> Generator[None]:
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait, name=name)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.fixture
def residents(monkeypatch: pytest.MonkeyPatch) -> Residents:
    monkeypatch.setattr(leaks, "_GRACE_S", 0.0)
    found = Residents()
    found.settle()
    return found


def test_thread_that_started_since_is_a_stranger_and_gone_when_it_ended(residents: Residents) -> None:
    with running_thread("left-behind"):
        assert residents.strangers() == ["thread left-behind"]
    assert residents.strangers() == []


def test_what_starts_while_admitting_belongs_and_what_was_there_before_does_not(residents: Residents) -> None:
    with running_thread("before"), residents.admitted(), running_thread("inside"):
        pass
    with running_thread("before"):
        with residents.admitted():
            inside = running_thread("inside")
            inside.__enter__()
        assert residents.strangers() == ["thread before"]
        inside.__exit__(None, None, None)


def test_processes_that_a_keeper_names_belong(residents: Residents, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaks, "_children", lambda: {11: "kube-apiserver", 12: "etcd"})
    residents.keepers.append(lambda: [11])
    assert residents.strangers() == ["process 12 (etcd)"]


async def test_unfinished_task_is_named_and_the_asking_one_is_not() -> None:
    task = asyncio.create_task(asyncio.sleep(3600), name="sleeper")
    await asyncio.sleep(0)
    assert [found.split(":")[0] for found in leaked_tasks()] == ["task sleeper"]
    task.cancel()
    await asyncio.wait([task])
    assert leaked_tasks() == []
