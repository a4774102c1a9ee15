"""How a model's weights are quantized: method, width, and the word that runtimes are matched by."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from omectl.modelparser.document import Section
from omectl.modelparser.errors import ModelParseError
from omectl.modelparser.packing import UNPACKED, Packing

_READABLE: Final = (
    *("fp8", "fbgemm_fp8", "fp_quant", "gptq", "awq", "bitsandbytes", "mxfp4", "compressed-tensors", "modelopt", "mlx"),
    *("auto-round", "auto_round", "intel/auto-round", "w8a8", "quark"),
)
"""Beginnings of the methods whose stored tensors tell how many weights they stand for."""


@dataclass(frozen=True, slots=True)
class Quantization:
    """`method`: the file's own word; `bits`: width of packed weights, if said; `value`: the API's word, if any."""

    method: str | None = None
    bits: int | None = None
    value: str | None = None
    packing: Packing = field(default=UNPACKED)

    @property
    def countable(self) -> bool:
        """Whether the stored tensors tell how many weights they stand for."""
        return self.method is None or self.method.startswith(_READABLE)


NONE = Quantization()


def read_quantization(config: Section, side_files: tuple[Section, ...] = ()) -> Quantization:
    """From `quantization_config` (of the whole or of the language part), else from the side files of older tools."""
    for holder in (config, *(part for name in _TEXT_SECTIONS if (part := config.section(name)) is not None)):
        section = holder.section("quantization_config", "compression_config")
        if section is not None:
            return _from_section(section)
        if holder.has("quantization_config"):
            raise holder.error("quantization_config", "an object")
        # MLX keeps its recipe under a name of its own.
        if (recipe := holder.section("quantization")) is not None and recipe.has("group_size"):
            return _from_section(recipe, default="mlx")
    for side in side_files:
        section = side.section("quantization") or side
        if section.has("bits") or section.has("quant_algo") or section.has("w_bit"):
            return _from_section(section, default="modelopt" if section.has("quant_algo") else "gptq")
    return NONE


_WIDTHS, _GROUP_SIZES = range(1, 9), range(1, 1 << 16)
_TEXT_SECTIONS = ("text_config", "llm_config", "language_config")


def _from_section(section: Section, default: str | None = None) -> Quantization:
    method = _word(section, "quant_method") or default
    words = [
        word
        for name in ("quant_algo", "format", "fmt", "quant_type", "quantization_status")
        if (word := _word(section, name))
    ]
    weights = _first_group(section)
    bits = _bits(section, weights)
    name = " ".join([method or "", *words])
    if method is None and bits is None and not words:
        return NONE
    packing = Packing(bits, tuple(_groups(section)))
    return Quantization(method or (words[0] if words else None), bits, _value(name, bits, section, weights), packing)


def _groups(section: Section) -> Iterator[tuple[int, int]]:
    """Width and group size of each recipe that tells both."""
    holders = [section]
    if (groups := section.section("config_groups")) is not None:
        parts = (groups.section(name) for name in sorted(groups.values))
        holders += [weights for part in parts if part is not None and (weights := part.section("weights")) is not None]
    for holder in holders:
        bits = holder.number("num_bits") or holder.number("bits") or 0
        size = holder.number("group_size") or 0
        if bits in _WIDTHS and size in _GROUP_SIZES:
            yield int(bits), int(size)


def _word(section: Section, name: str) -> str | None:
    try:
        found = section.text(name)
    except ModelParseError:
        if name == "quant_method":
            raise
        return None
    return found.lower() if found else None


def _first_group(section: Section) -> Section | None:
    """The weights of compressed-tensors' first group."""
    groups = section.section("config_groups")
    if groups is None:
        return None
    for name in sorted(groups.values):
        group = groups.section(name)
        if group is not None and (weights := group.section("weights")) is not None:
            return weights
    return None


def _bits(section: Section, weights: Section | None) -> int | None:
    for holder, names in ((section, ("bits", "num_bits", "w_bit", "weight_bits")), (weights, ("num_bits",))):
        for name in names:
            number = holder.number(name) if holder is not None else None
            if number is not None and number in range(1, 33):
                return int(number)
    if section.flag("load_in_4bit") or section.flag("_load_in_4bit"):
        return 4
    if section.flag("load_in_8bit") or section.flag("_load_in_8bit"):
        return 8
    algorithm = _word(section, "quant_algo") or ""
    if "nvfp4" in algorithm or "w4a16" in algorithm or "w4a8" in algorithm:
        return 4
    return None


def _value(name: str, bits: int | None, section: Section, weights: Section | None) -> str | None:
    method = name.split(" ", 1)[0]
    if "fbgemm_fp8" in name:
        return "fbgemm_fp8"
    if method == "compressed-tensors" and weights is not None:
        return {"float 8": "fp8", "int 4": "int4"}.get(f"{_word(weights, 'type') or 'int'} {bits}")
    if "int4" in name:
        return "int4"
    if "fp8" in name and "nvfp4" not in name:
        return "fp8"
    if method in {"gptq", "awq", "gptq_marlin", "awq_marlin"}:
        return "int4" if bits in {4, None} else None
    if method == "compressed-tensors" and _word(section, "format") == "float-quantized":
        return "fp8"
    return None
