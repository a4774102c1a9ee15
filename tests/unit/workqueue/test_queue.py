"""The queue as workers see it, in virtual time."""

import asyncio
import random
from collections import Counter

import pytest

from omectl.workqueue import LOW_PRIORITY, ExponentialLimiter, PriorityQueue, QueueShutDown

pytestmark = pytest.mark.looptime


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_get_waits_for_the_first_add() -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    asyncio.get_running_loop().call_later(3.0, queue.add, "a")
    assert await queue.get() == ("a", 0)
    assert now() == 3.0


async def test_a_delayed_key_arrives_at_its_moment() -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    queue.add("late", after_s=5.0)
    queue.add("early", after_s=2.0)
    queue.add("late", after_s=3.0)
    assert [(await queue.get())[0], now()] == ["early", 2.0]
    assert [(await queue.get())[0], now()] == ["late", 3.0]


async def test_a_later_delay_does_not_move_a_key_back() -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    queue.add("a", after_s=1.0)
    queue.add("a", after_s=60.0)
    await queue.get()
    assert now() == 1.0


async def test_many_delayed_keys_keep_their_order() -> None:
    queue: PriorityQueue[int] = PriorityQueue()
    moments = random.Random(7).sample(range(1, 1000), 300)
    for moment in moments:
        queue.add(moment, after_s=moment)
    got: list[tuple[int, float]] = []
    for _ in moments:
        key, _ = await queue.get()
        got.append((key, now()))
        queue.done(key)
    assert got == [(moment, float(moment)) for moment in sorted(moments)]


async def test_rate_limited_adds_wait_longer_each_time_until_forgotten() -> None:
    queue: PriorityQueue[str] = PriorityQueue(limiter=ExponentialLimiter(1.0, 1000.0))
    waits: list[float] = []
    for _ in range(4):
        started = now()
        queue.add("a", rate_limited=True)
        await queue.get()
        queue.done("a")
        waits.append(now() - started)
    assert waits == [1.0, 2.0, 4.0, 8.0]
    assert queue.num_requeues("a") == 4
    queue.forget("a")
    started = now()
    queue.add("a", rate_limited=True)
    await queue.get()
    assert now() - started == 1.0


async def test_the_default_limiter_waits_640_ms_after_seven_failures() -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    waited = 0.0
    for _ in range(8):
        started = now()
        queue.add("a", rate_limited=True)
        await queue.get()
        queue.done("a")
        waited = now() - started
    assert waited == pytest.approx(0.64, abs=1e-3)


async def test_the_smaller_of_limiter_and_delay_counts() -> None:
    queue: PriorityQueue[str] = PriorityQueue(limiter=ExponentialLimiter(10.0, 1000.0))
    queue.add("a", rate_limited=True, after_s=2.0)
    await queue.get()
    assert now() == 2.0


async def test_a_user_change_overtakes_the_initial_list() -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    for number in range(100):
        queue.add(f"initial-{number}", priority=LOW_PRIORITY)
    queue.add("initial-50")
    assert await queue.get() == ("initial-50", 0)


async def test_nothing_is_lost_or_doubled_between_many_producers_and_workers() -> None:
    queue: PriorityQueue[int] = PriorityQueue()
    dice = random.Random(1)
    holders: set[int] = set()
    runs: Counter[int] = Counter()
    dirty: set[int] = set()

    async def produce() -> None:
        for _ in range(200):
            key = dice.randrange(40)
            dirty.add(key)
            queue.add(key, priority=dice.choice([-100, 0, 5]), after_s=dice.choice([0.0, 0.0, 0.3]))
            await asyncio.sleep(dice.random() * 0.1)

    async def work() -> None:
        while True:
            try:
                key, _ = await queue.get()
            except QueueShutDown:
                return
            assert key not in holders
            holders.add(key)
            dirty.discard(key)
            await asyncio.sleep(dice.random() * 0.2)
            runs[key] += 1
            holders.remove(key)
            queue.done(key)

    async with asyncio.TaskGroup() as workers:
        for _ in range(7):
            workers.create_task(work())
        async with asyncio.TaskGroup() as producers:
            for _ in range(5):
                producers.create_task(produce())
        await asyncio.sleep(30.0)
        assert len(queue) == 0
        queue.shut_down()
    assert not dirty
    assert set(runs) == set(range(40))


async def test_a_cancelled_getter_takes_nothing() -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    getter = asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)
    queue.add("a")
    getter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await getter
    assert await queue.get() == ("a", 0)


async def test_a_woken_getter_that_is_cancelled_wakes_the_next_one() -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    first, second = asyncio.ensure_future(queue.get()), asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)
    queue.add("a")
    first.cancel()
    async with asyncio.timeout(1.0):
        assert await second == ("a", 0)
    assert first.cancelled()


async def test_a_getter_cancelled_before_any_add_leaves_no_trace() -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.0):
            await queue.get()
    assert queue.statistics().getters == 0


