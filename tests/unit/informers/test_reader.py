"""Reading kinds from the caches: what is declared, what is ready, what is missing."""

import asyncio
import pickle

import pytest
from tests.unit.informers.test_factory import FORBIDDEN, MISSING, Sources

from omectl.api.resource import ResourceKind
from omectl.informers import (
    BadFieldSelector,
    CacheNotStarted,
    CacheNotSynced,
    CacheOptions,
    CacheReader,
    InformerFactory,
    KindCache,
    Narrowing,
    NotCached,
    by_field,
)
from omectl.kube.errors import NotFound
from omectl.kube.resources import CONFIG_MAPS, DEPLOYMENTS, NODES, SECRETS

pytestmark = [pytest.mark.looptime, pytest.mark.asyncio]


@pytest.fixture
async def sources(source) -> Sources:
    return Sources(type(source))


@pytest.fixture
async def factory(sources: Sources) -> InformerFactory:
    return InformerFactory(None, source=sources)  # type: ignore[arg-type]


def scoped(sources: Sources, **caches: object) -> InformerFactory:
    return InformerFactory(None, source=sources, caches=CacheOptions(**caches))  # type: ignore[arg-type]


async def test_an_object_is_read_by_name(factory: InformerFactory, sources: Sources, run) -> None:
    factory.informer(CONFIG_MAPS)
    sources.made["configmaps", ""].put("a", x="1")
    await run(factory)
    reader = CacheReader(factory)
    found = await reader.get(CONFIG_MAPS, "a", "ns")
    assert (found["kind"], found["data"]) == ("ConfigMap", {"x": "1"})
    assert "managedFields" not in found["metadata"]


async def test_what_is_read_is_the_readers_own(factory: InformerFactory, sources: Sources, run) -> None:
    factory.informer(CONFIG_MAPS)
    sources.made["configmaps", ""].put("a", x="1")
    await run(factory)
    reader = CacheReader(factory)
    (await reader.get(CONFIG_MAPS, "a", "ns"))["data"].clear()
    (await reader.list(CONFIG_MAPS)).items[0]["data"].clear()
    assert (await reader.get(CONFIG_MAPS, "a", "ns"))["data"] == {"x": "1"}
    assert (await reader.list(CONFIG_MAPS)).items[0]["data"] == {"x": "1"}


async def test_a_list_has_the_version_and_takes_every_condition(sources: Sources, run) -> None:
    factory = scoped(sources, kinds={CONFIG_MAPS: KindCache(indexes=by_field("data.x"))})
    reader = CacheReader(factory)
    await run(factory)
    factory.informer(CONFIG_MAPS)
    for name, x in (("a", "1"), ("b", "2"), ("c", "1")):
        sources.made["configmaps", ""].put(name, x=x)
    listed = await reader.list(CONFIG_MAPS, "ns", "!none", selector={}, fields="data.x=1", limit=1)
    assert [item["metadata"]["name"] for item in listed.items] == ["a"]
    assert listed.resource_version == "4"
    assert (await reader.list(CONFIG_MAPS, "other")).items == []
    assert (await reader.list(CONFIG_MAPS, labels="some")).items == []
    assert (await reader.list(CONFIG_MAPS, selector={"matchLabels": {"a": "b"}})).items == []
    assert len((await reader.list(CONFIG_MAPS, fields="data.x=1")).items) == 2
    with pytest.raises(BadFieldSelector):
        await reader.list(CONFIG_MAPS, fields="data.y=1")


async def test_a_missing_object_is_named_with_group_resource_and_name(factory: InformerFactory, run) -> None:
    factory.informer(DEPLOYMENTS)
    factory.informer(NODES)
    await run(factory)
    reader = CacheReader(factory)
    with pytest.raises(
        NotFound, match=r"get Deployment ns/web: .*404 NotFound: deployments\.apps 'web' not found in the cache"
    ) as missing:
        await reader.get(DEPLOYMENTS, "web", "ns")
    details = missing.value.details
    assert (details.group, details.kind, details.name) == ("apps", "deployments", "web")
    assert not missing.value.kind_is_missing
    with pytest.raises(NotFound, match=r"get Node n1: .*: nodes 'n1' not found"):
        await reader.get(NODES, "n1", "ignored")
    with pytest.raises(NotFound, match=r"get Deployment web: "):
        await reader.get(DEPLOYMENTS, "web")


# --- what is declared ---


async def test_a_kind_that_nobody_declared_is_refused_with_how_to_declare_it(
    factory: InformerFactory, sources: Sources, run
) -> None:
    await run(factory)
    reader = CacheReader(factory)
    for read in (reader.get(SECRETS, "a", "ns"), reader.list(SECRETS)):
        with pytest.raises(
            NotCached,
            match=r"wanted secrets from the cache, found no informer of them; declare the kind in"
            r" CacheOptions\(kinds=...\) or by factory.informer\(kind\), or read it with the client",
        ):
            await read
    assert sources.asked == []
    assert factory.informers == ()


async def test_a_kind_that_is_only_cached_narrowed_is_refused_with_what_there_is(factory: InformerFactory) -> None:
    factory.informer(SECRETS, label_selector="a=b")
    factory.informer(SECRETS, namespace="ns")
    with pytest.raises(
        NotCached, match=r"found no informer of all of them \(only secrets\[a=b\], secrets\[ns\]\)"
    ) as refused:
        await CacheReader(factory).get(SECRETS, "a", "ns")
    assert refused.value.wanted == "secrets"
    again = pickle.loads(pickle.dumps(refused.value))
    assert again.args == (
        "secrets",
        "no informer of all of them (only secrets[a=b], secrets[ns])",
        "declare the kind in CacheOptions(kinds=...) or by factory.informer(kind), or read it with the client",
    )
    assert str(again) == str(refused.value)


