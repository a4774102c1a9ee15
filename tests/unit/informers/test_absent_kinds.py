"""A kind that the server does not serve: only the server's own discovery may say so."""

import pytest
import structlog

from omectl.informers import ReflectorState
from omectl.kube.errors import ConnectionFailed, NotFound

pytestmark = [pytest.mark.looptime, pytest.mark.asyncio]

MISSING = NotFound(404, "", "404 page not found")


async def test_a_kind_that_is_not_served_is_asked_for_again_until_it_is(source, start) -> None:
    source.failures["stream"] += [MISSING] * 7
    source.served = False
    source.put("a")
    running = start()
    await running.settle(1)
    assert running.reflector.state is ReflectorState.ABSENT
    assert running.reflector.last_error is MISSING
    assert running.sink.log == ["absent", "absent"]
    await running.settle(60)
    assert running.agrees()
    assert running.reflector.state is ReflectorState.WATCHING
    assert running.reflector.last_error is None
    assert [request for request, _ in source.requests] == ["stream"] * 8
    assert source.times == pytest.approx([0, 0.8, 2.4, 5.6, 12.0, 22.0, 32.0, 42.0])


async def test_a_cache_that_never_filled_is_not_emptied(source, start) -> None:
    source.failures["stream"] += [MISSING] * 4
    source.served = False
    with structlog.testing.capture_logs() as logs:
        running = start()
        await running.settle(10)
    assert running.sink.log == ["absent"] * 4
    assert logs == []  # a kind that is not installed is no trouble


async def test_a_kind_that_vanishes_empties_the_cache_at_the_third_confirmation(source, start, make_status) -> None:
    source.put("a")
    running = start()
    await running.settle(10)
    source.failures["stream"] += [MISSING] * 4
    source.served = False
    source.send(make_status(500, "InternalError"))
    await running.settle(1.5)  # a pause of 0.8 s, then the first 404
    assert running.sink.log == ["replace a", "absent"]
    await running.settle(0.5)
    assert running.sink.log == ["replace a", "absent", "absent"]
    assert running.sink.versions() == {"a": "2"}
    await running.settle(1.5)
    assert running.sink.log == ["replace a", "absent", "absent", "replace ", "absent"]
    assert (running.reflector.last_sync_resource_version, running.sink.version) == ("", "")
    await running.settle(3)
    assert running.sink.log[5:] == ["absent"]
    await running.settle(10)
    assert running.agrees()
    assert source.requests[-1] == ("stream", "")


async def test_a_kind_that_comes_back_in_time_keeps_its_cache_and_its_version(source, start, make_status) -> None:
    version = source.put("a")
    running = start()
    for _ in range(2):
        await running.settle(10)
        source.failures["stream"] += [MISSING] * 2
        source.served = False
        source.send(make_status(500, "InternalError"))
    await running.settle(20)
    assert running.sink.log == ["replace a", "absent", "absent"] * 2 + ["replace a"]
    assert source.requests[-1] == ("stream", version)


@pytest.mark.parametrize(
    "discovery",
    [True, NotFound(404, "", "nothing here either"), ConnectionFailed("https://server", "cut")],
    ids=["lists the kind", "is missing", "is cut"],
)
async def test_a_404_that_discovery_does_not_confirm_is_an_error_like_any_other(
    source, start, make_status, discovery: bool | Exception
) -> None:
    version = source.put("a")
    running = start()
    await running.settle(10)
    source.failures["stream"] += [MISSING] * 6
    source.served = discovery
    source.send(make_status(500, "InternalError"))
    with structlog.testing.capture_logs() as logs:
        await running.settle(30)
    assert [entry["error"] for entry in logs] == [str(MISSING)]
    assert running.sink.log == ["replace a"]
    assert running.sink.versions() == {"a": "2"}
    assert running.reflector.last_error is MISSING
    assert running.reflector.state is ReflectorState.BACKOFF
    await running.settle(60)
    assert running.agrees()
    assert running.reflector.last_error is None
    assert [request for request, _ in source.requests] == ["stream"] * 8
    assert source.requests[-1] == ("stream", version)
    pauses = [0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0]
    assert [source.times[n + 1] - source.times[n] for n in range(1, 7)] == pytest.approx(pauses[1:])


@pytest.mark.parametrize("request_kind", ["list", "watch"])
async def test_a_missing_kind_is_noticed_by_every_request(source, start, request_kind: str) -> None:
    source.streaming_list = False
    source.failures[request_kind].append(MISSING)
    source.served = False
    running = start()
    await running.settle(0.5)
    assert running.reflector.state is ReflectorState.ABSENT


async def test_an_error_of_discovery_that_nobody_foresaw_ends_only_the_round(source, start) -> None:
    source.failures["stream"].append(MISSING)
    source.served = RuntimeError("a bug")
    with structlog.testing.capture_logs() as logs:
        running = start()
        await running.settle(0.5)
        assert running.reflector.state is ReflectorState.BACKOFF
        await running.settle(5)
    assert running.reflector.state is ReflectorState.WATCHING
    assert [(entry["event"], entry["reflector"], entry["exc_info"]) for entry in logs] == [
        ("reflector_bug", "test", True)
    ]


async def test_a_discovery_that_fails_is_logged_for_who_looks_closely(source, start, all_logs) -> None:
    source.failures["stream"].append(MISSING)
    source.served = ConnectionFailed("https://server", "cut")
    running = start()
    await running.settle(0.5)
    found = [entry for entry in all_logs if entry["event"] == "reflector_discovery_failed"]
    assert [(entry["reflector"], entry["log_level"]) for entry in found] == [("test", "debug")]
    assert "no answer from https://server: cut" in str(found[0]["error"])


async def test_an_absent_kind_does_not_count_towards_what_does_not_pass(source, start) -> None:
    source.streaming_list = False
    source.failures["list"] += [MISSING, *[ConnectionFailed("https://server", "cut")] * 2]
    source.served = False
    with structlog.testing.capture_logs() as logs:
        running = start()
        await running.settle(20)
    assert logs == []
    assert running.reflector.statistics.errors == 3
