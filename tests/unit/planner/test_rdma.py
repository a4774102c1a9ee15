"""RDMA profiles in the pods of engines (4.7, D57)."""

from typing import Any

import pytest
from tests.unit.planner.build import RUNNER, container_of, entry, made, model, pod_of, runtime, service, values

from omectl.api.settings import Settings, SettingsError, parse_settings
from omectl.planner import Plan
from omectl.planner.component import Component
from omectl.planner.model import view_model
from omectl.planner.pod import render_pod

Json = Any


def with_rdma(runner: Json = None, settings: Settings | None = None, router: Json = None, **annotations: str) -> Plan:
    """The plan of a service that asks for RDMA; further annotations by the end of their key."""
    keys = {"auto_inject": "true", **annotations}
    tags = {f"rdma.ome.io/{key.replace('_', '-')}": value for key, value in keys.items()}
    taken = runtime("r", entry(), engineConfig={"runner": {**RUNNER, **(runner or {})}}, routerConfig=router)
    asked = service(metadata={"annotations": tags}, router={} if router else None)
    return made(asked, taken, **({"settings": settings} if settings else {}))


def with_profiles(profiles: str) -> Settings:
    return parse_settings({"omectl": f'{{"rdmaProfiles": {profiles}}}'})


def test_d57_a_pod_with_rdma_is_valid_without_a_webhook() -> None:
    found = with_rdma()
    container = container_of(found)
    assert pod_of(found)["volumes"][1:] == [
        {"name": "dshm", "emptyDir": {"medium": "Memory"}},
        {"name": "devinf", "hostPath": {"path": "/dev/infiniband", "type": "Directory"}},
    ]
    assert container["volumeMounts"][1:] == [
        {"name": "dshm", "mountPath": "/dev/shm"},
        {"name": "devinf", "mountPath": "/dev/infiniband"},
    ]
    assert container["securityContext"] == {
        "capabilities": {"add": ["IPC_LOCK", "CAP_SYS_ADMIN"]},
        "privileged": True,
    }
    env = values(container)
    assert (env["NCCL_IB_GID_INDEX"], env["UCX_TLS"]) == ("3", "tcp")
    assert env["NCCL_IB_HCA"].startswith("=mlx5_0,mlx5_1,mlx5_3,")
    assert len([name for name in env if name not in ("MODEL_PATH", "PARALLELISM_SIZE")]) == 21


def test_d57_volumes_that_a_runtime_mounts_and_does_not_declare_are_there() -> None:
    mounts = [{"name": "dshm", "mountPath": "/dev/shm"}, {"name": "devinf", "mountPath": "/dev/infiniband"}]
    found = with_rdma({"volumeMounts": mounts})
    assert [one["name"] for one in pod_of(found)["volumes"]] == ["m", "dshm", "devinf"]
    assert [one["name"] for one in container_of(found)["volumeMounts"]] == ["dshm", "devinf", "m"]


@pytest.mark.parametrize("role", ["leader", "worker"])
def test_d57_leader_and_workers_get_what_the_components_annotations_ask_for(role: str) -> None:
    runner = {"name": "ome-container", "image": "e:1", "volumeMounts": [{"name": "dshm", "mountPath": "/dev/shm"}]}
    taken = runtime(
        "r",
        entry(),
        engineConfig={
            "annotations": {"rdma.ome.io/auto-inject": "true"},
            "leader": {"runner": runner},
            "worker": {"size": 1, "runner": runner},
        },
    )
    part = Component.merged("engine", service(), taken, role=role)
    pod = render_pod(part, view_model(model(), Settings.defaults())).spec
    assert [one["name"] for one in pod["volumes"]] == ["m", "dshm", "devinf"]
    assert "NCCL_IB_HCA" in values(pod["containers"][0])


def test_what_is_there_already_stays_and_is_not_repeated() -> None:
    runner = {
        "env": [{"name": "NCCL_DEBUG", "value": "WARN"}, {"name": "UCX_TLS", "valueFrom": {"fieldRef": {}}}],
        "securityContext": {"privileged": False, "runAsUser": 0, "capabilities": {"add": ["SYS_ADMIN"], "drop": ["A"]}},
        "volumeMounts": [{"name": "shared", "mountPath": "/dev/shm"}],
    }
    container = container_of(with_rdma(runner))
    names = [one["name"] for one in container["env"]]
    assert len(names) == len(set(names))
    assert values(container)["NCCL_DEBUG"] == "WARN"
    assert container["securityContext"] == {
        "privileged": False,
        "runAsUser": 0,
        "capabilities": {"add": ["SYS_ADMIN", "IPC_LOCK"], "drop": ["A"]},
    }
    assert [one["name"] for one in container["volumeMounts"]] == ["shared", "m", "devinf"]


