"""The queue's state, against the rules one by one."""

import pytest

from omectl.workqueue.schedule import NotProcessingError, Schedule


def pop_all(schedule: Schedule[str], now: float = 0.0) -> list[tuple[str, int]]:
    popped: list[tuple[str, int]] = []
    while (entry := schedule.pop(now)) is not None:
        popped.append((entry.key, entry.priority))
    return popped


def keys(schedule: Schedule[str], now: float = 0.0) -> str:
    return "".join(key for key, _ in pop_all(schedule, now))


def filled(*adds: tuple[str, int]) -> Schedule[str]:
    schedule: Schedule[str] = Schedule()
    for key, priority in adds:
        schedule.add(key, 0.0, 0.0, priority)
    return schedule


def test_higher_priorities_come_first_and_equal_ones_in_order_of_arrival() -> None:
    assert keys(filled(("a", 0), ("b", -100), ("c", 5), ("d", 0), ("e", 5), ("f", -100))) == "ceadbf"


def test_adding_again_keeps_one_entry_and_its_place() -> None:
    schedule = filled(("a", 0), ("b", 0), ("a", 0))
    assert schedule.ready == 2
    assert schedule.adds == 2
    assert keys(schedule) == "ab"


def test_a_raised_key_goes_behind_those_of_its_new_level() -> None:
    assert pop_all(filled(("a", 0), ("b", 10), ("c", 10), ("a", 10))) == [("b", 10), ("c", 10), ("a", 10)]


def test_a_priority_is_never_lowered() -> None:
    assert pop_all(filled(("a", 7), ("a", 0), ("a", -100))) == [("a", 7)]


def test_raising_does_not_count_as_an_add() -> None:
    assert filled(("a", 0), ("a", 1), ("a", 2)).adds == 1


def test_a_key_in_processing_is_not_handed_out_again_but_counts_as_ready() -> None:
    schedule = filled(("a", 0))
    schedule.pop(0.0)
    assert schedule.add("a", 0.0, 0.0, 0) is False
    assert schedule.ready == 1
    assert schedule.depth() == {0: 1}
    assert schedule.pop(0.0) is None
    assert schedule.depth() == {0: 1}
    assert schedule.done("a", 0.0) is True
    assert keys(schedule) == "a"


def test_any_number_of_adds_during_processing_give_one_more_run() -> None:
    schedule = filled(("a", 0))
    schedule.pop(0.0)
    for priority in (0, 3, 1):
        schedule.add("a", 0.0, 0.0, priority)
    schedule.done("a", 0.0)
    assert pop_all(schedule) == [("a", 3)]
    assert schedule.done("a", 0.0) is False


def test_a_run_without_adds_forgets_the_key_and_its_priority() -> None:
    schedule = filled(("a", 9))
    schedule.pop(0.0)
    schedule.done("a", 0.0)
    schedule.add("a", 0.0, 0.0, -1)
    assert pop_all(schedule) == [("a", -1)]


def test_keys_that_were_held_back_return_in_their_old_order() -> None:
    schedule = filled(("a", 0), ("b", 0))
    assert keys(schedule) == "ab"
    for key in ("a", "b", "c"):
        schedule.add(key, 0.0, 0.0, 0)
    assert keys(schedule) == "c"
    schedule.add("d", 0.0, 0.0, 0)
    schedule.done("a", 0.0)
    schedule.done("b", 0.0)
    assert keys(schedule) == "abd"


def test_a_held_back_key_can_be_raised() -> None:
    schedule = filled(("a", 0))
    schedule.pop(0.0)
    schedule.add("a", 0.0, 0.0, 0)
    assert schedule.pop(0.0) is None
    schedule.add("b", 0.0, 0.0, 0)
    schedule.add("a", 0.0, 0.0, 5)
    schedule.done("a", 0.0)
    assert keys(schedule) == "ab"


def test_a_waiting_key_becomes_ready_at_its_moment_and_counts_then() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("a", 10.0, 5.0, 0)
    assert (schedule.ready, schedule.waiting, schedule.adds, schedule.retries) == (0, 1, 0, 1)
    assert schedule.pop(14.9) is None
    assert keys(schedule, 15.0) == "a"
    assert (schedule.ready, schedule.waiting, schedule.adds) == (0, 0, 1)


def test_the_earlier_moment_wins() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("a", 0.0, 10.0, 0)
    schedule.add("a", 0.0, 5.0, 0)
    schedule.add("a", 0.0, 20.0, 0)
    assert schedule.waiting == 1
    assert schedule.pop(4.9) is None
    assert keys(schedule, 5.0) == "a"
    schedule.done("a", 5.0)
    assert schedule.pop(100.0) is None


def test_an_immediate_add_makes_a_waiting_key_ready() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("a", 0.0, 10.0, 0)
    assert schedule.add("a", 1.0, 0.0, 0) is True
    assert (schedule.ready, schedule.waiting, schedule.adds) == (1, 0, 1)
    assert keys(schedule, 1.0) == "a"


