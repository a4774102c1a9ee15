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


async def test_the_metrics_carry_the_names_types_and_texts_that_dashboards_know() -> None:
    queue: PriorityQueue[str] = PriorityQueue("named")
    queue.add("a", rate_limited=True)
    registry = CollectorRegistry(auto_describe=False)
    collector = QueueCollector()
    collector.watch(queue)
    registry.register(collector)
    found = {family.name: (family.type, family.documentation) for family in registry.collect()}
    assert found == {
        "workqueue_depth": ("gauge", "Keys that are ready, by priority."),
        "workqueue_adds": ("counter", "Keys that became ready."),
        "workqueue_retries": ("counter", "Adds with a delay."),
        "workqueue_unfinished_work_seconds": ("gauge", "Age of all keys in processing, summed."),
        "workqueue_longest_running_processor_seconds": ("gauge", "Age of the oldest key in processing."),
        "omectl_workqueue_tracked_keys": ("gauge", "Keys whose failures are remembered."),
        "workqueue_queue_duration_seconds": ("histogram", "From ready to handed out."),
        "workqueue_work_duration_seconds": ("histogram", "From handed out to done."),
    }


async def test_keys_whose_failures_are_remembered_show_until_they_are_forgotten() -> None:
    queue: PriorityQueue[str] = PriorityQueue("leaky")
    scrape = Scrape(queue)
    for key in ("a", "b"):
        queue.add(key, rate_limited=True)
    assert scrape.value("omectl_workqueue_tracked_keys", "leaky") == 2
    queue.forget("a")
    assert scrape.value("omectl_workqueue_tracked_keys", "leaky") == 1
    queue.shut_down()


async def test_queues_of_one_name_add_up_and_the_oldest_of_all_counts() -> None:
    queues: list[PriorityQueue[str]] = [PriorityQueue("summed") for _ in range(2)]
    scrape = Scrape(*queues)
    for number, queue in enumerate(queues):
        queue.add("a")
        queue.add("b", rate_limited=True)
        await queue.get()
        await asyncio.sleep(0.001 * (number + 1))
    read = {
        name: scrape.value(name, "summed")
        for name in (
            "workqueue_adds_total",
            "workqueue_retries_total",
            "omectl_workqueue_tracked_keys",
            "workqueue_queue_duration_seconds_count",
        )
    }
    assert list(read.values()) == [2, 2, 2, 2]
    assert scrape.value("workqueue_unfinished_work_seconds", "summed") == pytest.approx(0.003 + 0.002)
    assert scrape.value("workqueue_longest_running_processor_seconds", "summed") == pytest.approx(0.003)
    for queue in queues:
        queue.shut_down()


async def test_depth_of_a_known_priority_shows_zero_for_every_queue() -> None:
    first: PriorityQueue[str] = PriorityQueue("with")
    second: PriorityQueue[str] = PriorityQueue("without")
    scrape = Scrape(first, second)
    first.add("a", priority=-100)
    first.add("b", priority=7)
    assert scrape.value("workqueue_depth", "with", priority="7") == 1
    assert scrape.value("workqueue_depth", "without", priority="7") == 0
    assert scrape.value("workqueue_depth", "without", priority="-100") == 0


async def test_the_label_of_a_known_priority_stays_when_there_are_too_many() -> None:
    queue: PriorityQueue[str] = PriorityQueue("bounded")
    scrape = Scrape(queue)
    for priority in range(MOST_PRIORITIES):
        queue.add(f"key-{priority}", priority=priority)
    assert scrape.value("workqueue_depth", "bounded", priority=OTHER_PRIORITIES) is None
    assert MOST_PRIORITIES == 25
    queue.add("one more", priority=1000)
    assert scrape.value("workqueue_depth", "bounded", priority="exceeded_cardinality_limit") == 1
    assert scrape.value("workqueue_depth", "bounded", priority="24") == 1


async def test_buckets_are_powers_of_ten_from_ten_nanoseconds() -> None:
    queue: PriorityQueue[str] = PriorityQueue("buckets")
    registry = CollectorRegistry(auto_describe=False)
    collector = QueueCollector()
    collector.watch(queue)
    registry.register(collector)
    (family,) = [found for found in registry.collect() if found.name == "workqueue_work_duration_seconds"]
    bounds = [float(sample.labels["le"]) for sample in family.samples if sample.name.endswith("_bucket")]
    assert bounds[:-1] == pytest.approx([10.0**power for power in range(-8, 4)])
    assert bounds[-1] == float("inf")
