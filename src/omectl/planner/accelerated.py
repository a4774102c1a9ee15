"""The accelerators of a component's main container: how many of which resource, and the flags that spread over them."""

from dataclasses import dataclass, field, replace
from typing import Final

from omectl.api.document import as_object, as_objects, as_text, as_texts, at
from omectl.api.json import JsonObject, JsonValue
from omectl.api.quantity import Quantity, QuantityError
from omectl.planner.accelerators.resources import accelerators_asked, counted
from omectl.planner.arguments import parse
from omectl.planner.class_use import ClassUse
from omectl.planner.component import Component
from omectl.planner.dialects import dialect_of
from omectl.planner.flag_tables import flag_table
from omectl.planner.layers import has_own_script
from omectl.planner.origin import CONTROLLER, SERVICE, Author, Loss, LossCode, Origin
from omectl.planner.parallelism import Code, Parallelism, Problem, Stated, command_line, deployed, gpu_count

_PARTS: Final = ("limits", "requests")
_DIMENSIONS: Final = (
    ("tensor", "tensorParallelSize"),
    ("pipeline", "pipelineParallelSize"),
    ("data", "dataParallelSize"),
)


@dataclass(frozen=True, slots=True)
class Accelerated:
    """What the class made of a container: the parts that come from it, what it could not do, and what disagrees."""

    spoken: JsonObject = field(default_factory=dict[str, JsonValue])
    losses: tuple[Loss, ...] = ()
    problems: tuple[Problem, ...] = ()


def accelerator_names(component: Component) -> tuple[str, ...]:
    """Resources that count the component's accelerators, beside those that everybody knows."""
    return counted(component.use.units) if component.use is not None else ()


def accelerate(component: Component, container: JsonObject) -> Accelerated:
    """Write the class's resources and its parallelism into the container (D 5, D 6).

    A resource is the class's unit for every accelerator that a pod's ranks need, and never less than there was. What
    the service states itself stays, resource by resource and flag by flag.
    """
    use = component.use
    if use is None:
        return Accelerated()
    names = accelerator_names(component)
    own = _own_resources(component)
    requested = accelerators_asked(container, names)
    override = Stated.of_override(use.config.tensor_parallelism_override)
    spread, losses = _spread(component, use, container, override, requested)
    unit = use.units[names[0]].ceil() if names else 1
    count = gpu_count(spread, requested=requested, unit=unit, own=requested if own.intersection(names) else None)
    managed = override != Stated()
    problems = list(count.problems) if managed else []
    spoken: JsonObject = {}
    if managed:
        rendering, more = _write_flags(component, use, container, replace(spread, gpus_per_pod=count.accelerators))
        losses, spoken = (*losses, *more), rendering
    resources = dict(as_object(container.get("resources")))
    for name, each in use.units.items():
        wanted = Quantity.parse(count.accelerators) if name in names[:1] else each * -(-spread.ranks // spread.pods)
        if name not in own:
            _raise(resources, name, wanted, as_object(spoken.setdefault("resources", {})))
    if resources:
        container["resources"] = resources
    return Accelerated(spoken, losses, tuple(problems))


def _own_resources(component: Component) -> frozenset[str]:
    """Resources that the service states itself."""
    stated = (one for part in _PARTS for one in component.stated("resources", part))
    return frozenset(name for amounts in stated for name in as_object(amounts))


def _spread(
    component: Component, use: ClassUse, container: JsonObject, override: Stated, requested: int
) -> tuple[Parallelism, tuple[Loss, ...]]:
    """The parallelism: the service's flags before the class's override before the runtime's flags."""
    command, args = as_texts(container.get("command")), as_texts(container.get("args"))
    dialect = dialect_of(as_text(container.get("image")), command, args)
    env = {as_text(one.get("name")): as_text(one.get("value")) for one in as_objects(container.get("env"))}
    line = command_line(dialect, command, args, env)
    users = command_line(dialect, _own_words(component, "command"), _own_words(component, "args"), env)
    said = users.stated() if users is not None else Stated()
    losses = tuple(
        _loss(use, LossCode.OVERRULED, f"{field_name}={wanted}", SERVICE)
        for dimension, field_name in _DIMENSIONS
        if (wanted := getattr(override, dimension)) and getattr(said, dimension) not in (None, wanted)
    )
    if line is not None:
        return deployed(said.over(override).over(line.stated()), requested, component.pods), losses
    return deployed(override if override != Stated() else None, requested, component.pods), losses


def _write_flags(
    component: Component, use: ClassUse, container: JsonObject, spread: Parallelism
) -> tuple[JsonObject, tuple[Loss, ...]]:
    """Write the parallelism into command and args. Returns: the arguments that changed, and what found no place."""
    command, args = as_texts(container.get("command")), as_texts(container.get("args"))
    image = as_text(container.get("image"))
    dialect = dialect_of(image, command, args)
    script = has_own_script(component.asked, component.main_name)
    if dialect is None or script:
        code, winner = (LossCode.SHELL_TEXT, SERVICE) if script else (LossCode.NO_DIALECT, CONTROLLER)
        override = Stated.of_override(use.config.tensor_parallelism_override)
        stated = [(field_name, getattr(override, dimension)) for dimension, field_name in _DIMENSIONS]
        lost = [f"{name}={value}" for name, value in stated if value]
        return {}, tuple(_loss(use, code, text, winner) for text in lost)
    own = (*_own_words(component, "command"), *_own_words(component, "args"))
    rendered = spread.render(dialect, args, {}, command=command, own=own)
    table = flag_table(image, command, args)
    spoken: JsonObject = {}
    for key, before, after in (("command", command, rendered.command), ("args", args, rendered.args)):
        if list(after) == before:
            continue
        container[key] = list[JsonValue](after)
        there = parse(before, table)
        spoken[key] = [word for one in parse(after, table) if one not in there for word in one.words]
    codes = {
        Code.DIMENSION_OVERRULED: (LossCode.OVERRULED, SERVICE),
        Code.NOT_RENDERED: (LossCode.SHELL_TEXT, CONTROLLER),
    }
    losses = [
        _loss(use, code, f"{problem.subject} {problem.wanted}", winner)
        for problem in rendered.problems
        for code, winner in (codes[problem.code],)
    ]
    return spoken, tuple(losses)


def _own_words(component: Component, key: str) -> list[str]:
    return [word for words in component.stated(key) for word in as_texts(words)]


def _raise(resources: JsonObject, name: str, wanted: Quantity, spoken: JsonObject) -> None:
    """Have requests and limits ask for at least that much; what cannot be read stays for the API server to refuse."""
    there: dict[str, Quantity] = {}
    for part in _PARTS:
        value = at(resources, part, name)
        if value is None:
            continue
        try:
            there[part] = Quantity.parse(value if isinstance(value, str | int) else "")
        except QuantityError:
            return
    most = max([wanted, *there.values()])
    for part in _PARTS:
        # Both parts of an extended resource are alike; of another one each part may stay as large as it is.
        amount = most if "/" in name else max(wanted, there.get(part, wanted))
        if there.get(part) != amount:
            resources[part] = {**as_object(resources.get(part)), name: str(amount)}
            spoken[part] = {**as_object(spoken.get(part)), name: str(amount)}


def _loss(use: ClassUse, code: LossCode, value: str, winner: Origin) -> Loss:
    return Loss(code=code, path="runner.args", origin=Origin(Author.CLASS, use.name), value=value, winner=winner)