def test_a_delayed_add_leaves_a_ready_key_ready() -> None:
    schedule = filled(("a", 0))
    schedule.add("a", 0.0, 60.0, 0)
    assert (schedule.ready, schedule.waiting) == (1, 0)


def test_a_waiting_key_keeps_the_highest_priority() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("a", 0.0, 1.0, -100)
    schedule.add("a", 0.0, 5.0, 0)
    schedule.add("a", 0.0, 5.0, -50)
    assert pop_all(schedule, 1.0) == [("a", 0)]


def test_becoming_ready_puts_a_key_behind_those_that_are_ready() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("late", 0.0, 1.0, 0)
    schedule.add("early", 0.5, 0.0, 0)
    assert [key for key, _ in pop_all(schedule, 1.0)] == ["early", "late"]


def test_a_key_can_wait_while_it_is_processed() -> None:
    schedule = filled(("a", 0))
    schedule.pop(0.0)
    schedule.add("a", 0.0, 5.0, 0)
    assert schedule.done("a", 1.0) is False
    assert schedule.waiting == 1
    assert keys(schedule, 5.0) == "a"


def test_a_key_that_becomes_ready_while_it_is_processed_waits_for_done() -> None:
    schedule = filled(("a", 0))
    schedule.pop(0.0)
    schedule.add("a", 0.0, 5.0, 0)
    assert schedule.release(5.0) == 0
    assert schedule.pop(5.0) is None
    assert schedule.done("a", 6.0) is True
    assert keys(schedule, 6.0) == "a"


def test_an_old_moment_of_a_key_does_not_wake_its_next_wait() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("a", 0.0, 5.0, 0)
    schedule.add("a", 0.0, 0.0, 0)
    schedule.pop(0.0)
    schedule.add("a", 0.0, 5.0, 0)
    schedule.done("a", 0.0)
    assert schedule.waiting == 1
    assert keys(schedule, 5.0) == "a"
    schedule.done("a", 5.0)
    assert (schedule.ready, schedule.waiting, schedule.processing) == (0, 0, 0)


def test_withdrawn_moments_do_not_pile_up() -> None:
    schedule: Schedule[str] = Schedule()
    for step in range(10_000):
        schedule.add("a", 0.0, 10_000.0 - step, 0)
    assert schedule.waiting == 1
    assert len(schedule._heap) < 200


def test_empty_levels_do_not_pile_up() -> None:
    schedule: Schedule[str] = Schedule()
    for priority in range(1000):
        schedule.add("a", 0.0, 0.0, priority)
        schedule.pop(0.0)
        schedule.done("a", 0.0)
    assert len(schedule.depth()) < 10


def test_done_for_a_key_that_was_not_handed_out_is_refused() -> None:
    schedule = filled(("a", 0))
    for key in ("a", "stranger"):
        with pytest.raises(NotProcessingError, match=f"found '{key}'; call done") as refused:
            schedule.done(key, 0.0)
        assert refused.value.key == key
    assert pop_all(schedule) == [("a", 0)]


def test_clearing_keeps_what_is_processed() -> None:
    schedule = filled(("a", 0), ("b", 0))
    schedule.pop(0.0)
    schedule.add("a", 0.0, 0.0, 0)
    schedule.add("c", 0.0, 9.0, 0)
    schedule.clear()
    assert (schedule.ready, schedule.waiting, schedule.processing, schedule.started()) == (0, 0, 1, [0.0])
    assert schedule.done("a", 2.0) is False
    assert schedule.pop(100.0) is None


def test_clearing_the_waiting_keeps_the_ready() -> None:
    schedule = filled(("a", 0))
    schedule.add("b", 0.0, 9.0, 0)
    schedule.clear_waiting()
    assert (schedule.ready, schedule.waiting) == (1, 0)
    assert keys(schedule, 100.0) == "a"


def test_durations_are_counted_from_ready_to_handed_out_to_done() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("a", 0.0, 10.0, 0)
    schedule.release(10.0)
    schedule.pop(13.0)
    assert schedule.started() == [13.0]
    schedule.add("a", 14.0, 0.0, 0)
    assert schedule.started() == [13.0]
    schedule.done("a", 18.0)
    assert schedule.queue_duration.total == pytest.approx(3.0)
    assert schedule.work_duration.total == pytest.approx(5.0)


def test_without_a_limit_a_low_key_waits_for_all_higher_ones() -> None:
    schedule = filled(("low", -100))
    schedule.add("high", 1000.0, 0.0, 0)
    assert [key for key, _ in pop_all(schedule, 1000.0)] == ["high", "low"]


def test_a_starved_key_is_treated_as_priority_zero() -> None:
    schedule: Schedule[str] = Schedule(max_starvation_s=30.0)
    schedule.add("low", 0.0, 0.0, -100)
    schedule.add("lower", 20.0, 0.0, -100)
    schedule.add("old", 29.0, 0.0, 0)
    assert schedule.pop(30.0).key == "old"  # pyright: ignore[reportOptionalMemberAccess]
    schedule.add("new", 31.0, 0.0, 0)
    assert [key for key, _ in pop_all(schedule, 32.0)] == ["low", "new", "lower"]
