"""The pod of a component: its containers assembled, the model mounted, every list without duplicates."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from omectl.api.document import as_object, as_objects, as_text, at
from omectl.api.json import JsonObject, JsonValue
from omectl.planner.accelerated import Accelerated, accelerate, accelerator_names
from omectl.planner.accelerators.resources import accelerators_asked
from omectl.planner.component import Component
from omectl.planner.merge import merge_container
from omectl.planner.model import ModelView
from omectl.planner.mounts import PodFiles, add_containers, add_mounts, add_volumes
from omectl.planner.names import ROUTER
from omectl.planner.parallelism import PARALLELISM_SIZE
from omectl.planner.placeholders import Placeholders
from omectl.planner.probes import add_probes
from omectl.planner.rdma import add_rdma
from omectl.planner.result import PlanRefused, Reason

_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "env": ("name",),
    "ports": ("containerPort", "protocol"),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "volumes": ("name",),
    "imagePullSecrets": ("name",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "resourceClaims": ("name",),
}
"""Server-side apply refuses two items of such a list that agree in these fields."""


@dataclass(frozen=True, slots=True)
class RenderedPod:
    """The pod of a component, what its class made of it, and what its author ought to know."""

    spec: JsonObject
    accelerated: Accelerated
    warnings: tuple[str, ...] = ()


def render_pod(component: Component, model: ModelView) -> RenderedPod:
    """The pod of a component. Raises `PlanRefused`."""
    pod = component.pod_fields
    containers, main = _containers(component)
    placeholders = placeholders_of(component)
    unknown = _unknown_placeholders(component, placeholders, [*containers, *as_objects(pod.get("initContainers"))])
    containers[:] = [placeholders.fill_known_in(container) for container in containers]
    pod["containers"] = list[JsonValue](containers)
    inits = as_objects(pod.get("initContainers"))
    if inits:
        pod["initContainers"] = list[JsonValue](placeholders.fill_known_in(container) for container in inits)
    accelerated = Accelerated()
    if component.name == ROUTER:
        # It reads no model, and would have to wait for a node that has one.
        _finish_router(component, containers[main])
    else:
        files = add_volumes(component, pod, model)
        accelerated = _finish_engine(component, containers[main], files)
        add_containers(component, pod, containers[main], model, files)
        if model.files.on_nodes:
            pod["nodeSelector"] = _node_selector(component, model)
    add_rdma(component, pod, containers, main, model.settings.omectl.rdma_profiles)
    for container in (*containers, *as_objects(pod.get("initContainers"))):
        container.setdefault("imagePullPolicy", "IfNotPresent")
    _check(component, containers)
    add_probes(component, containers, main)
    warnings = (*component.warnings, *map(str, (*component.losses, *accelerated.losses)), *unknown)
    return RenderedPod(_without_duplicates(pod), accelerated, warnings)


def main_container(component: Component, pod: JsonObject) -> JsonObject:
    """The container that serves: the runner, or the first one."""
    containers = as_objects(pod.get("containers"))
    name = component.main_name
    return next((one for one in containers if one.get("name") == name), containers[0])


def _containers(component: Component) -> tuple[list[JsonObject], int]:
    """The pod's containers with the runner merged in, and the index of the main one."""
    containers = [dict(container) for container in as_objects(component.document.get("containers"))]
    runner = component.runner
    if runner is None:
        if not containers:
            message = f"{component.in_words}: neither the service nor {_source(component)} gives it a container"
            field = ".".join(part for part in ("spec", component.name, component.role, "runner") if part)
            raise PlanRefused(Reason.MERGE, message, f"set {field}, or use a runtime that does", field=field)
        return containers, 0
    name = component.main_name
    index = next((place for place, one in enumerate(containers) if one.get("name") == name), len(containers))
    if index == len(containers):
        containers.append({"name": name})
    containers[index] = merge_container(containers[index], {**runner, "name": name})
    return containers, index


def _source(component: Component) -> str:
    return f"runtime {component.runtime_name}" if component.runtime is not None else "a runtime"


def placeholders_of(component: Component) -> Placeholders:
    """The values that placeholders of the component's containers may name."""
    own = component.service.metadata
    texts = {"Name": own.name, "Namespace": own.namespace}
    return Placeholders(texts, {"Labels": own.labels, "Annotations": own.annotations})


