"""How long an old workload stays beside the one that serves in its place."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from omectl.api.resource import ObjectKey
from omectl.clock import FakeClock
from omectl.reconcilers.handover import FOLLOWED_WITHIN_S, LEARNED_WITHIN_S, Handovers

pytestmark = pytest.mark.looptime
KEY, OTHER = ObjectKey("team", "s"), ObjectKey("team", "t")


@pytest.fixture
def handovers() -> Handovers:
    return Handovers(FakeClock(datetime(2026, 1, 1, tzinfo=UTC)))


async def test_a_moment_passes_after_the_last_change(handovers: Handovers) -> None:
    assert handovers.look(KEY, settled=False).again_s == LEARNED_WITHIN_S
    await asyncio.sleep(0.4)
    turn = handovers.look(KEY, settled=True)
    assert (turn.over, turn.again_s) == (False, pytest.approx(0.6))
    turn = handovers.look(KEY, settled=False)
    assert (turn.over, turn.again_s) == (False, pytest.approx(1.0))
    await asyncio.sleep(0.99)
    assert not handovers.look(KEY, settled=True).over
    await asyncio.sleep(0.01)
    turn = handovers.look(KEY, settled=True)
    assert (turn.over, turn.overdue) == (True, False)


async def test_a_manager_that_finds_all_settled_waits_a_moment_too(handovers: Handovers) -> None:
    assert not handovers.look(KEY, settled=True).over
    assert not handovers.look(OTHER, settled=True).over, "each service has a wait of its own"
    await asyncio.sleep(LEARNED_WITHIN_S)
    assert handovers.look(KEY, settled=True).over
    assert not handovers.look(KEY, settled=True).over, "and each change of it"


async def test_what_never_settles_ends_at_the_time_that_was_told(handovers: Handovers) -> None:
    assert handovers.look(KEY, settled=False).until == datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
    await asyncio.sleep(FOLLOWED_WITHIN_S - 0.25)
    turn = handovers.look(KEY, settled=False)
    assert (turn.over, turn.again_s) == (False, pytest.approx(0.25))
    await asyncio.sleep(0.25)
    turn = handovers.look(KEY, settled=False)
    assert (turn.over, turn.overdue, turn.until) == (True, True, datetime(2026, 1, 1, 0, 1, tzinfo=UTC))


async def test_what_is_forgotten_begins_anew(handovers: Handovers) -> None:
    handovers.look(KEY, settled=True)
    handovers.forget(KEY)
    handovers.forget(OTHER)
    await asyncio.sleep(LEARNED_WITHIN_S)
    assert not handovers.look(KEY, settled=True).over
