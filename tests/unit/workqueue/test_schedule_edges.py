"""The schedule's boundaries: one step before, at, and after each limit."""

import pytest

from omectl.workqueue.schedule import Entry, NotProcessingError, Schedule


def popped(schedule: Schedule[str], now: float = 0.0) -> Entry[str]:
    entry = schedule.pop(now)
    assert entry is not None
    return entry


def drained(schedule: Schedule[str], now: float = 0.0) -> list[str]:
    found: list[str] = []
    while (entry := schedule.pop(now)) is not None:
        found.append(entry.key)
    return found


def test_answers_tell_whether_a_getter_must_be_woken() -> None:
    schedule: Schedule[str] = Schedule()
    assert schedule.add("a", 0.0, 0.0, 0) is True
    assert schedule.add("a", 0.0, 0.0, 0) is False, "ready already"
    assert schedule.add("a", 0.0, 0.0, 9) is False, "raised, but ready already"
    assert schedule.add("a", 0.0, 5.0, 0) is False, "ready, a delay changes nothing"
    popped(schedule)
    assert schedule.add("a", 0.0, 0.0, 0) is False, "held by a worker"
    assert schedule.add("b", 0.0, 5.0, 0) is False, "waits"
    assert schedule.add("b", 0.0, 7.0, 0) is False, "waits for its earlier moment"
    assert schedule.add("b", 0.0, 3.0, 0) is False, "waits for an earlier moment"
    assert schedule.add("b", 0.0, 0.5, 0) is False, "a short delay is a delay"
    assert schedule.add("b", 0.0, 0.0, 0) is True, "ready at last"


def test_a_key_that_waits_while_it_is_held_wakes_nobody_when_it_is_added_at_once() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("a", 0.0, 0.0, 0)
    popped(schedule)
    assert schedule.add("a", 0.0, 5.0, 0) is False
    assert schedule.add("a", 0.0, 0.0, 0) is False
    assert schedule.pop(0.0) is None
    assert schedule.done("a", 0.0) is True


def test_a_key_handed_out_at_moment_zero_is_held_like_any_other() -> None:
    schedule: Schedule[str] = Schedule()
    for key in "ab":
        schedule.add(key, 0.0, 0.0, 0)
        popped(schedule, 0.0)
    schedule.add("a", 0.0, 1.0, 0)
    schedule.add("b", 0.5, 0.0, 0)
    assert schedule.started() == [0.0, 0.0]
    assert schedule.release(1.0) == 0
    assert drained(schedule, 1.0) == []


def test_done_tells_only_of_keys_that_are_ready() -> None:
    schedule: Schedule[str] = Schedule()
    for key in ("none", "waits", "due-at-zero", "ready"):
        schedule.add(key, 0.0, 0.0, 0)
        popped(schedule, 0.0)
    schedule.add("waits", 0.0, 0.5, 0)
    schedule.add("ready", 0.0, 0.0, 0)
    assert schedule.done("none", 0.0) is False
    assert schedule.done("waits", 0.0) is False
    assert schedule.done("ready", 0.0) is True


def test_release_counts_every_key_that_can_be_handed_out() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("held", 0.0, 0.0, 0)
    popped(schedule)
    schedule.add("held", 0.0, 1.0, 0)
    for key in "abc":
        schedule.add(key, 0.0, 1.0, 0)
    schedule.add("later", 0.0, 2.0, 0)
    assert schedule.release(0.999) == 0
    assert schedule.release(1.0) == 3
    assert schedule.release(1.0) == 0
    assert (schedule.ready, schedule.waiting) == (4, 1)


def test_the_same_moment_again_keeps_the_place_among_the_waiting() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("first", 0.0, 5.0, 0)
    schedule.add("second", 0.0, 5.0, 0)
    schedule.add("first", 0.0, 5.0, 0)
    assert drained(schedule, 5.0) == ["first", "second"]
    assert len(schedule._heap) == 0


def test_the_next_moment_is_the_first_of_the_waiting() -> None:
    schedule: Schedule[str] = Schedule()
    assert schedule.next_due() is None
    schedule.add("late", 0.0, 9.0, 0)
    schedule.add("early", 0.0, 4.0, 0)
    assert schedule.next_due() == 4.0


