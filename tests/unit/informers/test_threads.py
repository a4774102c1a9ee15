"""Handlers in threads, and threads that reach into the loop. Real time, for threads know no other."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable

import pytest
from anyio import CapacityLimiter
from tests.unit.informers.told import Told, added, record

from omectl.informers import Informer, InThread, ObjectEvent, Registration, WrongThread, on_loop
from omectl.informers.threads import LoopOwner
from omectl.kube.resources import CONFIG_MAPS


@pytest.fixture
async def begin() -> AsyncIterator[Callable[[Registration], "asyncio.Task[None]"]]:
    tasks: list[asyncio.Task[None]] = []

    def start(which: Registration) -> asyncio.Task[None]:
        tasks.append(asyncio.create_task(which.deliver()))
        return tasks[-1]

    yield start
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def ignore(_: Registration) -> None:
    """Nobody to tell of a removal."""


async def test_it_runs_in_another_thread_one_event_at_a_time_and_in_order(begin) -> None:
    names: list[str] = []
    threads: set[int] = set()
    inside = 0

    def handler(event: ObjectEvent) -> None:
        nonlocal inside
        inside += 1
        assert inside == 1
        threads.add(threading.get_ident())
        names.append(str(event.object()["metadata"]["name"]))
        inside -= 1

    mine = Registration("mine", InThread(handler), ignore)
    mine.put_replay([record(f"o{number}") for number in range(50)], initial=True)
    mine.end_initial_set()
    begin(mine)
    await asyncio.wait_for(mine.wait_synced(), 10)
    assert names == [f"o{number}" for number in range(50)]
    assert threading.get_ident() not in threads


async def test_the_loop_goes_on_while_it_blocks_and_it_is_synced_only_afterwards(begin) -> None:
    entered, leave = threading.Event(), threading.Event()

    def blocking(_: ObjectEvent) -> None:
        entered.set()
        assert leave.wait(10)

    told = Told()
    mine, other = Registration("mine", InThread(blocking), ignore), Registration("other", told, ignore)
    for each in (mine, other):
        each.put_replay([record("a")], initial=True)
        each.end_initial_set()
        begin(each)
    while not entered.is_set():
        await asyncio.sleep(0.001)
    assert (other.has_synced, told.lines()) == (True, ["added a initial"])
    assert not mine.has_synced
    leave.set()
    await asyncio.wait_for(mine.wait_synced(), 10)


async def test_what_it_raises_is_counted_and_skipped(begin) -> None:
    def broken(_: ObjectEvent) -> None:
        raise RuntimeError("broken")

    mine = Registration("mine", InThread(broken), ignore)
    mine.put([added(record("a"))])
    task = begin(mine)
    while not mine.errors:
        await asyncio.sleep(0.001)
    mine.remove()
    await asyncio.wait_for(task, 10)
    assert (mine.errors, mine.degraded) == (1, True)


async def test_a_removed_one_may_still_run_and_one_can_wait_for_its_end(begin) -> None:
    entered, leave = threading.Event(), threading.Event()

    def blocking(_: ObjectEvent) -> None:
        entered.set()
        assert leave.wait(10)

    mine = Registration("mine", InThread(blocking), ignore)
    mine.put([added(record("a"))])
    begin(mine)
    while not entered.is_set():
        await asyncio.sleep(0.001)
    mine.remove()
    waiting = asyncio.create_task(mine.wait_removed())
    await asyncio.sleep(0.01)
    assert not waiting.done()
    leave.set()
    await asyncio.wait_for(waiting, 10)


async def test_it_may_remove_itself_and_is_refused_to_wait_for_its_own_end(begin) -> None:
    loop = asyncio.get_running_loop()
    refused: list[str] = []

    def suicidal(_: ObjectEvent) -> None:
        remove()
        try:
            asyncio.run_coroutine_threadsafe(mine.wait_removed(), loop).result(10)
        except RuntimeError as error:
            refused.append(str(error))

    mine = Registration("mine", InThread(suicidal), ignore)
    remove = on_loop(mine.remove)
    mine.put([added(record("a")), added(record("b"))])
    await asyncio.wait_for(begin(mine), 10)
    assert refused == ["handler mine waits for its own end, which would never come; call remove() and return"]
    assert mine.handled == 1
    await asyncio.wait_for(mine.wait_removed(), 10)


async def test_the_loop_may_wait_for_the_end_of_one_that_has_just_run(begin) -> None:
    mine = Registration("mine", InThread(lambda _: None), ignore)
    mine.put_replay([record("a")], initial=True)
    mine.end_initial_set()
    begin(mine)
    await asyncio.wait_for(mine.wait_synced(), 10)
    mine.remove()
    await asyncio.wait_for(mine.wait_removed(), 10)


async def test_a_stop_waits_for_the_call_that_runs(begin) -> None:
    entered, leave = threading.Event(), threading.Event()
    ended: list[str] = []

    def blocking(_: ObjectEvent) -> None:
        entered.set()
        assert leave.wait(10)
        ended.append("call")

    mine = Registration("mine", InThread(blocking), ignore)
    mine.put([added(record("a")), added(record("b"))])
    task = begin(mine)
    while not entered.is_set():
        await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.sleep(0.01)
    assert not task.done()
    leave.set()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 10)
    assert ended == ["call"]


async def test_what_it_raises_while_a_stop_waits_is_the_cause_of_the_end() -> None:
    entered, leave = threading.Event(), threading.Event()

    def failing(_: ObjectEvent) -> None:
        entered.set()
        assert leave.wait(10)
        raise RuntimeError("broken")

    call = asyncio.create_task(InThread(failing).call(added(record("a"))))
    while not entered.is_set():
        await asyncio.sleep(0.001)
    call.cancel()
    leave.set()
    with pytest.raises(asyncio.CancelledError) as ended:
        await call
    assert str(ended.value.__cause__) == "broken"


async def test_a_limiter_bounds_the_threads_of_several_handlers(begin) -> None:
    limiter = CapacityLimiter(1)
    inside, most = 0, 0
    lock = threading.Lock()
    taken: set[float] = set()

    def handler(_: ObjectEvent) -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
            taken.add(limiter.borrowed_tokens)
        with lock:
            inside -= 1

    several = [Registration(f"h{number}", InThread(handler, limiter), ignore) for number in range(4)]
    for each in several:
        each.put_replay([record(f"o{number}") for number in range(20)], initial=True)
        each.end_initial_set()
        begin(each)
    for each in several:
        await asyncio.wait_for(each.wait_synced(), 10)
    assert (most, taken) == (1, {1})


async def test_a_thread_calls_what_the_loop_owns_by_the_bridge() -> None:
    seen: list[tuple[str, int, int]] = []
    main = threading.get_ident()

    def owned(name: str, *, number: int) -> None:
        seen.append((name, number, threading.get_ident()))

    bridged = on_loop(owned)
    await asyncio.to_thread(bridged, "a", number=1)
    await asyncio.sleep(0)
    assert seen == [("a", 1, main)]


def test_it_is_named_as_its_handler() -> None:
    assert InThread(ignore).__qualname__ == "ignore"  # type: ignore[arg-type]
    assert InThread(Told()).__qualname__ == "handler"


# --- who owns what ---


async def test_a_running_informer_refuses_calls_from_a_thread(source, run) -> None:
    informer = Informer(CONFIG_MAPS, source)
    mine = informer.add_handler(Told())
    await run(informer)
    (mirror,) = informer.mirrors
    calls: list[Callable[[], object]] = [
        lambda: informer.add_handler(Told()),
        lambda: informer.add_indexes({}),
        mine.remove,
        lambda: mirror.replace({}, "1"),
        lambda: mirror.change("ADDED", record("a")),
        lambda: mirror.bookmark("1"),
        mirror.absent,
    ]
    for call in calls:
        with pytest.raises(
            WrongThread, match=r"informer configmaps belongs to the event loop .* wrap what a thread calls by on_loop"
        ):
            await asyncio.to_thread(call)
    assert informer.registrations == (mine,)
    assert len(informer.lister) == 0


async def test_nobody_owns_what_does_not_run() -> None:
    owner = LoopOwner("it")
    await asyncio.to_thread(owner.check)
    owner.check()
    owner.claim()
    owner.check()


async def test_a_loop_in_another_thread_is_refused_too() -> None:
    owner = LoopOwner("it")
    owner.claim()

    async def check() -> None:
        owner.check()

    with pytest.raises(WrongThread) as refused:
        await asyncio.to_thread(asyncio.run, check())
    assert str(refused.value) == (
        "it belongs to the event loop that runs it and was called from another thread;"
        " wrap what a thread calls by on_loop(...)"
    )
