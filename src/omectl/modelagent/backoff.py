"""How long to wait before something is tried again. Pure but for the jitter."""

import random

_MOST_DOUBLINGS = 32


def backoff_s(failures: int, base_s: float, most_s: float) -> float:
    """Seconds after so many failures in a row: doubling from the base to the most, shortened by up to a third."""
    doublings = min(max(failures - 1, 0), _MOST_DOUBLINGS)
    return min(most_s, base_s * 2**doublings) * random.uniform(0.67, 1.0)  # noqa: S311 - jitter
