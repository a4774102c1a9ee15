"""Who may read: reviews, what is remembered of them and for how long, and a server that fails."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest
import structlog

from omectl.api.json import JsonObject
from omectl.api.resource import ResourceKind
from omectl.kube.errors import (
    ConnectionFailed,
    Forbidden,
    InternalError,
    ServerTimeout,
    ServiceUnavailable,
    TooManyRequests,
)
from omectl.kube.resources import SUBJECT_ACCESS_REVIEWS, TOKEN_REVIEWS
from omectl.manager import AccessFilter, AccessLimits, Refusal

pytestmark = pytest.mark.looptime

ANN: JsonObject = {"username": "ann", "uid": "7", "groups": ["readers"], "extra": {"scope": ["a"]}}


class Reviews:
    """Answers reviews: users by token, and the users that may read."""

    def __init__(self) -> None:
        self.users: dict[str, JsonObject] = {"secret": ANN}
        self.readers: set[str] = {"ann"}
        self.failures: list[Exception] = []
        self.failing: ResourceKind | None = None
        self.silent = False
        self.asked: list[tuple[ResourceKind, Any]] = []
        self.moments: list[float] = []

    async def create(self, kind: ResourceKind, obj: JsonObject) -> JsonObject:
        self.asked.append((kind, obj))
        self.moments.append(asyncio.get_running_loop().time())
        if self.silent:
            await asyncio.sleep(3600)
        if self.failures and self.failing in (None, kind):
            raise self.failures.pop(0)
        spec: Any = obj["spec"]
        if kind is TOKEN_REVIEWS:
            user = self.users.get(spec["token"])
            if user is None:
                return {"status": {"authenticated": False, "error": "invalid bearer token"}}
            return {"status": {"authenticated": True, "user": user}}
        return {"status": {"allowed": spec["user"] in self.readers}}

    def count(self, kind: ResourceKind) -> int:
        return sum(1 for asked, _ in self.asked if asked is kind)

    @property
    def counts(self) -> tuple[int, int]:
        """Questions about tokens, and about access."""
        return self.count(TOKEN_REVIEWS), self.count(SUBJECT_ACCESS_REVIEWS)


@pytest.fixture
def reviews() -> Reviews:
    return Reviews()


@pytest.fixture
def access(reviews: Reviews) -> AccessFilter:
    return AccessFilter(reviews)


async def status(access: AccessFilter, header: str = "Bearer secret", verb: str = "get", path: str = "/metrics") -> int:
    refusal = await access.refusal(header, verb, path)
    return 200 if refusal is None else refusal.status


@pytest.mark.parametrize(
    "header", ["", "   ", "Bearer", "Bearer ", "Basic secret", "secret", "Bearer two words", "Bearersecret"]
)
async def test_without_a_well_formed_bearer_token_nobody_is_asked(
    access: AccessFilter, reviews: Reviews, header: str
) -> None:
    assert await access.refusal(header, "get", "/metrics") == Refusal(
        401, "wanted the header `Authorization: Bearer <token>`\n"
    )
    assert reviews.asked == []


@pytest.mark.parametrize("header", ["Bearer secret", "bearer secret", "BEARER  secret ", " Bearer secret"])
async def test_the_scheme_is_read_in_any_case(access: AccessFilter, header: str) -> None:
    assert await status(access, header) == 200


async def test_a_token_that_the_server_does_not_know_is_refused(access: AccessFilter, reviews: Reviews) -> None:
    refusal = await access.refusal("Bearer wrong", "get", "/metrics")
    assert refusal == Refusal(401, "the API server does not know this token\n")
    assert reviews.counts == (1, 0)


async def test_a_known_user_without_the_right_is_denied_by_name(access: AccessFilter, reviews: Reviews) -> None:
    reviews.readers.clear()
    refusal = await access.refusal("Bearer secret", "get", "/metrics")
    assert refusal == Refusal(403, "ann may not get /metrics; bind a ClusterRole that allows it\n")


async def test_token_user_path_and_verb_are_sent(access: AccessFilter, reviews: Reviews) -> None:
    assert await status(access, verb="post", path="/debug/x") == 200
    assert reviews.asked == [
        (
            TOKEN_REVIEWS,
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": "secret"}},
        ),
        (
            SUBJECT_ACCESS_REVIEWS,
            {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SubjectAccessReview",
                "spec": {
                    "user": "ann",
                    "uid": "7",
                    "groups": ["readers"],
                    "extra": {"scope": ["a"]},
                    "nonResourceAttributes": {"path": "/debug/x", "verb": "post"},
                },
            },
        ),
    ]


async def test_what_the_review_does_not_say_of_a_user_is_not_sent(access: AccessFilter, reviews: Reviews) -> None:
    reviews.users["secret"] = {"username": "ann", "groups": []}
    assert await status(access) == 200
    assert reviews.asked[1][1]["spec"] == {
        "user": "ann",
        "nonResourceAttributes": {"path": "/metrics", "verb": "get"},
    }


async def test_a_token_is_remembered_for_a_minute(access: AccessFilter, reviews: Reviews) -> None:
    await status(access)
    del reviews.users["secret"]
    await asyncio.sleep(59.99)
    assert await status(access) == 200
    assert reviews.counts == (1, 1)
    await asyncio.sleep(0.01)
    assert await status(access) == 401
    assert reviews.count(TOKEN_REVIEWS) == 2


async def test_an_unknown_token_is_remembered_for_a_minute_too(access: AccessFilter, reviews: Reviews) -> None:
    await status(access, "Bearer late")
    reviews.users["late"] = ANN
    await asyncio.sleep(59.99)
    assert await status(access, "Bearer late") == 401
    await asyncio.sleep(0.01)
    assert await status(access, "Bearer late") == 200


async def test_a_permission_is_remembered_for_five_minutes(access: AccessFilter, reviews: Reviews) -> None:
    await status(access)
    reviews.readers.clear()
    await asyncio.sleep(299.99)
    assert await status(access) == 200
    assert reviews.count(SUBJECT_ACCESS_REVIEWS) == 1
    await asyncio.sleep(0.01)
    assert await status(access) == 403


async def test_a_denial_is_remembered_for_thirty_seconds(access: AccessFilter, reviews: Reviews) -> None:
    reviews.readers.clear()
    assert await status(access) == 403
    reviews.readers.add("ann")
    await asyncio.sleep(29.99)
    assert await status(access) == 403
    assert reviews.counts == (1, 1)
    await asyncio.sleep(0.01)
    assert await status(access) == 200


async def test_each_path_verb_and_user_has_a_verdict_of_its_own(access: AccessFilter, reviews: Reviews) -> None:
    reviews.users["other"] = {"username": "bob"}
    await status(access)
    assert await status(access, path="/debug/statistics") == 200
    assert await status(access, verb="post") == 200
    assert await status(access, "Bearer other") == 403
    assert reviews.counts == (2, 4)
    await status(access)
    assert reviews.counts == (2, 4)


async def test_users_of_one_name_but_other_groups_are_told_apart(access: AccessFilter, reviews: Reviews) -> None:
    reviews.users["other"] = {**ANN, "groups": ["nobodies"]}
    await status(access)
    await status(access, "Bearer other")
    assert reviews.count(SUBJECT_ACCESS_REVIEWS) == 2


@pytest.mark.parametrize("kind", [TOKEN_REVIEWS, SUBJECT_ACCESS_REVIEWS])
@pytest.mark.parametrize(
    "error",
    [
        ConnectionFailed("https://api", "refused"),
        InternalError(500, "InternalError", "no"),
        ServiceUnavailable(503, "", "no"),
        TooManyRequests(429, "", "no"),
        ServerTimeout(504, "Timeout", "no"),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_a_troubled_server_is_asked_five_times_then_recovers(
    access: AccessFilter, reviews: Reviews, kind: ResourceKind, error: Exception
) -> None:
    reviews.failing, reviews.failures = kind, [error] * 5
    refusal = await access.refusal("Bearer secret", "get", "/metrics")
    assert refusal == Refusal(500, "the API server could not be asked whether this is allowed; try again\n")
    assert reviews.count(kind) == 5
    assert await status(access) == 200
    assert reviews.count(kind) == 6


async def test_four_failures_in_a_row_are_survived(access: AccessFilter, reviews: Reviews) -> None:
    reviews.failures = [InternalError(500, "", "no")] * 4
    assert await status(access) == 200
    assert reviews.count(TOKEN_REVIEWS) == 5


@pytest.mark.parametrize(("jitter", "stretch"), [(0.0, 1.0), (0.5, 1.1), (1.0, 1.2)])
async def test_the_waits_grow_by_half_and_are_jittered_by_a_fifth(
    access: AccessFilter, reviews: Reviews, monkeypatch: pytest.MonkeyPatch, jitter: float, stretch: float
) -> None:
    monkeypatch.setattr("omectl.manager.access.random", lambda: jitter)
    reviews.failures = [InternalError(500, "", "no")] * 4
    await status(access)
    asked = reviews.moments[:5]
    waits = [later - earlier for earlier, later in pairwise(asked)]
    assert waits == pytest.approx([wait * stretch for wait in (0.5, 0.75, 1.125, 1.6875)])


async def test_a_refused_review_is_not_asked_again(access: AccessFilter, reviews: Reviews) -> None:
    reviews.failures = [Forbidden(403, "Forbidden", "no right to create tokenreviews")]
    assert await status(access) == 500
    assert reviews.counts == (1, 0)


async def test_a_silent_server_is_given_ten_seconds_a_time(
    access: AccessFilter, reviews: Reviews, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("omectl.manager.access.random", lambda: 0.0)
    reviews.silent = True
    started = asyncio.get_running_loop().time()
    assert await status(access) == 500
    assert len(reviews.asked) == 5
    assert asyncio.get_running_loop().time() - started == pytest.approx(5 * 10 + 0.5 + 0.75 + 1.125 + 1.6875)


@pytest.mark.parametrize("silent", [False, True])
async def test_a_review_that_failed_is_logged_with_its_cause(
    access: AccessFilter, reviews: Reviews, silent: bool
) -> None:
    reviews.silent = silent
    reviews.failures = [Forbidden(403, "Forbidden", "no right to create tokenreviews")]
    with structlog.testing.capture_logs() as logged:
        assert await status(access) == 500
    (entry,) = logged
    assert (entry["event"], entry["log_level"], entry["path"]) == ("access_review_failed", "error", "/metrics")
    assert ("no answer in time" if silent else "no right to create tokenreviews") in entry["error"]


async def test_the_memory_is_bounded_and_forgets_the_least_recently_used(reviews: Reviews) -> None:
    access = AccessFilter(reviews, AccessLimits(remembered=2))
    reviews.users.update({"b": ANN, "c": ANN})
    await status(access, "Bearer secret")
    await status(access, "Bearer b")
    await status(access, "Bearer secret")
    await status(access, "Bearer c")
    assert reviews.count(TOKEN_REVIEWS) == 3
    await status(access, "Bearer secret")
    assert reviews.count(TOKEN_REVIEWS) == 3
    await status(access, "Bearer b")
    assert reviews.count(TOKEN_REVIEWS) == 4


async def test_tokens_are_kept_as_digests_only(access: AccessFilter) -> None:
    await status(access)
    assert "secret" not in repr(vars(access._users))


def test_the_defaults_are_those_of_the_field() -> None:
    limits = AccessLimits()
    assert (limits.token_s, limits.allowed_s, limits.denied_s, limits.request_timeout_s) == (60.0, 300.0, 30.0, 10.0)
    assert (limits.attempts, limits.retry_s, limits.retry_factor, limits.retry_jitter) == (5, 0.5, 1.5, 0.2)
    assert limits.remembered == 1024
