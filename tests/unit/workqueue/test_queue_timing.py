"""When the queue wakes whom: timers, clocks that jump, and what is left when all is done."""

import asyncio
import gc
import time
import weakref

import pytest

from omectl.workqueue import (
    BucketLimiter,
    ExponentialLimiter,
    MaxOfLimiter,
    NotProcessingError,
    PriorityQueue,
    QueueShutDown,
)
from omectl.workqueue.queue import LONGEST_NAP_S

pytestmark = pytest.mark.looptime


def now() -> float:
    return asyncio.get_running_loop().time()


class Worn:
    """A key whose end can be watched."""


async def test_a_clock_that_jumps_delays_nothing_for_longer_than_a_nap() -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    queue.add("a", after_s=3600.0)
    getter = asyncio.ensure_future(queue.get())
    await asyncio.sleep(1.0)
    queue._time = lambda: now() + 3600.0
    await asyncio.sleep(LONGEST_NAP_S - 1.1)
    assert not getter.done()
    await asyncio.sleep(0.2)
    assert getter.done()
    assert LONGEST_NAP_S == 10.0


async def test_a_clock_that_jumps_back_makes_no_timer_spin() -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    queue.add("a", after_s=5.0)
    queue._time = lambda: now() - 1000.0
    await asyncio.sleep(100.0)
    assert queue.statistics().alarms <= 1 + 100 / LONGEST_NAP_S
    assert len(queue) == 1


async def test_a_long_delay_costs_one_alarm_per_nap_and_wakes_nobody() -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    getters = [asyncio.ensure_future(queue.get()) for _ in range(3)]
    queue.add("a", after_s=95.0)
    await asyncio.sleep(94.0)
    assert (queue.statistics().alarms, queue.statistics().wakeups) == (9, 0)
    await asyncio.sleep(2.0)
    assert (queue.statistics().alarms, queue.statistics().wakeups) == (10, 1)
    await asyncio.sleep(1000.0)
    assert (queue.statistics().alarms, queue.statistics().wakeups) == (10, 1)
    queue.shut_down()
    await asyncio.gather(*getters, return_exceptions=True)


async def test_a_queue_without_delays_sets_no_timer() -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    queue.add("a")
    assert queue._timer is None
    await asyncio.sleep(100.0)
    assert queue.statistics().alarms == 0


async def test_each_add_wakes_one_getter_and_no_more() -> None:
    queue: PriorityQueue[int] = PriorityQueue()
    getters = [asyncio.ensure_future(queue.get()) for _ in range(5)]
    await asyncio.sleep(0)
    queue.add(1)
    queue.add(1)
    queue.add(2)
    await asyncio.sleep(1.0)
    assert queue.statistics().wakeups == 2
    assert [getter.done() for getter in getters] == [True, True, False, False, False]
    queue.shut_down()
    await asyncio.gather(*getters, return_exceptions=True)


async def test_a_getter_that_finds_keys_due_before_the_timer_rings_wakes_the_others() -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    sleeper = asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)
    queue.add("a", after_s=5.0)
    queue.add("b", after_s=5.0)
    queue._time = lambda: 5.0
    assert await queue.get() == ("a", 0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert sleeper.done()
    assert sleeper.result() == ("b", 0)


async def test_a_getter_cancelled_just_before_an_add_does_not_take_the_wake_up() -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    first, second = asyncio.ensure_future(queue.get()), asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)
    first.cancel()
    queue.add("a")
    async with asyncio.timeout(1.0):
        assert await second == ("a", 0)
    assert first.cancelled()
    assert (queue.statistics().getters, queue.statistics().wakeups) == (0, 1)


async def test_keys_due_at_one_moment_wake_as_many_getters() -> None:
    queue: PriorityQueue[int] = PriorityQueue()
    getters = [asyncio.ensure_future(queue.get()) for _ in range(4)]
    for number in range(3):
        queue.add(number, after_s=2.0)
    await asyncio.sleep(2.5)
    assert sum(getter.done() for getter in getters) == 3
    assert queue.statistics().getters == 1
    queue.shut_down()
    await asyncio.gather(*getters, return_exceptions=True)


async def test_an_earlier_delay_moves_the_timer_and_a_later_one_does_not() -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    queue.add("a", after_s=4.0)
    first = queue._timer
    queue.add("b", after_s=4.0)
    queue.add("c", after_s=6.0)
    assert queue._timer is first
    queue.add("d", after_s=3.0)
    assert first is not None
    assert first.cancelled()
    assert queue._timer is not None
    assert queue._timer.when() == 3.0


