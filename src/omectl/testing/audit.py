"""Reading the API server's audit log."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from omectl.api.installation import AGENT_NAMESPACE, OPERATOR_NAMESPACE
from omectl.api.json import JsonObject

OURS = tuple(f"system:serviceaccount:{namespace}:" for namespace in (OPERATOR_NAMESPACE, AGENT_NAMESPACE))


@dataclass(frozen=True, slots=True)
class Write:
    """One completed write request."""

    user: str
    verb: str
    resource: str
    name: str
    code: int
    body: str
    """What was sent, as JSON without the parts that only say which object it is."""

    @property
    def is_lease(self) -> bool:
        return self.resource == "leases"


def our_writes(log: Path, *, after_line: int = 0) -> list[Write]:
    """The writes of omectl's identities after this line of the log."""
    return [write for write in _writes(log, after_line) if write.user.startswith(OURS)]


def line_count(log: Path) -> int:
    """How many lines the log has now."""
    with log.open() as lines:
        return sum(1 for _ in lines)


def _writes(log: Path, after_line: int) -> Iterator[Write]:
    with log.open() as lines:
        for index, line in enumerate(lines):
            if index < after_line:
                continue
            event = json.loads(line)
            if event.get("stage") == "ResponseComplete":
                target = event.get("objectRef", {})
                yield Write(
                    event["user"]["username"],
                    event["verb"],
                    target.get("resource", ""),
                    target.get("name", ""),
                    event.get("responseStatus", {}).get("code", 0),
                    _body(event.get("requestObject")),
                )


def _body(sent: JsonObject | None) -> str:
    if not sent:
        return ""
    return json.dumps(sent.get("status") or {name: part for name, part in sent.items() if name != "metadata"})
