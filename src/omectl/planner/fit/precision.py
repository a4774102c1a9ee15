"""Bytes of a weight, by the word for its format."""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

DTYPE_BYTES: Final = {
    "float64": 8, "float32": 4, "float": 4, "bfloat16": 2, "bf16": 2, "float16": 2, "fp16": 2, "half": 2,
    "int8": 1, "fp8": 1, "float8": 1, "float8_e4m3fn": 1, "float8_e5m2": 1,
}  # fmt: skip
"""Bytes of one number; everything that is no weight of a quantized layer is stored so."""

_GROUP: Final = 128


@dataclass(frozen=True, slots=True)
class Precision:
    """A format of weights. `width` is bytes for each weight, scales included.

    Embeddings and the output layer are left as they were by all of them; with `feed_forward_only` attention is too.
    """

    name: str
    width: Fraction
    feed_forward_only: bool = False


_FORMATS: Final[tuple[tuple[re.Pattern[str], Precision], ...]] = tuple(
    (re.compile(pattern), precision)
    for pattern, precision in (
        # 4-bit floats: one 8-bit scale for 16 weights, or one 8-bit exponent for 32.
        (r"nvfp4|nvidia.?fp4", Precision("nvfp4", Fraction(1, 2) + Fraction(1, 16))),
        (r"mxfp4", Precision("mxfp4", Fraction(1, 2) + Fraction(1, 32), feed_forward_only=True)),
        (r"mxfp8", Precision("mxfp8", 1 + Fraction(1, 32))),
        # Meta's recipe quantizes the feed-forward layers alone.
        (r"fbgemm_fp8", Precision("fbgemm_fp8", 1 + Fraction(1, 2048), feed_forward_only=True)),
        # Scales in float32 for each channel or block of 128 by 128.
        (r"fp8|float8|e4m3|e5m2", Precision("fp8", 1 + Fraction(1, 2048))),
        # 4-bit integers in groups of 128: a 16-bit scale and a 4-bit zero point for each.
        (r"int4|w4a|4.?bit|nf4|awq|gptq|auto.?round|hqq", Precision("int4", Fraction(1, 2) + Fraction(5, 2 * _GROUP))),
        # 8-bit integers: a 16-bit scale and an 8-bit zero point for each group at most.
        (r"int8|w8a|8.?bit|smoothquant", Precision("int8", 1 + Fraction(3, _GROUP))),
    )
)
_BY_BITS: Final = {4: "int4", 8: "int8"}


def precision_of(value: str | None, method: str | None, bits: int | None) -> Precision | None:
    """The format of quantized weights, None when the words say nothing known.

    `value` is the API's word (fp8, int4), `method` the configuration's own, `bits` the width it tells. A method that
    exists in two widths is told apart by the bits.
    """
    words = f"{value or ''} {method or ''}".lower()
    if "modelopt" in words and bits == 4:
        words += " nvfp4"
    if bits == 8 and re.search(r"gptq|awq|bitsandbytes|auto.?round|hqq", words):
        words = "int8"
    for pattern, precision in _FORMATS:
        if pattern.search(words):
            return precision
    named = _BY_BITS.get(bits or 0)
    return precision_of(named, None, None) if named is not None and words.strip() else None
