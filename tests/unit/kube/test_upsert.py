"""Create or update, create or patch: what is written, and what it is called."""

from urllib.parse import urlsplit

import pytest

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey
from omectl.kube.client import Client
from omectl.kube.errors import AlreadyExists, ApiError, Conflict, Details, NotFound
from omectl.kube.resources import CONFIG_MAPS, DEPLOYMENTS, NODES
from omectl.kube.upsert import Change, Mutate, Upserted, create_or_patch, create_or_update

from .conftest import Wire

KEY = ObjectKey("ns", "a")
GONE = NotFound(404, "NotFound", "", Details(name="a"))
NO_KIND = NotFound(404, "NotFound", "page not found")
TAKEN = AlreadyExists(409, "AlreadyExists", "")
BOTH = pytest.mark.parametrize("upsert", [create_or_update, create_or_patch])


def live(data: JsonObject | None = None, **more: JsonObject) -> JsonObject:
    metadata: JsonObject = {"name": "a", "namespace": "ns", "resourceVersion": "7"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data or {}, **more}


def set_data(value: str, status: str = "") -> Mutate:
    def mutate(obj: JsonObject) -> None:
        obj["data"] = {"x": value}
        if status:
            obj["status"] = {"phase": status}

    return mutate


@BOTH
async def test_what_is_absent_is_created(upsert, wired: Client, wire: Wire) -> None:
    wire.answers += [GONE, live({"x": "1"})]
    assert await upsert(wired, CONFIG_MAPS, KEY, set_data("1")) == Upserted(Change.CREATED, live({"x": "1"}))
    assert wire.actions == ["get ConfigMap ns/a", "create ConfigMap ns/a"]
    metadata: JsonObject = {"name": "a", "namespace": "ns"}
    assert wire.bodies == [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"x": "1"}}]


@BOTH
async def test_an_absent_object_of_the_cluster_is_created_without_a_namespace(upsert, wired: Client, wire) -> None:
    wire.answers.append(GONE)
    await upsert(wired, NODES, ObjectKey("", "a"), lambda _: None)
    assert wire.bodies[0]["metadata"] == {"name": "a"}


@BOTH
async def test_what_is_right_already_is_left_alone(upsert, wired: Client, wire: Wire) -> None:
    wire.answers.append(live({"x": "1"}))
    assert await upsert(wired, CONFIG_MAPS, KEY, set_data("1")) == Upserted(Change.UNCHANGED, live({"x": "1"}))
    assert len(wire.sent) == 1


async def test_an_update_puts_the_whole_object_at_the_version_that_was_read(wired: Client, wire: Wire) -> None:
    wire.answers += [live({"x": "1"}), live({"x": "2"})]
    done = await create_or_update(wired, CONFIG_MAPS, KEY, set_data("2"))
    assert done == Upserted(Change.UPDATED, live({"x": "2"}))
    assert wire.actions == ["get ConfigMap ns/a", "replace ConfigMap ns/a"]
    assert wire.bodies == [live({"x": "2"})]


async def test_a_number_for_a_truth_is_a_change(wired: Client, wire: Wire) -> None:
    wire.answers.append(live({"x": 1}))

    def mutate(obj: JsonObject) -> None:
        obj["data"] = {"x": True}

    assert (await create_or_update(wired, CONFIG_MAPS, KEY, mutate)).change is Change.UPDATED


async def test_a_patch_says_only_what_changed(wired: Client, wire: Wire) -> None:
    wire.answers += [live({"x": "1", "y": "1"}), live({"x": "2"})]
    done = await create_or_patch(wired, CONFIG_MAPS, KEY, set_data("2"))
    assert done == Upserted(Change.UPDATED, live({"x": "2"}))
    assert wire.bodies == [{"data": {"x": "2", "y": None}}]


async def test_object_and_status_are_patched_apart(wired: Client, wire: Wire) -> None:
    wire.answers += [live(), live({"x": "2"}), live({"x": "2"}, status={"phase": "Up"})]
    done = await create_or_patch(wired, DEPLOYMENTS, KEY, set_data("2", "Up"))
    assert done == Upserted(Change.UPDATED_STATUS, live({"x": "2"}, status={"phase": "Up"}))
    assert [urlsplit(request.target).path.rpartition("/")[2] for request in wire.sent] == ["a", "a", "status"]
    assert wire.bodies == [{"data": {"x": "2"}}, {"status": {"phase": "Up"}}]


