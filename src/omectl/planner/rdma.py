"""RDMA: what pods of an engine need to reach the network cards of their node, by named profiles (4.7).

OME's pod webhook does this at admission, so that a runtime's pod is not valid before. Here the pod is valid as it is
made (D57); a webhook that finds everything in place has nothing to add. What somebody else wrote stays.
"""

from collections.abc import Mapping
from typing import Final

from omectl.api.document import as_object, as_objects, as_text, as_texts, at
from omectl.api.installation import SETTINGS_CONFIG_MAP
from omectl.api.json import JsonObject, JsonValue
from omectl.api.labels import RDMA_AUTO_INJECT, RDMA_CONTAINER_NAME, RDMA_PROFILE
from omectl.api.settings import RdmaProfile
from omectl.planner.component import Component
from omectl.planner.names import MAIN_CONTAINER, ROUTER
from omectl.planner.result import PlanRefused, Reason

DEFAULT_PROFILE: Final = "oci-roce"
SHARED_MEMORY: Final = "dshm"
DEVICES: Final = "devinf"

_CARDS: Final = ",".join(f"mlx5_{number}" for number in (0, 1, *range(3, 11), *range(12, 18)))
BUILT_IN: Final[Mapping[str, RdmaProfile]] = {
    DEFAULT_PROFILE: RdmaProfile(
        env={
            "GLOO_SOCKET_IFNAME": "eth0",
            "HCOLL_ENABLE_MCAST_ALL": "0",
            "IB_RX_QUEUE_LEN": "8192",
            "NCCL_CROSS_NIC": "2",
            "NCCL_CUMEM_ENABLE": "0",
            "NCCL_DEBUG": "INFO",
            "NCCL_IB_GID_INDEX": "3",
            "NCCL_IB_HCA": f"={_CARDS}",
            "NCCL_IB_QPS_PER_CONNECTION": "16",
            "NCCL_IB_SL": "0",
            "NCCL_IB_SPLIT_DATA_ON_QPS": "0",
            "NCCL_IB_TC": "41",
            "NCCL_IB_TIMEOUT": "22",
            "NCCL_IGNORE_CPU_AFFINITY": "1",
            "NCCL_NET_PLUGIN": "none",
            "NCCL_SOCKET_IFNAME": "eth0",
            "NCCL_SOCKET_NTHREADS": "16",
            "RX_QUEUE_LEN": "8192",
            "UCX_NET_DEVICES": "eth0",
            "UCX_TLS": "tcp",
            "coll_hcoll_enable": "0",
        },
        capabilities=("IPC_LOCK", "CAP_SYS_ADMIN"),
        privileged=True,
        devices="/dev/infiniband",
    ),
    "infiniband": RdmaProfile(privileged=True, devices="/dev/infiniband"),
    "efa": RdmaProfile(env={"FI_PROVIDER": "efa"}, resources={"vpc.amazonaws.com/efa": "1"}),
}
"""`oci-roce` is OME's, for Oracle's machines; `infiniband` is any machine with such devices, `efa` Amazon's."""


def add_rdma(
    component: Component, pod: JsonObject, containers: list[JsonObject], main: int, own: Mapping[str, RdmaProfile]
) -> None:
    """Add a profile to the pod when its annotations ask for one; `own` are the settings'. Raises `PlanRefused`."""
    annotations = component.annotations
    if annotations.get(RDMA_AUTO_INJECT) != "true":
        return
    container = _target(component, containers, main)
    if container is None:
        return
    profiles = {**BUILT_IN, **own}
    name = annotations.get(RDMA_PROFILE) or DEFAULT_PROFILE
    if name not in profiles:
        message = f"annotation {RDMA_PROFILE}: wanted one of {', '.join(sorted(profiles))}, found {name!r:.80}"
        step = f"correct it, or describe it as rdmaProfiles under the key omectl of ConfigMap {SETTINGS_CONFIG_MAP}"
        raise PlanRefused(Reason.INVALID_SPEC, message, step, field=f"annotation {RDMA_PROFILE}")
    profile = profiles[name]
    _add_volume(pod, container, SHARED_MEMORY, {"emptyDir": {"medium": "Memory"}}, "/dev/shm")  # noqa: S108
    if profile.devices:
        source: JsonObject = {"hostPath": {"path": profile.devices, "type": "Directory"}}
        _add_volume(pod, container, DEVICES, source, profile.devices)
    _add_rights(container, profile)
    _add_resources(container, profile)
    env = as_objects(container.get("env"))
    there = {as_text(one.get("name")) for one in env}
    added: list[JsonObject] = [
        {"name": key, "value": value} for key, value in sorted(profile.env.items()) if key not in there
    ]
    if added:
        container["env"] = list[JsonValue]([*env, *added])


def _target(component: Component, containers: list[JsonObject], main: int) -> JsonObject | None:
    """The container that the annotations mean; of a router None unless it has one of that name."""
    named = component.annotations.get(RDMA_CONTAINER_NAME, "")
    wanted = named or MAIN_CONTAINER
    found = next((one for one in containers if one.get("name") == wanted), None)
    if found is not None or component.name == ROUTER:
        return found
    if not named:
        return containers[main]
    names = ", ".join(as_text(one.get("name")) for one in containers)
    message = (
        f"annotation {RDMA_CONTAINER_NAME}: wanted a container of the {component.name} ({names}), found {named!r:.80}"
    )
    raise PlanRefused(
        Reason.INVALID_SPEC, message, "correct it, or remove it", field=f"annotation {RDMA_CONTAINER_NAME}"
    )


def _add_volume(pod: JsonObject, container: JsonObject, name: str, source: JsonObject, path: str) -> None:
    volumes, mounts = as_objects(pod.get("volumes")), as_objects(container.get("volumeMounts"))
    if all(path != one.get("mountPath") and name != one.get("name") for one in mounts):
        container["volumeMounts"] = list[JsonValue]([*mounts, {"mountPath": path, "name": name}])
    elif all(name != one.get("name") for one in mounts):
        return  # Another volume has the place.
    if all(name != one.get("name") for one in volumes):
        pod["volumes"] = list[JsonValue]([*volumes, {"name": name, **source}])


def _add_rights(container: JsonObject, profile: RdmaProfile) -> None:
    context = dict(as_object(container.get("securityContext")))
    there = as_texts(at(context, "capabilities", "add"))
    plain = {one.removeprefix("CAP_") for one in there}
    missing = [one for one in profile.capabilities if one.removeprefix("CAP_") not in plain]
    if missing:
        capabilities = as_object(context.get("capabilities"))
        context["capabilities"] = {**capabilities, "add": list[JsonValue]([*there, *missing])}
    if profile.privileged:
        context.setdefault("privileged", True)
    if context:
        container["securityContext"] = context


def _add_resources(container: JsonObject, profile: RdmaProfile) -> None:
    """Devices of a device plugin: as many in requests as in limits, unless somebody says how many."""
    resources = dict(as_object(container.get("resources")))
    requests, limits = (as_object(resources.get(part)) for part in ("requests", "limits"))
    wanted: JsonObject = {
        name: amount for name, amount in profile.resources.items() if name not in requests and name not in limits
    }
    if wanted:
        container["resources"] = {**resources, "requests": {**requests, **wanted}, "limits": {**limits, **wanted}}
