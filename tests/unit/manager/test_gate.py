"""Reading one's own writes, in virtual time."""

import asyncio
from typing import Any

import pytest

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey
from omectl.manager import ChannelSource, Controller, Result, WriteGate

pytestmark = pytest.mark.looptime

KEY = ObjectKey("ns", "a")


def answered(version: str, name: str = "a") -> JsonObject:
    return {"metadata": {"namespace": "ns", "name": name, "resourceVersion": version}}


class FakeLister:
    """A cache that the test moves on."""

    def __init__(self, told: Any) -> None:
        self._told = told
        self.version = "10"

    def header(self, key: ObjectKey) -> Any:
        return self._told.record(key.name, version=self.version).header if self.version else None


@pytest.fixture
def lister(told: Any) -> FakeLister:
    return FakeLister(told)


async def test_a_key_is_behind_until_the_cache_shows_the_write(lister: Any) -> None:
    gate = WriteGate(lister)
    assert not gate.is_behind(KEY)
    gate.wrote(answered("12"))
    assert gate.is_behind(KEY)
    lister.version = "11"
    assert gate.is_behind(KEY)
    lister.version = "12"
    assert not gate.is_behind(KEY)
    assert len(gate) == 0


async def test_versions_are_compared_as_numbers(lister: Any) -> None:
    gate = WriteGate(lister)
    lister.version = "9"
    gate.wrote(answered("10"))
    assert gate.is_behind(KEY)


async def test_a_created_object_is_behind_until_the_cache_has_it(lister: Any) -> None:
    gate = WriteGate(lister)
    lister.version = ""
    gate.wrote(answered("12"))
    assert gate.is_behind(KEY)
    lister.version = "12"
    assert not gate.is_behind(KEY)


async def test_patience_ends(lister: Any) -> None:
    gate = WriteGate(lister, patience_s=1.0)
    gate.wrote(answered("12"))
    await asyncio.sleep(1.0)
    assert not gate.is_behind(KEY)
    assert len(gate) == 0


async def test_other_keys_are_not_behind_and_memory_is_bounded(lister: Any) -> None:
    gate = WriteGate(lister, most=3)
    for number in range(5):
        gate.wrote(answered("99", f"m-{number}"))
    assert len(gate) == 3
    assert not gate.is_behind(KEY)
    assert not gate.is_behind(ObjectKey("ns", "m-0"))
    assert gate.is_behind(ObjectKey("ns", "m-4"))


async def test_an_answer_without_a_version_is_ignored(lister: Any) -> None:
    gate = WriteGate(lister)
    gate.wrote({})
    gate.wrote({"metadata": {"name": "a"}})
    assert len(gate) == 0


async def test_a_controller_never_reconciles_on_a_cache_older_than_its_write(lister: Any) -> None:
    gate = WriteGate(lister)
    seen: list[str] = []

    async def reconcile(key: ObjectKey) -> Result:
        seen.append(lister.version)
        gate.wrote(answered(str(int(lister.version) + 1)))
        return Result()

    channel: ChannelSource[ObjectKey] = ChannelSource("c")
    controller = Controller("gated", reconcile, [channel], gate=gate)
    task = asyncio.ensure_future(controller.run())
    await asyncio.sleep(0.001)
    channel.put(KEY)
    await asyncio.sleep(0.001)
    channel.put(KEY)
    await asyncio.sleep(0.5)
    assert seen == ["10"]
    lister.version = "11"
    await asyncio.sleep(0.1)
    assert seen == ["10", "11"]
    task.cancel()
    await asyncio.wait({task})
