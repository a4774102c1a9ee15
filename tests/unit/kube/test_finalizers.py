"""Finalizers: on trees, on the wire, and with clean-ups."""

import copy

import pytest

from omectl.api.json import JsonObject
from omectl.kube.client import Client
from omectl.kube.errors import Conflict
from omectl.kube.finalizers import (
    Finalizers,
    add_finalizer,
    contains_finalizer,
    finalizers_of,
    hold,
    release,
    remove_finalizer,
)
from omectl.kube.resources import CONFIG_MAPS

from .conftest import Wire

ONE = "example.com/one"
TWO = "example.com/two"


def obj(*finalizers: str, deleting: bool = False) -> JsonObject:
    metadata: JsonObject = {"name": "a", "namespace": "ns", "resourceVersion": "7"}
    if finalizers:
        metadata["finalizers"] = list(finalizers)
    if deleting:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return {"metadata": metadata}


def patch_of(*finalizers: str) -> JsonObject:
    return {"metadata": {"resourceVersion": "7", "finalizers": list(finalizers) or None}}


def test_a_finalizer_is_added_once_and_at_the_end() -> None:
    tree = obj(ONE)
    assert add_finalizer(tree, TWO)
    assert not add_finalizer(tree, TWO)
    assert finalizers_of(tree) == [ONE, TWO]


def test_a_tree_without_metadata_gets_some() -> None:
    tree: JsonObject = {}
    assert add_finalizer(tree, ONE)
    assert tree == {"metadata": {"finalizers": [ONE]}}


def test_a_finalizer_is_removed_wherever_it_stands_and_the_others_stay() -> None:
    tree = obj(ONE, TWO, ONE)
    assert remove_finalizer(tree, ONE)
    assert finalizers_of(tree) == [TWO]


def test_the_last_finalizer_leaves_no_empty_list() -> None:
    tree = obj(ONE)
    assert remove_finalizer(tree, ONE)
    assert tree == obj()


@pytest.mark.parametrize("tree", [{}, obj(), obj(TWO)])
def test_removing_an_absent_finalizer_changes_nothing(tree: JsonObject) -> None:
    before = copy.deepcopy(tree)
    assert not remove_finalizer(tree, ONE)
    assert tree == before


def test_what_an_object_waits_for_is_known() -> None:
    assert contains_finalizer(obj(ONE), ONE)
    assert not contains_finalizer(obj(TWO), ONE)
    assert not contains_finalizer({}, ONE)


@pytest.mark.parametrize(
    "finalizer",
    [
        "",
        "name",
        "/name",
        "example.com/",
        "a/b/c",
        "Example.com/x",
        "-a.com/x",
        "a..b/x",
        "a.com/-x",
        "a.com/x-",
        "a.com/x y",
        f"a.com/{'x' * 64}",
        f"{'a' * 254}/x",
        "a.com/x\n",
    ],
)
def test_a_finalizer_that_is_not_qualified_is_refused(finalizer: str, wired: Client) -> None:
    with pytest.raises(ValueError, match="of the form domain/name, found"):
        add_finalizer({}, finalizer)


@pytest.mark.parametrize("finalizer", ["a/b", "a.b-c.d/X_y.z-1", f"a.com/{'x' * 63}", f"{'a' * 253}/x"])
def test_a_qualified_finalizer_is_taken(finalizer: str) -> None:
    assert add_finalizer({}, finalizer)


async def test_holding_writes_one_patch_for_the_version_that_was_read(wired: Client, wire: Wire) -> None:
    wire.answers.append(obj(ONE, TWO))
    tree = obj(ONE)
    assert await hold(wired, CONFIG_MAPS, tree, TWO) == obj(ONE, TWO)
    assert wire.bodies == [patch_of(ONE, TWO)]
    assert tree == obj(ONE)


async def test_holding_what_is_held_writes_nothing(wired: Client, wire: Wire) -> None:
    tree = obj(ONE, TWO)
    assert await hold(wired, CONFIG_MAPS, tree, ONE, TWO) is tree
    assert wire.sent == []


async def test_releasing_writes_one_patch_for_the_version_that_was_read(wired: Client, wire: Wire) -> None:
    tree = obj(ONE, TWO)
    await release(wired, CONFIG_MAPS, tree, ONE)
    await release(wired, CONFIG_MAPS, tree, ONE, TWO)
    assert wire.bodies == [patch_of(TWO), patch_of()]
    assert tree == obj(ONE, TWO)


async def test_releasing_what_is_free_writes_nothing(wired: Client, wire: Wire) -> None:
    tree = obj(TWO)
    assert await release(wired, CONFIG_MAPS, tree, ONE) is tree
    assert wire.sent == []


