"""Transitions of a service's choices: what is told, what is counted, and that the same again is neither (D 2, D 16)."""

from typing import Any

import pytest

from omectl.api.inference_service_status import InferenceServiceStatus
from omectl.api.selection_status import SelectionStatus
from omectl.metrics import exposition
from omectl.reconcilers.selection_events import selection_tales
from omectl.reconcilers.selection_metrics import count_selection
from omectl.reconcilers.service_events import Tale

Json = Any
OLD = {"kind": "ClusterServingRuntime", "name": "old"}
NEW = {"kind": "ServingRuntime", "name": "new"}
CHOSEN = {"reason": "Chosen", "runtime": OLD, "inputs": "1"}
TOO_LARGE = {"type": "Fits", "status": "False", "reason": "DoesNotFit", "message": "each needs 90 of 80"}
NO_MESSAGE = {"type": "Fits", "status": "False"}
FITTING = {"type": "Fits", "status": "True", "reason": "Fits", "message": "fine"}


def status(selection: Json = None, *conditions: Json) -> InferenceServiceStatus:
    given = {"conditions": list(conditions), **({"selection": selection} if selection else {})}
    return InferenceServiceStatus.model_validate(given)


def told(old: InferenceServiceStatus | None, new: InferenceServiceStatus | None) -> list[Tale]:
    return selection_tales("InferenceService a/b", old, new, "the higher priority")


def test_a_runtime_that_is_chosen_is_told_with_what_decided() -> None:
    text = "InferenceService a/b gets ClusterServingRuntime old: the higher priority"
    assert told(None, status(CHOSEN)) == [Tale("Normal", "RuntimeSelected", text)]
    assert told(status(), status(CHOSEN)) == [Tale("Normal", "RuntimeSelected", text)]


def test_another_runtime_is_told_with_the_one_before() -> None:
    text = "InferenceService a/b gets ServingRuntime new instead of ClusterServingRuntime old: the higher priority"
    assert told(status(CHOSEN), status({**CHOSEN, "runtime": NEW})) == [Tale("Normal", "RuntimeSelected", text)]


def test_a_better_runtime_is_told_when_it_is_another_one() -> None:
    kept = {**CHOSEN, "reason": "Kept", "betterCandidate": NEW}
    text = "ServingRuntime new would be chosen for InferenceService a/b today, which keeps ClusterServingRuntime old"
    assert told(status(CHOSEN), status(kept)) == [Tale("Normal", "BetterRuntimeAvailable", text)]
    assert told(status(kept), status(kept)) == []
    assert told(status(kept), status(CHOSEN)) == []
    other = {**kept, "betterCandidate": {**NEW, "name": "newer"}}
    assert [tale.reason for tale in told(status(kept), status(other))] == ["BetterRuntimeAvailable"]
    own = {"reason": "OwnRunner", "inputs": "1", "betterCandidate": NEW}
    assert told(status(), status(own))[0].message.endswith("which keeps its own runner")


def test_a_class_that_a_policy_chose_is_told_and_one_that_is_named_is_not() -> None:
    def classes(name: str, **more: str) -> InferenceServiceStatus:
        part = {"engine": {"acceleratorClass": name, **more}}
        return status({"reason": "Named", "runtime": OLD, "accelerators": part})

    chosen = classes("h100", policy="BestFit")
    text = "the engine of InferenceService a/b gets AcceleratorClass h100"
    assert told(None, chosen) == [Tale("Normal", "AcceleratorSelected", text)]
    assert told(classes("l4", policy="BestFit"), chosen) == [Tale("Normal", "AcceleratorSelected", text)]
    assert told(chosen, chosen) == []
    assert told(None, classes("h100")) == []


def test_a_model_that_does_not_fit_is_told_once() -> None:
    warned = [Tale("Warning", "ModelDoesNotFit", "each needs 90 of 80")]
    assert told(None, status(None, TOO_LARGE)) == warned
    assert told(status(None, FITTING), status(None, TOO_LARGE)) == warned
    assert told(status(None, TOO_LARGE), status(None, {**TOO_LARGE, "message": "other"})) == []
    assert told(status(None, TOO_LARGE), status(None, FITTING)) == []
    assert told(None, status(None, NO_MESSAGE)) == [Tale("Warning", "ModelDoesNotFit", "Fits")]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (None, None),
        (None, status({"reason": "Named", "runtime": OLD})),
        (status(CHOSEN), None),
        (status(CHOSEN), status(CHOSEN)),
        (status(CHOSEN), status({**CHOSEN, "inputs": "2"})),
    ],
    ids=["nothing", "named", "gone", "the same", "the same by other inputs"],
)
def test_what_is_no_transition_is_not_told(old: Any, new: Any) -> None:
    assert told(old, new) == []


