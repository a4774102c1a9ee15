"""The queue's state as a machine, against a model that is slow and plain."""

from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from omectl.workqueue.schedule import NotProcessingError, Schedule

KEYS = st.sampled_from("abcdef")
PRIORITIES = st.sampled_from([-100, 0, 1, 7])
DELAYS = st.sampled_from([0.0, 0.0, 1.0, 2.0, 5.0])


@dataclass
class Queued:
    """`due` None is ready; `order` is the turn in which it was admitted."""

    priority: int
    due: float | None
    order: int = 0
    since_wait: int = 0


@dataclass
class Model:
    queued: dict[str, Queued] = field(default_factory=dict[str, Queued])
    processing: set[str] = field(default_factory=set[str])
    turn: int = 0

    def admit(self, key: str) -> None:
        self.turn += 1
        self.queued[key].due = None
        self.queued[key].order = self.turn

    def release(self, now: float) -> None:
        waiting = [(entry.due, entry.since_wait, key) for key, entry in self.queued.items() if entry.due is not None]
        for due, _, key in sorted(waiting):
            if due <= now:
                self.admit(key)

    def add(self, key: str, now: float, delay_s: float, priority: int) -> None:
        self.turn += 1
        entry = self.queued.get(key)
        if entry is None:
            self.queued[key] = Queued(priority, now + delay_s, since_wait=self.turn)
            if delay_s == 0:
                self.admit(key)
            return
        raised = priority > entry.priority
        entry.priority = max(priority, entry.priority)
        if entry.due is None:
            if raised:
                self.admit(key)
        elif delay_s == 0:
            self.admit(key)
        elif now + delay_s < entry.due:
            entry.due, entry.since_wait = now + delay_s, self.turn

    def next(self) -> str | None:
        free = [
            (-entry.priority, entry.order, key)
            for key, entry in self.queued.items()
            if entry.due is None and key not in self.processing
        ]
        return min(free)[2] if free else None


class ScheduleMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.schedule: Schedule[str] = Schedule()
        self.model = Model()
        self.now = 0.0

    @rule(key=KEYS, delay_s=DELAYS, priority=PRIORITIES)
    def add(self, key: str, delay_s: float, priority: int) -> None:
        free_before = self.model.next()
        self.model.add(key, self.now, delay_s, priority)
        appeared = self.schedule.add(key, self.now, delay_s, priority)
        if free_before is None and self.model.next() is not None:
            assert appeared, "a getter would not have been woken"

    @rule()
    def pop(self) -> None:
        self.model.release(self.now)
        expected = self.model.next()
        entry = self.schedule.pop(self.now)
        assert (entry.key if entry is not None else None) == expected
        if entry is not None and expected is not None:
            assert entry.priority == self.model.queued.pop(expected).priority
            self.model.processing.add(expected)

    @rule(key=KEYS)
    def done(self, key: str) -> None:
        if key in self.model.processing:
            self.model.processing.remove(key)
            queued = self.model.queued.get(key)
            assert self.schedule.done(key, self.now) is (queued is not None and queued.due is None)
            return
        try:
            self.schedule.done(key, self.now)
        except NotProcessingError:
            return
        raise AssertionError("done of a key that was not handed out")

    @rule(seconds=st.sampled_from([0.5, 1.0, 3.0, 10.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.model.release(self.now)
        self.schedule.release(self.now)

    @rule()
    def clear_waiting(self) -> None:
        self.model.queued = {key: entry for key, entry in self.model.queued.items() if entry.due is None}
        self.schedule.clear_waiting()

    @invariant()
    def counts_agree(self) -> None:
        ready = [entry for entry in self.model.queued.values() if entry.due is None]
        assert self.schedule.ready == len(ready)
        assert self.schedule.waiting == len(self.model.queued) - len(ready)
        assert self.schedule.processing == len(self.model.processing) == len(self.schedule.started())
        assert sum(self.schedule.depth().values()) == len(ready)
        for entry in ready:
            assert self.schedule.depth()[entry.priority] >= 1


@pytest.mark.timeout(20)
def test_any_history_agrees_with_the_model() -> None:
    run_state_machine_as_test(
        ScheduleMachine, settings=settings(max_examples=100, stateful_step_count=60, deadline=None)
    )