async def test_a_declared_kind_is_read_before_anybody_made_its_informer(sources: Sources, run) -> None:
    factory = scoped(sources, kinds={CONFIG_MAPS: KindCache()})
    await run(factory)
    assert (await CacheReader(factory).list(CONFIG_MAPS)).items == []
    assert factory.of_kind(CONFIG_MAPS) == factory.informers


async def test_a_namespace_outside_the_scope_is_refused_and_not_answered_as_empty(sources: Sources, run) -> None:
    factory = scoped(sources, namespaces={"a": Narrowing(), "b": Narrowing()})
    factory.informer(CONFIG_MAPS)
    factory.informer(NODES)
    await run(factory)
    reader = CacheReader(factory)
    for read in (reader.get(CONFIG_MAPS, "x", "c"), reader.list(CONFIG_MAPS, "c")):
        with pytest.raises(
            NotCached,
            match=r"wanted configmaps of namespace c from the cache, found only those of a, b; add the namespace to the"
            r" cache options, or read it with the client",
        ):
            await read
    sources.made["configmaps", "b"].put("x")
    await asyncio.sleep(0.05)
    assert (await reader.get(CONFIG_MAPS, "x", "b"))["metadata"]["namespace"] == "b"
    assert len((await reader.list(CONFIG_MAPS)).items) == 1
    assert (await reader.list(NODES, "c")).items == []


# --- when it is ready ---


async def test_nothing_is_read_before_the_informers_run(factory: InformerFactory) -> None:
    factory.informer(CONFIG_MAPS)
    reader = CacheReader(factory)
    for read in (reader.get(CONFIG_MAPS, "a", "ns"), reader.list(CONFIG_MAPS)):
        with pytest.raises(CacheNotStarted, match="wanted configmaps from the cache, found no informer running; run"):
            await read


async def test_nothing_is_read_after_the_informers_ended(factory: InformerFactory, run) -> None:
    factory.informer(CONFIG_MAPS)
    task = await run(factory)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    with pytest.raises(CacheNotStarted):
        await CacheReader(factory).list(CONFIG_MAPS)


async def test_a_read_waits_for_the_first_sync(factory: InformerFactory, sources: Sources, run) -> None:
    await run(factory)
    factory.informer(CONFIG_MAPS)
    fake = sources.made["configmaps", ""]
    fake.put("a")
    fake.failures["stream"].append(FORBIDDEN)
    fake.failures["list"].append(FORBIDDEN)
    assert (await CacheReader(factory).get(CONFIG_MAPS, "a", "ns"))["metadata"]["name"] == "a"


@pytest.mark.parametrize(("own", "asked", "waited"), [(10.0, None, 10), (3.0, None, 3), (3.0, 1.0, 1)])
async def test_a_read_waits_no_longer_than_its_caller_wants(
    factory: InformerFactory, sources: Sources, run, own: float, asked: float | None, waited: int
) -> None:
    factory.informer(SECRETS)
    for request in ("stream", "list"):
        sources.made["secrets", ""].failures[request] += [FORBIDDEN] * 20
    await run(factory)
    reader = CacheReader(factory, timeout_s=own)
    began = asyncio.get_running_loop().time()
    with pytest.raises(CacheNotSynced, match=rf"not synced after {waited} s: secrets \(.*forbidden"):
        await reader.get(SECRETS, "a", "ns", timeout_s=asked)
    with pytest.raises(CacheNotSynced):
        await reader.list(SECRETS, timeout_s=asked)
    assert asyncio.get_running_loop().time() - began == pytest.approx(2 * waited)


async def test_ten_seconds_are_waited_unless_said_otherwise(factory: InformerFactory, sources: Sources, run) -> None:
    factory.informer(SECRETS)
    for request in ("stream", "list"):
        sources.made["secrets", ""].failures[request] += [FORBIDDEN] * 20
    await run(factory)
    with pytest.raises(CacheNotSynced, match="not synced after 10 s"):
        await CacheReader(factory).list(SECRETS)


async def test_a_kind_that_the_server_does_not_serve_is_said_to_be_missing(
    factory: InformerFactory, sources: Sources, run
) -> None:
    kind = ResourceKind("x.example.com", "v1", "Thing", "things", namespaced=True)
    factory.informer(kind)
    fake = sources.made["things", ""]
    fake.served = False
    fake.failures["stream"] += [MISSING] * 9
    await run(factory)
    with pytest.raises(NotFound, match=r"read things: .*the server does not serve things") as missing:
        await CacheReader(factory).list(kind)
    assert missing.value.kind_is_missing
    assert (missing.value.status, missing.value.reason) == (404, "NotFound")


async def test_a_read_waits_for_its_own_kind_alone(factory: InformerFactory, sources: Sources, run) -> None:
    factory.informer(CONFIG_MAPS)
    factory.informer(SECRETS)
    for request in ("stream", "list"):
        sources.made["secrets", ""].failures[request] += [FORBIDDEN] * 20
    await run(factory)
    assert (await CacheReader(factory).list(CONFIG_MAPS)).items == []


async def test_a_removed_informer_is_not_cached_any_more(factory: InformerFactory, run) -> None:
    informer = factory.informer(CONFIG_MAPS)
    await run(factory)
    reader = CacheReader(factory)
    await reader.list(CONFIG_MAPS)
    factory.remove(informer)
    with pytest.raises(NotCached):
        await reader.list(CONFIG_MAPS)