def counted(line: str) -> float:
    text = exposition()[0].decode()
    found = [one for one in text.splitlines() if one.startswith(line)]
    return float(found[0].rsplit(" ", 1)[1]) if found else 0.0


def selections(outcome: str, cause: str, ambiguous: str = "false") -> float:
    labels = f'ambiguous="{ambiguous}",cause="{cause}",outcome="{outcome}"'
    return counted(f"omectl_selections_total{{{labels}}}")


def read(selection: Json) -> SelectionStatus:
    return SelectionStatus.model_validate(selection)


def test_a_change_is_counted_once_by_outcome_and_cause() -> None:
    before = selections("Chosen", "FirstPick")
    count_selection(None, read(CHOSEN), "FirstPick")
    count_selection(read(CHOSEN), read({**CHOSEN, "inputs": "2", "fit": {"verdict": "fits"}}), "FirstPick")
    count_selection(read(CHOSEN), None, "FirstPick")
    assert selections("Chosen", "FirstPick") == before + 1
    lost = selections("Chosen", "RuntimeLost")
    count_selection(read(CHOSEN), read({**CHOSEN, "runtime": NEW}), "RuntimeLost")
    assert selections("Chosen", "RuntimeLost") == lost + 1


def test_an_ambiguous_choice_is_counted_as_one() -> None:
    """D 1: a metric."""
    before = selections("Chosen", "FirstPick", "true")
    count_selection(read(CHOSEN), read({**CHOSEN, "ambiguous": True}), "FirstPick")
    assert selections("Chosen", "FirstPick", "true") == before + 1


def test_a_better_candidate_is_counted() -> None:
    before = selections("Kept", "Kept")
    kept = {**CHOSEN, "reason": "Kept", "betterCandidate": NEW}
    count_selection(read(CHOSEN), read(kept), "Kept")
    count_selection(read(kept), read({**kept, "betterCandidate": OLD}), "Kept")
    assert selections("Kept", "Kept") == before + 2


def test_refusals_are_counted_with_the_reasons_of_the_nearest() -> None:
    """D 25: by code, never by object."""
    before = counted('omectl_selection_misses_total{code="SizeOutOfRange"}')
    misses = [{**OLD, "codes": ["Disabled", "SizeOutOfRange"]}, {**NEW, "codes": ["SizeOutOfRange"]}, {**NEW}]
    refused = selections("NoneFits", "")
    none = read({"reason": "NoneFits", "nearest": misses, "passedOver": 3})
    count_selection(None, none, "")
    count_selection(none, read({"reason": "NoneFits", "nearest": misses, "passedOver": 9}), "")
    assert counted('omectl_selection_misses_total{code="SizeOutOfRange"}') == before + 2
    assert selections("NoneFits", "") == refused + 1


def pinned(name: str | None, *conditions: Json) -> InferenceServiceStatus:
    return InferenceServiceStatus.model_validate({"pinnedRevisionName": name, "conditions": list(conditions)})


def drift(reason: str, message: str) -> Json:
    return {"type": "RuntimeDrifted", "status": "True", "reason": reason, "message": message}


def test_what_keeps_a_pinned_runtime_is_told_when_it_is_another() -> None:
    text = "InferenceService a/b keeps its runtime as ControllerRevision one"
    for before in (None, status(), pinned("other")):
        assert told(before, pinned("one")) == [Tale("Normal", "RuntimePinned", text)]
    assert told(pinned("one"), pinned("one")) == []
    assert told(pinned("one"), pinned(None)) == [], "a service that pins no more"


def test_that_a_pinned_runtime_is_another_one_now_is_told_once() -> None:
    changed, gone = drift("RevisionMismatch", "changed"), drift("SourceRuntimeMissing", "gone")
    tale = Tale("Normal", "RuntimeDrifted", "changed")
    assert told(pinned("one"), pinned("one", changed)) == [tale]
    assert told(pinned("one", changed), pinned("one", changed)) == []
    assert told(pinned("one", gone), pinned("one", changed)) == [tale]
    assert told(pinned("one", drift("RevisionMismatch", "else")), pinned("one", changed)) == [tale]
    assert told(pinned("one", changed), pinned("one")) == []
