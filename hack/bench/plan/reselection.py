"""One of 500 runtimes changes: which of 1,000 services are looked at again, and how long it takes to find them.

What had to be found is worked out the long way: for every service, the whole selection with and without the change.
"""

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import cast

import msgspec
from hack.bench.plan.timing import milliseconds, told
from hack.bench.plan.world import World
from hack.bench.report import Bar

from omectl.api.base_model import ClusterBaseModel
from omectl.api.codec import decode_as
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject
from omectl.api.kinds import (
    BASE_MODELS,
    CLUSTER_BASE_MODELS,
    CLUSTER_SERVING_RUNTIMES,
    INFERENCE_SERVICES,
    SERVING_RUNTIMES,
)
from omectl.api.resource import ObjectKey, ResourceKind, key_of
from omectl.api.serving_runtime import ClusterServingRuntime, ServingRuntime
from omectl.api.settings import Settings
from omectl.informers import EventType, Lister, ObjectEvent
from omectl.informers.record import Record, RecordReader
from omectl.informers.store import Store
from omectl.planner.model import ModelView, view_model
from omectl.planner.selection.candidates import Runtime
from omectl.planner.selection.choice import select_runtime
from omectl.reconcilers.runtime_reach import RuntimeReach
from omectl.reconcilers.service_references import (
    BY_MODEL,
    BY_PICK,
    BY_RUNTIME,
    model_values,
    pick_values,
    runtime_values,
)