def test_a_key_is_handed_out_at_its_moment_however_many_came_before_it() -> None:
    schedule: Schedule[str] = Schedule()
    for number in range(20):
        schedule.add(f"earlier-{number}", 0.0, 0.0, 0)
    drained(schedule)
    schedule.add("late", 0.0, 0.5, 0)
    assert schedule.pop(0.499) is None
    assert popped(schedule, 0.5).key == "late"


def test_depth_counts_held_keys_beside_free_ones_and_alone() -> None:
    schedule: Schedule[str] = Schedule()
    for key in "abc":
        schedule.add(key, 0.0, 0.0, 3)
        popped(schedule)
        schedule.add(key, 0.0, 0.0, 3)
    assert schedule.pop(0.0) is None
    assert schedule.depth() == {3: 3}
    schedule.add("d", 0.0, 0.0, 3)
    schedule.add("e", 0.0, 0.0, -1)
    assert schedule.depth() == {3: 4, -1: 1}
    schedule._levels.clear()
    schedule._priorities.clear()
    assert schedule.depth() == {3: 3}


def test_counters_add_up() -> None:
    schedule: Schedule[str] = Schedule()
    for key in "abc":
        schedule.add(key, 0.0, 1.0, 0)
        schedule.add(key, 0.0, 2.0, 0)
    assert (schedule.adds, schedule.retries) == (0, 6)
    schedule.release(1.0)
    assert (schedule.adds, schedule.retries) == (3, 6)
    for number in range(3):
        schedule.add(f"now-{number}", 1.0, 0.0, 0)
    assert (schedule.adds, schedule.ready) == (6, 6)
    popped(schedule)
    schedule.add("a", 1.0, 0.0, 0)
    assert (schedule.adds, schedule.ready) == (7, 6)


def test_durations_add_up() -> None:
    schedule: Schedule[str] = Schedule()
    for key, wait_s, work_s in (("a", 0.00005, 2.0), ("b", 0.00005, 3.0), ("c", 0.2, 3.0)):
        schedule.add(key, 0.0, 0.0, 0)
        popped(schedule, wait_s)
        schedule.done(key, wait_s + work_s)
    assert schedule.queue_duration.total == pytest.approx(0.2001)
    assert schedule.work_duration.total == pytest.approx(8.0)
    by_bound = dict(zip(schedule.queue_duration.bounds, schedule.queue_duration.counts, strict=False))
    assert {round(bound, 9): count for bound, count in by_bound.items() if count} == {0.0001: 2, 1.0: 1}
    assert sum(schedule.work_duration.counts) == 3
    assert max(schedule.work_duration.counts) == 3


def test_a_held_key_behind_the_front_returns_between_its_neighbours() -> None:
    schedule: Schedule[str] = Schedule()
    for key in "ace":
        schedule.add(key, 0.0, 0.0, 0)
        popped(schedule)
    for key in "abcdef":
        schedule.add(key, 0.0, 0.0, 0)
    # `a` and `c` and `e` are found held one after the other, each while free keys stand behind it.
    assert popped(schedule).key == "b"
    schedule.add("g", 0.0, 0.0, 0)
    assert popped(schedule).key == "d"
    schedule.done("c", 0.0)
    schedule.done("e", 0.0)
    schedule.done("a", 0.0)
    assert drained(schedule) == ["a", "c", "e", "f", "g"]


def test_a_held_key_returns_to_a_level_that_was_closed_meanwhile() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("a", 0.0, 0.0, 50)
    popped(schedule)
    schedule.add("a", 0.0, 0.0, 50)
    assert schedule.pop(0.0) is None
    for priority in range(10):
        schedule.add("b", 0.0, 0.0, priority)
        popped(schedule)
        schedule.done("b", 0.0)
    assert 50 not in schedule._levels
    schedule.done("a", 0.0)
    entry = popped(schedule)
    assert (entry.key, entry.priority) == ("a", 50)


