"""Knative Services: what a live one says."""

from typing import Any

from omectl.planner.workloads.knative import read_knative_service

Json = Any


def knative(*, generation: int = 1, conditions: Json = None, **status: Json) -> Json:
    """A live Knative Service; each condition is status, reason, message."""
    written = [
        {"type": kind, "status": found, "reason": reason, "message": message}
        for kind, (found, reason, message) in (conditions or {}).items()
    ]
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": "svc-engine", "generation": generation},
        "status": {"observedGeneration": 1, "conditions": written, **status},
    }


ROUTED = {"RoutesReady": ("True", "", "")}
REVISIONS = {"latestCreatedRevisionName": "svc-engine-2", "latestReadyRevisionName": "svc-engine-2"}


def test_a_ready_service_serves_also_without_a_pod() -> None:
    state = read_knative_service(knative(conditions={"Ready": ("True", "", "")}, **REVISIONS))
    assert (state.kind, state.name, state.revision) == ("Knative Service", "svc-engine", "svc-engine-2")
    assert state.available
    assert state.rolled_out


def test_a_service_that_knative_has_not_looked_at_says_nothing() -> None:
    state = read_knative_service({"metadata": {"name": "svc-engine"}})
    assert (state.available, state.rolled_out, state.verdict.status) == (False, False, "")


def test_a_service_without_a_revision_that_serves_is_not_ready_for_knative_s_reason() -> None:
    failed = {"Ready": ("False", "RevisionFailed", "image is missing"), **ROUTED}
    state = read_knative_service(knative(conditions=failed, latestCreatedRevisionName="svc-engine-1"))
    assert not state.available
    assert (state.verdict.status, state.verdict.reason, state.verdict.message) == (
        "False",
        "RevisionFailed",
        "image is missing",
    )


def test_while_a_new_revision_comes_or_fails_the_one_before_serves() -> None:
    revisions = {"latestCreatedRevisionName": "svc-engine-2", "latestReadyRevisionName": "svc-engine-1"}
    failed = {"Ready": ("False", "RevisionFailed", "image is missing"), **ROUTED}
    state = read_knative_service(knative(conditions=failed, **revisions))
    assert (state.available, state.rolled_out) == (True, False)
    assert (state.verdict.status, state.verdict.reason) == ("True", "RevisionFailed")
    assert state.verdict.message == "revision svc-engine-1 serves; of the newest: image is missing"
    coming = {"Ready": ("Unknown", "", ""), **ROUTED}
    assert read_knative_service(knative(conditions=coming, **revisions)).verdict.message.endswith(
        "nothing is known yet"
    )


def test_a_changed_service_is_not_rolled_out_until_knative_has_seen_it() -> None:
    assert not read_knative_service(
        knative(generation=2, conditions={"Ready": ("True", "", "")}, **REVISIONS)
    ).rolled_out
