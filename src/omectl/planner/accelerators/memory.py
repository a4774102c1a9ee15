"""Memory of one accelerator: as a class states it, and as a node's labels tell it; never the node's main memory."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Final

from omectl.api.quantity import Quantity, QuantityError
from omectl.planner.accelerators.findings import Wrong

GIB: Final = 1 << 30
_MIB: Final = 1 << 20
_NOT_COMPARED: Final = "not compared"
LEAST_SHARE: Final = Fraction(9, 10)
"""A label may tell this much less than the class: error correction and firmware take up to 7 % of what is sold."""


@lru_cache(maxsize=1024)
def normalised(text: str | int) -> tuple[Fraction, Wrong | None]:
    """Bytes of a class's `memoryGB`, and what was assumed of its unit (None when nothing was).

    The field is a quantity in bytes, and its name invites a plain number of gigabytes: one below 1Gi is taken for GiB.
    Raises: `QuantityError` for what is no quantity, or is not above 0.
    """
    amount = Quantity.parse(text).amount
    if amount <= 0:
        raise QuantityError(text)
    if amount >= GIB:
        return amount, None
    if str(text).replace(".", "", 1).isdigit():
        return amount * GIB, Wrong(f"bytes with a unit such as {text}Gi", str(text), f"read as {text}Gi")
    return amount, Wrong("1Gi or more", str(text), "read as it is written, write Gi for GiB")


def gibibytes(amount: Fraction) -> int:
    """Whole GiB, rounded down, as constraints count."""
    return int(amount // GIB)


def in_words(amount: Fraction) -> str:
    """GiB with at most one decimal."""
    tenths = round(amount * 10 / GIB)
    return f"{tenths // 10}Gi" if tenths % 10 == 0 else f"{tenths / 10:.1f}Gi"


def told_by_labels(labels: Mapping[str, str]) -> tuple[Fraction | None, str, Wrong | None]:
    """Bytes of one accelerator of a node, the label that tells it, and what is wrong with that label.

    None without such a label, or when it cannot be read. NVIDIA's feature discovery and Karpenter count MiB, AMD's
    labeller writes `192G` for GiB, Intel's plugin the bytes of all devices together.
    """
    for key, read in _LABELS.items():
        text = labels.get(key)
        if text is None:
            continue
        try:
            amount = read(text, labels)
        except (QuantityError, ZeroDivisionError):
            wanted = f"a number of the form that {key.partition('/')[0]} writes"
            return None, key, Wrong(wanted, f"{text!r:.40}", _NOT_COMPARED)
        return (amount, key, None) if amount > 0 else (None, key, Wrong("more than 0", f"{text!r:.40}", _NOT_COMPARED))
    return None, "", None


def _mebibytes(text: str, labels: Mapping[str, str]) -> Fraction:
    return Quantity.parse(text).amount * _MIB


def _gibibytes_with_letter(text: str, labels: Mapping[str, str]) -> Fraction:
    letter = text[-1:]
    unit = {"T": GIB << 10, "G": GIB, "M": _MIB}.get(letter)
    return Quantity.parse(text[:-1]).amount * unit if unit is not None else Quantity.parse(text).amount


def _shared_out(text: str, labels: Mapping[str, str]) -> Fraction:
    """Intel's label sums over the node's devices, and counts those in thousandths beside it."""
    return Quantity.parse(text).amount * 1000 / Quantity.parse(labels.get("gpu.intel.com/millicores", "1000")).amount


_LABELS: Final[Mapping[str, Callable[[str, Mapping[str, str]], Fraction]]] = {
    "nvidia.com/gpu.memory": _mebibytes,
    "amd.com/gpu.vram": _gibibytes_with_letter,
    "beta.amd.com/gpu.vram": _gibibytes_with_letter,
    "gpu.intel.com/memory.max": _shared_out,
    "karpenter.k8s.aws/instance-gpu-memory": _mebibytes,
}
