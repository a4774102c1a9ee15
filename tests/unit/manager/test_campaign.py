"""A candidate in a thread. Real time, kept short: threads know no other."""

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Self

import pytest
from structlog.testing import capture_logs

from omectl.api.resource import ObjectKey
from omectl.kube.errors import ConnectionFailed
from omectl.kube.resources import LEASES
from omectl.manager import BLOCKED_EXIT_CODE, ElectionOptions, LeaderElector, LeadershipLost, LeaseLock
from omectl.manager import campaign as campaign_module
from omectl.manager.campaign import CampaignThread

PLACE = (LEASES, ObjectKey("ome", "lock"))
TIMES: dict[str, float] = {"lease_duration_s": 6.0, "renew_deadline_s": 5.0, "retry_period_s": 0.05}


class Connection:
    """Notes in which thread it is opened and closed."""

    def __init__(self) -> None:
        self.opened_in = ""
        self.closed_in = ""

    async def __aenter__(self) -> Self:
        self.opened_in = threading.current_thread().name
        return self

    async def __aexit__(self, *_: object) -> None:
        self.closed_in = threading.current_thread().name


class Campaigner:
    """A campaign and what it told. `deadline_s` is what the manager's loop has for its answer."""

    def __init__(self, api: Any, deadline_s: float = 5.0) -> None:
        self.connection = Connection()
        self.led_in: list[str] = []
        self.left: list[int] = []
        options = ElectionOptions(lease_name="lock", namespace="ome", identity="me", **TIMES)
        self.elector = LeaderElector(LeaseLock(api, "ome", "lock"), options, time=time.monotonic)
        self.thread = CampaignThread(
            self.elector, self.connection, self._lead, deadline_s=deadline_s, leave=self.left.append
        )

    def _lead(self) -> None:
        self.led_in.append(threading.current_thread().name)


@pytest.fixture
def campaigner(api: Any) -> Campaigner:
    return Campaigner(api)


@pytest.fixture
def hasty(api: Any) -> Campaigner:
    """One whose deadline is worth waiting for."""
    return Campaigner(api, 0.3)


async def until(happened: Callable[[], Any]) -> None:
    async with asyncio.timeout(5.0):
        while not happened():
            await asyncio.sleep(0.005)


async def cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait({task})


def election_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "leader-election"]


def renewed(api: Any) -> str:
    return api.objects[PLACE]["spec"]["renewTime"]


def block_the_loop(seconds: float, until: Callable[[], Any] = lambda: False) -> None:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends and not until():
        time.sleep(0.01)


async def test_it_leads_in_the_loop_and_talks_in_the_thread(api: Any, campaigner: Campaigner) -> None:
    task = asyncio.ensure_future(campaigner.thread.run())
    await until(lambda: campaigner.led_in)
    assert campaigner.led_in == [threading.current_thread().name]
    assert campaigner.connection.opened_in == "leader-election"
    assert campaigner.elector.is_leader
    assert election_threads() == ["leader-election"]
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "leader-election")
    await cancelled(task)
    assert task.cancelled()
    assert campaigner.connection.closed_in == "leader-election"
    assert election_threads() == []
    assert campaigner.thread._inner is None


async def test_a_blocked_loop_keeps_the_lease_for_a_while(api: Any, campaigner: Campaigner) -> None:
    task = asyncio.ensure_future(campaigner.thread.run())
    await until(lambda: campaigner.led_in)
    before = renewed(api)
    block_the_loop(4.0, until=lambda: renewed(api) > before)
    assert renewed(api) > before
    assert campaigner.elector.is_leader
    assert campaigner.left == []
    await cancelled(task)


async def test_a_loop_that_is_blocked_past_the_deadline_ends_the_process(hasty: Campaigner) -> None:
    with capture_logs() as logs:
        task = asyncio.ensure_future(hasty.thread.run())
        await until(lambda: hasty.led_in)
        block_the_loop(5.0, until=lambda: hasty.left)
        await cancelled(task)
    assert hasty.left == [BLOCKED_EXIT_CODE] == [70]
    (said,) = [entry for entry in logs if entry["event"] == "leader_blocked"]
    assert said["log_level"] == "critical"
    assert said["exit_code"] == 70
    assert said["seconds"] == 0.3  # it counts at most two intervals, 0.03 s, at a time
    assert any("block_the_loop" in line for line in said["blocked_at"])
    assert len(said["blocked_at"]) <= 12


