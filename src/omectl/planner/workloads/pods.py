"""What is wrong with a component's pods, told by the pods themselves: the most telling failure first."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from omectl.api.document import as_number, as_object, as_objects, as_text, at
from omectl.api.json import JsonObject
from omectl.api.labels import APP, COMPONENT

_IMAGE: Final = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
_PULL_ERROR: Final = "ErrImagePull: "
"""Before the cause, in what the kubelet says between two tries."""
_CONFIGURATION: Final = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
_FINISHED: Final = frozenset({"Succeeded", "Failed"})
CRASHED: Final = "ModelLoadFailed"
OUT_OF_MEMORY: Final = "OutOfMemory"
IMAGE_PULL: Final = "ImagePullFailed"
CONFIGURATION: Final = "PodConfigurationInvalid"
POD_FAILED: Final = "PodFailed"
UNSCHEDULABLE: Final = "Unschedulable"
GATED: Final = "SchedulingGated"
_ORDER: Final = (CRASHED, OUT_OF_MEMORY, IMAGE_PULL, CONFIGURATION, POD_FAILED, UNSCHEDULABLE, GATED)
FAULTS: Final = frozenset(_ORDER) - {GATED}
"""Reasons that somebody has to do something about."""
STARTING: Final = frozenset({UNSCHEDULABLE, GATED})
"""Reasons of pods that no node has yet: nothing of them has failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One pod's failure. `time` is the pod's own, "" when it tells none; `node` is "" for one that has none.

    `exit_code` is that of a container that ended, and `others` how many more pods have the same failure.
    """

    reason: str
    message: str
    next_step: str
    pod: str
    node: str = ""
    time: str = ""
    exit_code: int | None = None
    others: int = 0

    @property
    def crashed(self) -> bool:
        """Whether a container of the pod has ended by itself."""
        return self.reason in (CRASHED, OUT_OF_MEMORY)

    @property
    def found(self) -> str:
        """The message, with how many other pods have the same failure."""
        return f"{self.message} ({self.others} more likewise)" if self.others else self.message


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
    return _condition(pod, "Ready").get("status") == "True"


def pod_finished(pod: JsonObject) -> bool:
    """Whether the pod runs no more and never will again: evicted, or at its end. Another one takes its place."""
    return as_text(at(pod, "status", "phase")) in _FINISHED


def first_trouble(pods: Sequence[JsonObject]) -> Trouble | None:
    """The failure to tell: a crash before an image before a configuration before the scheduler's.

    Of pods that have finished only when no other has any or is ready.
    """
    alive = [pod for pod in pods if not pod_finished(pod)]
    gone = [pod for pod in pods if pod_finished(pod)] if not any(map(pod_ready, alive)) else []
    for some in (alive, gone):
        found = [trouble for pod in some for trouble in _troubles(pod)]
        first = min(found, key=lambda trouble: _ORDER.index(trouble.reason), default=None)
        if first is not None:
            same = {trouble.pod for trouble in found if trouble.reason == first.reason}
            return replace(first, others=len(same) - 1)
    return None


def _troubles(pod: JsonObject) -> Iterator[Trouble]:
    failed = as_text(at(pod, "status", "reason"))
    if as_text(at(pod, "status", "phase")) == "Failed" and failed:
        text = f"{_place(pod)}: {failed}: {as_text(at(pod, 'status', 'message'))}"
        time = as_text(_condition(pod, "Ready").get("lastTransitionTime"))
        yield _trouble(pod, POD_FAILED, text, "give the pod what its node ran short of", time)
        return
    for field in ("initContainerStatuses", "containerStatuses"):
        for status in as_objects(at(pod, "status", field)):
            yield from _container_trouble(pod, status)
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        told, time = as_text(scheduled.get("message")), as_text(scheduled.get("lastTransitionTime"))
        if scheduled.get("reason") == GATED:
            text = f"{_place(pod)}: {told or 'its scheduling is held back'}"
            yield _trouble(pod, GATED, text, "wait for the queue that holds it to admit it", time)
        else:
            text = f"{_place(pod)}: {told or 'no node takes it'}"
            step = "free or add a node that the pod's selector and resources allow"
            yield _trouble(pod, UNSCHEDULABLE, text, step, time)


def _container_trouble(pod: JsonObject, status: JsonObject) -> Iterator[Trouble]:
    container = as_text(status.get("name"))
    state = as_object(status.get("state"))
    waiting = as_object(state.get("waiting"))
    reason, message = as_text(waiting.get("reason")), as_text(waiting.get("message"))
    where, since = f"{_place(pod)}, container {container}", as_text(_condition(pod, "Ready").get("lastTransitionTime"))
    if reason in _IMAGE:
        # Between two tries the kubelet has other words: the cause is told in both, so that the text stays.
        cause = message.partition(_PULL_ERROR)[2] or message or reason
        text = f"{where}: cannot have image {as_text(status.get('image'))}: {cause}"
        yield _trouble(pod, IMAGE_PULL, text, "correct the image, or give the pod an imagePullSecret", since)
    elif reason in _CONFIGURATION:
        yield _trouble(pod, CONFIGURATION, f"{where}: {reason}: {message}", "correct what the message names", since)
    ended = as_object(state.get("terminated"))
    last = as_object(at(status, "lastState", "terminated"))
    if reason == "CrashLoopBackOff":
        ended = last or {"exitCode": 1}
    elif "running" in state and status.get("ready") is False:
        # Between two crashes it runs for a while: it has recovered once it is ready.
        ended = last
    code = as_number(ended.get("exitCode"))
    if code:
        why = as_text(ended.get("reason")) or "Error"
        text = f"{where} ended with exit code {code} ({why})"
        detail = as_text(ended.get("message"))
        kind, step = CRASHED, f"kubectl logs --previous -n {_namespace(pod)} {_name(pod)} -c {container}"
        if why == "OOMKilled":
            kind, step = OUT_OF_MEMORY, "raise the container's memory limit"
        time = as_text(ended.get("finishedAt"))
        yield replace(_trouble(pod, kind, f"{text}: {detail}" if detail else text, step, time), exit_code=code)


def _trouble(pod: JsonObject, reason: str, message: str, step: str, time: str) -> Trouble:
    node = as_text(at(pod, "spec", "nodeName"))
    return Trouble(reason=reason, message=message, next_step=step, pod=_name(pod), node=node, time=time)


def _place(pod: JsonObject) -> str:
    node = as_text(at(pod, "spec", "nodeName"))
    return f"pod {_name(pod)} on node {node}" if node else f"pod {_name(pod)}"


def _condition(pod: JsonObject, kind: str) -> JsonObject:
    conditions = as_objects(at(pod, "status", "conditions"))
    return next((one for one in conditions if one.get("type") == kind), JsonObject())


def _name(pod: JsonObject) -> str:
    return as_text(at(pod, "metadata", "name"))


def _namespace(pod: JsonObject) -> str:
    return as_text(at(pod, "metadata", "namespace"))