async def test_an_add_without_a_delay_leaves_the_timer_alone() -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    queue.add("delayed", after_s=8.0)
    queue._time = lambda: now() - 1000.0
    queue.add("a")
    queue.add("a")
    await asyncio.sleep(7.0)
    assert queue.statistics().alarms == 0
    queue.shut_down()


@pytest.mark.parametrize("drain", [True, False])
async def test_a_closed_queue_leaves_no_timer(drain: bool) -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    queue.add("a", after_s=50.0)
    timer = queue._timer
    assert timer is not None
    queue.shut_down(drain=drain)
    assert timer.cancelled()
    assert queue._timer is None
    queue.add("b", after_s=1.0)
    assert queue._timer is None
    assert queue.statistics().waiting == 0


async def test_a_timer_that_rings_early_still_releases_its_key() -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    queue.add("a", after_s=5.0)
    queue._time = lambda: 4.999
    await asyncio.sleep(5.5)
    assert len(queue) == 1


async def test_a_key_that_waits_is_not_in_len_and_counts_as_added_when_its_moment_comes() -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    queue.add("a", after_s=5.0)
    queue.add("a", after_s=5.0)
    assert (len(queue), queue.statistics().adds, queue.statistics().retries) == (0, 0, 2)
    await asyncio.sleep(5.0)
    assert (len(queue), queue.statistics().adds, queue.statistics().retries) == (1, 1, 2)


async def test_a_finished_key_can_be_collected() -> None:
    queue: PriorityQueue[Worn] = PriorityQueue()
    key = Worn()
    gone = weakref.ref(key)
    queue.add(key, rate_limited=True)
    taken, _ = await queue.get()
    queue.done(taken)
    queue.forget(taken)
    del key, taken
    gc.collect()
    assert gone() is None


async def test_a_key_can_come_again_after_done() -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    for _ in range(3):
        queue.add("a")
        assert len(queue) == 1
        assert await queue.get() == ("a", 0)
        assert len(queue) == 0
        queue.done("a")
    assert queue.statistics().adds == 3


async def test_two_retries_then_forget_count_as_two_requeues() -> None:
    queue: PriorityQueue[str] = PriorityQueue(limiter=ExponentialLimiter(0.001, 1.0))
    for expected in (1, 2):
        queue.add("one", rate_limited=True)
        assert queue.num_requeues("one") == expected
        await queue.get()
        queue.done("one")
    assert now() == pytest.approx(0.003)
    queue.forget("one")
    assert queue.num_requeues("one") == 0
    queue.add("one", rate_limited=True)
    assert queue.num_requeues("one") == 1


async def test_a_limiter_is_told_the_time() -> None:
    queue: PriorityQueue[str] = PriorityQueue(limiter=MaxOfLimiter[str]([BucketLimiter[str](rate=1.0, burst=1)]))
    await asyncio.sleep(7.0)
    queue.add("a", rate_limited=True)
    assert (await queue.get(), now()) == (("a", 0), 7.0)
    await asyncio.sleep(1.0)
    queue.add("b", rate_limited=True)
    assert (await queue.get(), now()) == (("b", 0), 8.0), "the token of the second that went by"
    queue.add("c", rate_limited=True)
    assert (await queue.get(), now()) == (("c", 0), 9.0)


@pytest.mark.parametrize(("after_s", "moment"), [(0.5, 0.5), (3.0, 1.0), (0.0, 1.0), (-1.0, 1.0)])
async def test_limiter_and_delay_together_give_the_smaller_one(after_s: float, moment: float) -> None:
    queue: PriorityQueue[str] = PriorityQueue(limiter=ExponentialLimiter(1.0, 1000.0))
    queue.add("a", rate_limited=True, after_s=after_s)
    await queue.get()
    assert now() == moment


@pytest.mark.parametrize("after_s", [0.0, -3.0])
async def test_no_delay_is_now(after_s: float) -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    queue.add("a", after_s=after_s)
    assert (len(queue), queue.statistics().retries) == (1, 0)


async def test_a_starving_key_is_served_when_the_queue_is_told_to() -> None:
    fair: PriorityQueue[str] = PriorityQueue(max_starvation_s=30.0)
    plain: PriorityQueue[str] = PriorityQueue()
    for queue in (fair, plain):
        queue.add("low", priority=-100)
    await asyncio.sleep(30.0)
    for queue, expected in ((fair, ["low", "late"]), (plain, ["late", "low"])):
        queue.add("high", priority=1)
        assert (await queue.get())[0] == "high"
        queue.add("late", priority=0)
        assert [(await queue.get())[0] for _ in expected] == expected


