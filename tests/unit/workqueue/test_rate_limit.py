"""The limiters' laws, against the reference's values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omectl.workqueue import (
    BucketLimiter,
    ExponentialLimiter,
    FastSlowLimiter,
    MaxOfLimiter,
    MaxWaitLimiter,
    RateLimiter,
    classic_limiter,
)


def exponential(base_s: float, max_s: float) -> ExponentialLimiter[str]:
    return ExponentialLimiter(base_s, max_s)


def fast_slow() -> FastSlowLimiter[str]:
    return FastSlowLimiter(0.005, 3.0, 3)


@pytest.mark.parametrize(
    ("limiter", "delays"),
    [
        (exponential(0.001, 1.0), [0.001, 0.002, 0.004, 0.008, 0.016, 0.032]),
        (exponential(60, 3600_000), [60, 120, 240]),
        (FastSlowLimiter[str](0.005, 10.0, 3), [0.005, 0.005, 0.005, 10.0, 10.0]),
        (MaxOfLimiter[str]((fast_slow(), exponential(0.001, 1.0))), [0.005, 0.005, 0.005, 3.0, 3.0]),
        (MaxWaitLimiter[str](exponential(0.001, 1000.0), 0.003), [0.001, 0.002, 0.003, 0.003]),
        (MaxWaitLimiter[str](fast_slow(), 1.0), [0.005, 0.005, 0.005, 1.0]),
        (MaxWaitLimiter[str](MaxOfLimiter[str]((fast_slow(), exponential(0.001, 1.0))), 2.0), [0.005] * 3 + [2.0] * 2),
        (BucketLimiter[str](rate=10.0, burst=2), [0.0, 0.0, 0.1, 0.2, 0.3]),
    ],
)
def test_each_failure_waits_as_the_law_says(limiter: RateLimiter[str], delays: list[float]) -> None:
    assert [limiter.when("a", 0.0) for _ in delays] == pytest.approx(delays)


def test_defaults_are_five_milliseconds_doubling_to_a_thousand_seconds() -> None:
    limiter: ExponentialLimiter[str] = ExponentialLimiter()
    delays = [limiter.when("a", 0.0) for _ in range(30)]
    assert delays[0] == 0.005
    assert delays[7] == pytest.approx(0.64)
    assert delays[-1] == 1000.0


def test_thousands_of_failures_stay_at_the_longest_delay() -> None:
    limiter = exponential(0.001, 1000.0)
    assert [limiter.when("a", 0.0) for _ in range(3000)][-1] == 1000.0


def test_forgetting_starts_again_and_frees_the_memory() -> None:
    limiter = MaxOfLimiter[str]((exponential(0.001, 1.0), fast_slow()))
    for _ in range(5):
        limiter.when("a", 0.0)
    assert limiter.num_requeues("a") == 5
    assert len(limiter) == 1
    limiter.forget("stranger")
    limiter.forget("a")
    assert limiter.num_requeues("a") == 0
    assert len(limiter) == 0
    assert limiter.when("a", 0.0) == 0.005


def test_after_five_failures_a_key_waits_32_ms_and_once_forgotten_one() -> None:
    limiter = exponential(0.001, 1.0)
    for _ in range(5):
        limiter.when("a", 0.0)
    assert limiter.when("a", 0.0) == 0.032
    limiter.forget("a")
    assert limiter.when("a", 0.0) == 0.001


def test_keys_fail_independently() -> None:
    limiter = exponential(0.001, 1.0)
    for _ in range(4):
        limiter.when("a", 0.0)
    assert limiter.when("b", 0.0) == 0.001
    limiter.forget("b")
    assert limiter.num_requeues("a") == 4


def test_a_bucket_refills_with_time_up_to_its_burst() -> None:
    bucket: BucketLimiter[str] = BucketLimiter(rate=10.0, burst=2)
    assert [bucket.when("a", 0.0) for _ in range(3)] == pytest.approx([0.0, 0.0, 0.1])
    assert bucket.when("a", 0.2) == 0.0
    assert [bucket.when("a", 100.0) for _ in range(3)] == pytest.approx([0.0, 0.0, 0.1])


def test_taking_from_an_empty_bucket_reserves_nothing() -> None:
    bucket: BucketLimiter[str] = BucketLimiter(rate=1.0, burst=1)
    assert [bucket.take(0.0), bucket.take(0.0), bucket.take(0.5), bucket.take(1.0)] == [True, False, False, True]


def test_the_classic_limiter_slows_a_burst_of_many_keys() -> None:
    limiter = classic_limiter()
    delays = [limiter.when(key, 0.0) for key in range(102)]
    assert delays[:100] == [0.005] * 100
    assert delays[100:] == pytest.approx([0.1, 0.2])


@pytest.mark.parametrize(("rate", "burst"), [(0.0, 1), (-1.0, 1), (1.0, 0)])
def test_a_bucket_that_never_fills_is_refused(rate: float, burst: int) -> None:
    with pytest.raises(ValueError, match="wanted rate > 0"):
        BucketLimiter(rate=rate, burst=burst)


def test_a_maximum_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one limiter"):
        MaxOfLimiter[str](())


@given(st.lists(st.sampled_from("abc"), max_size=200))
def test_delays_never_shrink_without_forgetting(keys: list[str]) -> None:
    limiter = exponential(0.005, 1000.0)
    last = dict.fromkeys("abc", 0.0)
    for key in keys:
        delay = limiter.when(key, 0.0)
        assert last[key] <= delay <= 1000.0
        last[key] = delay


def test_a_bucket_knows_no_keys() -> None:
    bucket: BucketLimiter[str] = BucketLimiter()
    bucket.when("a", 0.0)
    bucket.forget("a")
    assert (bucket.num_requeues("a"), len(bucket)) == (0, 0)


def test_a_bucket_starts_with_a_burst_of_a_hundred_and_ten_a_second() -> None:
    bucket: BucketLimiter[str] = BucketLimiter()
    assert [bucket.when("a", 5.0) for _ in range(102)] == pytest.approx([0.0] * 100 + [0.1, 0.2])
    bucket = BucketLimiter(rate=10.0, burst=1)
    assert [bucket.when("a", 0.0), bucket.when("a", 0.0), bucket.when("a", 0.1)] == pytest.approx([0.0, 0.1, 0.1])


def test_a_bucket_does_not_refill_when_time_goes_back() -> None:
    bucket: BucketLimiter[str] = BucketLimiter(rate=1.0, burst=1)
    assert bucket.when("a", 100.0) == 0.0
    assert bucket.when("a", 50.0) == 1.0


def test_a_wrapped_limiter_is_asked_forgotten_and_counted() -> None:
    limiter = MaxWaitLimiter[str](exponential(0.001, 1000.0), 0.003)
    for _ in range(3):
        limiter.when("a", 0.0)
    assert limiter.when("b", 0.0) == 0.001
    assert (limiter.num_requeues("a"), limiter.num_requeues("b"), limiter.num_requeues("c"), len(limiter)) == (
        *(3, 1, 0),
        2,
    )
    limiter.forget("a")
    assert (limiter.num_requeues("a"), len(limiter)) == (0, 1)
    bucket = MaxWaitLimiter[str](MaxOfLimiter[str]([BucketLimiter[str](rate=1.0, burst=1)]), 5.0)
    assert [bucket.when("a", 10.0), bucket.when("a", 10.0), bucket.when("a", 12.0)] == [0.0, 1.0, 0.0]


def test_a_maximum_is_of_all_in_whatever_order_and_every_one_counts() -> None:
    slow, fast = FastSlowLimiter[str](3.0, 3.0, 0), exponential(0.001, 1.0)
    for limiters in ((slow, fast), (fast, slow)):
        assert MaxOfLimiter[str](limiters).when("a", 0.0) == 3.0
    assert slow.num_requeues("a") == fast.num_requeues("a") == 2
    slow.when("a", 0.0)
    slow.when("b", 0.0)
    both = MaxOfLimiter[str]((fast, slow))
    assert (both.num_requeues("a"), len(both)) == (3, 2)


def test_fast_attempts_end_exactly_after_their_number() -> None:
    limiter: FastSlowLimiter[str] = FastSlowLimiter(1.0, 9.0, 1)
    assert [limiter.when("a", 0.0) for _ in range(3)] == [1.0, 9.0, 9.0]
    limiter.forget("a")
    limiter.forget("unknown")
    assert limiter.when("a", 0.0) == 1.0


def test_the_text_of_a_maximum_of_nothing_says_what_is_missing() -> None:
    with pytest.raises(ValueError, match=r"^wanted at least one limiter, found none$"):
        MaxOfLimiter[str](())
