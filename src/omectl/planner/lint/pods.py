"""The pods that a runtime's templates give, made by the planner itself for a model that does not exist."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from omectl.api.base_model import ClusterBaseModel
from omectl.api.document import as_object, as_objects, as_text, as_texts, at
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject
from omectl.api.labels import DEPLOYMENT_MODE, RDMA_PROFILE
from omectl.api.settings import ModelInitSettings, OmectlSettings, RdmaProfile, Settings
from omectl.planner.accelerators.resources import accelerators_asked
from omectl.planner.arguments import is_shell_text
from omectl.planner.component import Component
from omectl.planner.dialects import dialect_of
from omectl.planner.injected import MODEL_DIRECTORY
from omectl.planner.layers import LEADER, WORKER
from omectl.planner.lint.about import About
from omectl.planner.lint.finding import Finding
from omectl.planner.lint.rules import Code
from omectl.planner.model import view_model
from omectl.planner.modes import RAY
from omectl.planner.mounts import MODEL_PATH
from omectl.planner.names import DECODER, ENGINE, ROUTER
from omectl.planner.parallelism import command_line, deployed
from omectl.planner.pod import main_container, render_pod
from omectl.planner.ports import port_clashes
from omectl.planner.rdma import BUILT_IN
from omectl.planner.result import PlanRefused
from omectl.planner.selection.candidates import Runtime
from omectl.planner.selection.request import template_field

MOST_ON_A_NODE: Final = 8
"""Accelerators of the machines that are sold for language models; a few have 16."""
_REFERENCE: Final = re.compile(r"\$\((\w+)\)", re.ASCII)
_OF_GROUPS: Final = frozenset({"LWS_LEADER_ADDRESS", "LWS_GROUP_SIZE", "LWS_WORKER_INDEX"})
_MOVING: Final = frozenset({"latest", "dev", "main", "master", "nightly", "edge", "stable"})
_PROBES: Final = ("readinessProbe", "livenessProbe", "startupProbe")
_SAMPLE: Final = ClusterBaseModel.model_validate(
    {"metadata": {"name": "sample"}, "spec": {"storage": {"storageUri": "hf://org/sample"}}}
)


_SAMPLE_PATH: Final = view_model(_SAMPLE, Settings.defaults()).path
_OWN_PATHS: Final[tuple[JsonObject, ...]] = tuple(
    {"name": MODEL_PATH, "value": path} for path in (_SAMPLE_PATH, MODEL_DIRECTORY)
)
_SOME_CONTAINER: Final = ModelInitSettings(image="agent:1", compartment_id="-", auth_type="-", vault_id="-")


@dataclass(frozen=True, slots=True)
class _Template:
    """A template of a runtime: of a component, or of the leader or worker of one."""

    component: str
    role: str

    @property
    def path(self) -> str:
        """The runtime's field."""
        return ".".join(part for part in ("spec", template_field(self.component), self.role) if part)


def pod_findings(runtime: Runtime, about: About) -> Iterator[Finding]:
    """What is wrong with the pods of every component that the runtime has a template for."""
    service = InferenceService.model_validate(
        {"metadata": {"name": "sample", "namespace": runtime.namespace or "default"}, "spec": {}}
    )
    pods: dict[str, list[JsonObject]] = {}
    for template in _templates(runtime):
        try:
            part = Component.merged(template.component, service, runtime, role=template.role)
            made = render_pod(part, view_model(_SAMPLE, _settings_for(part)))
        except PlanRefused as refusal:
            problem = refusal.problem
            yield about.finding(
                Code.POD_REFUSED,
                template.path,
                wanted="a pod that can be made",
                found=problem.message,
                do=problem.next_step,
            )
            continue
        for warning in made.warnings:
            yield about.finding(
                Code.VALUE_LOST,
                template.path,
                wanted="all that is written in the pod",
                found=warning,
                do="correct the template",
            )
        pod = made.spec
        pods.setdefault(template.component, []).append(pod)
        for container in (*as_objects(pod.get("containers")), *as_objects(pod.get("initContainers"))):
            where = f"{template.path}, container {as_text(container.get('name'))}"
            yield from _variables(about, where, container, group=bool(template.role))
            yield from _image(about, where, as_text(container.get("image")))
            yield from _probes(about, where, container)
            yield from _mounts(about, where, container, pod)
        if template.component != ROUTER and part.runner is not None:
            yield from _model_path(about, template.path, main_container(part, pod))
            yield from _parallelism(about, template.path, main_container(part, pod), part.pods)
    for text, step in port_clashes(pods):
        yield about.finding(Code.PORT_TAKEN_TWICE, "spec", wanted="a port for each", found=text, do=step)


def _settings_for(part: Component) -> Settings:
    """Settings in which there is all that the template asks for: those of the cluster are not known here."""
    profile = part.annotations.get(RDMA_PROFILE, "")
    profiles = {profile: RdmaProfile()} if profile and profile not in BUILT_IN else {}
    return Settings(model_init=_SOME_CONTAINER, omectl=OmectlSettings(rdma_profiles=profiles))


def _templates(runtime: Runtime) -> Iterator[_Template]:
    spec = runtime.spec
    for name, engine in ((ENGINE, spec.engine_config), (DECODER, spec.decoder_config)):
        if engine is None:
            continue
        grouped = engine.leader is not None or engine.worker is not None
        # On Ray the workers have the leader's pod.
        on_ray = name == ENGINE and (engine.annotations or {}).get(DEPLOYMENT_MODE) == RAY
        roles = (LEADER,) if on_ray else (LEADER, WORKER)
        for role in roles if grouped else ("",):
            yield _Template(name, role)
    if spec.router_config is not None:
        yield _Template(ROUTER, "")


