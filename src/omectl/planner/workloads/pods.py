"""What is wrong with a component's pods, told by the pods themselves: the most telling failure first."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from omectl.api.document import as_number, as_object, as_objects, as_text, at
from omectl.api.json import JsonObject
from omectl.api.labels import APP, COMPONENT

_IMAGE: Final = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
_CONFIGURATION: Final = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
CRASHED: Final = "ModelLoadFailed"
UNSCHEDULABLE: Final = "Unschedulable"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One pod's failure. `exit_code` and `crashed` tell of a container that ended by itself."""

    reason: str
    message: str
    next_step: str
    exit_code: int | None = None

    @property
    def crashed(self) -> bool:
        """Whether a container of the pod has failed."""
        return self.reason == CRASHED


def pods_of(children: Iterable[JsonObject], app: str, component: str) -> list[JsonObject]:
    """The pods of one service with that `app` label or of that component, by name; not those on their way out.

    Knative and KubeRay give pods an `app` label of their own or none.
    """
    found = [
        pod
        for pod in children
        if (at(pod, "metadata", "labels", APP) == app or at(pod, "metadata", "labels", COMPONENT) == component)
        and not at(pod, "metadata", "deletionTimestamp")
    ]
    return sorted(found, key=_name)


def pod_ready(pod: JsonObject) -> bool:
    """Whether the pod's condition Ready is True."""
    conditions = as_objects(at(pod, "status", "conditions"))
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)


def first_trouble(pods: Iterable[JsonObject]) -> Trouble | None:
    """The failure to tell: a crash before an image before a configuration before the scheduler's."""
    found = [trouble for pod in pods for trouble in _troubles(pod)]
    order = (CRASHED, "ImagePullFailed", "PodConfigurationInvalid", UNSCHEDULABLE)
    return min(found, key=lambda trouble: order.index(trouble.reason), default=None)


def _troubles(pod: JsonObject) -> Iterator[Trouble]:
    name = _name(pod)
    for field in ("initContainerStatuses", "containerStatuses"):
        for status in as_objects(at(pod, "status", field)):
            yield from _container_trouble(pod, name, status)
    for condition in as_objects(at(pod, "status", "conditions")):
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            text = f"pod {name}: {as_text(condition.get('message')) or 'no node takes it'}"
            yield Trouble(UNSCHEDULABLE, text, "free or add a node that the pod's selector and resources allow")


def _container_trouble(pod: JsonObject, name: str, status: JsonObject) -> Iterator[Trouble]:
    container = as_text(status.get("name"))
    waiting = as_object(at(status, "state", "waiting"))
    reason, message = as_text(waiting.get("reason")), as_text(waiting.get("message"))
    where = f"pod {name}, container {container}"
    if reason in _IMAGE:
        text = f"{where}: {reason}: {message or as_text(status.get('image'))}"
        yield Trouble("ImagePullFailed", text, "correct the image, or give the pod an imagePullSecret")
    elif reason in _CONFIGURATION:
        yield Trouble("PodConfigurationInvalid", f"{where}: {reason}: {message}", "correct what the message names")
    ended = as_object(at(status, "state", "terminated"))
    if reason == "CrashLoopBackOff":
        ended = as_object(at(status, "lastState", "terminated")) or {"exitCode": 1}
    code = as_number(ended.get("exitCode"))
    if code:
        why = as_text(ended.get("reason")) or "Error"
        text = f"{where} ended with exit code {code} ({why})"
        detail = as_text(ended.get("message"))
        step = f"kubectl logs --previous -n {as_text(at(pod, 'metadata', 'namespace'))} {name} -c {container}"
        if why == "OOMKilled":
            step = "raise the container's memory limit"
        yield Trouble(CRASHED, f"{text}: {detail}" if detail else text, step, code)


def _name(pod: JsonObject) -> str:
    return as_text(at(pod, "metadata", "name"))