async def test_a_status_alone_is_patched_alone(wired: Client, wire: Wire) -> None:
    wire.answers += [live({"x": "1"}, status={"phase": "Down"}), live({"x": "1"}, status={"phase": "Up"})]
    done = await create_or_patch(wired, DEPLOYMENTS, KEY, set_data("1", "Up"))
    assert done.change is Change.UPDATED_STATUS_ONLY
    assert wire.bodies == [{"status": {"phase": "Up"}}]
    assert wire.actions[1] == "patch Deployment/status ns/a"


async def test_optimistic_patches_carry_the_version_each_was_made_for(wired: Client, wire: Wire) -> None:
    newer = live({"x": "2"})
    newer["metadata"] = {**live()["metadata"], "resourceVersion": "8"}
    wire.answers += [live(), newer]
    await create_or_patch(wired, DEPLOYMENTS, KEY, set_data("2", "Up"), optimistic=True)
    assert [body["metadata"] for body in wire.bodies] == [{"resourceVersion": "7"}, {"resourceVersion": "8"}]


def test_the_changes_have_the_fields_names() -> None:
    assert [change.value for change in Change] == [
        "unchanged",
        "created",
        "updated",
        "updatedStatus",
        "updatedStatusOnly",
    ]


@BOTH
@pytest.mark.parametrize("field", ["name", "namespace"])
@pytest.mark.parametrize("found", [True, False], ids=["live", "absent"])
async def test_a_changed_name_or_namespace_is_refused_unwritten(
    upsert, wired: Client, wire: Wire, field: str, found: bool
) -> None:
    def rename(obj: JsonObject) -> None:
        obj["metadata"] = {**obj["metadata"], field: "b"}

    wire.answers.append(live() if found else GONE)
    with pytest.raises(ValueError, match="wanted ConfigMap ns/a changed in place, found it named"):
        await upsert(wired, CONFIG_MAPS, KEY, rename)
    assert len(wire.sent) == 1


@BOTH
async def test_an_object_that_somebody_creates_meanwhile_is_changed_instead(upsert, wired: Client, wire: Wire) -> None:
    wire.answers += [GONE, TAKEN, live({"x": "1"}), live({"x": "2"})]
    assert (await upsert(wired, CONFIG_MAPS, KEY, set_data("2"))).change is Change.UPDATED
    assert [action.partition(" ")[0] for action in wire.actions[:3]] == ["get", "create", "get"]


@BOTH
async def test_an_object_that_somebody_deletes_meanwhile_is_created_instead(upsert, wired: Client, wire: Wire) -> None:
    wire.answers += [live({"x": "1"}), GONE, GONE, live({"x": "2"})]
    assert (await upsert(wired, CONFIG_MAPS, KEY, set_data("2"))).change is Change.CREATED
    assert wire.actions[2:] == ["get ConfigMap ns/a", "create ConfigMap ns/a"]


@BOTH
@pytest.mark.parametrize(("read", "refusal"), [(GONE, TAKEN), (live(), GONE)])
async def test_a_race_that_is_lost_five_times_is_raised(upsert, wired: Client, wire: Wire, read, refusal) -> None:
    wire.answers += [read, refusal] * 5
    with pytest.raises(type(refusal)):
        await upsert(wired, CONFIG_MAPS, KEY, set_data("2"))
    assert len(wire.sent) == 10


@BOTH
@pytest.mark.parametrize(
    "answers",
    [[NO_KIND], [GONE, GONE], [GONE, NO_KIND], [live(), NO_KIND], [live(), TAKEN], [live(), Conflict(409, "", "")]],
)
async def test_other_refusals_are_raised_at_once(upsert, wired: Client, wire: Wire, answers) -> None:
    wire.answers += answers
    with pytest.raises(ApiError) as refused:
        await upsert(wired, CONFIG_MAPS, KEY, set_data("2"))
    assert refused.value is answers[-1]
    assert len(wire.sent) == len(answers)
