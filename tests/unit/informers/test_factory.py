"""All informers of a process: which are one, how they start, wait and go."""

import asyncio
import gc
import json

import pytest
from structlog.testing import capture_logs
from tests.unit.informers.told import Told

from omectl.informers import (
    BY_OWNER_UID,
    CacheNotSynced,
    CacheOptions,
    InformerFactory,
    InformerStopped,
    KindCache,
    Narrowing,
    ReflectorState,
    RegistrationEnded,
)
from omectl.informers.collector import COLLECTOR
from omectl.informers.reflector_state import ReflectorOptions
from omectl.kube.errors import Forbidden, NotFound
from omectl.kube.resources import CONFIG_MAPS, DEPLOYMENTS, NODES, SECRETS

pytestmark = [pytest.mark.looptime, pytest.mark.asyncio]

MISSING = NotFound(404, "", "404 page not found")
FORBIDDEN = Forbidden(403, "Forbidden", "secrets is forbidden")


class Sources:
    """A fake collection per kind and namespace; `asked` has every selection, in order."""

    def __init__(self, make: type) -> None:
        self.make = make
        self.made: dict[tuple[str, str], object] = {}
        self.asked: list[tuple[str, str, str, str, bool]] = []

    def __call__(self, kind, namespace: str, label_selector: str, field_selector: str, *, metadata_only: bool):
        self.asked.append((kind.plural, namespace, label_selector, field_selector, metadata_only))
        return self.made.setdefault((kind.plural, namespace), self.make(namespace=namespace or "ns"))


@pytest.fixture
async def sources(source) -> Sources:
    return Sources(type(source))


@pytest.fixture
async def factory(sources: Sources) -> InformerFactory:
    return InformerFactory(None, source=sources)  # type: ignore[arg-type]


def scoped(sources: Sources, **caches: object) -> InformerFactory:
    return InformerFactory(None, source=sources, caches=CacheOptions(**caches))  # type: ignore[arg-type]


# --- which are one ---


async def test_the_same_arguments_give_the_same_informer(factory: InformerFactory) -> None:
    first = factory.informer(CONFIG_MAPS)
    again = factory.informer(CONFIG_MAPS, indexes={"owner": BY_OWNER_UID})
    assert first is again
    assert first.lister.index_keys("owner", "x") == []
    assert factory.informers == (first,)


async def test_other_arguments_give_other_informers(factory: InformerFactory) -> None:
    made = [
        factory.informer(CONFIG_MAPS),
        factory.informer(SECRETS),
        factory.informer(CONFIG_MAPS, namespace="ns"),
        factory.informer(CONFIG_MAPS, label_selector="a=b"),
        factory.informer(CONFIG_MAPS, field_selector="a=b"),
        factory.informer(CONFIG_MAPS, transform=lambda obj: obj),
        factory.informer(CONFIG_MAPS, metadata_only=True),
        factory.informer(CONFIG_MAPS, resync_s=5),
    ]
    assert len(set(made)) == len(made)
    assert factory.informers == tuple(made)
    assert factory.of_kind(SECRETS) == (made[1],)


async def test_an_informer_is_named_for_what_it_holds(factory: InformerFactory, sources: Sources) -> None:
    assert factory.informer(CONFIG_MAPS).name == "configmaps"
    assert factory.informer(DEPLOYMENTS).name == "deployments.apps"
    assert factory.informer(CONFIG_MAPS, label_selector="a=b").name == "configmaps[a=b]"
    assert factory.informer(DEPLOYMENTS, namespace="ns", field_selector="c=d").name == "deployments.apps[ns,c=d]"
    assert factory.informer(CONFIG_MAPS, metadata_only=True).name == "configmaps[metadata]"
    assert factory.informer(CONFIG_MAPS, metadata_only=True, namespace="ns").name == "configmaps[metadata,ns]"
    (alone,) = factory.informer(SECRETS, metadata_only=True).mirrors
    assert alone.reflector.name == "secrets[metadata]"
    both = scoped(sources, namespaces={"a": Narrowing(label_selector="x"), "b": Narrowing()}).informer(CONFIG_MAPS)
    assert both.name == "configmaps[a,x|b]"
    assert [mirror.reflector.name for mirror in both.mirrors] == ["configmaps[a,x]", "configmaps[b]"]