async def test_an_add_during_processing_wakes_a_getter_only_after_done() -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    queue.add("a")
    await queue.get()
    queue.add("a")
    getter = asyncio.ensure_future(queue.get())
    await asyncio.sleep(5.0)
    assert not getter.done()
    queue.done("a")
    assert await getter == ("a", 0)


async def test_waiting_getters_sleep_until_there_is_work(monkeypatch: pytest.MonkeyPatch) -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    looks = 0
    pop = queue._schedule.pop

    def counted(moment: float) -> object:
        nonlocal looks
        looks += 1
        return pop(moment)

    monkeypatch.setattr(queue._schedule, "pop", counted)
    getters = [asyncio.ensure_future(queue.get()) for _ in range(10)]
    queue.add("a", after_s=1000.0)
    await asyncio.sleep(999.0)
    assert looks == 10
    await asyncio.sleep(2.0)
    assert looks == 11
    queue.shut_down()
    ended = await asyncio.gather(*getters, return_exceptions=True)
    assert sum(isinstance(end, QueueShutDown) for end in ended) == 9


async def test_shutting_down_drops_all_and_releases_every_getter() -> None:
    queue: PriorityQueue[str] = PriorityQueue("drops")
    getters = [asyncio.ensure_future(queue.get()) for _ in range(3)]
    await asyncio.sleep(0)
    queue.add("a", after_s=5.0)
    queue.shut_down()
    ended = await asyncio.gather(*getters, return_exceptions=True)
    assert all(isinstance(end, QueueShutDown) for end in ended)
    queue.add("b")
    with pytest.raises(QueueShutDown, match="work queue drops is shut down"):
        await queue.get()
    assert queue.is_shutting_down


async def test_shutting_down_leaves_ready_keys_unserved() -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    queue.add("a")
    queue.add("b")
    await queue.get()
    queue.shut_down()
    assert len(queue) == 0
    with pytest.raises(QueueShutDown):
        await queue.get()
    queue.done("a")


async def test_draining_serves_what_is_ready_and_waits_for_what_is_processed() -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    queue.add("a")
    queue.add("b")
    queue.add("delayed", after_s=60.0)
    key, _ = await queue.get()
    queue.add(key)
    queue.shut_down(drain=True)
    queue.add("too late")
    drained = asyncio.ensure_future(queue.drained())
    served: list[str] = []

    async def work() -> None:
        while True:
            try:
                taken, _ = await queue.get()
            except QueueShutDown:
                return
            await asyncio.sleep(1.0)
            served.append(taken)
            queue.done(taken)

    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(work())
        await asyncio.sleep(5.0)
        assert served == ["b"]
        assert not drained.done()
        queue.done("a")
        await drained
    assert served == ["b", "a"]


async def test_draining_an_idle_queue_ends_at_once() -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    queue.shut_down(drain=True)
    await queue.drained()
    assert now() == 0.0


async def test_a_plain_shut_down_aborts_the_draining() -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    queue.add("a")
    queue.add("b")
    await queue.get()
    queue.shut_down(drain=True)
    drained = asyncio.ensure_future(queue.drained())
    await asyncio.sleep(1.0)
    queue.shut_down()
    await drained
    queue.shut_down(drain=True)
    with pytest.raises(QueueShutDown):
        await queue.get()


async def test_a_cancelled_drainer_is_forgotten() -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    queue.add("a")
    await queue.get()
    queue.shut_down(drain=True)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.0):
            await queue.drained()
    queue.done("a")
    await queue.drained()


async def test_five_priorities_of_a_thousand_keys_come_in_order() -> None:
    queue: PriorityQueue[int] = PriorityQueue()
    keys = list(range(5000))
    random.Random(3).shuffle(keys)
    for key in keys:
        queue.add(key, priority=key % 5, after_s=1.0 if key % 2 else 0.0)
    await asyncio.sleep(2.0)
    priorities: list[int] = []
    for _ in keys:
        key, priority = await queue.get()
        priorities.append(priority)
        queue.done(key)
    assert priorities == sorted(priorities, reverse=True)


async def test_statistics_tell_what_the_queue_holds() -> None:
    queue: PriorityQueue[str] = PriorityQueue("told")
    queue.add("a")
    queue.add("b", priority=LOW_PRIORITY)
    queue.add("c", rate_limited=True)
    await queue.get()
    await asyncio.sleep(0.001)
    told = queue.statistics()
    assert (told.name, told.phase, told.ready, told.waiting, told.processing) == ("told", "open", 1, 1, 1)
    assert (told.adds, told.retries, told.tracked, told.depth[LOW_PRIORITY]) == (2, 1, 1, 1)
    assert told.longest_running_s == told.unfinished_work_s == pytest.approx(0.001)
    queue.shut_down()


async def test_finished_keys_are_not_kept() -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    for number in range(1000):
        key = f"key-{number}"
        queue.add(key)
        await queue.get()
        queue.done(key)
        queue.forget(key)
    assert not queue._schedule._entries
    assert queue.statistics().tracked == 0


def test_statistics_can_be_read_before_any_loop_runs() -> None:
    assert PriorityQueue[str]("early").statistics().ready == 0
