"""Views of a client: guards, observers, and what they confine."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias
from urllib.parse import parse_qs, urlsplit

import pytest

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey
from omectl.kube.client import Client
from omectl.kube.errors import NotFound
from omectl.kube.resources import CONFIG_MAPS, DEPLOYMENTS, NODES, PODS
from omectl.kube.scope import ForeignNamespace, Write

from .conftest import Wire

OBJ: JsonObject = {"metadata": {"name": "a", "namespace": "ns"}}
NODE: JsonObject = {"metadata": {"name": "n"}}
Call: TypeAlias = Callable[[Client], Awaitable[object]]
WRITES: dict[str, Call] = {
    "create ConfigMap ns/a": lambda client: client.create(CONFIG_MAPS, OBJ),
    "replace ConfigMap ns/a": lambda client: client.replace(CONFIG_MAPS, OBJ),
    "replace ConfigMap/status ns/a": lambda client: client.replace_status(CONFIG_MAPS, OBJ),
    "apply ConfigMap ns/a": lambda client: client.apply(CONFIG_MAPS, OBJ),
    "patch ConfigMap ns/a": lambda client: client.merge_patch(CONFIG_MAPS, "a", {}, "ns"),
    "patch Deployment ns/a": lambda client: client.strategic_patch(DEPLOYMENTS, "a", {}, "ns"),
    "patch Pod ns/a": lambda client: client.json_patch(PODS, "a", [], "ns"),
    "delete ConfigMap ns/a": lambda client: client.delete(CONFIG_MAPS, "a", "ns"),
    "delete configmaps in ns": lambda client: client.delete_collection(CONFIG_MAPS, "ns"),
    "create Pod/eviction ns/a": lambda client: client.create_subresource(PODS, "a", "eviction", {}, "ns"),
}
ALL_WRITES = pytest.mark.parametrize(("action", "write"), WRITES.items(), ids=list(WRITES))
UNMANAGED = {"delete ConfigMap ns/a", "delete configmaps in ns"}


def query(wire: Wire) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(wire.sent[-1].target).query).items()}


@ALL_WRITES
async def test_a_guard_is_told_of_every_write_before_it_is_sent(
    wired: Client, wire: Wire, action: str, write: Call
) -> None:
    told: list[tuple[str, int]] = []
    await write(wired.view(guard=lambda text: told.append((text, len(wire.sent)))))
    assert told == [(action, 0)]
    assert wire.actions == [action]


@ALL_WRITES
async def test_what_a_guard_refuses_is_neither_sent_nor_observed(
    wired: Client, wire: Wire, action: str, write: Call
) -> None:
    def refuse(text: str) -> None:
        raise PermissionError(text)

    observed: list[Write] = []
    with pytest.raises(PermissionError, match=action):
        await write(wired.view(guard=refuse, observer=observed.append))
    assert (wire.sent, observed) == ([], [])


@ALL_WRITES
async def test_a_write_of_a_dry_run_view_says_so_and_passes_guards_and_observers_by(
    wired: Client, wire: Wire, action: str, write: Call
) -> None:
    told: list[object] = []
    await write(wired.view(dry_run=True, guard=told.append, observer=told.append))
    assert told == []
    if action in UNMANAGED:
        assert wire.bodies[0]["dryRun"] == ["All"]
    else:
        assert query(wire)["dryRun"] == "All"


@ALL_WRITES
async def test_writes_carry_the_views_field_manager_and_validation(
    wired: Client, wire: Wire, action: str, write: Call
) -> None:
    await write(wired.view(field_manager="mine", validation="Warn"))
    wanted = {} if action in UNMANAGED else {"fieldManager": "mine", "fieldValidation": "Warn"}
    assert query(wire) == wanted


@ALL_WRITES
async def test_writes_in_a_foreign_namespace_are_refused_unsent(
    wired: Client, wire: Wire, action: str, write: Call
) -> None:
    with pytest.raises(ForeignNamespace, match="wanted the namespace mine, found ns; this view"):
        await write(wired.view(namespace="mine"))
    assert wire.sent == []


@ALL_WRITES
async def test_a_client_without_view_writes_as_omectl_and_for_real(
    wired: Client, wire: Wire, action: str, write: Call
) -> None:
    await write(wired)
    assert query(wire) == ({} if action in UNMANAGED else {"fieldManager": "omectl"})


async def test_an_observer_is_told_what_was_written_and_what_came_of_it(wired: Client, wire: Wire) -> None:
    wire.answers += [{"data": {"x": "1"}}, {"kind": "Status"}]
    observed: list[Write] = []
    view = wired.view(observer=observed.append)
    await view.merge_patch(CONFIG_MAPS, "a", {}, "ns", subresource="status")
    await view.delete(CONFIG_MAPS, "a", "ns")
    assert observed == [
        Write("patch", CONFIG_MAPS, ObjectKey("ns", "a"), "status", {"data": {"x": "1"}}),
        Write("delete", CONFIG_MAPS, ObjectKey("ns", "a"), "", {"kind": "Status"}),
    ]


@pytest.mark.parametrize(
    ("write", "verb"),
    [
        (WRITES["create ConfigMap ns/a"], "create"),
        (WRITES["replace ConfigMap ns/a"], "update"),
        (WRITES["apply ConfigMap ns/a"], "apply"),
        (WRITES["patch Pod ns/a"], "patch"),
        (WRITES["delete ConfigMap ns/a"], "delete"),
    ],
)
async def test_the_verb_of_a_write_is_the_apis(wired: Client, wire: Wire, write: Call, verb: str) -> None:
    observed: list[Write] = []
    await write(wired.view(observer=observed.append))
    assert [told.verb for told in observed] == [verb]


async def test_an_observer_learns_the_name_that_the_server_generated(wired: Client, wire: Wire) -> None:
    wire.answers.append({"metadata": {"name": "a-x7", "namespace": "ns"}})
    observed: list[Write] = []
    view = wired.view(observer=observed.append)
    await view.create(CONFIG_MAPS, {"metadata": {"generateName": "a-", "namespace": "ns"}})
    assert [told.key for told in observed] == [ObjectKey("ns", "a-x7")]


async def test_a_deleted_collection_is_observed_without_a_name(wired: Client, wire: Wire) -> None:
    observed: list[Write] = []
    await wired.view(observer=observed.append).delete_collection(CONFIG_MAPS, "ns")
    assert [(told.verb, told.key) for told in observed] == [("deletecollection", ObjectKey("ns", ""))]


async def test_a_failed_write_is_not_observed(wired: Client, wire: Wire) -> None:
    wire.answers.append(NotFound(404, "NotFound", ""))
    observed: list[Write] = []
    with pytest.raises(NotFound):
        await wired.view(observer=observed.append).delete(CONFIG_MAPS, "a", "ns")
    assert observed == []


async def test_a_single_dry_run_passes_guards_and_observers_by(wired: Client, wire: Wire) -> None:
    told: list[object] = []
    await wired.view(guard=told.append, observer=told.append).create(CONFIG_MAPS, OBJ, dry_run=True)
    assert told == []
    assert query(wire)["dryRun"] == "All"


async def test_a_view_of_a_view_asks_all_guards_and_tells_all_observers_the_first_ones_first(wired: Client) -> None:
    order: list[str] = []
    first = wired.view(guard=lambda _: order.append("guard 1"), observer=lambda _: order.append("observer 1"))
    second = first.view(guard=lambda _: order.append("guard 2"), observer=lambda _: order.append("observer 2"))
    await second.create(CONFIG_MAPS, OBJ)
    assert order == ["guard 1", "guard 2", "observer 1", "observer 2"]


async def test_a_view_changes_nothing_for_the_client_it_was_made_from(wired: Client, wire: Wire) -> None:
    told: list[object] = []
    wired.view(namespace="mine", dry_run=True, field_manager="x", validation="Strict", guard=told.append)
    await wired.create(CONFIG_MAPS, OBJ)
    assert told == []
    assert query(wire) == {"fieldManager": "omectl"}


async def test_a_view_of_a_view_keeps_what_it_does_not_name(wired: Client, wire: Wire) -> None:
    view = wired.view(namespace="mine", dry_run=True, field_manager="x", validation="Strict").view()
    await view.create(CONFIG_MAPS, {"metadata": {"name": "a"}})
    assert wire.sent[0].target.startswith("/api/v1/namespaces/mine/configmaps?")
    assert query(wire) == {"fieldManager": "x", "dryRun": "All", "fieldValidation": "Strict"}


async def test_a_view_of_a_view_may_name_another_manager_and_validation(wired: Client, wire: Wire) -> None:
    view = wired.view(field_manager="x", validation="Strict").view(field_manager="y", validation="Ignore")
    await view.create(CONFIG_MAPS, OBJ)
    assert query(wire) == {"fieldManager": "y", "fieldValidation": "Ignore"}


def test_a_view_of_a_namespace_has_no_view_of_another(wired: Client) -> None:
    view = wired.view(namespace="mine")
    assert view.view(namespace="mine") is not view
    with pytest.raises(ForeignNamespace):
        view.view(namespace="other")


async def test_a_call_may_name_another_manager_and_validation_than_its_view(wired: Client, wire: Wire) -> None:
    view = wired.view(field_manager="x", validation="Strict")
    await view.create(CONFIG_MAPS, OBJ, field_manager="y", validation="Ignore")
    assert query(wire) == {"fieldManager": "y", "fieldValidation": "Ignore"}


READS: dict[str, Call] = {
    "get": lambda client: client.get(CONFIG_MAPS, "a", "ns"),
    "get subresource": lambda client: client.get_subresource(DEPLOYMENTS, "a", "scale", "ns"),
    "list": lambda client: client.list(CONFIG_MAPS, "ns"),
    "watch": lambda client: client.watch(CONFIG_MAPS, "ns").__aenter__(),
}


@pytest.mark.parametrize("read", READS.values(), ids=list(READS))
async def test_reads_of_a_foreign_namespace_are_refused_unsent(wired: Client, wire: Wire, read: Call) -> None:
    with pytest.raises(ForeignNamespace) as refused:
        await read(wired.view(namespace="mine"))
    assert (refused.value.wanted, refused.value.found) == ("mine", "ns")
    assert wire.sent == []


async def test_a_view_of_a_namespace_fills_in_what_is_left_out(wired: Client, wire: Wire) -> None:
    view = wired.view(namespace="mine")
    wire.answers += [{}, {"kind": "ConfigMapList", "metadata": {"resourceVersion": "1"}, "items": []}]
    await view.get(CONFIG_MAPS, "a")
    await view.list(CONFIG_MAPS)
    await view.apply(CONFIG_MAPS, {"metadata": {"name": "a"}})
    await view.replace(CONFIG_MAPS, {"metadata": {"name": "a"}})
    await view.delete(CONFIG_MAPS, "a")
    await view.delete_collection(CONFIG_MAPS)
    paths = [urlsplit(request.target).path for request in wire.sent]
    collection = "/api/v1/namespaces/mine/configmaps"
    assert paths == [f"{collection}/a", collection, f"{collection}/a", f"{collection}/a", f"{collection}/a", collection]
    assert [body["metadata"] for body in wire.bodies[:2]] == [{"name": "a", "namespace": "mine"}] * 2


async def test_kinds_of_the_cluster_pass_a_view_of_a_namespace(wired: Client, wire: Wire) -> None:
    view = wired.view(namespace="mine")
    await view.get(NODES, "n")
    await view.apply(NODES, NODE)
    assert [urlsplit(request.target).path for request in wire.sent] == ["/api/v1/nodes/n"] * 2
    assert wire.bodies[0]["metadata"] == {"name": "n"}


async def test_an_object_is_not_changed_by_what_is_filled_in(wired: Client) -> None:
    obj: JsonObject = {"metadata": {"name": "a"}}
    await wired.view(namespace="mine").create(CONFIG_MAPS, obj)
    assert obj == {"metadata": {"name": "a"}}


async def test_a_view_shares_the_connections_of_its_client(wired: Client) -> None:
    assert wired.view(namespace="mine").config is wired.config
