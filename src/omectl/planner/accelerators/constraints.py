"""What classes have to offer: the runtime's requirements, the service's constraints and the component's, all of them.

Each layer filters for itself. Scores read them together: the largest demand counts, and the preferred precisions are
those of the innermost layer that states any.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from omectl.api.component import AcceleratorConstraints
from omectl.api.serving_runtime import AcceleratorRequirements
from omectl.planner.accelerators.decision import Code, Objection
from omectl.planner.accelerators.memory import gibibytes
from omectl.planner.accelerators.traits import Traits
from omectl.planner.accelerators.versions import version_parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraints:
    """One layer. `field` is where it stands; memory is whole GiB of one accelerator."""

    field: str
    min_memory: int | None = None
    max_memory: int | None = None
    min_tflops: int | None = None
    min_version: str = ""
    features: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What scores read of all layers. Absent demands are 0 and no precisions."""

    min_memory: int = 0
    min_tflops: int = 0
    precisions: tuple[str, ...] = ()


def of_runtime(field: str, requirements: AcceleratorRequirements) -> Constraints:
    """The layer that a runtime states."""
    return Constraints(
        field=field,
        min_memory=requirements.min_memory,
        min_tflops=requirements.min_compute_performance_tflops,
        min_version=(requirements.min_architecture_version or "").strip(),
        features=requirements.required_features or (),
        precisions=requirements.preferred_precisions or (),
    )


def of_selector(field: str, stated: AcceleratorConstraints) -> Constraints:
    """The layer that a service or a component states."""
    return Constraints(
        field=field,
        min_memory=stated.min_memory,
        max_memory=stated.max_memory,
        min_tflops=stated.min_compute_performance_tflops,
        min_version=(stated.min_architecture_version or "").strip(),
        features=stated.required_features or (),
        excluded=stated.excluded_classes or (),
        families=stated.architecture_families or (),
        precisions=stated.preferred_precisions or (),
    )


def demand_of(layers: Sequence[Constraints]) -> Demand:
    """The demand of all layers, outermost first."""
    return Demand(
        min_memory=max((layer.min_memory or 0 for layer in layers), default=0),
        min_tflops=max((layer.min_tflops or 0 for layer in layers), default=0),
        precisions=next((layer.precisions for layer in reversed(layers) if layer.precisions), ()),
    )


def objections(traits: Traits, layers: Sequence[Constraints]) -> tuple[Objection, ...]:
    """Everything that speaks against a class, in the order of the layers; nothing when it may be used."""
    return tuple(objection for layer in layers for objection in _against(traits, layer))


def _against(traits: Traits, layer: Constraints) -> Iterator[Objection]:
    if traits.name in layer.excluded:
        yield Objection(Code.EXCLUDED, f"excluded by {layer.field}", f"remove it from excludedClasses of {layer.field}")
    if layer.families and not any(_is_of_family(traits, wanted) for wanted in layer.families):
        found = "-".join(filter(None, (traits.vendor, traits.family))) or "no vendor and family"
        text = f"architecture family: wanted {' or '.join(layer.families)} ({layer.field}), found {found}"
        yield Objection(
            Code.FAMILY, text, f"add {traits.family or 'its family'} to architectureFamilies of {layer.field}"
        )
    yield from _memory(traits, layer)
    missing = [feature for feature in layer.features if feature.strip().lower() not in traits.features]
    if missing:
        found = ", ".join(sorted(traits.features)) or "none"
        text = f"features: wanted {', '.join(missing)} ({layer.field}), found {found}"
        remedy = f"remove {', '.join(missing)} from requiredFeatures of {layer.field}"
        yield Objection(Code.FEATURE, text, remedy)
    if layer.min_version:
        yield from _version(traits, layer)


def _memory(traits: Traits, layer: Constraints) -> Iterator[Objection]:
    if layer.min_memory is None and layer.max_memory is None:
        return
    if traits.memory is None:
        text = f"memory: wanted by {layer.field}, the class states {traits.memory_text or 'none'}"
        yield Objection(Code.MEMORY_UNKNOWN, text, f"set capabilities.memoryGB of AcceleratorClass {traits.name}")
        return
    found = gibibytes(traits.memory)
    if layer.min_memory is not None and found < layer.min_memory:
        text = f"memory: wanted at least {layer.min_memory}Gi ({layer.field}), found {found}Gi"
        yield Objection(Code.MEMORY_TOO_SMALL, text, f"lower minMemory of {layer.field} to {found}")
    if layer.max_memory is not None and found > layer.max_memory:
        text = f"memory: wanted at most {layer.max_memory}Gi ({layer.field}), found {found}Gi"
        yield Objection(Code.MEMORY_TOO_LARGE, text, f"raise maxMemory of {layer.field} to {found}")


def _version(traits: Traits, layer: Constraints) -> Iterator[Objection]:
    wanted, found = layer.min_version, traits.version
    if found == wanted:
        return
    if not found:
        text = f"architecture version: wanted at least {wanted} ({layer.field}), the class states none"
        remedy = f"set capabilities.computeCapability of AcceleratorClass {traits.name}"
        yield Objection(Code.VERSION_UNKNOWN, text, remedy)
        return
    ours, theirs = version_parts(found), version_parts(wanted)
    if ours is None or theirs is None:
        text = f"architecture version: wanted at least {wanted} ({layer.field}), found {found}; they cannot be compared"
        wrong = f"minArchitectureVersion of {layer.field}" if theirs is None else f"computeCapability of {traits.name}"
        yield Objection(Code.VERSION_UNKNOWN, text, f"write {wrong} as numbers with dots")
    elif ours < theirs:
        text = f"architecture version: wanted at least {wanted} ({layer.field}), found {found}"
        yield Objection(Code.VERSION, text, f"lower minArchitectureVersion of {layer.field} to {found}")


def _is_of_family(traits: Traits, wanted: str) -> bool:
    """A value with a hyphen names vendor and family; where the family itself has one, the family alone may be meant."""
    name = wanted.strip().lower()
    if "-" in name and name == f"{traits.vendor}-{traits.family}":
        return True
    return bool(traits.family) and name == traits.family