async def test_a_drain_waits_for_ready_keys_even_when_nobody_processes() -> None:
    queue: PriorityQueue[str] = PriorityQueue("draining")
    queue.add("a")
    getter_of_b = asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)
    idle = asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)
    queue.add("b")
    queue.shut_down(drain=True)
    drained = asyncio.ensure_future(queue.drained())
    await asyncio.sleep(1.0)
    assert (queue.statistics().phase, queue.statistics().processing) == ("draining", 2)
    assert not drained.done()
    assert getter_of_b.done()
    assert idle.done()
    queue.done("a")
    await asyncio.sleep(1.0)
    assert not drained.done()
    queue.done("b")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert drained.done()
    assert queue.statistics().phase == "draining"


async def test_a_drain_of_a_queue_with_nothing_ready_ends_its_getters_while_a_key_is_processed() -> None:
    queue: PriorityQueue[str] = PriorityQueue("idle")
    queue.add("a")
    await queue.get()
    getters = [asyncio.ensure_future(queue.get()) for _ in range(2)]
    await asyncio.sleep(1.0)
    queue.shut_down(drain=True)
    await asyncio.sleep(1.0)
    assert [type(getter.exception()) for getter in getters if getter.done()] == [QueueShutDown, QueueShutDown]
    queue.done("a")


async def test_a_drain_wakes_getters_only_for_a_key_or_for_the_end() -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    for key in "ab":
        queue.add(key)
        await queue.get()
    queue.add("a")
    getters = [asyncio.ensure_future(queue.get()) for _ in range(3)]
    await asyncio.sleep(1.0)
    queue.shut_down(drain=True)
    queue.done("b")
    assert queue.statistics().wakeups == 0, "`a` is ready, but held"
    queue.done("a")
    assert queue.statistics().wakeups == 1
    await asyncio.sleep(1.0)
    assert [getter.done() for getter in getters] == [True, False, False]
    assert queue.statistics().getters == 2
    queue.done("a")
    assert queue.statistics().wakeups == 3
    ended = await asyncio.gather(*getters, return_exceptions=True)
    assert [type(end) for end in ended] == [tuple, QueueShutDown, QueueShutDown]


async def test_a_drain_hands_out_no_key_twice() -> None:
    queue: PriorityQueue[int] = PriorityQueue()
    for number in range(50):
        queue.add(number)
    served: list[int] = []

    async def work() -> None:
        while True:
            try:
                key, _ = await queue.get()
            except QueueShutDown:
                return
            served.append(key)
            await asyncio.sleep(0.1)
            queue.done(key)

    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(work())
        await asyncio.sleep(0)
        queue.shut_down(drain=True)
        await queue.drained()
        assert sorted(served) == list(range(50))


async def test_every_drainer_is_told() -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    queue.add("a")
    await queue.get()
    queue.shut_down(drain=True)
    drainers = [asyncio.ensure_future(queue.drained()) for _ in range(3)]
    await asyncio.sleep(0)
    drainers[0].cancel()
    queue.done("a")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [drainer.done() for drainer in drainers] == [True, True, True]
    assert not queue._drainers


async def test_draining_an_open_queue_is_no_wait() -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    queue.add("a")
    await queue.drained()
    assert not queue.is_shutting_down


async def test_the_end_is_told_with_the_name_of_the_queue() -> None:
    unnamed: PriorityQueue[str] = PriorityQueue()
    unnamed.shut_down()
    with pytest.raises(QueueShutDown) as caught:
        await unnamed.get()
    assert str(caught.value) == "work queue (unnamed) is shut down; the worker should end"
    assert (caught.value.name, unnamed.name) == ("", "")
    named: PriorityQueue[str] = PriorityQueue("named")
    named.shut_down()
    with pytest.raises(QueueShutDown, match=r"^work queue named is shut down; the worker should end$") as caught:
        await named.get()
    assert caught.value.name == "named"


async def test_done_of_a_strange_key_names_it() -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    with pytest.raises(NotProcessingError) as caught:
        queue.done("stranger")
    assert caught.value.key == "stranger"
    assert "'stranger'" in str(caught.value)


async def test_statistics_of_a_queue_tell_its_getters_and_phase() -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    assert queue.statistics().longest_running_s == 0.0
    getter = asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)
    assert queue.statistics().getters == 1
    queue.shut_down()
    assert queue.statistics().phase == "closed"
    with pytest.raises(QueueShutDown):
        await getter


def test_before_any_loop_nothing_has_an_age() -> None:
    told = PriorityQueue[str]("early").statistics()
    assert (told.longest_running_s, told.unfinished_work_s, told.alarms, told.wakeups) == (0.0, 0.0, 0, 0)


def test_a_stock_loop_is_asked_for_its_time_without_a_detour() -> None:
    queue: PriorityQueue[str] = PriorityQueue()

    async def use() -> None:
        queue.add("a")

    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(use())
    assert queue._time is time.monotonic
