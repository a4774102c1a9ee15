"""What waits for a handler: everything in order, or one change per object."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.informers.told import added, deleted, in_words, record, updated

from omectl.informers import EventType, ObjectEvent
from omectl.informers.buffers import Buffer, CoalescingBuffer, Marker, OrderedBuffer

A1, A2, A3, A4 = (record("a", version) for version in (1, 2, 3, 4))
B1 = record("b", 1)
NEW = record("a", 5, uid="new")
NEWER = record("a", 6, uid="new")


def drained(buffer: Buffer) -> list[str]:
    """Every entry in words, markers as "|"."""
    found: list[str] = []
    while (entry := buffer.pop()) is not None:
        found += ["|"] if isinstance(entry, Marker) else in_words([entry])
    return found


@pytest.fixture(params=[OrderedBuffer, CoalescingBuffer])
def buffer(request: pytest.FixtureRequest) -> Buffer:
    return request.param()


def test_an_empty_buffer_has_nothing(buffer: Buffer) -> None:
    assert (buffer.pop(), buffer.pending, buffer.high_water) == (None, 0, 0)


def test_objects_come_in_the_order_of_their_first_event(buffer: Buffer) -> None:
    buffer.put([added(B1), added(A1)])
    buffer.put_marker()
    buffer.put([added(record("c", 2))])
    assert buffer.pending == 3
    assert drained(buffer) == ["added b 1", "added a 1", "|", "added c 2"]
    assert buffer.pending == 0


def test_a_replay_counts_every_object_and_is_delivered_in_its_place(buffer: Buffer) -> None:
    buffer.put([added(record("z", 9))])
    buffer.put_replay([A1, B1], initial=True)
    buffer.put_marker()
    assert (buffer.pending, buffer.high_water) == (3, 3)
    assert buffer.pop() is not None
    assert buffer.pop() is not None
    assert (buffer.pending, buffer.high_water) == (1, 3)
    assert drained(buffer) == ["added b 1 initial", "|"]
    assert (buffer.pending, buffer.high_water) == (0, 3)


def test_a_resync_replays_as_updates_that_changed_nothing(buffer: Buffer) -> None:
    buffer.put_replay([A1, B1], initial=False)
    assert drained(buffer) == ["updated a 1>1 resync", "updated b 1>1 resync"]


def test_an_empty_replay_is_nothing(buffer: Buffer) -> None:
    buffer.put_replay([], initial=True)
    buffer.put_marker()
    assert buffer.pending == 0
    assert drained(buffer) == ["|"]


def test_high_water_keeps_the_most_that_ever_waited(buffer: Buffer) -> None:
    buffer.put([added(A1), added(B1)])
    buffer.pop()
    buffer.pop()
    buffer.put([updated(A1, A2)])
    assert (buffer.pending, buffer.high_water) == (1, 2)


def test_a_cleared_buffer_has_nothing_left(buffer: Buffer) -> None:
    buffer.put([added(A1)])
    buffer.put_replay([B1], initial=True)
    buffer.put_marker()
    buffer.clear()
    assert (buffer.pop(), buffer.pending, buffer.high_water) == (None, 0, 2)


def test_an_ordered_buffer_merges_nothing() -> None:
    buffer = OrderedBuffer()
    buffer.put([added(A1), updated(A1, A2), deleted(A3)])
    assert drained(buffer) == ["added a 1", "updated a 1>2", "deleted a 3"]


COALESCED = {
    "updates become one": ([updated(A1, A2), updated(A2, A3)], ["updated a 1>3"]),
    "an add that changed is an add": ([added(A1), updated(A1, A2)], ["added a 2"]),
    "an initial add that changed is no longer initial": ([added(A1, initial=True), updated(A1, A2)], ["added a 2"]),
    "an initial add that was replayed is initial": (
        [added(A1, initial=True), updated(A1, A1, resync=True)],
        ["added a 1 initial"],
    ),
    "a replay that changed is no replay": ([updated(A1, A1, resync=True), updated(A1, A2)], ["updated a 1>2"]),
    "a change that was replayed is a change": ([updated(A1, A2), updated(A2, A2, resync=True)], ["updated a 1>2"]),
    "two replays are one": (
        [updated(A1, A1, resync=True), updated(A1, A1, resync=True)],
        ["updated a 1>1 resync"],
    ),
    "a delete wins over an add": ([added(A1), deleted(A2)], ["deleted a 2"]),
    "a delete wins and keeps what was heard": ([updated(A1, A2), deleted(A3)], ["deleted a 1>3"]),
    "a tombstone stays one": ([updated(A1, A2), deleted(A2, tombstone=True)], ["deleted a 1>2 tombstone"]),
    "a delete stays before an add": ([deleted(A1), added(A2)], ["deleted a 1", "added a 2"]),
    "a new uid is a delete and an add": (
        [updated(A1, A2), deleted(A2, tombstone=True), added(NEW)],
        ["deleted a 1>2 tombstone", "added a 5"],
    ),
    "changes after the add go into it": (
        [deleted(A1), added(NEW), updated(NEW, NEWER)],
        ["deleted a 1", "added a 6"],
    ),
    "what came and went unheard leaves the first delete": (
        [deleted(A1), added(NEW), deleted(NEWER)],
        ["deleted a 1"],
    ),
    "a second delete adds nothing": ([deleted(A1), deleted(A2)], ["deleted a 1"]),
}


@pytest.mark.parametrize(("events", "told"), COALESCED.values(), ids=COALESCED)
def test_a_coalescing_buffer_keeps_one_change_per_object(events: list[ObjectEvent], told: list[str]) -> None:
    buffer = CoalescingBuffer()
    for event in events:
        buffer.put([event])
    assert buffer.pending == len(told)
    assert drained(buffer) == told
    assert buffer.pending == 0


def test_a_changed_object_keeps_its_place_in_the_line() -> None:
    buffer = CoalescingBuffer()
    buffer.put([added(A1), added(B1), updated(A1, A2)])
    assert drained(buffer) == ["added a 2", "added b 1"]


def test_a_change_after_the_initial_set_does_not_move_its_end() -> None:
    buffer = CoalescingBuffer()
    buffer.put_replay([A1, B1], initial=True)
    buffer.put_marker()
    buffer.put([updated(A1, A2), added(record("c", 3))])
    assert drained(buffer) == ["added a 2", "added b 1 initial", "|", "added c 3"]


def test_an_object_that_was_delivered_goes_behind_the_end_of_the_initial_set() -> None:
    buffer = CoalescingBuffer()
    buffer.put_replay([A1, B1], initial=True)
    buffer.put_marker()
    buffer.pop()
    buffer.put([updated(A1, A2)])
    assert drained(buffer) == ["added b 1 initial", "|", "updated a 1>2"]


def test_a_coalescing_buffer_is_bounded_by_the_number_of_objects() -> None:
    buffer = CoalescingBuffer()
    for version in range(1, 500):
        buffer.put([updated(record("a", version), record("a", version + 1))])
        buffer.put([deleted(record("b", version)), added(record("b", version, uid=str(version)))])
    assert (buffer.pending, buffer.high_water) == (3, 3)
    assert drained(buffer) == ["updated a 1>500", "deleted b 1", "added b 499"]


@given(st.lists(st.sampled_from(["put a", "put b", "delete a", "delete b", "recreate a", "pop"]), max_size=40))
def test_what_a_coalescing_handler_hears_ends_where_the_object_ended(steps: list[str]) -> None:
    """Per object it hears a valid history (but deletes of what it never knew), whose end is the truth."""
    buffer = CoalescingBuffer()
    truth: dict[str, ObjectEvent] = {}
    heard: dict[str, str] = {}

    def hear() -> None:
        event = buffer.pop()
        assert not isinstance(event, Marker)
        if event is None:
            return
        name, version = event.key.name, event.header.resource_version
        if event.type is EventType.DELETED:
            heard.pop(name, None)
        elif event.type is EventType.ADDED:
            assert name not in heard
            heard[name] = version
        else:
            assert event.old_header is not None
            assert heard[name] == event.old_header.resource_version
            heard[name] = version

    for version, step in enumerate(steps, 1):
        verb, _, name = step.partition(" ")
        known = truth.get(name)
        if verb == "pop":
            hear()
        elif verb == "put":
            uid = known.header.uid if known is not None else f"uid-{version}"
            new = record(name, version, uid=uid)
            truth[name] = updated(known.record, new) if known is not None else added(new)
            buffer.put([truth[name]])
        elif known is not None:
            del truth[name]
            events = [deleted(known.record)]
            if verb == "recreate":
                truth[name] = added(record(name, version, uid=f"uid-{version}"))
                events.append(truth[name])
            buffer.put(events)
        assert buffer.pending <= 4
    while buffer.pending:
        hear()
    assert heard == {name: event.header.resource_version for name, event in truth.items()}