def _unknown_placeholders(
    component: Component, placeholders: Placeholders, containers: list[JsonObject]
) -> tuple[str, ...]:
    """A warning for each thing that looks like a placeholder and is none: it may be meant for the program itself."""
    return tuple(
        f"{component.name} container {as_text(container.get('name'))}: {text} is no placeholder here and stays as it is"
        for container in containers
        for text in placeholders.unknown_in(container)
    )


def _finish_engine(component: Component, container: JsonObject, files: PodFiles) -> Accelerated:
    """Mounts, environment and resources of an engine: only a runner gets them."""
    if component.runner is None:
        return Accelerated()
    _fill_resources(component, container)
    accelerated = accelerate(component, container)
    add_mounts(component, container, files)
    env = as_objects(container.get("env"))
    gpus = accelerators_asked(container, accelerator_names(component))
    users = [variable for said in component.stated("env") for variable in as_objects(said)]
    if gpus and all(variable.get("name") != PARALLELISM_SIZE for variable in users):
        env = [variable for variable in env if variable.get("name") != PARALLELISM_SIZE]
        env.append({"name": PARALLELISM_SIZE, "value": str(gpus * component.pods)})
    container["env"] = list[JsonValue](env)
    return accelerated


def _finish_router(component: Component, container: JsonObject) -> None:
    """Each pair of the router's configuration is a variable, in the order of their names."""
    config = as_object(component.document.get("config"))
    if component.runner is None or not config:
        return
    env = [variable for variable in as_objects(container.get("env")) if variable.get("name") not in config]
    added: list[JsonObject] = [{"name": name, "value": config[name]} for name in sorted(config)]
    container["env"] = list[JsonValue]([*env, *added])


def _fill_resources(component: Component, container: JsonObject) -> None:
    """What the runtime's old top-level container of that name asks for, unless the service states resources."""
    old = component.runtime.spec.containers if component.runtime is not None else None
    template = next((one for one in old or () if one.get("name") == container.get("name")), None)
    stated = [one for part in ("requests", "limits", "claims") for one in component.stated("resources", part)]
    if template is None or any(stated):
        return
    amounts: JsonObject = {
        part: at(template, "resources", part) for part in ("requests", "limits") if at(template, "resources", part)
    }
    filled = merge_container({"resources": amounts}, {"resources": as_object(container.get("resources"))})
    if filled["resources"]:
        container["resources"] = filled["resources"]


def _node_selector(component: Component, model: ModelView) -> JsonObject:
    """The node has the model, and what the component says of it."""
    return {model.label_key: "Ready", **as_object(component.document.get("nodeSelector"))}


def _check(component: Component, containers: list[JsonObject]) -> None:
    names = [as_text(container.get("name")) for container in containers]
    for index, name in enumerate(names):
        field = f"{component.name} container {name or index}"
        if not name:
            step = f"name it in spec.{component.name}.containers"
            raise PlanRefused(Reason.MERGE, f"{field}: wanted a name, found none", step)
        if name in names[:index]:
            raise PlanRefused(Reason.MERGE, f"{field}: two containers have that name", "give one of them another name")
        if not as_text(containers[index].get("image")):
            step = f"set the image in spec.{component.name} or in {_source(component)}"
            mendable = f"spec.{component.name}.runner.image" if name == component.main_name else ""
            raise PlanRefused(Reason.MERGE, f"{field}: wanted an image, found none", step, field=mendable)


def _without_duplicates(pod: JsonObject) -> JsonObject:
    """Lists keyed by some fields have each key once: the last item, in the place of the first."""
    return {key: _clean(key, value) for key, value in pod.items()}


def _clean(key: str, value: JsonValue) -> JsonValue:
    if isinstance(value, list):
        items = [_clean("", item) for item in value]
        fields = _KEYS.get(key)
        return _unique(items, lambda item: tuple(_key_text(name, item) for name in fields)) if fields else items
    if isinstance(value, dict):
        return {name: _clean(name, item) for name, item in value.items()}
    return value


def _unique(items: list[JsonValue], key: Callable[[JsonValue], tuple[str, ...]]) -> list[JsonValue]:
    kept: dict[tuple[str, ...], JsonValue] = {}
    for item in items:
        kept[key(item)] = item
    return list(kept.values())


def _key_text(name: str, item: JsonValue) -> str:
    value = at(item, name)
    return repr("TCP" if name == "protocol" and not value else value)
