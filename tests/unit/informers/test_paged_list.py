"""The list in pages: at which version, in which pages, and what stays in memory."""

import asyncio
import gc
import weakref

import pytest
import structlog

from omectl import metrics
from omectl.informers import ReflectorOptions, ReflectorState
from omectl.informers.initial_list import read_pages
from omectl.informers.pacing import Pacer
from omectl.informers.record import RecordReader
from omectl.kube.errors import (
    Cause,
    Details,
    Expired,
    Forbidden,
    InternalError,
    KubeError,
    ServerTimeout,
    TooManyRequests,
)
from omectl.kube.listing import ListOptions, RawPage, WatchOptions
from omectl.kube.resources import CONFIG_MAPS

pytestmark = [pytest.mark.looptime, pytest.mark.asyncio]

EXPIRED = Expired(410, "Expired", "too old resource version")
TOO_LARGE = ServerTimeout(
    504, "Timeout", "Too large resource version", Details(causes=(Cause("ResourceVersionTooLarge", "", ""),))
)


@pytest.fixture(autouse=True)
def _only_pages(source) -> None:
    source.streaming_list = False


async def relist(source, running, make_status) -> None:
    await running.settle(10)
    source.send(make_status(500, "InternalError"))
    await running.settle(40)


async def test_a_first_list_takes_any_version_and_the_watch_begins_at_the_lists(source, start) -> None:
    version = source.put("a")
    running = start()
    await running.settle()
    assert source.requests == [("list", "0"), ("watch", version)]
    assert source.list_options == [ListOptions(resource_version="0", page_size=500)]
    assert source.watch_options == [WatchOptions(resource_version=version, timeout_s=300)]
    assert running.agrees()
    assert (running.sink.version, running.reflector.last_sync_resource_version) == (version, version)
    assert (running.reflector.statistics.lists, running.reflector.statistics.streaming_lists) == (1, 0)


async def test_a_relist_never_goes_back_in_time(source, start, make_status) -> None:
    first = source.put("a")
    running = start()
    await relist(source, running, make_status)
    second = source.put("b")
    await relist(source, running, make_status)
    assert source.versions("list") == ["0", first, second]


@pytest.mark.parametrize("error", [EXPIRED, Expired(410, "Gone", ""), TOO_LARGE], ids=["Expired", "Gone", "TooLarge"])
async def test_a_list_at_a_lost_version_is_repeated_at_once_as_a_quorum_read(
    source, start, make_status, error: KubeError
) -> None:
    seen = source.put("a")
    running = start()
    await running.settle(10)
    source.failures["list"].append(error)
    source.send(make_status(500, "InternalError"))
    await running.settle(5)
    assert source.versions("list") == ["0", seen, ""]
    assert source.times[-3:] == pytest.approx([10.8] * 3, abs=0.01)
    assert [options.page_size for options in source.list_options] == [500, 0, 500]
    assert running.reflector.last_error is None


async def test_a_lost_version_is_noted_and_each_list_counted(source, start, all_logs, make_status) -> None:
    running = start()
    await running.settle(10)
    source.failures["list"].append(EXPIRED)
    source.send(make_status(500, "InternalError", "boom"))
    await running.settle(5)
    ends = [entry["error"] for entry in all_logs if entry["event"] == "reflector_round_ended"]
    assert ends == ["watch test: the API server answered 500 InternalError: boom", str(EXPIRED)]
    assert (running.reflector.statistics.lists, running.reflector.statistics.errors) == (3, 2)


async def test_versions_too_large_for_the_server_again_and_again(source, start, make_status) -> None:
    source.version = 19
    source.put("a")
    running = start()
    await running.settle(10)
    for version in (29, 39):
        source.failures["list"].append(TOO_LARGE)
        source.objects["a"]["metadata"]["resourceVersion"] = str(version)
        source.version = version
        source.put("a")
        source.failures["list"] = [TOO_LARGE]
        source.send(make_status(500, "InternalError"))
        await running.settle(40)
    assert source.versions("list") == ["0", "30", "", "40", ""]


