"""Limits shared by all connections, under virtual time."""

import asyncio

import pytest

from omectl.local.hub.throttle import RequestWindow, TokenBucket


@pytest.mark.looptime
async def test_all_who_take_share_one_rate() -> None:
    bucket = TokenBucket(1000, burst_s=0.0)

    async def take() -> None:
        for _ in range(5):
            await bucket.take(100)

    start = asyncio.get_running_loop().time()
    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(take())
    assert asyncio.get_running_loop().time() - start == pytest.approx(2.0)


@pytest.mark.looptime
async def test_an_idle_bucket_does_not_save_up_more_than_its_burst() -> None:
    bucket = TokenBucket(1000, burst_s=0.1)
    await asyncio.sleep(100)
    start = asyncio.get_running_loop().time()
    await bucket.take(1100)
    assert asyncio.get_running_loop().time() - start == pytest.approx(1.0)


@pytest.mark.looptime
async def test_a_window_admits_so_many_and_says_how_long_to_wait() -> None:
    window = RequestWindow(2, 10.0)
    assert [window.admit(), window.admit()] == [0.0, 0.0]
    await asyncio.sleep(4)
    assert window.admit() == pytest.approx(6.0)
    await asyncio.sleep(6)
    assert window.admit() == 0.0


@pytest.mark.parametrize(("rate", "chunk"), [(1, 1 << 10), (1 << 20, (1 << 20) // 20), (1 << 40, 256 << 10)])
def test_chunks_follow_the_rate(rate: int, chunk: int) -> None:
    assert TokenBucket(rate).chunk == chunk