def test_eight_levels_are_kept_and_the_ninth_sweeps_the_empty_ones() -> None:
    schedule: Schedule[str] = Schedule()
    for priority in range(8):
        schedule.add("a", 0.0, 0.0, priority)
        popped(schedule)
        schedule.done("a", 0.0)
    assert len(schedule._levels) == 8
    schedule.add("full", 0.0, 0.0, 3)
    schedule.add("a", 0.0, 0.0, 8)
    assert sorted(schedule._levels) == [3, 8]
    assert schedule._priorities == [8, 3]


@pytest.mark.parametrize(("withdrawn", "left"), [(64, 65), (65, 1)])
def test_withdrawn_moments_are_swept_when_there_are_more_than_64(withdrawn: int, left: int) -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("a", 0.0, 1000.0, 0)
    for step in range(withdrawn):
        schedule.add("a", 0.0, 999.0 - step, 0)
    assert len(schedule._heap) == left
    assert schedule.waiting == 1


@pytest.mark.parametrize(("others", "left"), [(69, 140), (68, 69)])
def test_withdrawn_moments_are_kept_while_they_are_at_most_half(others: int, left: int) -> None:
    schedule: Schedule[str] = Schedule()
    for number in range(others):
        schedule.add(f"other-{number}", 0.0, 1000.0, 0)
    schedule.add("a", 0.0, 1000.0, 0)
    for step in range(70):
        schedule.add("a", 0.0, 999.0 - step, 0)
    assert len(schedule._heap) == left
    assert schedule.waiting == others + 1


def test_clearing_the_waiting_forgets_withdrawn_moments_too() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("a", 0.0, 9.0, 0)
    schedule.add("a", 0.0, 5.0, 0)
    schedule.clear_waiting()
    assert (schedule.waiting, schedule.next_due()) == (0, None)
    schedule.add("b", 0.0, 1.0, 0)
    assert schedule.waiting == 1


def test_a_cleared_waiting_key_is_forgotten_with_its_priority_and_moment() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("a", 0.0, 9.0, 5)
    schedule.clear_waiting()
    assert schedule.add("a", 0.0, 20.0, 0) is False
    assert (schedule.waiting, schedule.next_due()) == (1, 20.0)
    assert schedule.pop(19.999) is None
    entry = popped(schedule, 20.0)
    assert (entry.key, entry.priority) == ("a", 0)


def test_clearing_the_waiting_keeps_a_ready_key_that_waited_before() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("a", 0.0, 9.0, 0)
    schedule.add("a", 0.0, 0.0, 0)
    schedule.clear_waiting()
    assert schedule.ready == 1
    assert popped(schedule).key == "a"
    assert schedule.done("a", 0.0) is False
    assert schedule.processing == 0


@pytest.mark.parametrize("clear", [Schedule.clear, Schedule.clear_waiting])
def test_a_key_that_is_held_and_queued_stays_held_when_all_is_cleared(clear: object) -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("a", 3.0, 0.0, 0)
    popped(schedule, 3.0)
    schedule.add("a", 4.0, 5.0, 0)
    assert callable(clear)
    clear(schedule)
    assert (schedule.processing, schedule.started(), schedule.waiting) == (1, [3.0], 0)
    assert schedule.done("a", 5.0) is False
    assert schedule.work_duration.total == pytest.approx(2.0)
    with pytest.raises(NotProcessingError):
        schedule.done("a", 5.0)


def test_starving_keys_of_every_low_level_are_promoted_in_one_go() -> None:
    schedule: Schedule[str] = Schedule(max_starvation_s=30.0)
    schedule.add("fresh", 20.0, 0.0, -5)
    schedule.add("old", 0.0, 0.0, -100)
    schedule.add("older", 0.0, 0.0, -50)
    schedule.add("urgent", 0.0, 0.0, 1)
    assert popped(schedule, 29.999).key == "urgent"
    schedule.add("urgent", 30.0, 0.0, 1)
    schedule.done("urgent", 30.0)
    schedule.add("zero", 30.0, 0.0, 0)
    assert popped(schedule, 30.0).key == "urgent"
    assert schedule.depth() == {1: 0, 0: 3, -5: 1, -50: 0, -100: 0}
    assert drained(schedule, 30.0) == ["zero", "older", "old", "fresh"]
