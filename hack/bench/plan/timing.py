"""Times of calls inside one process, garbage collection as it comes."""

import time
from collections.abc import Callable, Mapping
from statistics import median

Call = Callable[[], object]


def milliseconds(call: Call) -> float:
    """How long one call took."""
    started = time.perf_counter_ns()
    call()
    return (time.perf_counter_ns() - started) / 1e6


def in_turns(calls: Mapping[str, Call], repetitions: int) -> dict[str, list[float]]:
    """Milliseconds of every repetition of each call. The calls take turns, so that a busy moment meets all of them."""
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repetitions):
        for name, call in calls.items():
            found[name].append(milliseconds(call))
    return found


def told(times: list[float]) -> dict[str, float]:
    """Median, least and greatest."""
    return {"median_ms": median(times), "least_ms": min(times), "greatest_ms": max(times)}
