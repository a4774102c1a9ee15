"""Who wrote each field of a rendered pod, and what of the authors' words is not in it.

Nothing is noted down while merging. Because the service wins over the class and the class over the runtime, a value is
that of the last author who says it, at its place; what no author says is the operator's. So the pod is read once,
beside what each author said, and only when somebody asks.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import msgspec

from omectl.api.document import as_object, as_objects, as_text, as_texts
from omectl.api.json import JsonObject, JsonValue
from omectl.api.pods import POD_FIELDS
from omectl.planner.arguments import Argument, parse
from omectl.planner.component import Component
from omectl.planner.flag_tables import FlagTable, flag_table
from omectl.planner.merge import MERGE_KEYS, identity
from omectl.planner.names import ROUTER
from omectl.planner.origin import CONTROLLER, Author, Layer, Loss, LossCode, Origin
from omectl.planner.parallelism import Problem
from omectl.planner.placeholders import Placeholders
from omectl.planner.pod import RenderedPod, placeholders_of
from omectl.planner.script import lines_of

_PLAIN: Final = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Said:
    """What one author says at one place."""

    origin: Origin
    value: JsonValue


_IN_A_TEMPLATE: Final = "spec.template.spec"


@dataclass(frozen=True)
class Provenance:
    """The origins of one pod. `layers` speak of the pod and `main` of its main container, each winning over the former.

    `prefix` is the path of the pod's spec in its object, `told` what was lost before there was a pod. `problems` are
    what disagrees about accelerators while a class's parallelism is written.
    """

    pod: JsonObject
    layers: tuple[Layer, ...]
    main: tuple[Layer, ...]
    main_name: str
    placeholders: Placeholders
    prefix: str = _IN_A_TEMPLATE
    told: tuple[Loss, ...] = ()
    problems: tuple[Problem, ...] = ()

    @cached_property
    def origins(self) -> Mapping[str, Origin]:
        """The author of every leaf, by JSON path in the object."""
        return self._reading.origins

    @cached_property
    def losses(self) -> tuple[Loss, ...]:
        """Everything that an author wrote and that is not in the pod, each once."""
        return tuple(dict.fromkeys((*self.told, *self._reading.losses)))

    @cached_property
    def _reading(self) -> "_Reading":
        reading = _Reading(self)
        reading.object(self.pod, [Said(one.origin, one.document) for one in self.layers], self.prefix)
        return reading


def provenance_of(component: Component, rendered: RenderedPod, prefix: str = _IN_A_TEMPLATE) -> Provenance:
    """The provenance of a component's rendered pod, whose spec stands under that path."""
    runtime, name = component.runtime, component.main_name
    old = (runtime.spec.containers or ()) if runtime is not None and component.name != ROUTER else ()
    filled: list[JsonObject] = [
        {"resources": one["resources"]} for one in old if one.get("name") == name and "resources" in one
    ]
    weakest = [Layer(Origin(Author.RUNTIME, component.runtime_name), one) for one in filled]
    use, accelerated = component.use, rendered.accelerated
    spoken = Layer(Origin(Author.CLASS, use.name), accelerated.spoken) if use is not None else None
    return Provenance(
        pod=rendered.spec,
        layers=_pod_layers(component.layers),
        main=(*weakest, *_main_layers(component.layers, name, spoken)),
        main_name=name,
        placeholders=placeholders_of(component),
        prefix=prefix,
        told=(*component.losses, *accelerated.losses),
        problems=accelerated.problems,
    )


def _pod_layers(layers: Iterable[Layer]) -> tuple[Layer, ...]:
    """What the authors of a component say about its pod, without the runner."""
    return tuple(
        Layer(one.origin, {key: value for key, value in one.document.items() if key in POD_FIELDS}) for one in layers
    )


def _main_layers(layers: Sequence[Layer], main_name: str, spoken: Layer | None = None) -> tuple[Layer, ...]:
    """What they say about the main container as the runner; `spoken` is what the class decided while rendering.

    Of a router, each pair of the configuration is a variable. The service's own container of that name is above the
    runtime's runner, but for its arguments.
    """
    found: list[Layer] = []
    for layer in layers:
        if spoken is not None and layer.origin.author is Author.SERVICE:
            found.append(spoken)
            spoken = None
        if layer.origin.author is Author.SERVICE:
            containers = [one for one in as_objects(layer.document.get("containers")) if one.get("name") == main_name]
            found += [Layer(layer.origin, {key: one[key] for key in one if key != "args"}) for one in containers]
        runner = as_object(layer.document.get("runner"))
        if runner:
            found.append(Layer(layer.origin, runner))
        config = as_object(layer.document.get("config"))
        if config:
            env: list[JsonValue] = [{"name": name, "value": value} for name, value in config.items()]
            found.append(Layer(layer.origin, {"env": env}))
    return tuple(found)


