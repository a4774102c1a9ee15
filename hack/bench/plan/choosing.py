"""Choosing among 500 runtimes and 50 classes, and the whole plan of the service that asks for it.

Every repetition is for another model, as in a controller that goes from service to service.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from statistics import median

from hack.bench.plan.timing import in_turns, milliseconds, told
from hack.bench.plan.world import FAMILIES, World
from hack.bench.report import Bar

from omectl.api.accelerator_class import AcceleratorClass
from omectl.api.base_model import ClusterBaseModel
from omectl.api.codec import decode_as
from omectl.api.component import AcceleratorSelector
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject
from omectl.api.serving_runtime import ClusterServingRuntime, ServingRuntime
from omectl.api.settings import SelectionSettings, Settings
from omectl.planner import PlanInputs, plan
from omectl.planner.accelerators.choice import choose_class
from omectl.planner.accelerators.policies import POLICIES
from omectl.planner.model import view_model
from omectl.planner.selection.choice import select_runtime

_Runtime = ServingRuntime | ClusterServingRuntime
_MODELS_OF_A_FAMILY = 2
_Result = dict[str, str | float | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much there is to choose from, and how often each choice is made, in how many worlds."""

    runtimes: int
    classes: int
    worlds: int
    repetitions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """One world, decoded: plans of models that runtimes take, and the same for ones that none takes."""

    served: list[PlanInputs]
    unserved: list[PlanInputs]
    decoding_ms: float
    first_ms: float


def measure(sizes: Sizes) -> tuple[list[_Result], list[Bar]]:
    """A row for each choice, over all worlds, and the two bars: on the slowest kind of each choice."""
    scenes = [_scene(World(seed, classes=sizes.classes), sizes.runtimes) for seed in range(sizes.worlds)]
    times: dict[str, list[float]] = {}
    for scene in scenes:
        for name, found in in_turns(_calls(scene), sizes.repetitions).items():
            times.setdefault(name, []).extend(found)
    rows: list[_Result] = [{"subject": name} | told(found) for name, found in times.items()]
    rows.append({"subject": "decode the objects, once a version"} | told([scene.decoding_ms for scene in scenes]))
    rows.append({"subject": "the first plan of a process, decoded"} | told([scene.first_ms for scene in scenes]))
    slowest = {
        kind: max(median(found) for name, found in times.items() if name.startswith(kind))
        for kind in ("runtime", "class", "plan")
    }
    choices = f"ms to choose of {sizes.runtimes} runtimes and {sizes.classes} classes"
    return rows, [
        Bar(name=choices, value=slowest["runtime"] + slowest["class"], limit=5.0),
        Bar(name="ms of a complete plan with them", value=slowest["plan"], limit=15.0),
    ]


def _calls(scene: _Scene) -> dict[str, Callable[[], object]]:
    return dict(_named_calls(scene))


def _named_calls(scene: _Scene) -> Iterator[tuple[str, Callable[[], object]]]:
    kinds = (("", scene.served), (" that none takes", scene.unserved))
    for what, models in kinds:
        for ranking in ("default", "ome"):
            wanted = SelectionSettings.model_validate({"ranking": ranking})
            yield f"runtime of a model{what}, ranking {ranking}", _in_turn(partial(_select, wanted), models)
    first = scene.served[0]
    chosen = _chosen(first)
    for policy in POLICIES:
        service = _asking(first.service, policy)
        yield (
            f"class by {policy}",
            partial(choose_class, service, chosen, "engine", first.accelerator_classes, accelerators=2),
        )
    for what, models in kinds:
        yield f"plan of a service{what and ' of a model that none takes'}", _in_turn(plan, models)


def _in_turn(call: Callable[[PlanInputs], object], inputs: list[PlanInputs]) -> Callable[[], object]:
    turns = cycle(inputs)
    return lambda: call(next(turns))


def _select(wanted: SelectionSettings, inputs: PlanInputs) -> object:
    assert inputs.model is not None
    return select_runtime(inputs.service, view_model(inputs.model, inputs.settings), inputs.runtimes, wanted)


def _scene(world: World, count: int) -> _Scene:
    raw_runtimes, raw_classes = world.runtimes(count), world.accelerator_classes()
    runtimes: list[_Runtime] = []
    classes: list[AcceleratorClass] = []

    def decode_all() -> None:
        runtimes.extend(_runtime(raw) for raw in raw_runtimes)
        classes.extend(decode_as(AcceleratorClass, raw) for raw in raw_classes)

    decoding = milliseconds(decode_all)

    def inputs(name: str, family: str) -> PlanInputs:
        return PlanInputs(
            service=decode_as(InferenceService, world.service(f"of-{name}", name)),
            model=decode_as(ClusterBaseModel, world.model(name, family)),
            runtimes=tuple(runtimes),
            accelerator_classes=tuple(classes),
            settings=Settings.defaults(),
        )

    made = [inputs(f"model-{number}", family) for number, family in enumerate(FAMILIES * _MODELS_OF_A_FAMILY)]
    first = milliseconds(lambda: plan(made[0]))
    served = [one for one in made if plan(one).problem is None]
    if len(served) < len(made) // 2:
        raise SystemExit(f"bench-plan: wanted plans for most of {len(made)} models, found {len(served)}")
    unserved = [inputs(f"unserved-{number}", f"Unheard{number}") for number in range(len(made))]
    return _Scene(served=served, unserved=unserved, decoding_ms=decoding, first_ms=first)


def _runtime(raw: JsonObject) -> _Runtime:
    return decode_as(ServingRuntime if raw["kind"] == "ServingRuntime" else ClusterServingRuntime, raw)


def _chosen(inputs: PlanInputs) -> _Runtime:
    name = plan(inputs).explanation.runtime
    return next(one for one in inputs.runtimes if one.name == name)


def _asking(service: InferenceService, policy: str) -> InferenceService:
    assert service.spec.accelerator_selector is not None
    selector: AcceleratorSelector = service.spec.accelerator_selector.model_copy(update={"policy": policy})
    return service.model_copy(update={"spec": service.spec.model_copy(update={"accelerator_selector": selector})})
