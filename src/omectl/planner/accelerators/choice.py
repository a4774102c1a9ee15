"""The class of one component: the one that is named, or the policy's best of those that the runtime lists.

A policy that finds no class refuses the plan: pods without the placement that somebody asked for would run anywhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from omectl.api.accelerator_class import AcceleratorClass
from omectl.api.inference_service import InferenceService
from omectl.planner.accelerators.ask import Ask, Runtime, ask_of
from omectl.planner.accelerators.constraints import demand_of, objections
from omectl.planner.accelerators.decision import ClassDecision, Code, Objection, Outcome
from omectl.planner.accelerators.policies import POLICIES
from omectl.planner.accelerators.ranking import Assessment, Ranked, candidate_of, free_in_words, rank, tied
from omectl.planner.accelerators.recognition import recognition_of
from omectl.planner.accelerators.traits import Traits, traits_of
from omectl.planner.result import NEAREST, Problem, Reason

_NEAREST: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentClass:
    """The class that a component has, and the mark of what was asked when it got it."""

    name: str
    ask: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassChoice:
    """The outcome. `chosen` is None when no class is asked for, or with a problem."""

    decision: ClassDecision
    chosen: AcceleratorClass | None = None
    problem: Problem | None = None


def choose_class(
    service: InferenceService,
    runtime: Runtime | None,
    component: str,
    classes: Sequence[AcceleratorClass],
    *,
    accelerators: int = 0,
    current: CurrentClass | None = None,
) -> ClassChoice:
    """The class of a component. The order of `classes` has no influence, that of the runtime's list in FirstAvailable.

    `accelerators` is how many one pod asks for; with 0 room for one is looked for, and no price is told. A policy
    keeps `current` while the same is asked and the class may still be used: taken accelerators move no service.
    """
    ask = ask_of(service, runtime, component)
    known = {one.name: one for one in classes}
    begun = ClassDecision(component=component, accelerators=accelerators)
    if ask.name:
        return _named(ask, known, begun)
    if not ask.policy:
        text = "neither a class nor a policy is asked for"
        return ClassChoice(decision=replace(begun, text=text, warnings=_left_unused(ask)))
    begun = replace(begun, policy=ask.policy, ask=ask.mark)
    if ask.policy not in POLICIES:
        message = f"{ask.policy_field}: wanted one of {', '.join(POLICIES)}, found {ask.policy!r:.40}"
        return _refused(replace(begun, outcome=Outcome.UNKNOWN_POLICY), message, "correct the policy")
    if not ask.listed:
        message = f"{ask.policy_field} asks for a class, and {_runtime_in_words(ask)}"
        step = f"list classes in acceleratorRequirements.acceleratorClasses of a runtime, or remove {ask.policy_field}"
        return _refused(replace(begun, outcome=Outcome.NO_CLASSES_LISTED), message, step)
    return _by_policy(ask, known, begun, current)


def _named(ask: Ask, known: Mapping[str, AcceleratorClass], begun: ClassDecision) -> ClassChoice:
    """The class of that name, whatever its traits are: what does not agree with the constraints is a warning."""
    found = known.get(ask.name)
    if found is None:
        missing = Assessment(0, Traits(name=ask.name), (_missing(ask.name, f"correct {ask.name_field}"),))
        decision = replace(begun, outcome=Outcome.CLASS_NOT_FOUND, candidates=(missing.candidate(),))
        message = f"{ask.name_field}: AcceleratorClass {ask.name} does not exist"
        return _refused(decision, message, f"create it, or correct {ask.name_field}")
    traits = traits_of(found)
    against = _against(traits, ask)
    warnings = [f"AcceleratorClass {ask.name} is named although not fitting: {one.text}" for one in against]
    warnings += [
        f"{field} names AcceleratorClass {other}, which does not count beside {ask.name_field} ({ask.name})"
        for field, other in ask.other_names
    ]
    candidate = replace(candidate_of(traits, against), rank=1)
    decision = replace(
        begun,
        outcome=ask.named_by,
        text=f"named by {ask.name_field}",
        candidates=(candidate,),
        warnings=(*warnings, *_findings([traits])),
    )
    return _chosen(found, decision, traits)


def _by_policy(
    ask: Ask, known: Mapping[str, AcceleratorClass], begun: ClassDecision, current: CurrentClass | None
) -> ClassChoice:
    wanted = max(begun.accelerators, 1)
    assessed = [_assess(place, name, known, ask, current) for place, name in enumerate(ask.listed)]
    demand = demand_of(ask.layers)
    ranked, unpriced = rank([one for one in assessed if not one.against], ask.policy, demand, wanted)
    refused = sorted([*(one for one in assessed if one.against), *unpriced], key=_distance)
    rejected = tuple(one.candidate() for one in refused)
    begun = replace(begun, warnings=_findings([one.traits for one in assessed]))
    if not ranked:
        decision = replace(begun, outcome=Outcome.NONE_ELIGIBLE, candidates=rejected)
        return _refused(decision, *_nothing_found(ask, refused))
    best = ranked[0]
    winner = next((one for one in ranked if current == CurrentClass(name=one.traits.name, ask=begun.ask)), best)
    standings = tuple(one.candidate(place, _standing(one, winner, wanted)) for place, one in enumerate(ranked, 1))
    decision = replace(
        begun,
        outcome=Outcome.CHOSEN_BY_POLICY,
        text=f"{ask.policy} ({ask.policy_field}): {winner.told}, {free_in_words(winner.traits.capacity)}",
        candidates=(*standings, *rejected),
    )
    equals = tuple(one.traits.name for one in ranked if one is not winner and tied(winner, one, wanted))
    if equals and winner is best:
        text = f"AcceleratorClasses {', '.join((best.traits.name, *equals))} do equally well and only the name decided"
        decision = replace(decision, tied=equals, warnings=(*decision.warnings, text))
    if winner is not best:
        text = f"kept: the same is asked and it may still be used; {ask.policy} would choose {best.traits.name} afresh"
        decision = replace(decision, outcome=Outcome.KEPT, text=f"{text} ({best.told})", better=best.traits.name)
    elif current is None and not winner.traits.capacity.room_for(wanted):
        full = f"AcceleratorClass {best.traits.name} has {free_in_words(best.traits.capacity)}, a pod wants {wanted}"
        decision = replace(decision, warnings=(*decision.warnings, f"{full}: pods wait until some are free"))
    return _chosen(known[winner.traits.name], decision, winner.traits)


def _assess(
    place: int, name: str, known: Mapping[str, AcceleratorClass], ask: Ask, current: CurrentClass | None
) -> Assessment:
    found = known.get(name)
    if found is None:
        remedy = f"create AcceleratorClass {name}, or remove it from the list of runtime {ask.runtime}"
        return Assessment(place, Traits(name=name), (_missing(name, remedy),))
    traits = traits_of(found)
    against = list(_against(traits, ask))
    if traits.deleting and (current is None or current.name != name):
        text = "the class is being deleted"
        against.insert(0, Objection(Code.DELETING, text, f"create AcceleratorClass {name} again"))
    return Assessment(place, traits, tuple(against))


def _against(traits: Traits, ask: Ask) -> tuple[Objection, ...]:
    """What of the constraints the class does not meet, and that no node carries it."""
    found = objections(traits, ask.layers)
    if traits.capacity.nodes != 0:
        return found
    remedy = (
        f"add, uncordon or label a node for AcceleratorClass {traits.name}, or name the class to have pods wait for one"
    )
    return (*found, Objection(Code.NO_NODES, "no node that is ready and takes pods carries the class", remedy))


def _standing(one: Ranked, winner: Ranked, wanted: int) -> Objection | None:
    """Why an eligible class was not taken."""
    if one is winner:
        return None
    capacity = one.traits.capacity
    if not capacity.room_for(wanted) and winner.traits.capacity.room_for(wanted):
        text = f"{free_in_words(capacity)}, a pod wants {wanted}"
        return Objection(Code.NO_ROOM, text, "")
    return Objection(Code.BEHIND, f"after {winner.traits.name}: {one.told}, there {winner.told}", "")


def _nothing_found(ask: Ask, refused: Sequence[Assessment]) -> tuple[str, str]:
    """The message and the next step: what would have to change for the nearest."""
    shown = "; ".join(f"{one.traits.name} ({one.text})" for one in refused[:_NEAREST])
    more = f"; and {len(refused) - _NEAREST} more" if len(refused) > _NEAREST else ""
    message = (
        f"{ask.policy_field}: {ask.policy} finds no usable AcceleratorClass among the {len(refused)} that "
        f"{_runtime_in_words(ask)}{NEAREST}{shown}{more}"
    )
    return message, " and ".join(dict.fromkeys(one.remedy for one in refused[0].against))


def _refused(decision: ClassDecision, message: str, step: str) -> ClassChoice:
    text = f"{decision.component}: {message}"
    return ClassChoice(decision=replace(decision, text=message), problem=Problem(Reason.ACCELERATOR, text, step))


def _chosen(one: AcceleratorClass, decision: ClassDecision, traits: Traits) -> ClassChoice:
    """The choice with its price. Asked for is so much of a resource, of which an accelerator may be several units."""
    read = recognition_of(one)
    unit = read.units[read.resources[0]] if read.resources else 1
    decision = replace(decision, class_name=one.name, accelerators=-(-decision.accelerators // unit))
    return ClassChoice(decision=_priced(decision, traits), chosen=one)


def priced(decision: ClassDecision, one: AcceleratorClass, accelerators: int) -> ClassDecision:
    """The decision for that class once it is known how many accelerators a pod really gets."""
    return _priced(replace(decision, accelerators=accelerators), traits_of(one))


def _priced(decision: ClassDecision, traits: Traits) -> ClassDecision:
    """With the price of a pod's accelerators."""
    count = decision.accelerators
    return replace(
        decision,
        cost_per_hour=traits.per_hour * count if traits.per_hour is not None and count else None,
        spot_cost_per_hour=traits.spot_per_hour * count if traits.spot_per_hour is not None and count else None,
    )


def _missing(name: str, remedy: str) -> Objection:
    return Objection(Code.NOT_FOUND, f"AcceleratorClass {name} does not exist", remedy)


def _left_unused(ask: Ask) -> tuple[str, ...]:
    """What is stated and has no effect while no class is asked for."""
    stated = [layer.field for layer in ask.layers if layer.field.startswith("spec.")]
    found = [f"{field} has no effect without a policy or a class" for field in stated]
    if ask.listed:
        classes = ", ".join(ask.listed)
        found.append(f"runtime {ask.runtime} lists accelerator classes ({classes}), and the service asks for none")
    return tuple(found)


def _findings(classes: Sequence[Traits]) -> tuple[str, ...]:
    return tuple(str(finding) for one in classes for finding in one.findings)


def _runtime_in_words(ask: Ask) -> str:
    if not ask.runtime:
        return "the service uses no runtime, which would list classes"
    return f"runtime {ask.runtime} lists" + ("" if ask.listed else " none (acceleratorRequirements.acceleratorClasses)")


def _distance(one: Assessment) -> tuple[int, str]:
    return (len(one.against), one.traits.name)
