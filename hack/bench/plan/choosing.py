"""Choosing among 500 runtimes and 50 classes, and the whole plan of the service that asks for it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
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
    """One world, decoded: `inputs` for a model that runtimes take, and the same for one that none takes."""

    inputs: PlanInputs
    unserved: PlanInputs
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
    settings = scene.inputs.settings
    kinds = (("", scene.inputs), (", which none takes", scene.unserved))
    for what, inputs in kinds:
        assert inputs.model is not None
        model = view_model(inputs.model, settings)
        for ranking in ("default", "ome"):
            wanted = SelectionSettings.model_validate({"ranking": ranking})
            yield (
                f"runtime of a model{what}, ranking {ranking}",
                partial(select_runtime, inputs.service, model, inputs.runtimes, wanted),
            )
    chosen = _chosen(scene.inputs)
    for policy in POLICIES:
        service = _asking(scene.inputs.service, policy)
        yield (
            f"class by {policy}",
            partial(choose_class, service, chosen, "engine", scene.inputs.accelerator_classes, accelerators=2),
        )
    for what, inputs in kinds:
        yield f"plan of a service{what and ' whose model none takes'}", partial(plan, inputs)


def _scene(world: World, count: int) -> _Scene:
    raw_runtimes, raw_classes = world.runtimes(count), world.accelerator_classes()
    raw_models = [world.model("served", FAMILIES[0], "8B"), world.model("unserved", "Unheard", "8B")]
    raw_services = [world.service(f"of-{one['metadata']['name']}", one["metadata"]["name"]) for one in raw_models]
    runtimes: list[_Runtime] = []
    classes: list[AcceleratorClass] = []

    def decode_all() -> None:
        runtimes.extend(_runtime(raw) for raw in raw_runtimes)
        classes.extend(decode_as(AcceleratorClass, raw) for raw in raw_classes)

    decoding = milliseconds(decode_all)
    both = [
        PlanInputs(
            service=decode_as(InferenceService, service),
            model=decode_as(ClusterBaseModel, model),
            runtimes=tuple(runtimes),
            accelerator_classes=tuple(classes),
            settings=Settings.defaults(),
        )
        for service, model in zip(raw_services, raw_models, strict=True)
    ]
    return _Scene(inputs=both[0], unserved=both[1], decoding_ms=decoding, first_ms=milliseconds(lambda: plan(both[0])))


def _runtime(raw: JsonObject) -> _Runtime:
    return decode_as(ServingRuntime if raw["kind"] == "ServingRuntime" else ClusterServingRuntime, raw)


def _chosen(inputs: PlanInputs) -> _Runtime:
    """The runtime of the plan, which has to come out whole: a refused one would be measured as a quick one."""
    made = plan(inputs)
    if made.problem is not None:
        raise SystemExit(f"bench-plan: wanted a plan of the made-up service, found: {made.problem}")
    return next(one for one in inputs.runtimes if one.name == made.explanation.runtime)


def _asking(service: InferenceService, policy: str) -> InferenceService:
    assert service.spec.accelerator_selector is not None
    selector: AcceleratorSelector = service.spec.accelerator_selector.model_copy(update={"policy": policy})
    return service.model_copy(update={"spec": service.spec.model_copy(update={"accelerator_selector": selector})})