def test_nothing_is_added_unless_it_is_asked_for() -> None:
    assert container_of(with_rdma(auto_inject="false")) == container_of(made())
    assert container_of(with_rdma(auto_inject="yes")) == container_of(made())


def test_an_unknown_profile_is_refused_with_those_that_there_are() -> None:
    problem = with_rdma(profile="roce-x").problem
    assert problem is not None
    assert problem.reason == "InvalidSpec"
    assert problem.message == "annotation rdma.ome.io/profile: wanted one of efa, infiniband, oci-roce, found 'roce-x'"
    assert "rdmaProfiles" in problem.next_step


def test_a_container_of_another_name_is_meant_only_by_its_name() -> None:
    side = {"name": "side", "image": "s:1"}
    taken = runtime("r", entry(), engineConfig={"runner": {"name": "main", "image": "e:1"}, "containers": [side]})

    def planned(**named: str) -> Plan:
        tags = {"rdma.ome.io/auto-inject": "true", **{f"rdma.ome.io/{key}": value for key, value in named.items()}}
        return made(service(metadata={"annotations": tags}), taken)

    assert "NCCL_DEBUG" in values(container_of(planned(), name="main"))
    aside = planned(**{"container-name": "side"})
    assert "NCCL_DEBUG" in values(container_of(aside, name="side"))
    assert "NCCL_DEBUG" not in values(container_of(aside, name="main"))
    problem = planned(**{"container-name": "other"}).problem
    assert problem is not None
    assert problem.message == (
        "annotation rdma.ome.io/container-name: wanted a container of the engine (side, main), found 'other'"
    )


def test_a_router_needs_no_rdma() -> None:
    found = with_rdma(router={"runner": {"name": "router", "image": "r:1"}}, container_name="ome-container")
    assert "securityContext" not in container_of(found, "router")
    assert "volumes" not in pod_of(found, "router")


def test_devices_of_a_plugin_are_asked_for_in_requests_and_limits_unless_somebody_says_how_many() -> None:
    container = container_of(with_rdma(profile="efa"))
    assert container["resources"] == {
        "requests": {"vpc.amazonaws.com/efa": "1"},
        "limits": {"vpc.amazonaws.com/efa": "1"},
    }
    assert container["securityContext"] == {"capabilities": {"add": ["IPC_LOCK"]}}
    assert values(container)["FI_PROVIDER"] == "efa"
    four = {"limits": {"vpc.amazonaws.com/efa": "4"}}
    assert container_of(with_rdma({"resources": four}, profile="efa"))["resources"] == four


def test_profiles_of_the_settings_stand_beside_and_before_the_built_in_ones() -> None:
    settings = with_profiles('{"mine": {"env": {"B": "2", "A": "1"}, "devices": "/dev/mine"}, "efa": {}}')
    found = with_rdma(profile="mine", settings=settings)
    assert [name for name in values(container_of(found)) if name != "MODEL_PATH"] == ["A", "B"]
    assert pod_of(found)["volumes"][2]["hostPath"]["path"] == "/dev/mine"
    assert "resources" not in container_of(with_rdma(profile="efa", settings=settings))


@pytest.mark.parametrize(
    ("profiles", "field"),
    [
        ('{"x": {"envs": {}}}', "rdmaProfiles.x.envs"),
        ('{"x": {"devices": "dev"}}', "rdmaProfiles.x.devices"),
        ('{"x": {"resources": {"a/b": "many"}}}', "rdmaProfiles.x.resources.a/b"),
        ('{"x": {"privileged": "yes"}}', "rdmaProfiles.x.privileged"),
    ],
)
def test_a_slip_in_a_profile_is_named(profiles: str, field: str) -> None:
    with pytest.raises(SettingsError) as caught:
        with_profiles(profiles)
    assert caught.value.key == "omectl"
    assert caught.value.field.startswith(field)
