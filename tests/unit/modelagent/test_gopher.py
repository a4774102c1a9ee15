"""What Gopher does with models that are gone, as far as the caches can tell."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from tests.unit.modelagent.test_work import SKIP, Bench

from omectl.api.kinds import BASE_MODELS, CLUSTER_BASE_MODELS
from omectl.api.labels import ModelKey
from omectl.api.resource import ResourceKind
from omectl.informers import Informer
from omectl.informers.record import RecordReader
from omectl.kube.resources import NODES
from omectl.modelagent.gopher import Gopher
from omectl.modelagent.scout import Scout
from omectl.modelagent.wanted import WantedModel
from omectl.workqueue import PriorityQueue

MakeModel = Callable[..., WantedModel]


class NoSource:
    streaming_list = False


def cache(kind: ResourceKind) -> Informer:
    return Informer(kind, cast("Any", NoSource()))


async def test_a_model_that_is_gone_is_removed_though_the_other_kind_is_not_served(
    tmp_path: Path, make_model: MakeModel
) -> None:
    bench = Bench(tmp_path)
    model = make_model(path="/models/m", metadata=SKIP)
    await bench.work(model)
    models = {kind.kind: cache(kind) for kind in (BASE_MODELS, CLUSTER_BASE_MODELS)}
    node = cache(NODES)
    raw = b'{"kind":"Node","metadata":{"name":"n1","uid":"u","resourceVersion":"1"}}'
    found = RecordReader(NODES).item(raw)
    assert found is not None
    node.mirrors[0].replace({found.key: found}, "1")
    models[CLUSTER_BASE_MODELS.kind].mirrors[0].replace({}, "1")
    models[BASE_MODELS.kind].mirrors[0].absent()
    queue: PriorityQueue[ModelKey] = PriorityQueue("test-gopher")
    scout = Scout("n1", models, node, queue, lambda _: None)
    gopher = Gopher(bench.shop, queue, scout, (*models.values(), node))

    running = asyncio.create_task(gopher.run())
    try:
        async with asyncio.timeout(5):
            while bench.shop.records:
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        bench.root.close()

    assert not (bench.disk / "m").exists()
