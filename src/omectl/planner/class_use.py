"""The accelerator class of a component, and what the runtime's entry that won says for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from omectl.api.accelerator_class import AcceleratorClass
from omectl.api.json import JsonObject, JsonValue
from omectl.api.quantity import Quantity, QuantityError
from omectl.api.serving_runtime import AcceleratorModelConfig
from omectl.planner.selection.candidates import Runtime, entries

_OF_EVERY_NODE: Final = frozenset({"cpu", "memory", "ephemeral-storage"})
_NOTHING: Final = AcceleratorModelConfig()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassUse:
    """A class with the overrides that go with it. Everything it says is sorted by name."""

    accelerator_class: AcceleratorClass
    config: AcceleratorModelConfig = _NOTHING

    @classmethod
    def of(cls, chosen: AcceleratorClass | None, runtime: Runtime | None, entry: int | None) -> Self | None:
        """The class as the runtime's entry of that index uses it: of the other entries nothing counts."""
        if chosen is None:
            return None
        known = entries(runtime) if runtime is not None else ()
        configs = (known[entry].accelerator_config or {}) if entry is not None and entry < len(known) else {}
        return cls(accelerator_class=chosen, config=configs.get(chosen.name, _NOTHING))

    @property
    def name(self) -> str:
        """The class's name."""
        return self.accelerator_class.name

    @property
    def args(self) -> tuple[str, ...]:
        """Arguments that replace those of their flags."""
        return self.config.runtime_args_override or ()

    @property
    def env(self) -> list[JsonObject]:
        """Variables, by name."""
        return [
            {"name": name, "value": value} for name, value in sorted((self.config.environment_override or {}).items())
        ]

    @property
    def node_selector(self) -> JsonObject:
        """Labels of the nodes that carry the class."""
        return dict[str, JsonValue](sorted((self.accelerator_class.spec.discovery.node_selector or {}).items()))

    @property
    def affinity(self) -> JsonObject:
        """The affinity to the nodes that carry the class."""
        return self.accelerator_class.spec.discovery.affinity or {}

    @property
    def units(self) -> Mapping[str, Quantity]:
        """What one accelerator asks for, by the resource's name; what is no quantity above 0 is 1.

        A name that no pod can ask for, such as that of a DeviceClass, only serves to recognise nodes.
        """
        found: dict[str, Quantity] = {}
        for resource in self.accelerator_class.spec.resources or ():
            try:
                amount = Quantity.parse(resource.quantity)
            except QuantityError:
                amount = Quantity.parse(1)
            if "/" in resource.name or resource.name in _OF_EVERY_NODE:
                found[resource.name] = amount if amount.amount > 0 else Quantity.parse(1)
        return dict(sorted(found.items()))