async def test_a_loop_that_answers_is_left_alone(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    campaigner = Campaigner(api, 2.0)
    loop = asyncio.get_running_loop()
    asked: list[str] = []
    really_call = loop.call_soon_threadsafe

    def call(callback: Callable[..., object], *args: Any, **options: Any) -> asyncio.Handle:
        asked.append(callback.__name__)
        return really_call(callback, *args, **options)

    monkeypatch.setattr(loop, "call_soon_threadsafe", call)
    task = asyncio.ensure_future(campaigner.thread.run())
    await until(lambda: asked.count("answer") >= 3)  # it asks again only after an answer
    assert campaigner.left == []
    await cancelled(task)
    assert asked[-1] == "_end"


async def test_a_log_that_is_blocked_too_does_not_keep_the_process(
    hasty: Campaigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_moves_again = threading.Event()

    class Stuck:
        def critical(self, *_: object, **__: object) -> None:
            log_moves_again.wait(5.0)

    monkeypatch.setattr(campaign_module, "_LAST_WORDS_S", 0.05)
    monkeypatch.setattr(campaign_module, "_log", Stuck())
    task = asyncio.ensure_future(hasty.thread.run())
    await until(lambda: hasty.led_in)
    block_the_loop(5.0, until=lambda: hasty.left)
    assert hasty.left == [70]
    log_moves_again.set()
    await cancelled(task)


async def test_a_candidate_whose_loop_is_blocked_harms_nobody(api: Any, hasty: Campaigner) -> None:
    api.fault = lambda verb, kind, name: ConnectionFailed("https://server", "no route to host")
    task = asyncio.ensure_future(hasty.thread.run())
    await until(lambda: api.calls)
    block_the_loop(0.5)
    assert hasty.left == []
    await cancelled(task)
    assert hasty.led_in == []


async def test_a_lost_lease_reaches_the_loop(api: Any, campaigner: Campaigner) -> None:
    task = asyncio.ensure_future(campaigner.thread.run())
    await until(lambda: campaigner.led_in)
    await api.merge_patch(LEASES, "lock", {"spec": {"holderIdentity": "you", "leaseDurationSeconds": 6}}, "ome")
    with pytest.raises(LeadershipLost, match="you holds it"):
        await task
    assert not campaigner.elector.is_leader
    assert election_threads() == []


async def test_an_error_of_the_thread_reaches_the_loop(api: Any, campaigner: Campaigner) -> None:
    api.fault = lambda verb, kind, name: RuntimeError("a bug")
    with pytest.raises(RuntimeError, match="a bug"):
        await campaigner.thread.run()
    assert election_threads() == []


async def test_a_cancellation_releases_the_lease_only_when_that_is_allowed(api: Any, make_api: Any) -> None:
    for allowed, holder in ((False, "me"), (True, "")):
        server = make_api()
        campaigner = Campaigner(server)
        task = asyncio.ensure_future(campaigner.thread.run())
        await until(lambda campaigner=campaigner: campaigner.led_in)
        campaigner.elector.may_release = allowed
        await cancelled(task)
        assert task.cancelled()
        assert server.objects[PLACE]["spec"]["holderIdentity"] == holder


async def test_a_second_cancellation_ends_a_release_that_hangs(api: Any, campaigner: Campaigner) -> None:
    task = asyncio.ensure_future(campaigner.thread.run())
    await until(lambda: campaigner.led_in)
    campaigner.elector.may_release = True
    api.latency_s = lambda: 60.0
    task.cancel()
    await asyncio.sleep(0.1)
    assert not task.done()
    task.cancel()
    await asyncio.wait({task}, timeout=2.0)
    assert task.cancelled()
    assert election_threads() == []


async def test_a_cancellation_before_the_thread_has_begun_ends_it(api: Any, campaigner: Campaigner) -> None:
    task = asyncio.ensure_future(campaigner.thread.run())
    await asyncio.sleep(0)
    await cancelled(task)
    assert task.cancelled()
    assert election_threads() == []


async def test_a_thread_that_was_cancelled_before_its_first_step_opens_nothing(campaigner: Campaigner) -> None:
    campaigner.thread._cancel()
    await campaigner.thread.run()
    assert campaigner.connection.opened_in == ""


async def test_the_wall_time_is_written_in_utc(api: Any, campaigner: Campaigner) -> None:
    task = asyncio.ensure_future(campaigner.thread.run())
    await until(lambda: campaigner.led_in)
    written = datetime.fromisoformat(renewed(api))
    assert abs((datetime.now(UTC) - written).total_seconds()) < 5.0
    await cancelled(task)


class Ended:
    """A loop that has ended, as far as others can tell."""

    def call_soon_threadsafe(self, callback: Callable[[], object]) -> None:
        raise RuntimeError("Event loop is closed")


async def test_a_cancellation_that_comes_when_the_thread_has_just_ended_is_quiet(campaigner: Campaigner) -> None:
    task = asyncio.current_task()
    campaigner.thread._inner = (Ended(), task)  # type: ignore[assignment]
    campaigner.thread._cancel()


class Watched:
    """The manager's loop, which answers when the test says so."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.asked: list[tuple[float, Callable[[], None]]] = []

    def call(self, callback: Callable[[], None]) -> None:
        self.asked.append((asyncio.get_running_loop().time(), callback))


class Leader:
    """Leads, or not."""

    is_leader = True


class Guarded:
    """A guard in virtual time, with a deadline of 10 s, and what it did."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(campaign_module, "monotonic", loop.time)
        self.watched, self.leader = Watched(), Leader()
        self.left: list[tuple[float, int]] = []
        self.guard = campaign_module._Guard(
            self.watched,  # type: ignore[arg-type]
            self.leader,  # type: ignore[arg-type]
            10.0,
            lambda code: self.left.append((loop.time(), code)),
        )


@pytest.fixture
async def guarded(monkeypatch: pytest.MonkeyPatch) -> Guarded:
    return Guarded(monkeypatch)


@pytest.mark.looptime
async def test_a_silent_loop_is_asked_once_and_given_exactly_the_deadline(guarded: Guarded) -> None:
    guarded.guard.start()
    await asyncio.sleep(9.9)
    assert (len(guarded.watched.asked), guarded.left) == (1, [])
    await asyncio.sleep(60.0)
    assert guarded.left == [(10.0, 70)]
    assert len(guarded.watched.asked) == 1


@pytest.mark.looptime
async def test_a_loop_that_answers_is_asked_twenty_times_in_a_deadline(guarded: Guarded) -> None:
    guarded.guard.start()
    await asyncio.sleep(0.25)
    for number in range(60):
        at, answer = guarded.watched.asked[-1]
        assert at == number * 0.5
        answer()
        await asyncio.sleep(0.5)
    assert guarded.left == []
    guarded.guard.stop()


@pytest.mark.looptime
async def test_a_silence_ends_the_process_once_it_leads(guarded: Guarded) -> None:
    guarded.leader.is_leader = False
    guarded.guard.start()
    await asyncio.sleep(30.0)
    assert guarded.left == []
    guarded.leader.is_leader = True
    await asyncio.sleep(1.0)
    assert guarded.left == [(30.5, 70)]


@pytest.mark.looptime
async def test_a_stopped_guard_ends_nothing(guarded: Guarded) -> None:
    guarded.guard.start()
    guarded.guard.stop()
    await asyncio.sleep(30.0)
    assert guarded.left == []
    assert len(guarded.watched.asked) == 1


@pytest.mark.looptime
async def test_a_guard_that_never_started_may_be_stopped(guarded: Guarded) -> None:
    guarded.guard.stop()


@pytest.mark.looptime
async def test_the_last_words_are_spoken_by_a_thread_that_holds_nothing_up(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[str, bool, dict[str, Any]]] = []

    class Log:
        def critical(self, event: str, **facts: Any) -> None:
            thread = threading.current_thread()
            heard.append((f"{event} by {thread.name}", thread.daemon, facts))

    monkeypatch.setattr(campaign_module, "_log", Log())
    guarded.guard.start()
    await asyncio.sleep(8.0)
    guarded.guard._pulse.silent_s = 11.26
    await asyncio.sleep(1.0)
    ((what, is_daemon, facts),) = heard
    assert (what, is_daemon) == ("leader_blocked by last-words", True)
    assert facts.pop("blocked_at")
    assert facts == {
        "seconds": 11.8,
        "exit_code": 70,
        "next_step": "ending, so that another may lead; move blocking work to a thread",
    }
