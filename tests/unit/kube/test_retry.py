"""Retries after conflicts: how often, how long in between, and after which errors."""

import asyncio

import pytest

from omectl.kube.errors import AlreadyExists, ApiError, Conflict
from omectl.kube.retry import PATIENT, SOON, RetryBackoff, on_error, retry_on_conflict

CONFLICT = Conflict(409, "Conflict", "stale")


class Attempts:
    """Fails with the given errors, one a try, then succeeds; `at` has the loop's time of each try."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.at: list[float] = []

    async def __call__(self) -> str:
        self.at.append(asyncio.get_running_loop().time())
        if self.errors:
            raise self.errors.pop(0)
        return "done"

    @property
    def pauses(self) -> list[float]:
        return [round(later - earlier, 6) for earlier, later in zip(self.at, self.at[1:], strict=False)]


@pytest.mark.looptime
async def test_a_conflict_is_tried_five_times_ten_milliseconds_apart() -> None:
    attempts = Attempts(*[CONFLICT] * 4)
    assert await retry_on_conflict(attempts, uniform=lambda: 0.0) == "done"
    assert attempts.pauses == [0.01] * 4


@pytest.mark.looptime
async def test_the_fifth_conflict_is_raised() -> None:
    attempts = Attempts(*[CONFLICT] * 5)
    with pytest.raises(Conflict):
        await retry_on_conflict(attempts, uniform=lambda: 0.0)
    assert len(attempts.at) == 5


@pytest.mark.looptime
async def test_the_patient_variant_tries_four_times_five_times_as_long_each() -> None:
    attempts = Attempts(*[CONFLICT] * 4)
    with pytest.raises(Conflict):
        await retry_on_conflict(attempts, backoff=PATIENT, uniform=lambda: 0.0)
    assert attempts.pauses == [0.01, 0.05, 0.25]


@pytest.mark.looptime
async def test_a_pause_is_up_to_a_tenth_longer() -> None:
    attempts = Attempts(*[CONFLICT] * 2)
    await retry_on_conflict(attempts, uniform=lambda: 0.5)
    assert attempts.pauses == [0.0105] * 2


def test_the_defaults_are_the_fields() -> None:
    assert RetryBackoff() == SOON == RetryBackoff(steps=5, first_s=0.01, factor=1.0, jitter=0.1)
    assert RetryBackoff(steps=4, first_s=0.01, factor=5.0, jitter=0.1) == PATIENT


def test_jitter_is_random_within_its_bounds() -> None:
    pauses = list(RetryBackoff(steps=200).pauses())
    assert len(pauses) == 199
    assert all(0.01 <= pause < 0.011 for pause in pauses)
    assert len(set(pauses)) > 100


@pytest.mark.looptime
async def test_success_at_once_waits_for_nothing() -> None:
    attempts = Attempts()
    assert await retry_on_conflict(attempts) == "done"
    assert attempts.at == [0.0]


@pytest.mark.looptime
@pytest.mark.parametrize("error", [AlreadyExists(409, "AlreadyExists", ""), ApiError(500, "", ""), KeyError("x")])
async def test_other_errors_are_raised_at_once(error: Exception) -> None:
    attempts = Attempts(error)
    with pytest.raises(type(error)):
        await retry_on_conflict(attempts)
    assert len(attempts.at) == 1


@pytest.mark.looptime
async def test_any_error_may_be_worth_another_try() -> None:
    attempts = Attempts(KeyError("x"), CONFLICT, KeyError("y"))
    backoff = RetryBackoff(steps=4, first_s=1.0, factor=2.0, jitter=0.0)
    assert await on_error(backoff, lambda error: isinstance(error, KeyError | Conflict), attempts) == "done"
    assert attempts.pauses == [1.0, 2.0, 4.0]


@pytest.mark.looptime
async def test_a_single_step_is_a_single_try() -> None:
    attempts = Attempts(CONFLICT)
    with pytest.raises(Conflict):
        await on_error(RetryBackoff(steps=1), lambda _: True, attempts)
    assert attempts.at == [0.0]


def test_no_step_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one step, found 0"):
        RetryBackoff(steps=0)


@pytest.mark.looptime
async def test_a_deadline_around_it_ends_the_retries() -> None:
    attempts = Attempts(*[CONFLICT] * 5)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.5):
            await on_error(RetryBackoff(first_s=1.0), lambda _: True, attempts, uniform=lambda: 0.0)
    assert attempts.at == [0.0, 1.0]


@pytest.mark.looptime
async def test_cancellation_is_no_error_to_try_again_after() -> None:
    async def cancelled() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await on_error(SOON, lambda _: True, cancelled)