_Row = dict[str, str | float | int]
_KINDS = {"ServingRuntime": (SERVING_RUNTIMES, ServingRuntime)}
_CLUSTER_KIND = (CLUSTER_SERVING_RUNTIMES, ClusterServingRuntime)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How many of each there are, and how often each search is repeated."""

    runtimes: int
    models: int
    services: int
    repetitions: int


@dataclass(slots=True, kw_only=True)
class _Cluster:
    """Caches as the controller has them, and the same objects decoded. One service in ten names its runtime."""

    reach: RuntimeReach
    raw_runtimes: dict[ObjectKey, JsonObject]
    runtimes: dict[ObjectKey, Runtime]
    models: dict[str, ModelView]
    services: dict[ObjectKey, InferenceService]
    picks: dict[str, str] = field(default_factory=dict[str, str])


def measure(sizes: Sizes) -> tuple[list[_Row], list[Bar]]:
    """A row for each kind of change; no service is to be missed, and none looked at in vain."""
    cluster = _cluster(World(1), sizes)
    rows: list[_Row] = []
    missed, in_vain = 0, 0
    for what, event in _changes(cluster):
        found = set(cluster.reach.concerned(event))
        times = [milliseconds(partial(cluster.reach.concerned, event)) for _ in range(sizes.repetitions)]
        affected, possible = _affected(cluster, event)
        missed, in_vain = missed + len(affected - found), in_vain + len(found - possible)
        counts = {"looked_at": len(found), "possible": len(possible), "changed": len(affected)}
        rows.append({"subject": what} | told(times) | counts)
    some = next(iter(cluster.services.values()))
    model = cluster.models[_model_of(some)]
    runtimes = list(cluster.runtimes.values())
    one = median(milliseconds(lambda: select_runtime(some, model, runtimes)) for _ in range(sizes.repetitions))
    everyone = f"without that: all {sizes.services} selected again"
    rows.append({"subject": everyone, "median_ms": one * sizes.services, "looked_at": sizes.services})
    return rows, [
        Bar(name="services that a change affected and that were not looked at", value=missed, limit=0),
        Bar(name="services looked at that the change could not affect", value=in_vain, limit=0),
    ]


def _changes(cluster: _Cluster) -> Iterable[tuple[str, ObjectEvent]]:
    """Of a runtime that has services, by turns: its image, its priority, its end; then one that is new."""
    picked = max(set(cluster.picks.values()), key=lambda name: (list(cluster.picks.values()).count(name), name))
    key = next(one for one in cluster.raw_runtimes if one.name == picked)
    old = cluster.raw_runtimes[key]
    idle = next(one for one in sorted(cluster.raw_runtimes) if one.name not in cluster.picks.values())
    idle_old = cluster.raw_runtimes[idle]
    new = copy.deepcopy(old)
    cast("JsonObject", new["metadata"])["name"] = "runtime-new"
    yield "a runtime in use has another image", _updated(old, _with_image(old))
    yield "it has the highest priority", _updated(old, _with_priority(old))
    yield "it is disabled", _updated(old, _disabled(old))
    yield "it is deleted", ObjectEvent(EventType.DELETED, _record(old))
    yield "its copy is created", ObjectEvent(EventType.ADDED, _record(new))
    yield "a runtime that nobody uses has the highest priority", _updated(idle_old, _with_priority(idle_old))


def _affected(cluster: _Cluster, event: ObjectEvent) -> tuple[set[ObjectKey], set[ObjectKey]]:
    """Services that come out differently; and those that could: they name, have or may get the runtime, or wait."""
    before, after = dict(cluster.runtimes), dict(cluster.runtimes)
    if event.type is EventType.DELETED:
        del after[event.key]
    else:
        after[event.key] = _decoded(event.object())
        if event.type is EventType.ADDED:
            before.pop(event.key, None)
    changed: dict[str, bool] = {}
    possible: dict[str, bool] = {}
    for name, model in cluster.models.items():
        asked = next((one for one in cluster.services.values() if _is_free(one) and _model_of(one) == name), None)
        if asked is None:
            continue
        outcomes = [select_runtime(asked, model, list(known.values())) for known in (before, after)]
        # A runtime is compared as it is written: its new image is another outcome.
        changed[name] = outcomes[0].runtime != outcomes[1].runtime
        taken = any(one.accepted and one.name == event.key.name for found in outcomes for one in found.candidates)
        possible[name] = taken or any(found.problem is not None for found in outcomes)
    affected, could = set[ObjectKey](), set[ObjectKey]()
    for key, service in cluster.services.items():
        if not _is_free(service):
            assert service.spec.runtime is not None
            names_it = service.spec.runtime.name == event.key.name
            affected |= {key} if names_it else set()
            could |= {key} if names_it else set()
            continue
        model = _model_of(service)
        affected |= {key} if changed[model] else set()
        could |= {key} if possible[model] or cluster.picks.get(model) == event.key.name else set()
    return affected, could


def _cluster(world: World, sizes: Sizes) -> _Cluster:
    raw_runtimes = {key_of(one): one for one in world.runtimes(sizes.runtimes)}
    runtimes = {key: _decoded(one) for key, one in raw_runtimes.items()}
    raw_models = world.models(sizes.models)
    decoded = [decode_as(ClusterBaseModel, one) for one in raw_models]
    models = {one.name: view_model(one, Settings.defaults()) for one in decoded}
    names = sorted(models)
    asked = decode_as(InferenceService, world.service("asked", names[0]))
    picks: dict[str, str] = {}
    for name, model in models.items():
        found = select_runtime(asked, model, list(runtimes.values()))
        picks |= {name: found.runtime.name} if found.runtime is not None else {}
    some = [key.name for key in sorted(raw_runtimes) if not key.namespace]
    raw_services: list[JsonObject] = []
    for number in range(sizes.services):
        model = names[number % len(names)]
        named = some[number % len(some)] if number % 10 == 9 else ""
        has, waits = picks.get(model, ""), model not in picks and not named
        raw_services.append(world.service(f"service-{number:04}", model, runtime=named, has=has, waits=waits))
    services, store = _lister(INFERENCE_SERVICES, raw_services)
    store.add_indexes({BY_MODEL: model_values, BY_RUNTIME: runtime_values, BY_PICK: pick_values})
    reach = RuntimeReach(
        services=services,
        models=_lister(BASE_MODELS, [])[0],
        cluster_models=_lister(CLUSTER_BASE_MODELS, raw_models)[0],
        settings=Settings.defaults,
    )
    return _Cluster(
        reach=reach,
        raw_runtimes=raw_runtimes,
        runtimes=runtimes,
        models=models,
        services={key_of(raw): decode_as(InferenceService, raw) for raw in raw_services},
        picks=picks,
    )


def _lister(kind: ResourceKind, objects: Iterable[JsonObject]) -> tuple[Lister, Store]:
    reader, store = RecordReader(kind), Store(kind.plural)
    for obj in objects:
        store.put(_read(reader, obj))
    return Lister(store), store


def _record(raw: JsonObject) -> Record:
    return _read(RecordReader(_KINDS.get(str(raw["kind"]), _CLUSTER_KIND)[0]), raw)


def _read(reader: RecordReader, raw: JsonObject) -> Record:
    record = reader.item(msgspec.Raw(msgspec.json.encode(raw)))
    assert record is not None
    return record


def _decoded(raw: JsonObject) -> Runtime:
    return decode_as(_KINDS.get(str(raw["kind"]), _CLUSTER_KIND)[1], raw)


def _updated(old: JsonObject, new: JsonObject) -> ObjectEvent:
    return ObjectEvent(EventType.UPDATED, _record(new), _record(old))


def _with_image(raw: JsonObject) -> JsonObject:
    return _changed(raw, lambda spec: spec["engineConfig"]["runner"].update(image="engine:new"))


def _with_priority(raw: JsonObject) -> JsonObject:
    return _changed(raw, lambda spec: [one.update(priority=99) for one in spec["supportedModelFormats"]])


def _disabled(raw: JsonObject) -> JsonObject:
    return _changed(raw, lambda spec: spec.update(disabled=True))


def _changed(raw: JsonObject, change: Callable[..., object]) -> JsonObject:
    made = copy.deepcopy(raw)
    change(made["spec"])
    return made


def _is_free(service: InferenceService) -> bool:
    return service.spec.runtime is None


def _model_of(service: InferenceService) -> str:
    assert service.spec.model is not None
    return service.spec.model.name
