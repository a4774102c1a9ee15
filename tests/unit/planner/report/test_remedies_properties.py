"""What a report says would end a reason does end it: tried by making the changes, in thousands of invented worlds."""

from collections import Counter
from collections.abc import Collection

import pytest
from tests.unit.planner.report.applying import applied
from tests.unit.planner.selection.worlds import World, pools

from omectl.api.codec import decode, encode
from omectl.api.serving_runtime import ClusterServingRuntime, ServingRuntime
from omectl.api.settings import Settings
from omectl.planner import PlanInputs, plan
from omectl.planner.report import Change, RuntimeTold, SelectionReport, report_of
from omectl.planner.report.checks import ready
from omectl.planner.report.remedies import OF_ITS_CHOICE, OF_THE_FORMAT
from omectl.planner.selection.difference import Code

WORLDS = 250


def inputs_of(world: World) -> PlanInputs:
    known = Settings.defaults()
    settings = known.model_copy(update={"omectl": known.omectl.model_copy(update={"selection": world.settings})})
    return PlanInputs(service=world.service, model=world.resource, runtimes=world.runtimes, settings=settings)


def reported(inputs: PlanInputs) -> SelectionReport:
    return report_of(inputs, plan(inputs))


def after(inputs: PlanInputs, told: RuntimeTold, changes: Collection[Change]) -> RuntimeTold:
    """The runtime as it is told once the changes are made in the objects as they stand in files."""
    assert inputs.model is not None
    runtime = runtime_of(inputs, told)
    there = {f"{one.resource_kind.kind} {one.name}": one for one in (inputs.service, inputs.model, runtime)}
    objects = applied(changes, [encode(there[name]) for name in sorted({change.object for change in changes})])
    there |= {f"{one.kind} {one.name}": one for one in map(decode, objects)}
    service, model, changed = there.values()
    now = reported(PlanInputs(service=service, model=model, runtimes=(changed,), settings=inputs.settings))
    return now.runtimes[0]


def runtime_of(inputs: PlanInputs, told: RuntimeTold) -> ServingRuntime | ClusterServingRuntime:
    return next(one for one in inputs.runtimes if (one.resource_kind.kind, one.name) == (told.kind, told.name))


def score_by_two_wrongs(inputs: PlanInputs, told: RuntimeTold) -> bool:
    """Whether OME's score was above 0 because priority and weight were both below: any other change turns it."""
    entry = (runtime_of(inputs, told).spec.supported_model_formats or ())[told.entry or 0]
    return (entry.priority or 0) < 0 and entry.model_format.weight < 0


def count(told: RuntimeTold, code: str) -> int:
    return sum(check.code == code for check in told.checks)


@pytest.mark.parametrize("seed", range(4))
def test_every_change_ends_its_check_and_all_together_make_the_runtime_fit(seed: int) -> None:
    """D 25: what would have to change is told for every reason, and it is true of every runtime that is passed over."""
    tried: Counter[str] = Counter()
    for world in pools().worlds(WORLDS, seed):
        inputs = inputs_of(world)
        for one in reported(inputs).runtimes:
            for check in one.checks:
                assert check.changes or check.instead, check
                for way in (check.changes, check.instead):
                    if not way:
                        continue
                    now = after(inputs, one, way)
                    assert count(now, check.code) < count(one, check.code), explained(inputs, one, now)
                    tried[check.code] += 1
            together = [change for check in one.checks for change in ready(check)]
            if one.fits:
                continue
            now = after(inputs, one, together)
            if {check.code for check in now.checks} == {"ScoreNotPositive"} and score_by_two_wrongs(inputs, one):
                continue
            assert now.fits, explained(inputs, one, now)
            tried["all together"] += 1
            if one.addition:
                rest = [check for check in one.checks if check.code not in OF_THE_FORMAT | OF_ITS_CHOICE]
                now = after(inputs, one, [*one.addition, *(change for check in rest for change in ready(check))])
                assert now.fits, explained(inputs, one, now)
                tried["one more format"] += 1
    of_accelerators = {Code.NO_CLASS, Code.DOES_NOT_FIT}
    assert {code.value for code in set(Code) - of_accelerators} <= set(tried), tried
    assert min(tried.values()) > 10, tried


def explained(inputs: PlanInputs, before: RuntimeTold, now: RuntimeTold) -> str:
    """For a failure: the runtime as it was, what was to change, and what is left."""
    was = [f"{check.code}: {'; '.join(map(str, ready(check)))}" for check in before.checks]
    runtime = str(encode(runtime_of(inputs, before))["spec"])
    return "\n".join((runtime, str(inputs.model), *was, "left:", *(check.text for check in now.checks)))