async def test_a_quorum_read_that_is_refused_as_expired_ends_the_round(source, start) -> None:
    source.failures["list"] += [EXPIRED, EXPIRED]
    running = start()
    await running.settle(0.05)
    assert source.requests == [("list", "0"), ("list", "")]
    assert running.reflector.state is ReflectorState.BACKOFF
    await running.settle(1)
    assert source.versions("list") == ["0", "", ""]


@pytest.mark.parametrize(
    "error",
    [
        InternalError(500, "InternalError", ""),
        Forbidden(403, "Forbidden", ""),
        ServerTimeout(504, "Timeout", "slow"),
        TooManyRequests(429, "TooManyRequests", ""),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_any_other_refusal_ends_the_round_and_is_met_again_after_a_pause(source, start, error: Exception) -> None:
    source.put("a")
    source.failures["list"] += [error] * 3
    running = start()
    await running.settle(0.5)
    assert running.reflector.last_error is error
    assert running.reflector.state is ReflectorState.BACKOFF
    await running.settle(20)
    assert source.versions("list") == ["0"] * 4
    assert source.times[:4] == pytest.approx([0, 0.8, 2.4, 5.6])
    assert running.agrees()
    assert running.reflector.last_error is None


@pytest.mark.parametrize(("page_size", "sizes"), [(None, [500, 0]), (3, [3, 3]), (0, [0, 0])])
async def test_a_list_at_a_concrete_version_asks_for_no_pages_unless_told(
    source, start, make_status, page_size: int | None, sizes: list[int]
) -> None:
    for number in range(7):
        source.put(f"c{number}")
    running = start(ReflectorOptions(page_size=page_size))
    await relist(source, running, make_status)
    assert [options.page_size for options in source.list_options] == sizes
    assert running.agrees()


@pytest.mark.parametrize(("objects", "sizes"), [(500, [500, 0]), (501, [500, 500])])
async def test_a_server_whose_first_list_came_in_pages_is_always_asked_for_pages(
    source, start, make_status, objects: int, sizes: list[int]
) -> None:
    for number in range(objects):
        source.put(f"c{number}")
    running = start()
    await relist(source, running, make_status)
    assert [options.page_size for options in source.list_options] == sizes
    assert running.agrees()


async def test_pages_of_a_quorum_read_prove_nothing_about_the_servers_cache(source, start, make_status) -> None:
    for number in range(501):
        source.put(f"c{number}")
    source.failures["list"].append(EXPIRED)
    running = start()
    await relist(source, running, make_status)
    assert [(options.resource_version, options.page_size) for options in source.list_options] == [
        ("0", 500),
        ("", 500),
        ("502", 0),
    ]


@pytest.mark.parametrize("objects", [0, 1, 4, 5, 8, 12])
async def test_any_number_of_pages_gives_the_whole_collection_in_order(source, start, objects: int) -> None:
    for number in range(objects):
        source.put(f"c{number:02}")
    running = start(ReflectorOptions(page_size=4))
    await running.settle()
    assert [key.name for key in running.sink.content] == [f"c{number:02}" for number in range(objects)]
    assert len(running.sink.log) == 1
    assert running.agrees()


async def test_a_list_that_begins_again_forgets_the_pages_before() -> None:
    async def pages():
        yield RawPage([b'{"metadata":{"name":"gone"}}'], "10", "more")
        yield RawPage([b'{"metadata":{"name":"a"}}'], "12")
        yield RawPage([b'{"metadata":{"name":"b"}}'], "12", first=False)

    listed = await read_pages(pages(), RecordReader(CONFIG_MAPS), Pacer())
    assert [key.name for key in listed.records] == ["a", "b"]
    assert (listed.resource_version, listed.pages) == ("12", 2)


async def test_an_error_half_way_leaves_the_cache_as_it_was(source, start, make_status) -> None:
    for number in range(4):
        source.put(f"c{number}")
    running = start(ReflectorOptions(page_size=2))
    await running.settle(10)
    source.on_page = fails_at_the_second_page(InternalError(500, "InternalError", ""))
    source.send(make_status(500, "InternalError"))
    source.delete("c0")
    await running.settle(1)
    assert running.sink.log == ["replace c0,c1,c2,c3"]
    source.on_page = lambda page: page
    await running.settle(5)
    assert running.agrees()
    assert source.open_lists == 0


def fails_at_the_second_page(error: Exception):
    def on_page(page: RawPage) -> RawPage:
        if not page.first:
            raise error
        return page

    return on_page


async def test_a_list_that_is_cancelled_half_way_closes_its_pages(source, start) -> None:
    source.hold["list"] = asyncio.Event()
    running = start()
    await running.settle()
    assert source.open_lists == 1
    assert running.reflector.state is ReflectorState.LISTING
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await running.settle()
    assert source.open_lists == 0
    assert running.reflector.state is ReflectorState.STOPPED


class TrackedPage(RawPage):
    """A page whose end can be seen."""

    __slots__ = ("__weakref__",)


async def test_no_page_is_held_while_the_next_one_is_read_nor_after_the_list(source, start) -> None:
    for number in range(9):
        source.put(f"c{number}")
    alive: list[weakref.ref[RawPage]] = []
    held: list[int] = []

    def track(page: RawPage) -> RawPage:
        gc.collect()
        held.append(sum(ref() is not None for ref in alive))
        tracked = TrackedPage(page.items, page.resource_version, page.continue_token, page.first)
        alive.append(weakref.ref(tracked))
        return tracked

    source.on_page = track
    running = start(ReflectorOptions(page_size=3))
    await running.settle()
    assert held == [0, 0, 0]
    assert [ref() for ref in alive] == [None] * 3
    assert running.agrees()


async def test_items_that_are_no_objects_are_skipped_and_the_rest_is_taken(source, start) -> None:
    source.put("a")
    source.objects["b"] = {"metadata": {"resourceVersion": "3"}}
    source.objects["c"] = {"kind": "Pod", "metadata": {"name": "p"}}
    running = start()
    await running.settle()
    assert running.sink.log == ["replace a"]


@pytest.mark.parametrize(("seconds", "told"), [(10.0, []), (10.56, [(10.6, 5, 2)])])
async def test_a_list_of_more_than_ten_seconds_is_told_with_its_size(
    source, start, seconds: float, told: list[tuple[float, int, int]]
) -> None:
    for number in range(5):
        source.put(f"c{number}")
    source.hold["list"] = asyncio.Event()
    with structlog.testing.capture_logs() as logs:
        running = start(ReflectorOptions(page_size=3))
        await running.settle(seconds)
        source.hold["list"].set()
        await running.settle()
    slow = [entry for entry in logs if entry["event"] == "reflector_slow_list"]
    assert [(entry["seconds"], entry["objects"], entry["pages"]) for entry in slow] == told
    assert [(entry["reflector"], entry["log_level"]) for entry in slow] == [("test", "warning")] * len(told)


async def test_lists_are_counted_and_measured(source, start, make_status) -> None:
    def value(name: str, **labels: str) -> float:
        return metrics.REGISTRY.get_sample_value(name, {"name": "listed", **labels}) or 0.0

    source.put("a")
    source.put("b")
    running = start(name="listed")
    await relist(source, running, make_status)
    assert value("reflector_lists_total") == 2
    assert value("reflector_list_duration_seconds_count") == 2
    assert value("reflector_items_per_list_count") == 2
    assert value("reflector_items_per_list_sum") == 4
    assert value("reflector_relists_total", reason="InternalError") == 1


async def test_a_long_page_lets_others_run_and_takes_no_time(source, start) -> None:
    for number in range(1000):
        source.put(f"c{number}")
    running = start(ReflectorOptions(page_size=0))
    turns = 0
    while running.reflector.state is not ReflectorState.WATCHING:
        turns += 1
        await asyncio.sleep(0)
    assert turns >= 5
    assert asyncio.get_running_loop().time() == pytest.approx(0.0)
    assert running.agrees()
