"""Misbehaviour on command: which requests, how often, and what goes wrong with them. Pure; the server acts on it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from omectl.api.json import JsonObject
from omectl.api.resource import ResourceKind
from omectl.local.embedded import statuses
from omectl.local.embedded.requests import RecordedRequest


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer with a Status, such as `Refuse(429, "TooManyRequests", retry_after_s=1)`."""

    code: int
    reason: str = ""
    message: str = "asked to fail"
    retry_after_s: int | None = None
    details: JsonObject | None = None

    def refusal(self) -> statuses.Refusal:
        """The answer."""
        details = dict(self.details or {})
        if self.retry_after_s is not None:
            details["retryAfterSeconds"] = self.retry_after_s
        return statuses.Refusal(self.code, self.reason, self.message, details or None, retry_after_s=self.retry_after_s)


@dataclass(frozen=True, slots=True)
class Say:
    """Answer with this body, whatever it is: a proxy's page, half a document."""

    body: bytes
    status: int = 200
    content_type: str = "text/html"


@dataclass(frozen=True, slots=True)
class Delay:
    """Answer as usual, but later."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Reset:
    """Reset the connection instead of an answer."""


@dataclass(frozen=True, slots=True)
class HalfOpen:
    """Keep the connection and say nothing: no answer at all, or, on a watch, nothing after the head of the answer."""

    after_head: bool = False


@dataclass(frozen=True, slots=True)
class DoThenReset:
    """Do the write, then reset the connection: the client can't know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """What goes wrong within a watch that begins as usual.

    `inject` are lines sent first (garbage, foreign kinds, made-up events); `marker` is the value of the annotation that
    ends a streaming list, None for no marker ever; `chunk_bytes` cuts what is sent into such pieces; `bytes_per_s`
    slows it down; after `end_after` lines the watch ends, in the middle of the next line with `cut` (a chunk that was
    announced longer than what comes), by a reset with `reset`.
    """

    inject: tuple[bytes, ...] = ()
    marker: str | None = "true"
    chunk_bytes: int | None = None
    bytes_per_s: float | None = None
    end_after: int | None = None
    cut: bool = False
    reset: bool = False


Action: TypeAlias = Refuse | Say | Delay | Reset | HalfOpen | DoThenReset | Stream


@dataclass(slots=True)
class Fault:
    """One scripted misbehaviour. `left` counts down; None is for ever."""

    action: Action
    left: int | None
    verb: str | None = None
    kind: ResourceKind | None = None
    namespace: str | None = None
    name: str | None = None
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    where: Callable[[RecordedRequest], bool] | None = None
    hits: int = 0

    def matches(self, request: RecordedRequest) -> bool:
        """Whether the request is one of those that this is for."""
        return (
            (self.verb is None or request.verb == self.verb)
            and (self.kind is None or request.kind == self.kind)
            and (self.namespace is None or request.namespace == self.namespace)
            and (self.name is None or request.name == self.name)
            and all(request.query.get(name, "") == value for name, value in self.query.items())
            and (self.where is None or self.where(request))
        )


class FaultScript:
    """The faults to come; the first that matches a request is taken, in the order in which they were added."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def next(
        self,
        action: Action,
        *,
        times: int | None = 1,
        verb: str | None = None,
        kind: ResourceKind | None = None,
        namespace: str | None = None,
        name: str | None = None,
        query: Mapping[str, str] | None = None,
        where: Callable[[RecordedRequest], bool] | None = None,
    ) -> Fault:
        """Let the next `times` requests that match fail (None: all, until `clear`); returns the fault, with its hits.

        `query` compares the given parameters, "" for one that must be absent. `verb` is get, list, watch, create,
        update, patch, delete, deletecollection, or a method for paths that are no resource. Raises ValueError.
        """
        if times is not None and times < 1:
            raise ValueError(f"wanted a fault for at least one request, found times={times}")
        fault = Fault(action, times, verb, kind, namespace, name, dict(query or {}), where)
        self._faults.append(fault)
        return fault

    def take(self, request: RecordedRequest) -> Action | None:
        """What goes wrong with this request, if anything."""
        for fault in self._faults:
            if fault.matches(request):
                fault.hits += 1
                if fault.left is not None:
                    fault.left -= 1
                    if fault.left == 0:
                        self._faults.remove(fault)
                return fault.action
        return None

    def clear(self) -> None:
        """Forget every fault."""
        self._faults.clear()

    @property
    def pending(self) -> int:
        """How many faults have not been used up."""
        return len(self._faults)
