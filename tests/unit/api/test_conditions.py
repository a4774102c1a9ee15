from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from omectl.api.conditions import (
    Condition,
    KnativeCondition,
    find_condition,
    format_time,
    is_true,
    merge_conditions,
)

EARLIER = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = EARLIER + timedelta(hours=1)


def condition(kind: str = "Ready", **changes: object) -> Condition:
    fields: dict[str, object] = {"type": kind, "status": "True", "reason": "AllReady", "message": "fine"}
    return Condition.model_validate(fields | changes)


def test_a_new_condition_gets_the_time_of_now() -> None:
    (merged,) = merge_conditions(None, [condition()], EARLIER)
    assert merged.last_transition_time == "2026-01-02T03:04:05Z"


def test_an_unchanged_condition_keeps_its_time() -> None:
    old = merge_conditions(None, [condition()], EARLIER)
    assert merge_conditions(old, [condition()], LATER) == old


def test_any_change_but_the_time_moves_the_time() -> None:
    old = merge_conditions(None, [condition(observedGeneration=1)], EARLIER)
    for change in ({"status": "False"}, {"reason": "Other"}, {"message": "new"}, {"observedGeneration": 2}):
        (merged,) = merge_conditions(old, [condition(**({"observedGeneration": 1} | change))], LATER)
        assert merged.last_transition_time == format_time(LATER)


def test_an_empty_field_equals_an_absent_one() -> None:
    old = merge_conditions(None, [KnativeCondition(type="Ready", status="True", severity="")], EARLIER)
    (merged,) = merge_conditions(old, [KnativeCondition(type="Ready", status="True")], LATER)
    assert merged.last_transition_time == format_time(EARLIER)


def test_the_list_is_sorted_by_type_and_forgets_what_is_not_said_again() -> None:
    old = merge_conditions(None, [condition("Gone")], EARLIER)
    merged = merge_conditions(old, [condition("B"), condition("A")], LATER)
    assert [item.type for item in merged] == ["A", "B"]


def test_the_last_of_one_type_wins() -> None:
    (merged,) = merge_conditions(None, [condition(message="first"), condition(message="second")], EARLIER)
    assert merged.message == "second"


def test_a_condition_is_found_by_its_type() -> None:
    conditions = [condition("A", status="False"), condition("B")]
    assert find_condition(conditions, "A") is conditions[0]
    assert find_condition(conditions, "C") is None
    assert is_true(conditions, "B")
    assert not is_true(conditions, "A")
    assert not is_true(conditions, "C")


def test_times_are_written_in_utc_with_whole_seconds() -> None:
    local = datetime(2026, 1, 2, 5, 4, 5, 999_999, tzinfo=timezone(timedelta(hours=2)))
    assert format_time(local) == "2026-01-02T03:04:05Z"


CONDITIONS = st.lists(
    st.builds(
        KnativeCondition,
        type=st.sampled_from(["Ready", "EngineReady", "IngressReady"]),
        status=st.sampled_from(["True", "False", "Unknown"]),
        reason=st.sampled_from(["", "Why"]),
    )
)


@given(CONDITIONS, CONDITIONS)
def test_merging_again_changes_nothing(old: list[KnativeCondition], new: list[KnativeCondition]) -> None:
    before = merge_conditions(None, old, EARLIER)
    once = merge_conditions(before, new, LATER)
    assert merge_conditions(once, new, LATER + timedelta(days=1)) == once