def _variables(about: About, where: str, container: JsonObject, *, group: bool) -> Iterator[Finding]:
    if container.get("envFrom"):
        return  # What a Secret or ConfigMap holds is not known here.
    known = {as_text(one.get("name")) for one in as_objects(container.get("env"))}
    known |= _OF_GROUPS if group else frozenset()
    words = [*as_texts(container.get("command")), *as_texts(container.get("args"))]
    found = dict.fromkeys(name for word in words for name in _REFERENCE.findall(word.replace("$$", "")))
    for name in found:
        if name not in known:
            yield about.finding(
                Code.VARIABLE_UNKNOWN,
                where,
                wanted="a variable of the container",
                found=f"$({name})",
                do="add it to env, or correct the name",
            )


def _image(about: About, where: str, image: str) -> Iterator[Finding]:
    name, _, digest = image.partition("@")
    if digest:
        return
    tag = name.rpartition("/")[2].partition(":")[2]
    if not tag:
        code, wanted = Code.IMAGE_UNTAGGED, "an image with a tag or digest"
    elif tag in _MOVING:
        code, wanted = Code.IMAGE_MOVES, "a tag that stays what it is"
    else:
        code, wanted = Code.IMAGE_WITHOUT_DIGEST, "an image by its digest"
    yield about.finding(code, where, wanted=wanted, found=image, do="pin the image")


def _probes(about: About, where: str, container: JsonObject) -> Iterator[Finding]:
    ports = as_objects(container.get("ports"))
    names = {as_text(one.get("name")) for one in ports} - {""}
    for probe in _PROBES:
        for action in ("httpGet", "tcpSocket"):
            port = at(as_object(container.get(probe)), action, "port")
            if isinstance(port, str) and not port.isdigit() and port not in names:
                yield about.finding(
                    Code.PROBE_PORT_UNKNOWN,
                    f"{where}, {probe}",
                    wanted=f"one of the ports {', '.join(sorted(names)) or 'of the container, which has none by name'}",
                    found=port,
                    do="correct the probe, or name the port so",
                )


def _mounts(about: About, where: str, container: JsonObject, pod: JsonObject) -> Iterator[Finding]:
    there = {as_text(one.get("name")) for one in as_objects(pod.get("volumes"))}
    for mount in as_objects(container.get("volumeMounts")):
        name = as_text(mount.get("name"))
        if name not in there:
            yield about.finding(
                Code.VOLUME_MISSING,
                where,
                wanted=f"one of the pod's volumes {', '.join(sorted(there))}",
                found=name or "none",
                do="add the volume, or remove the mount",
            )


def _model_path(about: About, path: str, container: JsonObject) -> Iterator[Finding]:
    words = [*as_texts(container.get("command")), *as_texts(container.get("args"))]
    said = [*words, *(as_text(one.get("value")) for one in as_objects(container.get("env")) if one not in _OWN_PATHS)]
    if words and not any(MODEL_PATH in text or _SAMPLE_PATH in text for text in said):
        yield about.finding(
            Code.MODEL_PATH_UNUSED,
            path,
            wanted=f"$({MODEL_PATH}) in the command line",
            found="no mention of it",
            do=f"give the engine $({MODEL_PATH}) as its model",
        )


def _parallelism(about: About, path: str, container: JsonObject, pods: int) -> Iterator[Finding]:
    count = accelerators_asked(container)
    if not count:
        return
    command, args = as_texts(container.get("command")), as_texts(container.get("args"))
    if count > MOST_ON_A_NODE:
        yield about.finding(
            Code.POD_LARGER_THAN_A_NODE,
            path,
            wanted=f"at most {MOST_ON_A_NODE} accelerators in a pod",
            found=str(count),
            do="spread it over a leader and workers",
        )
    env = {as_text(one.get("name")): as_text(one.get("value")) for one in as_objects(container.get("env"))}
    line = command_line(dialect_of(as_text(container.get("image")), command, args), command, args, env)
    if line is None or is_shell_text(command, args):
        yield about.finding(
            Code.DIALECT_UNKNOWN,
            path,
            wanted="flags of SGLang or vLLM, outside of a shell's text",
            found="none that can be read",
            do="see that the engine uses every accelerator",
        )
        return
    dialect = line.dialect
    flags = [flag for flag in (dialect.tensor, dialect.pipeline, dialect.data) if line.value(flag) is not None]
    if any(line.number(flag) is None for flag in flags):
        unreadable = ", ".join(f"{flag.names[0]} {line.value(flag)}" for flag in flags if line.number(flag) is None)
        yield about.finding(
            Code.PARALLELISM_UNREADABLE, path, wanted="whole numbers", found=unreadable, do="correct the flags"
        )
        return
    spread = deployed(line.stated(), count, pods)
    if spread.ranks != spread.gpus:
        sizes = f"tensor {spread.tensor}, pipeline {spread.pipeline}, data {spread.data}"
        yield about.finding(
            Code.RANKS_DIFFER_FROM_GPUS,
            path,
            wanted=f"{spread.gpus} ranks, as {pods} pod{'' if pods == 1 else 's'} of {count} accelerators have",
            found=f"{spread.ranks} ({sizes})",
            do="correct the flags or the resources",
        )
