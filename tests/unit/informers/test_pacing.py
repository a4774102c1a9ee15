"""Yielding to the loop."""

from omectl.informers.pacing import Pacer


def test_a_yield_is_due_after_two_hundred_steps_at_the_latest() -> None:
    pacer = Pacer()
    due = [number for number in range(1, 1001) if pacer.step()]
    assert due
    assert all(later - earlier <= 208 for earlier, later in zip([0, *due], due, strict=False))
