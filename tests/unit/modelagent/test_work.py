"""One hub model's work with a hub and an engine that are told what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import cast

import anyio
import pytest

from omectl.api.labels import SKIP_CONFIG_PARSING
from omectl.api.node_entry import READY, UPDATING, NodeEntry
from omectl.api.storage_uri import HuggingFaceUri
from omectl.clock import SystemClock
from omectl.kube.client import Client
from omectl.modelagent.credentials import Credentials
from omectl.modelagent.node_state import NodeState
from omectl.modelagent.options import AgentOptions
from omectl.modelagent.problems import ModelError, Reason
from omectl.modelagent.rooted import RootedDirectory
from omectl.modelagent.source import RemoteFile, Source
from omectl.modelagent.storage.http import SmallReads
from omectl.modelagent.storage.hub import HubBackend, HubSource
from omectl.modelagent.store import ModelStore
from omectl.modelagent.transfer.engine import TransferEngine
from omectl.modelagent.transfer.job import TransferPaths
from omectl.modelagent.transfer.state import Progress
from omectl.modelagent.wanted import WantedModel
from omectl.modelagent.work import HubWork
from omectl.modelagent.workshop import Workshop

MakeModel = Callable[..., WantedModel]
COMMIT = "a" * 40
SKIP = {"annotations": {SKIP_CONFIG_PARSING: "true"}}
DOWN = ModelError(Reason.HUB_UNREACHABLE, "The hub is down.", "The agent keeps trying.")


class FakeHub:
    """Answers with the file names that the parameters allow, or with `fault`."""

    def __init__(self) -> None:
        self.fault: ModelError | None = None

    async def resolve(self, repository: str, revision: str, parameters: dict[str, str], token: str | None) -> HubSource:
        if self.fault is not None:
            raise self.fault
        names = parameters.get("allowPatterns", "config.json").split(",")
        files = tuple(RemoteFile(name, len(name), None) for name in names)
        return HubSource("https://hub", repository, COMMIT, files, {file.path: file.size for file in files})


class FakeEngine:
    """Puts files with their own names as content where they belong, or raises `fault`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.fault: ModelError | None = None
        self.brought: list[str] = []

    async def transfer(
        self,
        source: Source,
        paths: TransferPaths,
        uid: str,
        on_progress: Callable[[Progress], None],
        *,
        good: frozenset[str] = frozenset(),
    ) -> None:
        if self.fault is not None:
            raise self.fault
        folder = self.root.joinpath(*paths.artifact)
        folder.mkdir(parents=True, exist_ok=True)
        for file in source.files:
            if file.path not in good:
                (folder / file.path).write_text(file.path)
                self.brought.append(file.path)


class Bench:
    """A workshop over a folder."""

    def __init__(self, folder: Path) -> None:
        self.options = AgentOptions(node_name="n1", models_root="/models", host_prefix=str(folder))
        self.disk = folder / "models"
        self.root = RootedDirectory(self.disk)
        self.hub, self.engine = FakeHub(), FakeEngine(self.disk)
        self.state = NodeState(cast("Client", None), "n1", "ome")
        self.shop = Workshop(
            options=self.options,
            root=self.root,
            store=ModelStore(self.root, self.options.paths),
            engine=cast("TransferEngine", self.engine),
            hub=cast("HubBackend", self.hub),
            reads=cast("SmallReads", None),
            credentials=Credentials(cast("Client", None), "ome", None),
            state=self.state,
            clock=SystemClock(),
            threads=anyio.CapacityLimiter(2),
        )

    async def work(self, model: WantedModel) -> None:
        await HubWork(self.shop, model, HuggingFaceUri("org/name", "")).run()

    def said(self, model: WantedModel) -> NodeEntry:
        entry = self.state.entry(model.key)
        assert entry is not None
        return entry

    def files(self) -> set[str]:
        return {path.name for path in (self.disk / PurePosixPath("m")).iterdir()}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.root.close()


async def test_files_asked_for_in_addition_are_not_forgotten_when_their_first_transfer_fails(
    bench: Bench, make_model: MakeModel
) -> None:
    await bench.work(make_model(path="/models/m", metadata=SKIP))
    wider = make_model(path="/models/m", metadata=SKIP, parameters={"allowPatterns": "config.json,model.safetensors"})
    bench.engine.fault = DOWN
    with pytest.raises(ModelError):
        await bench.work(wider)
    bench.engine.fault = None

    await bench.work(wider)

    assert bench.files() == {"config.json", "model.safetensors"}
    assert bench.said(wider).status == READY


async def test_files_that_both_choices_hold_are_brought_once(bench: Bench, make_model: MakeModel) -> None:
    await bench.work(make_model(path="/models/m", metadata=SKIP))

    await bench.work(
        make_model(path="/models/m", metadata=SKIP, parameters={"allowPatterns": "config.json,model.safetensors"})
    )

    assert bench.engine.brought == ["config.json", "model.safetensors"]


async def test_a_model_made_anew_is_not_called_ready_by_what_was_said_of_the_old_one(
    bench: Bench, make_model: MakeModel
) -> None:
    await bench.work(make_model(path="/models/m", metadata=SKIP))
    again = make_model(path="/models/m", metadata={**SKIP, "uid": "uid-2"})
    bench.hub.fault = DOWN

    with pytest.raises(ModelError):
        await bench.work(again)

    assert (bench.said(again).status, bench.said(again).uid) == (UPDATING, "uid-2")
