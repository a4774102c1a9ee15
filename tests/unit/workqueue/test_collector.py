"""The queue's metrics, as dashboards read them."""

import asyncio
import gc

import pytest
from prometheus_client import CollectorRegistry

from omectl.workqueue import PriorityQueue
from omectl.workqueue.collector import MOST_PRIORITIES, OTHER_PRIORITIES, QueueCollector

pytestmark = pytest.mark.looptime


class Scrape:
    """One queue behind one collector."""

    def __init__(self, *queues: PriorityQueue[str]) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self.collector = QueueCollector()
        for queue in queues:
            self.collector.watch(queue)
        self._registry.register(self.collector)

    def value(self, name: str, queue: str, **labels: str) -> float | None:
        return self._registry.get_sample_value(name, {"name": queue, "controller": queue, **labels})


async def test_every_metric_follows_a_key_through_the_queue() -> None:
    queue: PriorityQueue[str] = PriorityQueue("followed")
    scrape = Scrape(queue)
    assert scrape.value("workqueue_adds_total", "followed") == 0

    queue.add("a")
    queue.add("b", after_s=1000.0)
    await asyncio.sleep(0.05)
    assert scrape.value("workqueue_depth", "followed", priority="0") == 1
    assert scrape.value("workqueue_adds_total", "followed") == 1
    assert scrape.value("workqueue_retries_total", "followed") == 1

    await queue.get()
    await asyncio.sleep(2.0)
    assert scrape.value("workqueue_depth", "followed", priority="0") == 0
    assert scrape.value("workqueue_unfinished_work_seconds", "followed") == pytest.approx(2.0)
    assert scrape.value("workqueue_longest_running_processor_seconds", "followed") == pytest.approx(2.0)
    assert scrape.value("workqueue_queue_duration_seconds_sum", "followed") == pytest.approx(0.05)
    assert scrape.value("workqueue_queue_duration_seconds_bucket", "followed", le="0.1") == 1

    queue.done("a")
    assert scrape.value("workqueue_unfinished_work_seconds", "followed") == 0
    assert scrape.value("workqueue_work_duration_seconds_sum", "followed") == pytest.approx(2.0)
    assert scrape.value("workqueue_work_duration_seconds_count", "followed") == 1
    assert scrape.value("workqueue_work_duration_seconds_bucket", "followed", le="+Inf") == 1
    queue.shut_down()


async def test_a_priority_shows_zero_after_its_last_key() -> None:
    queue: PriorityQueue[str] = PriorityQueue("priorities")
    scrape = Scrape(queue)
    queue.add("a", priority=-100)
    assert scrape.value("workqueue_depth", "priorities", priority="-100") == 1
    await queue.get()
    assert scrape.value("workqueue_depth", "priorities", priority="-100") == 0


async def test_too_many_priorities_share_one_label() -> None:
    queue: PriorityQueue[str] = PriorityQueue("many")
    scrape = Scrape(queue)
    for priority in range(MOST_PRIORITIES + 10):
        queue.add(f"key-{priority}", priority=priority)
    assert scrape.value("workqueue_depth", "many", priority=OTHER_PRIORITIES) == 10


async def test_queues_of_one_name_show_as_one() -> None:
    first: PriorityQueue[str] = PriorityQueue("shared")
    second: PriorityQueue[str] = PriorityQueue("shared")
    scrape = Scrape(first, second)
    first.add("a")
    second.add("a")
    assert scrape.value("workqueue_depth", "shared", priority="0") == 2


async def test_a_queue_that_is_gone_shows_nothing() -> None:
    queue: PriorityQueue[str] | None = PriorityQueue("gone")
    scrape = Scrape(queue)
    assert scrape.value("workqueue_adds_total", "gone") == 0
    queue = None
    gc.collect()
    assert scrape.value("workqueue_adds_total", "gone") is None