async def test_the_source_is_asked_for_exactly_that_collection(factory: InformerFactory, sources: Sources) -> None:
    factory.informer(SECRETS, namespace="ns", label_selector="a=b", field_selector="c=d", metadata_only=True)
    factory.informer(NODES, namespace="ignored")
    assert sources.asked == [("secrets", "ns", "a=b", "c=d", True), ("nodes", "", "", "", False)]


async def test_whole_objects_and_metadata_alone_of_one_kind_are_two_caches_with_a_warning(
    factory: InformerFactory,
) -> None:
    with capture_logs() as logs:
        whole = factory.informer(CONFIG_MAPS)
        factory.informer(SECRETS, metadata_only=True)
        factory.informer(CONFIG_MAPS, namespace="ns")
        assert logs == []
        metadata = factory.informer(CONFIG_MAPS, metadata_only=True)
        factory.informer(CONFIG_MAPS, metadata_only=True)
    assert metadata is not whole
    assert (whole.metadata_only, metadata.metadata_only) == (False, True)
    assert logs == [
        {
            "event": "informer_kind_cached_twice",
            "log_level": "warning",
            "kind": "ConfigMap",
            "cached": "configmaps",
            "next_step": "whole objects and metadata alone are two caches with two watches; use one of them",
        }
    ]


# --- settings ---


async def test_settings_of_a_kind_make_its_informer(sources: Sources) -> None:
    def strip(obj):
        return obj

    factory = scoped(
        sources,
        resync_s=600,
        kinds={
            CONFIG_MAPS: KindCache(
                objects=Narrowing(label_selector="a=b", transform=strip),
                indexes={"owner": BY_OWNER_UID},
                metadata_only=True,
                resync_s=60,
            )
        },
    )
    informer = factory.informer(CONFIG_MAPS)
    assert sources.asked == [("configmaps", "", "a=b", "", True)]
    assert informer.lister.index_keys("owner", "x") == []
    assert informer.metadata_only
    assert informer.add_handler(Told()).resync_s == 60
    assert informer is factory.informer(CONFIG_MAPS, label_selector="a=b", transform=strip, resync_s=60)
    other = factory.informer(SECRETS)
    assert (other.metadata_only, other.add_handler(Told()).resync_s) == (False, 600)


async def test_a_caller_overrides_the_settings(sources: Sources) -> None:
    factory = scoped(
        sources,
        kinds={CONFIG_MAPS: KindCache(objects=Narrowing(label_selector="a=b"), metadata_only=True, resync_s=60)},
    )
    informer = factory.informer(CONFIG_MAPS, label_selector="", metadata_only=False, resync_s=0)
    assert sources.asked == [("configmaps", "", "", "", False)]
    assert informer.add_handler(Told()).resync_s == 0


async def test_a_declared_kind_has_its_informer_before_anybody_asks(sources: Sources) -> None:
    factory = scoped(sources, kinds={CONFIG_MAPS: KindCache(objects=Narrowing(label_selector="a=b"))})
    assert factory.declared(SECRETS) is None
    assert factory.informers == ()
    informer = factory.declared(CONFIG_MAPS)
    assert informer is not None
    assert informer is factory.declared(CONFIG_MAPS)
    assert informer is factory.informer(CONFIG_MAPS)


async def test_a_kind_that_a_caller_made_is_declared_unless_narrowed(factory: InformerFactory) -> None:
    factory.informer(SECRETS, label_selector="a=b")
    assert factory.declared(SECRETS) is None
    whole = factory.informer(SECRETS)
    assert factory.declared(SECRETS) is whole


