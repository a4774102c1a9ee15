"""Both servers are told the same at random, and must say the same."""

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.envtest.local.conformance.api import WIDGETS, Api, Said, opened

from omectl.api.json import JsonObject, JsonValue
from omectl.local.control_plane import ControlPlane
from omectl.local.embedded import EmbeddedServer

_STEPS = 60
_UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
_VERSION = re.compile(r'("resourceVersion": ?"|ResourceVersion in record \()(\d+)')
_MERGE = "application/merge-patch+json"
_APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Step:
    """One request. `stale` sends a version that was good once, `versioned` the newest, as each server knows it."""

    method: str
    name: str
    subresource: str = ""
    body: JsonObject | None = None
    content_type: str = "application/json"
    query: tuple[tuple[str, str], ...] = ()
    versioned: bool = False
    stale: bool = False


def steps(chance: random.Random) -> Iterator[Step]:
    """Requests about few objects and few fields, so that they meet.

    None leaves an object without fields: then the real server's answers depend on whether it is null, empty or absent.
    """
    for _ in range(_STEPS):
        name = chance.choice(("a", "b"))
        manager = ("fieldManager", chance.choice(("one", "two", "three")))
        typed: JsonObject = {"apiVersion": WIDGETS.api_version, "kind": "Widget", "metadata": metadata(chance, name)}
        full = {**typed, "spec": content(chance), "status": content(chance)}
        stale, versioned = chance.random() < 0.2, chance.random() < 0.8
        subresource = chance.choice(("", "", "status"))
        match chance.choice(("create", "update", "merge", "merge", "apply", "apply", "apply", "delete", "get")):
            case "create":
                yield Step("POST", "", body=full, query=(manager,))
            case "update":
                yield Step("PUT", name, subresource, full, query=(manager,), versioned=versioned, stale=stale)
            case "merge":
                patch: JsonObject = {"metadata": metadata(chance, name), "spec": content(chance, nulls=True)}
                if subresource:
                    patch["status"] = content(chance, nulls=True)
                yield Step("PATCH", name, subresource, patch, _MERGE, (manager,), stale=stale)
            case "apply":
                query = (manager, ("force", chance.choice(("true", "false"))))
                yield Step("PATCH", name, subresource, full, _APPLY, query)
            case "delete":
                policy = chance.choice(("Background", "Background", "Foreground"))
                yield Step("DELETE", name, body={"propagationPolicy": policy})
            case _:
                yield Step("GET", name, subresource)


def metadata(chance: random.Random, name: str) -> JsonObject:
    made: JsonObject = {"name": name}
    if chance.random() < 0.5:
        made["labels"] = {chance.choice("xy"): chance.choice("12")}
    if chance.random() < 0.3:
        made["annotations"] = {chance.choice("xy"): chance.choice("12")}
    if chance.random() < 0.2:
        made["finalizers"] = [f"example.com/{part}" for part in chance.sample("pq", chance.randint(0, 2))]
    return made


def content(chance: random.Random, *, nulls: bool = False) -> JsonObject:
    values: list[JsonValue] = [1, 2, "t", [1], [1, 2], {"i": 1}, {"i": 2, "j": 1}]
    if nulls:
        values.append(None)
    return {key: chance.choice(values) for key in chance.sample("klm", chance.randint(1, 3))}


def _ordered(value: JsonValue) -> JsonValue:
    """Managers and causes in an order of their own: that of a server depends on seconds, or on chance."""
    if not isinstance(value, dict) or not isinstance(value.get("metadata"), dict):
        return value
    if value["kind"] == "Status":
        details = dict(value.get("details") or {})
        details["causes"] = sorted(details.get("causes", []), key=str)
        return {**value, "details": details}
    entries = value["metadata"].get("managedFields", [])
    entries = [{**entry, "time": "TIME"} for entry in entries]
    ordered = sorted(entries, key=lambda entry: (entry["manager"], entry["operation"], entry.get("subresource", "")))
    return {**value, "metadata": {**value["metadata"], "managedFields": ordered}}


class Conversation:
    """What one server was asked and said, with what is its own (uids, times, versions) made comparable."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._uids: dict[str, str] = {}
        self._versions: dict[str, list[str]] = {}
        self._base = 0

    async def begin(self) -> None:
        self._base = int((await self._api.ask("GET", self._api.widgets)).json["metadata"]["resourceVersion"])

    async def say(self, step: Step) -> str:
        path = "/".join(part for part in (self._api.widgets, step.name, step.subresource) if part)
        body = json.loads(json.dumps(step.body))
        known = self._versions.get(step.name)
        if known and step.stale:
            body["metadata"]["resourceVersion"] = known[0]
        elif known and step.versioned:
            body["metadata"]["resourceVersion"] = known[-1]
        said = await self._api.ask(step.method, path, body, content_type=step.content_type, **dict(step.query))
        self._learn(said)
        return self.comparable(said.status, said.json)

    def _learn(self, said: Said) -> None:
        found = said.json.get("metadata")
        if isinstance(found, dict) and found.get("resourceVersion") and said.json.get("kind") == "Widget":
            self._versions.setdefault(str(found["name"]), []).append(str(found["resourceVersion"]))

    def comparable(self, *parts: JsonValue) -> str:
        text = json.dumps([_ordered(part) for part in parts], sort_keys=True).replace(self._api.namespace, "NAMESPACE")
        text = _TIME.sub("TIME", text)
        text = _UID.sub(lambda found: self._uids.setdefault(found[0], f"UID{len(self._uids)}"), text)
        return _VERSION.sub(lambda found: f"{found[1]}+{int(found[2]) - self._base}", text)

    async def events(self) -> list[str]:
        """Everything that happened, as a watch tells it."""
        query = {"watch": "true", "resourceVersion": str(self._base), "timeoutSeconds": "1"}
        said = await self._api.ask("GET", self._api.widgets, None, **query)
        return [self.comparable(kind, obj) for kind, obj in said.events]


@pytest.mark.parametrize("seed", range(8))
async def test_the_same_requests_have_the_same_answers_and_events(control_plane: ControlPlane, seed: int) -> None:
    async with (
        EmbeddedServer() as server,
        opened(server.config, real=False) as embedded,
        opened(control_plane.admin_config, real=True) as real,
    ):
        ours, theirs = Conversation(embedded), Conversation(real)
        await ours.begin()
        await theirs.begin()
        for step in steps(random.Random(seed)):
            assert await ours.say(step) == await theirs.say(step), step
        assert await ours.events() == await theirs.events()