async def test_an_object_that_changed_since_it_was_read_is_a_conflict(wired: Client, wire: Wire) -> None:
    wire.answers.append(Conflict(409, "Conflict", "stale"))
    with pytest.raises(Conflict):
        await hold(wired, CONFIG_MAPS, obj(), ONE)


@pytest.mark.parametrize("change", [hold, release])
async def test_an_object_that_was_never_read_is_not_written(change, wired: Client, wire: Wire) -> None:
    tree: JsonObject = {"metadata": {"name": "a", "namespace": "ns", "finalizers": [ONE] if change is release else []}}
    with pytest.raises(ValueError, match="wanted ConfigMap ns/a with a resourceVersion, found none; read it"):
        await change(wired, CONFIG_MAPS, tree, ONE)
    assert wire.sent == []


class CleanUps:
    """Registers clean-ups that note their run; those in `failing` raise."""

    def __init__(self, client: Client, *finalizers: str, failing: tuple[str, ...] = ()) -> None:
        self.ran: list[str] = []
        self.registry = Finalizers(client, CONFIG_MAPS)
        for finalizer in finalizers:
            self.registry.register(finalizer, self._clean_up(finalizer, finalizer in failing))

    def _clean_up(self, finalizer: str, fails: bool):
        async def run(_: JsonObject) -> None:
            self.ran.append(finalizer)
            if fails:
                raise OSError(finalizer)

        return run


async def test_an_object_that_lives_gets_what_is_missing_by_one_write(wired: Client, wire: Wire) -> None:
    clean_ups = CleanUps(wired, ONE, TWO)
    wire.answers.append(obj(ONE, TWO))
    assert await clean_ups.registry.finalize(obj()) == obj(ONE, TWO)
    await clean_ups.registry.finalize(obj(ONE))
    await clean_ups.registry.finalize(obj(TWO, ONE))
    assert wire.bodies == [patch_of(ONE, TWO), patch_of(ONE, TWO)]
    assert clean_ups.ran == []


async def test_an_object_that_is_deleted_is_cleaned_up_in_order_and_released_by_one_write(
    wired: Client, wire: Wire
) -> None:
    clean_ups = CleanUps(wired, ONE, TWO)
    await clean_ups.registry.finalize(obj("other.com/x", TWO, ONE, deleting=True))
    assert clean_ups.ran == [ONE, TWO]
    assert wire.bodies == [patch_of("other.com/x")]


async def test_a_clean_up_whose_finalizer_is_gone_does_not_run_again(wired: Client, wire: Wire) -> None:
    clean_ups = CleanUps(wired, ONE, TWO)
    await clean_ups.registry.finalize(obj(TWO, deleting=True))
    assert clean_ups.ran == [TWO]


async def test_a_deleted_object_gets_no_new_finalizer(wired: Client, wire: Wire) -> None:
    clean_ups = CleanUps(wired, ONE)
    tree = obj("other.com/x", deleting=True)
    assert await clean_ups.registry.finalize(tree) is tree
    assert (clean_ups.ran, wire.sent) == ([], [])


async def test_an_error_keeps_its_finalizer_and_the_others_go(wired: Client, wire: Wire) -> None:
    clean_ups = CleanUps(wired, ONE, TWO, failing=(ONE,))
    with pytest.raises(OSError, match=ONE):
        await clean_ups.registry.finalize(obj(ONE, TWO, deleting=True))
    assert clean_ups.ran == [ONE, TWO]
    assert wire.bodies == [patch_of(ONE)]


async def test_an_error_alone_writes_nothing(wired: Client, wire: Wire) -> None:
    clean_ups = CleanUps(wired, ONE, failing=(ONE,))
    with pytest.raises(OSError, match=ONE):
        await clean_ups.registry.finalize(obj(ONE, deleting=True))
    assert wire.sent == []


async def test_several_errors_are_all_raised(wired: Client, wire: Wire) -> None:
    clean_ups = CleanUps(wired, ONE, TWO, failing=(ONE, TWO))
    with pytest.raises(ExceptionGroup, match="several clean-ups of ConfigMap ns/a failed") as failed:
        await clean_ups.registry.finalize(obj(ONE, TWO, deleting=True))
    assert [str(error) for error in failed.value.exceptions] == [ONE, TWO]
    assert wire.sent == []


def test_a_clean_up_needs_a_qualified_finalizer_of_its_own(wired: Client) -> None:
    with pytest.raises(ValueError, match="of the form domain/name, found 'one'"):
        CleanUps(wired, "one")
    with pytest.raises(ValueError, match=f"one clean-up for {ONE}, found a second"):
        CleanUps(wired, ONE, ONE)