async def test_several_namespaces_are_one_informer(sources: Sources, run) -> None:
    factory = scoped(sources, namespaces={f"n{number}": Narrowing() for number in range(25)})
    informer = factory.informer(CONFIG_MAPS)
    told = Told()
    registration = informer.add_handler(told)
    for number in range(25):
        sources.made["configmaps", f"n{number}"].put(f"o{number}")
    await run(factory)
    await factory.wait_for_sync(5)
    await registration.wait_synced()
    assert len(informer.lister) == 25
    assert [event.key.namespace for event in told.events] == [f"n{number}" for number in range(25)]
    sources.made["configmaps", "n3"].put("late")
    await asyncio.sleep(0.05)
    assert [str(key) for key in (told.events[-1].key, informer.lister.keys()[4])] == ["n3/late", "n3/late"]
    assert [(asked[1], asked[3]) for asked in sources.asked] == [(f"n{number}", "") for number in range(25)]


async def test_the_rest_of_the_namespaces_is_a_collection_of_its_own(sources: Sources, run) -> None:
    factory = scoped(sources, namespaces={"a": Narrowing(), "b": Narrowing(), "": Narrowing(label_selector="l")})
    informer = factory.informer(CONFIG_MAPS)
    assert sources.asked[2] == ("configmaps", "", "l", "metadata.namespace!=a,metadata.namespace!=b", False)
    for namespace in ("a", ""):
        sources.made["configmaps", namespace].put("x")
    await run(factory)
    assert [str(key) for key in informer.lister.keys()] == ["a/x", "ns/x"]  # noqa: SIM118


async def test_a_transform_changes_what_is_kept(factory: InformerFactory, sources: Sources, run) -> None:
    informer = factory.informer(CONFIG_MAPS, transform=lambda obj: {**obj, "data": {"changed": "yes"}})
    sources.made["configmaps", ""].put("a", x="1")
    await run(factory)
    assert [found["data"] for found in informer.lister.list()] == [{"changed": "yes"}]


async def test_the_options_of_its_reflectors_are_the_factorys(sources: Sources, run) -> None:
    factory = InformerFactory(None, ReflectorOptions(watch_timeout_s=1000), source=sources)  # type: ignore[arg-type]
    factory.informer(CONFIG_MAPS)
    await run(factory)
    (stream,) = sources.made["configmaps", ""].watch_options
    assert 1000 <= stream.timeout_s <= 2000


async def test_without_a_source_the_client_is_asked(run) -> None:
    asked: list[tuple[object, ...]] = []

    class RefusingClient:
        def watch(self, kind, namespace, options):
            asked.append((kind, namespace, options.label_selector, options.field_selector, options.metadata_only))
            raise FORBIDDEN

    factory = InformerFactory(RefusingClient())  # type: ignore[arg-type]
    factory.informer(SECRETS, namespace="ns", label_selector="a=b", field_selector="c=d", metadata_only=True)
    await run(factory)
    assert asked == [(SECRETS, "ns", "a=b", "c=d", True)]


# --- running ---


async def test_informers_that_are_made_while_the_factory_runs_start_too(factory: InformerFactory, run) -> None:
    assert factory.is_running is False
    task = await run(factory)
    assert factory.is_running is True
    late = factory.informer(CONFIG_MAPS)
    await factory.wait_for_sync(5)
    assert late.has_synced
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert factory.is_running is False
    assert late.is_stopped


async def test_a_factory_runs_once(factory: InformerFactory, run) -> None:
    await run(factory)
    with pytest.raises(RuntimeError, match=r"^the informers run already; run the factory once$"):
        await factory.run()


async def test_the_task_of_an_informer_has_its_name(factory: InformerFactory, run) -> None:
    factory.informer(CONFIG_MAPS, namespace="ns")
    await run(factory)
    assert "informer:configmaps[ns]" in {task.get_name() for task in asyncio.all_tasks()}


async def test_a_kind_that_is_absent_holds_up_nobody(factory: InformerFactory, sources: Sources, run) -> None:
    present, absent = factory.informer(CONFIG_MAPS), factory.informer(SECRETS)
    fake = sources.made["secrets", ""]
    fake.served = False
    fake.failures["stream"] += [MISSING] * 3
    await run(factory)
    await factory.wait_for_sync(1)
    assert present.has_synced
    assert (absent.has_synced, absent.is_absent) == (False, True)
    assert absent.describe().startswith("secrets (absent, next try in ")
    await asyncio.sleep(30)
    assert absent.has_synced
    assert not absent.is_absent


