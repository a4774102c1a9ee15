"""Apply and prune against a real API server: what is written, what is left alone, what is refused."""

from typing import Any

import pytest

from omectl.api.json import JsonObject
from omectl.api.labels import FIELD_MANAGER, REPLICAS_MANAGER
from omectl.api.resource import ResourceKind, key_of
from omectl.kube.apply import Applier, ApplyRefused, NotOurs, Outcome, Undone
from omectl.kube.client import Client
from omectl.kube.owners import metadata_of
from omectl.kube.replicas import manages
from omectl.kube.resources import CONFIG_MAPS, DEPLOYMENTS, HORIZONTAL_POD_AUTOSCALERS, SERVICES


@pytest.fixture
async def owner(client: Client, namespace: str) -> JsonObject:
    return await client.create(CONFIG_MAPS, {"metadata": {"name": "owner", "namespace": namespace}})


@pytest.fixture
def applier(client: Client) -> Applier:
    return Applier(client)


@pytest.fixture
def requests(client: Client, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the client is asked for."""
    asked: list[str] = []
    for name in ("apply", "get"):
        inner = getattr(client, name)

        def noted(*arguments: Any, _name: str = name, _inner: Any = inner, **options: Any) -> Any:
            asked.append(_name)
            return _inner(*arguments, **options)

        monkeypatch.setattr(client, name, noted)
    return asked


def deployment(namespace: str, *, replicas: int | None = None, cpu: str = "1000m") -> JsonObject:
    spec: JsonObject = {
        "selector": {"matchLabels": {"app": "a"}},
        "template": {
            "metadata": {"labels": {"app": "a"}},
            "spec": {
                "hostNetwork": False,
                "volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": "1024Mi"}}],
                "containers": [
                    {
                        "name": "main",
                        "image": "example.com/x",
                        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": ""}],
                        "ports": [{"containerPort": 8080}],
                        "resources": {"requests": {"cpu": cpu}, "limits": {"nvidia.com/gpu": 1}},
                        "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
                    }
                ],
            },
        },
    }
    if replicas is not None:
        spec["replicas"] = replicas
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "a", "namespace": namespace},
        "spec": spec,
    }


def service(namespace: str) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "a", "namespace": namespace},
        "spec": {"selector": {"app": "a"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
    }


def autoscaler(namespace: str) -> JsonObject:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "a", "namespace": namespace},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"},
            "minReplicas": 1,
            "maxReplicas": 3,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "AverageValue", "averageValue": "1000m"}},
                }
            ],
        },
    }


async def test_the_second_pass_writes_nothing(
    applier: Applier, client: Client, owner: JsonObject, namespace: str
) -> None:
    for kind, desired in (
        (DEPLOYMENTS, deployment(namespace, replicas=2)),
        (SERVICES, service(namespace)),
        (HORIZONTAL_POD_AUTOSCALERS, autoscaler(namespace)),
    ):
        first = await applier.apply(owner, kind, desired, None)
        assert first.outcome is Outcome.CREATED
        second = await applier.apply(owner, kind, desired, first.live)
        assert second.outcome is Outcome.UNCHANGED, kind
        blind = await applier.apply(owner, kind, desired, None)
        assert blind.outcome is Outcome.UNCHANGED, kind
        assert metadata_of(blind.live)["resourceVersion"] == metadata_of(first.live)["resourceVersion"]


async def test_a_changed_wish_and_a_changed_live_field_are_applied(
    applier: Applier, client: Client, owner: JsonObject, namespace: str
) -> None:
    first = await applier.apply(owner, DEPLOYMENTS, deployment(namespace, replicas=1), None)
    changed = await applier.apply(owner, DEPLOYMENTS, deployment(namespace, replicas=3), first.live)
    assert changed.outcome is Outcome.UPDATED
    drifted = await client.merge_patch(DEPLOYMENTS, "a", {"spec": {"replicas": 9}}, namespace, field_manager="someone")
    mended = await applier.apply(owner, DEPLOYMENTS, deployment(namespace, replicas=3), drifted)
    assert mended.outcome is Outcome.UPDATED
    assert mended.live["spec"]["replicas"] == 3
    assert changed.undone is None, "that was our own change"
    assert mended.undone == Undone("spec.replicas", "someone")


async def test_what_is_no_longer_desired_disappears_from_the_object(
    applier: Applier, owner: JsonObject, namespace: str
) -> None:
    desired: JsonObject = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c", "namespace": namespace},
        "data": {"x": "1", "y": "2"},
    }
    first = await applier.apply(owner, CONFIG_MAPS, desired, None)
    second = await applier.apply(owner, CONFIG_MAPS, {**desired, "data": {"x": "1"}}, first.live)
    assert second.live["data"] == {"x": "1"}


async def test_an_object_of_somebody_else_is_never_touched(
    applier: Applier, client: Client, owner: JsonObject, namespace: str
) -> None:
    theirs = await client.create(SERVICES, service(namespace))
    with pytest.raises(NotOurs, match="found it owned by nobody; next: delete or rename") as refused:
        await applier.apply(owner, SERVICES, service(namespace), None)
    assert refused.value.wanted_owner == f"ConfigMap {namespace}/owner"
    assert (await client.get(SERVICES, "a", namespace)) == theirs


async def test_a_namesake_of_the_owner_is_somebody_else(
    applier: Applier, client: Client, owner: JsonObject, namespace: str
) -> None:
    await applier.apply(owner, SERVICES, service(namespace), None)
    await client.delete(CONFIG_MAPS, "owner", namespace)
    namesake = await client.create(CONFIG_MAPS, {"metadata": {"name": "owner", "namespace": namespace}})
    with pytest.raises(NotOurs, match="ConfigMap owner"):
        await applier.apply(namesake, SERVICES, service(namespace), None)


async def test_a_refusal_names_the_field(applier: Applier, owner: JsonObject, namespace: str) -> None:
    desired = deployment(namespace, replicas=1)
    first = await applier.apply(owner, DEPLOYMENTS, desired, None)
    broken = deployment(namespace, replicas=-1)
    with pytest.raises(ApplyRefused) as refused:
        await applier.apply(owner, DEPLOYMENTS, broken, first.live)
    assert refused.value.fields == ("spec.replicas",)


async def test_an_immutable_field_says_to_delete_the_object(
    applier: Applier, owner: JsonObject, namespace: str
) -> None:
    first = await applier.apply(owner, DEPLOYMENTS, deployment(namespace), None)
    other = deployment(namespace)
    other["spec"] = {
        **other["spec"],
        "selector": {"matchLabels": {"app": "a", "b": "b"}},
    }
    other["spec"]["template"]["metadata"]["labels"]["b"] = "b"
    with pytest.raises(ApplyRefused, match=r"delete Deployment .* so that it is made again") as refused:
        await applier.apply(owner, DEPLOYMENTS, other, first.live)
    assert refused.value.fields == ("spec.selector",)


async def test_an_unknown_field_is_a_refusal_that_names_it(applier: Applier, owner: JsonObject, namespace: str) -> None:
    desired = deployment(namespace)
    desired["spec"]["replicass"] = 2
    with pytest.raises(ApplyRefused) as refused:
        await applier.apply(owner, DEPLOYMENTS, desired, None)
    assert refused.value.fields == ("spec.replicass",)


async def test_replicas_are_set_at_creation_and_then_belong_to_the_scaler(
    applier: Applier, client: Client, owner: JsonObject, namespace: str
) -> None:
    born = await applier.apply(owner, DEPLOYMENTS, deployment(namespace), None, initial_replicas=4)
    assert born.live["spec"]["replicas"] == 4
    await client.merge_patch(DEPLOYMENTS, "a", {"spec": {"replicas": 7}}, namespace, subresource="scale")
    scaled = await client.get(DEPLOYMENTS, "a", namespace)
    assert not manages(scaled, FIELD_MANAGER, "spec", "replicas")
    same = await applier.apply(owner, DEPLOYMENTS, deployment(namespace), scaled, initial_replicas=4)
    assert same.outcome is Outcome.UNCHANGED
    changed = await applier.apply(owner, DEPLOYMENTS, deployment(namespace, cpu="2"), scaled, initial_replicas=4)
    assert changed.live["spec"]["replicas"] == 7
    assert not manages(changed.live, REPLICAS_MANAGER, "spec", "replicas")


async def test_the_number_of_birth_stays_when_the_object_changes_before_anybody_scales_it(
    applier: Applier, owner: JsonObject, namespace: str
) -> None:
    born = await applier.apply(owner, DEPLOYMENTS, deployment(namespace), None, initial_replicas=4)
    for cpu in ("2", "3"):
        changed = await applier.apply(owner, DEPLOYMENTS, deployment(namespace, cpu=cpu), born.live, initial_replicas=1)
        assert changed.outcome is Outcome.UPDATED
        assert changed.live["spec"]["replicas"] == 4
        assert manages(changed.live, REPLICAS_MANAGER, "spec", "replicas")
        assert not manages(changed.live, FIELD_MANAGER, "spec", "replicas")


async def test_a_cached_object_without_its_managers_is_read_before_its_number_is_handed_over(
    applier: Applier, owner: JsonObject, namespace: str, requests: list[str]
) -> None:
    fixed = await applier.apply(owner, DEPLOYMENTS, deployment(namespace, replicas=5), None)
    metadata_of(fixed.live).pop("managedFields")
    handed = await applier.apply(owner, DEPLOYMENTS, deployment(namespace), fixed.live, initial_replicas=1)
    assert handed.live["spec"]["replicas"] == 5
    assert requests == ["apply", "get", "apply", "apply"]


async def test_a_number_that_was_ours_is_set_once_when_it_is_resumed(
    applier: Applier, owner: JsonObject, namespace: str, client: Client
) -> None:
    none = await applier.apply(owner, DEPLOYMENTS, deployment(namespace, replicas=0), None)
    wanted = deployment(namespace)
    told: Any = await applier.rehearse(owner, DEPLOYMENTS, wanted, initial_replicas=5, resume=True)
    assert told.after["spec"]["replicas"] == 5
    again: Any = await applier.apply(owner, DEPLOYMENTS, wanted, none.live, initial_replicas=5, resume=True)
    assert again.live["spec"]["replicas"] == 5
    await client.merge_patch(DEPLOYMENTS, "a", {"spec": {"replicas": 7}}, namespace, subresource="scale")
    changed = deployment(namespace, cpu="2")
    later: Any = await applier.apply(owner, DEPLOYMENTS, changed, again.live, initial_replicas=5, resume=True)
    assert later.live["spec"]["replicas"] == 7, "it is not ours any more"


@pytest.mark.parametrize("kind", [DEPLOYMENTS, SERVICES, HORIZONTAL_POD_AUTOSCALERS], ids=lambda kind: kind.kind)
async def test_creation_and_change_are_one_request_each_and_rest_is_none(
    applier: Applier, owner: JsonObject, namespace: str, requests: list[str], kind: ResourceKind
) -> None:
    """D 34."""
    make = {DEPLOYMENTS: deployment, SERVICES: service, HORIZONTAL_POD_AUTOSCALERS: autoscaler}[kind]
    born = await applier.apply(owner, kind, make(namespace), None)
    assert requests == ["apply"]
    labelled = make(namespace)
    metadata_of(labelled)["labels"] = {"a": "b"}
    changed = await applier.apply(owner, kind, labelled, born.live)
    assert requests == ["apply", "apply"]
    assert (await applier.apply(owner, kind, labelled, changed.live)).outcome is Outcome.UNCHANGED
    assert requests == ["apply", "apply"]


async def test_over_a_newer_version_than_the_cache_has_it_is_read_and_then_applied(
    applier: Applier, client: Client, owner: JsonObject, namespace: str, requests: list[str]
) -> None:
    first = await applier.apply(owner, SERVICES, service(namespace), None)
    await client.merge_patch(SERVICES, "a", {"metadata": {"labels": {"seen": "no"}}}, namespace)
    requests.clear()
    changed = service(namespace)
    changed["spec"]["ports"][0]["port"] = 81
    found = await applier.apply(owner, SERVICES, changed, first.live)
    assert found.outcome is Outcome.UPDATED
    assert requests == ["apply", "get", "apply"]
    assert metadata_of(found.live)["labels"]["seen"] == "no"


async def test_what_was_taken_from_its_owner_unseen_is_not_written(
    applier: Applier, client: Client, owner: JsonObject, namespace: str
) -> None:
    first = await applier.apply(owner, SERVICES, service(namespace), None)
    freed = await client.merge_patch(SERVICES, "a", {"metadata": {"ownerReferences": None}}, namespace)
    changed = service(namespace)
    changed["spec"]["ports"][0]["port"] = 81
    with pytest.raises(NotOurs, match="found it owned by nobody"):
        await applier.apply(owner, SERVICES, changed, first.live)
    assert await client.get(SERVICES, "a", namespace) == freed


async def test_a_fixed_number_of_replicas_is_handed_over_to_an_autoscaler_unchanged(
    applier: Applier, owner: JsonObject, namespace: str
) -> None:
    fixed = await applier.apply(owner, DEPLOYMENTS, deployment(namespace, replicas=5), None)
    handed = await applier.apply(owner, DEPLOYMENTS, deployment(namespace), fixed.live, initial_replicas=1)
    assert handed.live["spec"]["replicas"] == 5
    back = await applier.apply(owner, DEPLOYMENTS, deployment(namespace, replicas=2), handed.live)
    assert back.live["spec"]["replicas"] == 2


async def test_an_object_that_is_being_deleted_is_left_alone(
    applier: Applier, client: Client, owner: JsonObject, namespace: str
) -> None:
    first = await applier.apply(owner, SERVICES, service(namespace), None)
    await client.merge_patch(SERVICES, "a", {"metadata": {"finalizers": ["example.com/held"]}}, namespace)
    await client.delete(SERVICES, "a", namespace)
    changed = service(namespace)
    changed["spec"]["ports"][0]["port"] = 81
    assert (await applier.apply(owner, SERVICES, changed, first.live)).outcome is Outcome.TERMINATING
    await client.merge_patch(SERVICES, "a", {"metadata": {"finalizers": None}}, namespace)


async def test_prune_deletes_what_is_ours_and_not_kept_and_nothing_else(
    applier: Applier, client: Client, owner: JsonObject, namespace: str
) -> None:
    kept = await applier.apply(owner, SERVICES, service(namespace), None)
    gone = await applier.apply(owner, DEPLOYMENTS, deployment(namespace), None)
    labels = metadata_of(gone.live)["labels"]
    stranger = service(namespace)
    metadata_of(stranger).update(name="stranger", labels=labels)
    await client.create(SERVICES, stranger)

    existing = await applier.children(owner, (SERVICES, DEPLOYMENTS), namespace)
    assert len(existing) == 3
    deleted = await applier.prune(owner, existing, {(SERVICES.group_kind, key_of(kept.live))})
    assert deleted == [(DEPLOYMENTS, key_of(gone.live))]
    assert await client.get(SERVICES, "stranger", namespace)
    assert await applier.prune(owner, existing, {(SERVICES.group_kind, key_of(kept.live))}) == []
