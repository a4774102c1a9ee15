"""Parameter counts as OME writes them (`65B`). Reader and writer are here together so that they agree."""

import re
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

_UNITS: Final = {"T": 10**12, "B": 10**9, "M": 10**6}
_NUMBER: Final = re.compile(r"\+?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)
_LONGEST: Final = 40
_HUNDREDTH: Final = Decimal("0.01")


def parse_model_size(text: str | None) -> int:
    """Parameters of `7.5B`, `350M`, `1T` or a plain number; 0 ("unknown") for anything else, as OME reads it.

    Suffixes are case-sensitive, and only these three exist: `7b`, `500K` and `7 B` are 0.
    """
    if not text or len(text) > _LONGEST:
        return 0
    unit = _UNITS.get(text[-1])
    number = text[:-1] if unit else text
    return int(Decimal(number) * (unit or 1)) if _NUMBER.fullmatch(number) else 0


def format_model_size(parameters: int) -> str:
    """`7B` when whole, else two decimals (`8.03B`, `46.70B`); plain digits below a million.

    Differs from OME where its text would read back wrong: no `K` suffix (OME's own reader takes it for 0), a carry into
    the next unit (`1.00B`, not `1000.00M`), and hundredths are never cut to tenths.
    """
    if parameters < _UNITS["M"]:
        return str(max(parameters, 0))
    suffix, unit, rounded = next(
        (suffix, unit, rounded)
        for suffix, unit in _UNITS.items()
        if (rounded := (Decimal(parameters) / unit).quantize(_HUNDREDTH, ROUND_HALF_EVEN)) >= 1
    )
    return f"{rounded:.2f}{suffix}" if parameters % unit else f"{parameters // unit}{suffix}"
