"""Who may read from a protected server: the API server is asked, and its answers are remembered for a while.

A bearer token becomes a user by a TokenReview; a SubjectAccessReview says whether that user may use the verb on the
path. Tokens are remembered as digests only.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from random import random
from typing import Generic, Protocol, TypeVar

import msgspec
import structlog

from omectl.api.document import as_object, as_text
from omectl.api.json import JsonObject
from omectl.api.resource import ResourceKind
from omectl.kube.errors import (
    ConnectionFailed,
    InternalError,
    KubeError,
    ServerTimeout,
    ServiceUnavailable,
    TooManyRequests,
)
from omectl.kube.resources import SUBJECT_ACCESS_REVIEWS, TOKEN_REVIEWS

_log = structlog.stdlib.get_logger(__name__)

_RETRIED = (ConnectionFailed, TooManyRequests, InternalError, ServiceUnavailable, ServerTimeout, TimeoutError)

_K = TypeVar("_K", bound=Hashable)
_V = TypeVar("_V")


class ReviewClient(Protocol):
    """The part of a client that asks for reviews."""

    async def create(self, kind: ResourceKind, obj: JsonObject) -> JsonObject: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessLimits:
    """Seconds for which answers are remembered, and how a failed question is asked again.

    A request is sent `attempts` times at most; before each further time it waits `retry_s`, growing by `retry_factor`,
    plus up to `retry_jitter` of that. `remembered` bounds each memory, in entries.
    """

    token_s: float = 60.0
    allowed_s: float = 300.0
    denied_s: float = 30.0
    request_timeout_s: float = 10.0
    attempts: int = 5
    retry_s: float = 0.5
    retry_factor: float = 1.5
    retry_jitter: float = 0.2
    remembered: int = 1024


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered, as an HTTP status and a text."""

    status: int
    text: str


@dataclass(frozen=True, slots=True)
class _User:
    """The `user` part of a TokenReview in the form that a SubjectAccessReview takes; as text, to be hashable."""

    name: str
    facts: bytes


class AccessFilter:
    """Decides about requests by their `Authorization` header, verb and path; never raises for what a server says."""

    def __init__(self, client: ReviewClient, limits: AccessLimits | None = None) -> None:
        self._client = client
        self._limits = limits = limits or AccessLimits()
        self._users: _Memory[bytes, _User | None] = _Memory(limits.remembered)
        self._verdicts: _Memory[tuple[_User, str, str], bool] = _Memory(limits.remembered)

    async def refusal(self, authorization: str, verb: str, path: str) -> Refusal | None:
        """None when the request may be answered. `verb` is an HTTP method in lower case."""
        token = _bearer_token(authorization)
        if not token:
            return Refusal(401, "wanted the header `Authorization: Bearer <token>`\n")
        try:
            user = await self._user(token)
            if user is None:
                return Refusal(401, "the API server does not know this token\n")
            if not await self._may(user, verb, path):
                return Refusal(403, f"{user.name} may not {verb} {path}; bind a ClusterRole that allows it\n")
        except (KubeError, TimeoutError) as error:
            _log.error("access_review_failed", path=path, error=str(error) or "no answer in time")
            return Refusal(500, "the API server could not be asked whether this is allowed; try again\n")
        return None

    async def _user(self, token: str) -> _User | None:
        digest = hashlib.sha256(token.encode()).digest()
        known = self._users.get(digest, _now())
        if known is not None:
            return known.value
        status = await self._ask(TOKEN_REVIEWS, {"token": token})
        user = None
        if status.get("authenticated") is True:
            found = as_object(status.get("user"))
            facts: JsonObject = {"user": as_text(found.get("username"))}
            facts.update({name: found[name] for name in ("uid", "groups", "extra") if found.get(name)})
            user = _User(as_text(found.get("username")), msgspec.json.encode(facts, order="deterministic"))
        self._users.put(digest, user, _now() + self._limits.token_s)
        return user

    async def _may(self, user: _User, verb: str, path: str) -> bool:
        question = (user, verb, path)
        known = self._verdicts.get(question, _now())
        if known is not None:
            return known.value
        facts: JsonObject = msgspec.json.decode(user.facts)
        status = await self._ask(
            SUBJECT_ACCESS_REVIEWS, {**facts, "nonResourceAttributes": {"path": path, "verb": verb}}
        )
        allowed = status.get("allowed") is True
        self._verdicts.put(question, allowed, _now() + (self._limits.allowed_s if allowed else self._limits.denied_s))
        return allowed

    async def _ask(self, kind: ResourceKind, spec: JsonObject) -> JsonObject:
        """The status of a review, tried again while the server is troubled."""
        review: JsonObject = {"apiVersion": kind.api_version, "kind": kind.kind, "spec": spec}
        delay_s = self._limits.retry_s
        for _ in range(self._limits.attempts - 1):
            try:
                return await self._once(kind, review)
            except _RETRIED:
                await asyncio.sleep(delay_s * (1.0 + self._limits.retry_jitter * random()))  # noqa: S311 - jitter
                delay_s *= self._limits.retry_factor
        return await self._once(kind, review)

    async def _once(self, kind: ResourceKind, review: JsonObject) -> JsonObject:
        async with asyncio.timeout(self._limits.request_timeout_s):
            answer = await self._client.create(kind, review)
        return as_object(answer.get("status"))


@dataclass(frozen=True, slots=True)
class _Entry(Generic[_V]):
    value: _V
    ends: float


class _Memory(Generic[_K, _V]):
    """A bounded map whose entries end; the least recently used goes first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: OrderedDict[_K, _Entry[_V]] = OrderedDict()

    def get(self, key: _K, now: float) -> _Entry[_V] | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if now >= entry.ends:
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return entry

    def put(self, key: _K, value: _V, ends: float) -> None:
        self._entries[key] = _Entry(value, ends)
        if len(self._entries) > self._most:
            self._entries.popitem(last=False)


def _bearer_token(authorization: str) -> str:
    """The token of a header, "" when there is none."""
    scheme, _, token = authorization.strip().partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and token and " " not in token else ""


def _now() -> float:
    return asyncio.get_running_loop().time()