async def test_a_cache_that_does_not_fill_is_named_with_its_state_and_last_error(
    factory: InformerFactory, sources: Sources, run
) -> None:
    factory.informer(CONFIG_MAPS)
    stuck = factory.informer(SECRETS)
    sources.made["secrets", ""].failures["stream"] += [FORBIDDEN] * 9
    sources.made["secrets", ""].failures["list"] += [FORBIDDEN] * 9
    await run(factory)
    with pytest.raises(
        CacheNotSynced,
        match=r"not synced after 3 s: secrets \(backoff, next try in \d\.\d s: .*forbidden; grant the right[^;]*\)$",
    ) as late:
        await factory.wait_for_sync(3)
    assert late.value.waiting == (stuck,)
    assert late.value.timeout_s == 3
    assert stuck.state is ReflectorState.BACKOFF


async def test_a_list_that_takes_long_is_named_with_its_page(factory: InformerFactory, sources: Sources, run) -> None:
    informer = factory.informer(CONFIG_MAPS)
    fake = sources.made["configmaps", ""]
    fake.streaming_list = False
    pages = fake.pages
    for number in range(3):
        fake.put(f"o{number}")

    async def slow_pages(options):
        async for page in pages(type(options)(resource_version="0", page_size=1)):
            yield page
            await asyncio.sleep(10)

    fake.pages = slow_pages
    informer.mirrors[0].reflector._streaming = False
    await run(factory)
    with pytest.raises(CacheNotSynced, match=r"not synced after 1 s: configmaps \(listing page 2\)$"):
        await factory.wait_for_sync(1)
    with pytest.raises(CacheNotSynced, match=r"not synced after 10 s: configmaps \(listing page 3\)$"):
        await factory.wait_for_sync(10)


async def test_of_several_namespaces_only_those_that_miss_are_named(sources: Sources, run) -> None:
    factory = scoped(sources, namespaces={"a": Narrowing(), "b": Narrowing(), "c": Narrowing()})
    informer = factory.informer(SECRETS)
    for request in ("stream", "list"):
        sources.made["secrets", "b"].failures[request] += [FORBIDDEN] * 9
    await run(factory)
    with pytest.raises(CacheNotSynced, match=r"3 s: secrets\[b\] \(backoff, next try in \d\.\d s: .*forbidden") as late:
        await factory.wait_for_sync(3)
    assert "secrets[a]" not in str(late.value)
    assert informer.state is ReflectorState.BACKOFF
    assert isinstance(informer.last_error, Forbidden)
    assert informer.has_synced is False


async def test_only_the_given_informers_are_waited_for(factory: InformerFactory, sources: Sources, run) -> None:
    good, stuck = factory.informer(CONFIG_MAPS), factory.informer(SECRETS)
    for request in ("stream", "list"):
        sources.made["secrets", ""].failures[request] += [FORBIDDEN] * 9
    await run(factory)
    await factory.wait_for_sync(1, [good])
    with pytest.raises(CacheNotSynced):
        await factory.wait_for_sync(1, [stuck])


async def test_all_that_are_late_are_named_one_after_the_other(factory: InformerFactory) -> None:
    late = (factory.informer(CONFIG_MAPS), factory.informer(SECRETS))
    with pytest.raises(CacheNotSynced) as error:
        await factory.wait_for_sync(0.5)
    assert str(error.value) == "not synced after 0.5 s: configmaps (empty); secrets (empty)"
    assert error.value.waiting == late


# --- removing ---


