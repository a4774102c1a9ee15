"""A client whose transport answers what the test has put down for it."""

from collections import deque
from dataclasses import dataclass, field

import msgspec
import pytest

from omectl.api.json import JsonObject
from omectl.kube.client import Client
from omectl.kube.credentials import ClientConfig
from omectl.kube.requests import Request
from omectl.kube.transport import Reply, Transport


@dataclass
class Wire:
    """Answers in order, and with an empty object when none is left; `sent` has what was asked."""

    answers: deque[JsonObject | Exception] = field(default_factory=deque)
    sent: list[Request] = field(default_factory=list)

    async def call(self, request: Request) -> Reply:
        self.sent.append(request)
        answer = self.answers.popleft() if self.answers else {}
        if isinstance(answer, Exception):
            raise answer
        return Reply(200, "application/json", msgspec.json.encode(answer))

    @property
    def actions(self) -> list[str]:
        return [request.action for request in self.sent]

    @property
    def bodies(self) -> list[JsonObject]:
        return [msgspec.json.decode(request.body) for request in self.sent if request.body is not None]


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    made = Wire()
    monkeypatch.setattr(Transport, "call", lambda _, request, **__: made.call(request))
    return made


@pytest.fixture
def wired(wire: Wire) -> Client:
    """A client that talks to `wire`."""
    return Client(ClientConfig(server="https://server.example"))
