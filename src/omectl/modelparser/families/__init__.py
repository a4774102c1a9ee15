"""The model families, as data: what each one writes differently. `docs/model-families.md` tells how to add one."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from omectl.modelparser.families.decoders import DECODERS
from omectl.modelparser.families.encoders import ENCODERS
from omectl.modelparser.families.hybrids import HYBRIDS
from omectl.modelparser.families.mixtures import MIXTURES
from omectl.modelparser.families.omni import OMNI
from omectl.modelparser.families.pipelines import PIPELINES
from omectl.modelparser.families.speech import SPEECH
from omectl.modelparser.families.vision import TOWERS, VISION
from omectl.modelparser.family import Family
from omectl.modelparser.formula import check

FAMILIES: tuple[Family, ...] = (*DECODERS, *MIXTURES, *HYBRIDS, *ENCODERS, *VISION, *OMNI, *SPEECH, *PIPELINES)
GENERAL = Family(model_types=())
"""What is read by the usual names alone."""


def table_of(families: Iterable[Family]) -> Mapping[str, Family]:
    """The families by their model types. ValueError names a row that cannot be: see the message."""
    table: dict[str, Family] = {}
    for family in families:
        if not family.model_types:
            raise ValueError("a family wants at least one model type, found none; name it in model_types")
        for name in family.model_types:
            if not name or name != name.strip().lower():
                raise ValueError(f"a model type wants to be lower case without spaces, found {name!r}; correct it")
            if name in table:
                raise ValueError(f"model type {name!r} wants one family, found two; remove it from one of them")
            table[name] = family
        for formula in (family.parameters, family.beside):
            if formula is not None:
                check(formula)
    return MappingProxyType(table)


_table: Mapping[str, Family] = table_of(FAMILIES)


def tower_of(vision_type: str) -> str | None:
    """The formula of a vision tower."""
    return TOWERS.get(vision_type)


def family_of(model_type: str) -> Family:
    """The family of a model type; the general rules when it is not listed."""
    return _table.get(model_type, GENERAL)