async def test_a_removed_informer_stops_and_is_forgotten(factory: InformerFactory, sources: Sources, run) -> None:
    kept, gone = factory.informer(CONFIG_MAPS, namespace="other"), factory.informer(CONFIG_MAPS)
    told = Told()
    registration = gone.add_handler(told)
    await run(factory)
    factory.remove(gone)
    factory.remove(gone)
    assert factory.informers == (kept,)
    await asyncio.sleep(0.05)
    assert gone.is_stopped
    assert sources.made["configmaps", ""].open == []
    for fake in sources.made.values():
        fake.put("a")
    await asyncio.sleep(0.05)
    assert told.events == []
    assert registration.pending == 0
    assert (len(gone.lister), len(kept.lister)) == (0, 1)
    with pytest.raises(InformerStopped, match="informer configmaps has stopped already; the handler late was not"):
        gone.add_handler(Told(), name="late")


async def test_who_asks_for_a_removed_one_gets_a_new_one(factory: InformerFactory, sources: Sources, run) -> None:
    gone = factory.informer(CONFIG_MAPS)
    await run(factory)
    factory.remove(gone)
    sources.made["configmaps", ""].put("a")
    new = factory.informer(CONFIG_MAPS)
    assert new is not gone
    await factory.wait_for_sync(1)
    assert len(new.lister) == 1


async def test_one_that_never_started_is_removed_with_its_handlers(factory: InformerFactory, run) -> None:
    gone = factory.informer(SECRETS)
    registration = gone.add_handler(Told())
    waiting = asyncio.create_task(registration.wait_synced())
    factory.remove(gone)
    with pytest.raises(RegistrationEnded):
        await waiting
    await run(factory)
    assert gone.is_stopped
    with pytest.raises(InformerStopped, match="was started before"):
        await gone.run()


async def test_one_whose_task_has_not_begun_is_removed_with_its_handlers(factory: InformerFactory, run) -> None:
    await run(factory)
    gone = factory.informer(SECRETS)
    registration = gone.add_handler(Told())
    while gone not in factory._tasks:
        await asyncio.sleep(0)
    factory.remove(gone)
    assert gone.is_stopped
    with pytest.raises(RegistrationEnded):
        await registration.wait_synced()


async def test_one_that_ended_with_the_factory_is_removed(factory: InformerFactory, run) -> None:
    gone = factory.informer(SECRETS)
    task = await run(factory)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    factory.remove(gone)
    assert factory.informers == ()


async def test_one_of_another_factory_is_left_alone(factory: InformerFactory, sources: Sources, run) -> None:
    other = InformerFactory(None, source=sources)  # type: ignore[arg-type]
    mine = factory.informer(SECRETS)
    await run(factory)
    other.remove(mine)
    await asyncio.sleep(0.05)
    assert not mine.is_stopped
    assert factory.informers == (mine,)


async def test_a_removed_one_is_not_shown_in_metrics(factory: InformerFactory) -> None:
    gone = factory.informer(SECRETS, label_selector="shown=once")

    def shown() -> set[str]:
        return {s.labels.get("name", "") for family in COLLECTOR.collect() for s in family.samples}

    assert gone.name in shown()
    factory.remove(gone)
    gc.collect()
    assert gone.name not in shown()


# --- statistics ---


async def test_statistics_are_json_and_say_what_each_informer_holds(sources: Sources, run) -> None:
    factory = scoped(sources, namespaces={"a": Narrowing(), "b": Narrowing()})
    informer = factory.informer(CONFIG_MAPS)
    informer.add_handler(Told(), name="told")
    sources.made["configmaps", "a"].put("x")
    sources.made["configmaps", "b"].put("y")
    sources.made["configmaps", "b"].put("z")
    await run(factory)
    (shown,) = json.loads(json.dumps(factory.statistics()))
    assert shown["name"] == "configmaps[a|b]"
    assert (shown["objects"], shown["synced"], shown["stopped"], shown["backlog"]) == (3, True, False, 0)
    assert shown["bytes"] == sum(len(record.body) for mirror in informer.mirrors for record in mirror.store)
    assert [(part["name"], part["objects"], part["synced"]) for part in shown["mirrors"]] == [
        ("configmaps[a]", 1, True),
        ("configmaps[b]", 2, True),
    ]
    assert [part["reflector"]["streaming_lists"] for part in shown["mirrors"]] == [1, 1]
    assert shown["handlers"][0]["handled"] == 3
