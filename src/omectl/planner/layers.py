"""A component from its authors: the operator, the runtime, the accelerator class, the service; the later wins.

What the operator itself needs is the weakest: it fills what nobody says. The service's word is the last.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from omectl.api.document import as_object, as_objects, as_text, as_texts, at
from omectl.api.json import JsonObject, JsonValue
from omectl.planner.arguments import Changes, changes_of, override, standing
from omectl.planner.class_use import ClassUse
from omectl.planner.flag_tables import flag_table
from omectl.planner.merge import merge_component, merge_map, with_variables
from omectl.planner.names import MAIN_CONTAINER
from omectl.planner.origin import CONTROLLER, SERVICE, Author, Layer, Loss, LossCode, Origin
from omectl.planner.placement import MOST_TERMS, combined_affinity, required_terms, selector_conflicts
from omectl.planner.result import PlanRefused, Reason
from omectl.planner.script import lines_of

LEADER: Final = "leader"
WORKER: Final = "worker"
_OF_PODS: Final = frozenset({"runner", LEADER, WORKER})
"""What a component says about one kind of its pods."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authors:
    """What each author says about one component; of several documents of one author the later wins.

    `old` is the runtime's old top level, of which only the node selector counts here.
    """

    name: str
    runtime: str = ""
    template: tuple[JsonObject, ...] = ()
    old: JsonObject = field(default_factory=dict[str, JsonValue])
    use: ClassUse | None = None
    asked: tuple[JsonObject, ...] = ()

    def of_role(self, role: str) -> "Authors":
        """The same authors about the leader's pods or the workers' of a component on several nodes."""
        own_leader = self._has_leader
        return replace(
            self,
            name=f"{self.name}.{role}",
            template=tuple(part for one in self.template for part in _role_parts(one, role, own_leader=own_leader)),
            asked=tuple(part for one in self.asked for part in _role_parts(one, role, own_leader=own_leader)),
        )

    @property
    def unused(self) -> tuple[Loss, ...]:
        """Runners of the component itself beside a leader: it and the workers have their own."""
        if not self._has_leader:
            return ()
        runtime = Origin(Author.RUNTIME, self.runtime)
        told = [(runtime, one) for one in self.template] + [(SERVICE, one) for one in self.asked]
        return tuple(
            Loss(
                code=LossCode.SEVERAL_NODES,
                path="runner",
                origin=origin,
                value=", ".join(sorted(as_object(document["runner"]))),
                winner=CONTROLLER,
            )
            for origin, document in told
            if as_object(document.get("runner"))
        )

    @property
    def _has_leader(self) -> bool:
        return any(isinstance(one.get(LEADER), dict) for one in (*self.template, *self.asked))


@dataclass(frozen=True, slots=True)
class Merged:
    """The component, who said what of it, and what of the authors' words has no place in it."""

    document: JsonObject
    layers: tuple[Layer, ...]
    losses: tuple[Loss, ...] = ()
    warnings: tuple[str, ...] = ()


def merge_authors(authors: Authors) -> Merged:
    """The component that all authors together describe. Raises `PlanRefused`."""
    runtime, use = Origin(Author.RUNTIME, authors.runtime), authors.use
    base = _over({}, (*authors.template, authors.old))
    spoken: JsonObject = {}
    has_runner = "runner" in base or any(one.get("runner") for one in authors.asked)
    if use is not None and use.node_selector:
        spoken["nodeSelector"] = use.node_selector
    if use is not None and use.env and has_runner:
        spoken["runner"] = {"env": list[JsonValue](use.env)}
        runner = as_object(base.get("runner"))
        base["runner"] = {**runner, "env": with_variables(runner.get("env"), use.env)}
    warnings: tuple[str, ...] = ()
    if use is not None:
        own = [as_object(one.get("nodeSelector")) for one in authors.asked]
        warnings = selector_conflicts(as_object(base.get("nodeSelector")), use, own)
        base["nodeSelector"] = merge_map(as_object(base.get("nodeSelector")), use.node_selector)
    document = _over(base, (*_own_containers(base, authors.asked), *authors.asked))
    losses: tuple[Loss, ...] = ()
    if use is not None and use.args and as_object(document.get("runner")):
        written, losses = _override_args(document, use, authors.asked)
        if written:
            spoken["runner"] = {**as_object(spoken.get("runner")), "args": list[JsonValue](written)}
    if use is not None and use.affinity and all(one.get("affinity", {}) is not None for one in authors.asked):
        document["affinity"] = _joined_affinity(authors.name, as_object(document.get("affinity")), use.affinity)
        spoken["affinity"] = use.affinity
    layers = [Layer(runtime, one) for one in (*authors.template, authors.old)]
    layers += [Layer(Origin(Author.CLASS, use.name), spoken)] if use is not None else []
    layers += [Layer(SERVICE, one) for one in authors.asked]
    return Merged(document, tuple(layers), losses, warnings)


