"""What vendors' data sheets say of accelerators that many clusters have: data, and nothing but.

Memory is GiB as sold, bandwidth GB/s, speed TFLOPS or TOPS without sparsity, fractions cut off; `int4` is None where
the tensor cores have no such mode. Sources: NVIDIA's data sheets of B200 (HGX), H200, H100, A100, A30, A40, A10, L40S,
L40, L4, T4 and V100, and AMD's of Instinct MI210, MI250X, MI300X and MI325X. Of a MI250X each of its two dies is a
device to drivers and plugins, so its row has one die. Held against public copies: glennklockwood.com/garden/processors
(H100, B200), mullet.se (L40, L40S), awesomeagents.ai/hardware (MI325X), mlcommons' inference_results_v6.0 (B200).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One product. `version` is NVIDIA's compute capability, "" for other vendors."""

    family: str
    memory: int
    bandwidth: int
    fp32: int
    fp16: int
    int8: int | None = None
    int4: int | None = None
    version: str = ""
    linked: bool = False
    """Whether its devices of one node talk past the PCI bus (NVLink, Infinity Fabric)."""


def _product(
    family: str,
    version: str,
    memory: int,
    bandwidth: int,
    speeds: tuple[int, ...],
    *,
    linked: bool = False,
) -> Product:
    """`speeds` are fp32, fp16, int8 and int4, as far as there are any."""
    fp32, fp16, int8, int4 = (*speeds, None, None)[:4]
    return Product(
        family=family,
        version=version,
        memory=memory,
        bandwidth=bandwidth,
        fp32=fp32 or 0,
        fp16=fp16 or 0,
        int8=int8,
        int4=int4,
        linked=linked,
    )


PRODUCTS: Final[Mapping[str, Product]] = {
    "b200": _product("blackwell", "10.0", 180, 8000, (75, 2250, 4500), linked=True),
    "h200": _product("hopper", "9.0", 141, 4800, (67, 989, 1979), linked=True),
    "h200-nvl": _product("hopper", "9.0", 141, 4800, (60, 835, 1670), linked=True),
    "h100-80gb-hbm3": _product("hopper", "9.0", 80, 3350, (67, 989, 1979), linked=True),
    "h100-nvl": _product("hopper", "9.0", 94, 3900, (60, 835, 1670), linked=True),
    "h100-pcie": _product("hopper", "9.0", 80, 2000, (51, 756, 1513)),
    "a100-sxm4-80gb": _product("ampere", "8.0", 80, 2039, (19, 312, 624, 1248), linked=True),
    "a100-sxm4-40gb": _product("ampere", "8.0", 40, 1555, (19, 312, 624, 1248), linked=True),
    "a100-80gb-pcie": _product("ampere", "8.0", 80, 1935, (19, 312, 624, 1248)),
    "a100-pcie-40gb": _product("ampere", "8.0", 40, 1555, (19, 312, 624, 1248)),
    "a30": _product("ampere", "8.0", 24, 933, (10, 165, 330, 661)),
    "a40": _product("ampere", "8.6", 48, 696, (37, 149, 299, 598)),
    "a10": _product("ampere", "8.6", 24, 600, (31, 125, 250, 500)),
    "l40s": _product("ada-lovelace", "8.9", 48, 864, (91, 362, 733, 733)),
    "l40": _product("ada-lovelace", "8.9", 48, 864, (90, 181, 362, 724)),
    "l4": _product("ada-lovelace", "8.9", 24, 300, (30, 121, 242)),
    "t4": _product("turing", "7.5", 16, 320, (8, 65, 130, 260)),
    "v100-sxm2-32gb": _product("volta", "7.0", 32, 900, (15, 125), linked=True),
    "v100-sxm2-16gb": _product("volta", "7.0", 16, 900, (15, 125), linked=True),
    "instinct-mi325x": _product("cdna-3", "", 256, 6000, (163, 1307, 2614), linked=True),
    "instinct-mi300x": _product("cdna-3", "", 192, 5300, (163, 1307, 2614), linked=True),
    "instinct-mi250x": _product("cdna-2", "", 64, 1638, (23, 191, 191), linked=True),
    "instinct-mi210": _product("cdna-2", "", 64, 1638, (22, 181, 181), linked=True),
}
"""By the name that device plugins label nodes with, in lower case with hyphens, less the vendor and the mounting."""

_BEFORE: Final = ("nvidia-", "tesla-", "amd-")
_AFTER: Final = ("-shared", "-oam", "-vf")


def known_product(label: str) -> Product | None:
    """The product of a label such as `NVIDIA-H100-80GB-HBM3`, `Tesla-T4` or `AMD_Instinct_MI300X_OAM`."""
    name = label.strip().lower().replace("_", "-").replace(" ", "-")
    for prefix in _BEFORE:
        name = name.removeprefix(prefix)
    for suffix in _AFTER:
        name = name.removesuffix(suffix)
    return PRODUCTS.get(name)