@dataclass(slots=True)
class _Reading:
    """One pass over a pod."""

    of: Provenance
    origins: dict[str, Origin] = field(default_factory=dict[str, Origin])
    losses: list[Loss] = field(default_factory=list[Loss])

    def object(self, value: JsonObject, said: Sequence[Said], path: str) -> None:
        """An object, key by key."""
        if not value:
            self.leaf(value, said, path)
        objects = [(one.origin, one.value) for one in said if isinstance(one.value, dict)]
        for key, item in value.items():
            there = [Said(origin, document[key]) for origin, document in objects if key in document]
            self.any(key, item, there, _join(path, key))
        missing = dict.fromkeys(key for _, document in objects for key in document if key not in value)
        for key in missing:
            there = [Said(origin, document[key]) for origin, document in objects if key in document]
            remover = there[-1].origin if there[-1].value is None else objects[-1][0]
            for one in there:
                if one.value is not None:
                    self.lose(LossCode.REMOVED, one, _join(path, key), remover)

    def any(self, key: str, value: JsonValue, said: Sequence[Said], path: str) -> None:
        """A value that stands under `key`."""
        if isinstance(value, dict):
            self.object(value, said, path)
        elif isinstance(value, list) and value and key in MERGE_KEYS:
            self.keyed(key, value, said, path)
        elif isinstance(value, list) and value:
            self.plain(key, value, said, path)
        else:
            self.leaf(value, said, path)

    def keyed(self, key: str, items: list[JsonValue], said: Sequence[Said], path: str) -> None:
        """A list whose items are told apart by fields."""
        spoken = [
            (identity(key, item), Said(one.origin, item))
            for one in said
            for item in (one.value if isinstance(one.value, list) else [])
        ]
        for index, item in enumerate(items):
            mine = identity(key, item)
            there = [one for name, one in spoken if name == mine]
            if key == "containers" and isinstance(item, dict):
                self.container(item, there, f"{path}[{index}]")
            else:
                self.any("", item, there, f"{path}[{index}]")
        present = {identity(key, item) for item in items}
        for name, one in spoken:
            if name not in present:
                self.lose(LossCode.REMOVED, one, path, said[-1].origin)

    def container(self, container: JsonObject, said: Sequence[Said], path: str) -> None:
        """A container of the pod; the runner lies over the main one."""
        if self.of.main_name and container.get("name") == self.of.main_name:
            said = [*said, *(Said(one.origin, one.document) for one in self.of.main)]
        texts = ("command", "args")
        rest = {key: value for key, value in container.items() if key not in texts}
        spoken = [
            Said(one.origin, {key: value for key, value in one.value.items() if key not in texts})
            for one in said
            if isinstance(one.value, dict)
        ]
        self.object(rest, spoken, path)
        lists = [as_texts(container.get(key)) for key in texts]
        table = flag_table(as_text(container.get("image")), *lists)
        for key, words in zip(texts, lists, strict=True):
            there = [
                Said(one.origin, one.value[key]) for one in said if isinstance(one.value, dict) and key in one.value
            ]
            value = container.get(key)
            if value is None or value == words != []:
                self.words(words, there, f"{path}.{key}", table)
            else:
                self.any(key, value, there, f"{path}.{key}")

    def words(self, words: list[str], said: Sequence[Said], path: str, table: FlagTable) -> None:
        """Arguments, flag by flag."""
        spoken = [(one.origin, argument) for one in said for argument in self._arguments(one.value, table)]
        index = 0
        present: dict[str, Origin] = {}
        for argument in parse(words, table):
            author = next((origin for origin, other in reversed(spoken) if _same(argument, other)), None)
            if author is None and lines_of(argument.words[0]):
                # A script with another author's flags in it: the script's own author stands for it.
                author = next((origin for origin, other in spoken if lines_of(other.words[0])), None)
            present.setdefault(argument.key, author or CONTROLLER)
            for _ in argument.words:
                self.origins[f"{path}[{index}]"] = author or CONTROLLER
                index += 1
        there = {(one.key, one.values) for one in parse(words, table)}
        for origin, argument in spoken:
            if (argument.key, argument.values) in there or lines_of(argument.words[0]):
                continue
            code = LossCode.OVERRULED if argument.key in present else LossCode.REMOVED
            winner = present.get(argument.key, said[-1].origin)
            self.lose(code, Said(origin, " ".join(argument.words)), path, winner)

    def plain(self, key: str, items: list[JsonValue], said: Sequence[Said], path: str) -> None:
        """Any other list: whole from one author, or put together from several, item by item."""
        whole = next((one for one in reversed(said) if self.same(one.value, items)), None)
        spoken = [Said(one.origin, item) for one in said if isinstance(one.value, list) for item in one.value]
        for index, item in enumerate(items):
            place = f"{path}[{index}]"
            author = whole or next((one for one in reversed(spoken) if self.same(one.value, item)), None)
            if author is not None:
                self.all(item, author.origin, place)
            elif isinstance(item, dict) and item:
                self.parts(item, spoken, place)
            else:
                self.all(item, CONTROLLER, place)
        for one in spoken:
            if not any(_contains(item, one.value) for item in items):
                self.lose(LossCode.OVERRULED, one, path, whole.origin if whole is not None else said[-1].origin)

    def parts(self, item: JsonObject, spoken: Sequence[Said], path: str) -> None:
        """An object of a list that nobody says as a whole, such as a term that several authors' terms make."""
        for key, value in item.items():
            there = [
                Said(one.origin, one.value[key]) for one in spoken if isinstance(one.value, dict) and key in one.value
            ]
            place = _join(path, key)
            if isinstance(value, list):
                items = [Said(one.origin, each) for one in there if isinstance(one.value, list) for each in one.value]
                for index, each in enumerate(value):
                    author = next((one.origin for one in reversed(items) if self.same(one.value, each)), CONTROLLER)
                    self.all(each, author, f"{place}[{index}]")
            else:
                author = next((one.origin for one in reversed(there) if self.same(one.value, value)), CONTROLLER)
                self.all(value, author, place)

    def leaf(self, value: JsonValue, said: Sequence[Said], path: str) -> None:
        """A value without parts."""
        author = next((one.origin for one in reversed(said) if self.same(one.value, value)), CONTROLLER)
        self.all(value, author, path)
        for one in said:
            if one.value is not None and not self.same(one.value, value):
                self.lose(LossCode.OVERRULED, one, path, author)

    def all(self, value: JsonValue, origin: Origin, path: str) -> None:
        """Give every leaf of a value the same author."""
        if isinstance(value, dict) and value:
            for key, item in value.items():
                self.all(item, origin, _join(path, key))
        elif isinstance(value, list) and value:
            for index, item in enumerate(value):
                self.all(item, origin, f"{path}[{index}]")
        else:
            self.origins[path] = origin

    def lose(self, code: LossCode, one: Said, path: str, winner: Origin) -> None:
        """Note a loss; what an author says twice is none."""
        if one.origin != winner:
            value = _text(one.value)
            self.losses.append(Loss(code=code, path=path, origin=one.origin, value=value, winner=winner))

    def same(self, spoken: JsonValue, value: JsonValue) -> bool:
        """Whether the pod's value is what an author says, placeholders filled."""
        return spoken == value or self._filled(spoken) == value

    def _filled(self, spoken: JsonValue) -> JsonValue:
        return self.of.placeholders.fill_known_in({"value": spoken})["value"]

    def _arguments(self, spoken: JsonValue, table: FlagTable) -> tuple[Argument, ...]:
        return parse(as_texts(self._filled(spoken)), table)


def _same(one: Argument, other: Argument) -> bool:
    return one.key == other.key and one.values == other.values


def _contains(whole: JsonValue, part: JsonValue) -> bool:
    """Whether all of a part stands in a whole that may have more."""
    if isinstance(whole, dict) and isinstance(part, dict):
        return all(key in whole and _contains(whole[key], value) for key, value in part.items())
    if isinstance(whole, list) and isinstance(part, list):
        return all(any(_contains(item, value) for item in whole) for value in part)
    return whole == part


def _join(path: str, key: str) -> str:
    """The path of a member, as JSON paths write it."""
    step = f".{key}" if _PLAIN.fullmatch(key) else f"['{key}']"
    return f"{path}{step}"


def _text(value: JsonValue) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