def main_name(document: JsonObject) -> str:
    """The name of the container that the runner describes; "" without a runner."""
    runner = as_object(document.get("runner"))
    return (as_text(runner.get("name")) or MAIN_CONTAINER) if runner else ""


def stated(asked: Sequence[JsonObject], name: str, *path: str) -> list[JsonValue]:
    """What the service says under this path of its main container of that name: as a container, and as the runner."""
    containers = [
        one for document in asked for one in as_objects(document.get("containers")) if one.get("name") == name
    ]
    runners = [as_object(document.get("runner")) for document in asked]
    found = (at(one, *path) for one in (*containers, *runners))
    return [one for one in found if one is not None]


def has_own_script(asked: Sequence[JsonObject], name: str) -> bool:
    """Whether the service's own arguments are a script: that is the user's text, and nothing is written into it."""
    return any(lines_of(word) for words in stated(asked, name, "args") for word in as_texts(words)[:1])


def _over(base: JsonObject, patches: Sequence[JsonObject]) -> JsonObject:
    document = dict(base)
    for patch in patches:
        document = merge_component(document, patch)
    return document


def _role_parts(document: JsonObject, role: str, *, own_leader: bool) -> tuple[JsonObject, ...]:
    """What one author says about the leader or the workers: of the component all but its runner, then of the role.

    The component's own runner is neither the leader's nor the workers', unless there is no leader: then it leads.
    """
    shared: JsonObject = {key: value for key, value in document.items() if key not in _OF_PODS}
    own = document.get(role)
    if isinstance(own, dict):
        return (shared, own)
    if role == LEADER and not own_leader and "runner" in document:
        return ({**shared, "runner": document["runner"]},)
    return (shared,)


def _own_containers(base: JsonObject, asked: Sequence[JsonObject]) -> list[JsonObject]:
    """What the service's containers of the runner's name say, for the runner.

    A runner lies over the container of its name, so that a runtime's would win over a service's container. Arguments
    stay where they are: those of the container come first, then the runner's.
    """
    if not as_object(base.get("runner")):
        return []
    name = main_name(_over(base, [{"runner": one["runner"]} for one in asked if isinstance(one.get("runner"), dict)]))
    containers = [
        one for document in asked for one in as_objects(document.get("containers")) if one.get("name") == name
    ]
    return [{"runner": {key: value for key, value in one.items() if key != "args"}} for one in containers]


def _joined_affinity(name: str, first: JsonObject, second: JsonObject) -> JsonObject:
    counts = [len(required_terms(one)) for one in (first, second)]
    if counts[0] * counts[1] > MOST_TERMS:
        message = (
            f"spec.{name}.affinity: {counts[0]} node selector terms and {counts[1]} of an accelerator class, "
            f"multiplied, are more than {MOST_TERMS}"
        )
        raise PlanRefused(Reason.MERGE, message, "use fewer terms with longer lists of values")
    return combined_affinity(first, second)


def _override_args(
    document: JsonObject, use: ClassUse, asked: Sequence[JsonObject]
) -> tuple[tuple[str, ...], tuple[Loss, ...]]:
    """Write the class's arguments into the runner's; those that the service states itself stay as they are.

    Returns: the words that were written, and what was not.
    """
    runner, name = dict(as_object(document.get("runner"))), main_name(document)
    command, args = as_texts(runner.get("command")), as_texts(runner.get("args"))
    table = flag_table(as_text(runner.get("image")), command, args)
    changes = changes_of(use.args, table)
    origin = Origin(Author.CLASS, use.name)
    if any(stated(asked, name, "command")):
        return (), _lost(changes, LossCode.OWN_COMMAND, origin, SERVICE)
    if has_own_script(asked, name):
        return (), _lost(changes, LossCode.SHELL_TEXT, origin, SERVICE)
    own = frozenset(standing((), [word for words in stated(asked, name, "args") for word in as_texts(words)], table))
    found = override(command, args, changes.without(own))
    if found.command != tuple(command):
        runner["command"] = list[JsonValue](found.command)
    if found.args != tuple(args):
        runner["args"] = list[JsonValue](found.args)
    document["runner"] = runner
    losses = (
        *_lost(changes.of(own), LossCode.OVERRULED, origin, SERVICE),
        *_lost(Changes(found.unwritten), LossCode.SHELL_TEXT, origin, CONTROLLER),
    )
    written = changes.without(own).arguments if not found.unwritten else ()
    return tuple(word for one in written for word in one.words), losses


def _lost(changes: Changes, code: LossCode, origin: Origin, winner: Origin) -> tuple[Loss, ...]:
    return tuple(
        Loss(code=code, path="runner.args", origin=origin, value=one.text, winner=winner) for one in changes.arguments
    )
