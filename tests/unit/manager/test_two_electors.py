"""Two candidates whose clocks differ, a server that fails, and a thousand faults: never two leaders."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from omectl.kube.errors import ConnectionFailed
from omectl.manager import ElectionOptions, LeaderElector, LeadershipLost, LeaseLock

pytestmark = pytest.mark.looptime


def reset() -> ConnectionFailed:
    return ConnectionFailed("https://server", "connection reset")


def now() -> float:
    return asyncio.get_running_loop().time()


class Way:
    """One candidate's way to the server, which may be cut for a while."""

    def __init__(self, api: Any) -> None:
        self._api = api
        self.down = False
        self.cuts = 0

    def __getattr__(self, verb: str) -> Any:
        async def call(*args: Any, **options: Any) -> Any:
            if self.down:
                self.cuts += 1
                raise reset()
            return await getattr(self._api, verb)(*args, **options)

        return call


@pytest.mark.parametrize("seed", range(6))
async def test_two_candidates_never_lead_at_once_whatever_happens(make_api: Any, seed: int) -> None:
    """Leading is judged by each one's own fence and clock, at every write that the server takes and in between."""
    dice = random.Random(seed)
    api = make_api()
    faults: Counter[str] = Counter()

    def strike(kind: str, chance: float, fault: Any, otherwise: Any = None) -> Any:
        if dice.random() >= chance:
            return otherwise
        faults[kind] += 1
        return fault

    electors: dict[str, LeaderElector] = {}
    led: set[str] = set()

    def check() -> None:
        leaders = [place for place, me in electors.items() if me.is_leader]
        assert len(leaders) <= 1, leaders

    def after_write(verb: str, kind: Any, name: str) -> Any:
        check()
        (lease,) = api.of(kind)
        holder = lease["spec"]["holderIdentity"].partition("-")[0]
        others = [place for place, me in electors.items() if place != holder and me.is_leader]
        assert not others, f"{others} still led when {holder} took the lease"
        return strike("answer lost", 0.15, reset())

    api.fault = lambda verb, kind, name: strike("refused", 0.2, reset())
    api.late_fault = after_write
    api.latency_s = lambda: strike("slow", 0.2, dice.choice([0.01, 0.5, 4.0, 30.0]), 0.0)
    ways = {place: Way(api) for place in "ab"}
    clocks: dict[str, Callable[[], float]] = {
        "a": lambda: 1.0e6 + now() * 1.01,
        "b": lambda: 5.0 + now() * 0.99,
    }

    async def candidate(place: str) -> None:
        for life in range(10_000):
            name = f"{place}-{life}"
            options = ElectionOptions(lease_name="lock", namespace="ome", identity=name)
            me = LeaderElector(LeaseLock(ways[place], "ome", "lock"), options, time=clocks[place])
            electors[place] = me
            me.may_release = dice.random() < 0.5

            def lead(me: LeaderElector = me, name: str = name) -> None:
                check()
                led.add(name)

            try:
                async with asyncio.timeout(dice.uniform(20.0, 200.0)):
                    await me.campaign(lead)
            except TimeoutError:
                faults["stopped"] += 1
            except LeadershipLost:
                faults["lost"] += 1

    async def cut(place: str) -> None:
        while True:
            await asyncio.sleep(dice.uniform(10.0, 60.0))
            ways[place].down = True
            await asyncio.sleep(dice.uniform(1.0, 40.0))
            ways[place].down = False

    tasks = [asyncio.ensure_future(work(place)) for place in "ab" for work in (candidate, cut)]
    try:
        while faults.total() + ways["a"].cuts + ways["b"].cuts < 1000:
            await asyncio.sleep(0.35)
            check()
            for task in tasks:
                if task.done():
                    task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert len(led) > 5
    assert min(faults[kind] for kind in ("refused", "answer lost", "slow", "stopped", "lost")) > 3, faults
