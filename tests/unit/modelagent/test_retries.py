"""When a failed model is tried again, and which paths collide."""

from __future__ import annotations

import pytest

from omectl.api.labels import ModelKey
from omectl.modelagent.claims import PathClaims
from omectl.modelagent.problems import ModelError, Reason
from omectl.modelagent.retries import Retries, RetryOptions

A, B = ModelKey("ClusterBaseModel", "", "a"), ModelKey("BaseModel", "team", "b")


def _problem(reason: Reason, retry_after_s: float | None = None) -> ModelError:
    return ModelError(reason, "x", "y", retry_after_s=retry_after_s)


def test_waits_grow_to_a_limit_and_start_again_after_a_success() -> None:
    retries = Retries(RetryOptions())
    waits = [retries.failed(A, _problem(Reason.ACCESS_DENIED)) for _ in range(12)]
    assert 20 <= waits[0] <= 30
    assert waits[3] > waits[0]
    assert max(waits) <= 1800
    retries.forget(A)
    assert retries.failed(A, _problem(Reason.ACCESS_DENIED)) <= 30


def test_a_wait_that_was_asked_for_is_kept() -> None:
    assert Retries(RetryOptions()).failed(A, _problem(Reason.RATE_LIMITED, 500.0)) >= 500


def test_a_passing_fault_counts_as_a_failure_only_when_it_stays() -> None:
    retries = Retries(RetryOptions())
    problem = _problem(Reason.HUB_UNREACHABLE)
    seen: list[bool] = []
    for _ in range(4):
        retries.failed(A, problem)
        seen.append(retries.lasting(A, problem))
    assert seen == [False, False, True, True]
    assert retries.lasting(B, _problem(Reason.PATH_IN_USE))


@pytest.mark.parametrize("path", [("x",), ("x", "y"), ("x", "y", "z")])
def test_paths_that_are_equal_or_nested_collide(path: tuple[str, ...]) -> None:
    claims = PathClaims()
    claims.claim(A, ("x", "y"))
    with pytest.raises(ModelError, match="ClusterBaseModel a"):
        claims.claim(B, path)
    claims.claim(A, path)
    claims.release(A)
    claims.claim(B, ("x", "y"))


def test_paths_with_a_common_start_of_letters_do_not_collide() -> None:
    claims = PathClaims()
    claims.claim(A, ("x", "model"))
    claims.claim(B, ("x", "model-2"))


def test_nobody_is_made_to_wait_for_years() -> None:
    assert Retries(RetryOptions()).failed(A, _problem(Reason.RATE_LIMITED, 1e9)) <= 1800
