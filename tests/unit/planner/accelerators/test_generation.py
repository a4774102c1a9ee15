"""Classes from node labels: D 11, and the proposal's automatic classes of D.1."""

from __future__ import annotations

import pytest
from tests.unit.planner.accelerators.cluster import Json, node

from omectl.api.accelerator_class import AcceleratorClass
from omectl.api.codec import decode_as
from omectl.planner.accelerators.generation import Generated, generate_classes
from omectl.planner.accelerators.nodes import view_node
from omectl.planner.accelerators.products import PRODUCTS, known_product
from omectl.planner.accelerators.recognition import recognition_of
from omectl.planner.accelerators.traits import traits_of


def generated(*nodes: Json) -> Generated:
    return generate_classes(view_node(one) for one in nodes)


def nvidia(name: str, product: str, *, memory: str = "81559", version: str = "9.0", **offers: Json) -> Json:
    major, minor = version.split(".")
    labels = {
        "nvidia.com/gpu.product": product,
        "nvidia.com/gpu.memory": memory,
        "nvidia.com/gpu.family": "hopper",
        "nvidia.com/gpu.compute.major": major,
        "nvidia.com/gpu.compute.minor": minor,
    }
    return node(name, labels, **(offers or {"nvidia__gpu": 8}))


def test_a_known_product_is_described_by_its_labels_and_the_table() -> None:
    made = generated(nvidia("b", "NVIDIA-H100-80GB-HBM3"), nvidia("a", "NVIDIA-H100-80GB-HBM3"))
    assert made.notes == ()
    assert made.classes == (
        {
            "apiVersion": "ome.io/v1beta1",
            "kind": "AcceleratorClass",
            "metadata": {
                "name": "nvidia-h100-80gb-hbm3",
                "annotations": {"omectl.io/generated-from": "node-labels-and-data-sheet"},
            },
            "spec": {
                "vendor": "nvidia",
                "family": "hopper",
                "model": "NVIDIA-H100-80GB-HBM3",
                "discovery": {"nodeSelector": {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}},
                "capabilities": {
                    "memoryGB": "80Gi",
                    "memoryBandwidthGBps": "3350",
                    "computeCapability": "9.0",
                    "features": ["bf16", "fp8", "nvlink"],
                    "performance": {"fp32Tflops": 67, "fp16Tflops": 989, "int8Tops": 1979},
                },
                "resources": [{"name": "nvidia.com/gpu", "quantity": "1"}],
            },
        },
    )


def test_an_unknown_product_is_described_by_labels_alone_and_says_so() -> None:
    made = generated(nvidia("a", "NVIDIA-X1", memory="20475"), nvidia("b", "NVIDIA-X1", memory="20470"))
    (one,) = made.classes
    assert one["metadata"] == {"name": "nvidia-x1", "annotations": {"omectl.io/generated-from": "node-labels"}}
    spec: Json = one["spec"]
    assert spec["capabilities"] == {"memoryGB": "20470Mi", "computeCapability": "9.0", "features": ["bf16", "fp8"]}
    assert made.notes == ("NVIDIA-X1 is not in the table of products: AcceleratorClass nvidia-x1 has what labels tell",)


def test_partitions_get_a_class_each_with_the_memory_that_their_label_tells() -> None:
    mixed = nvidia("a", "NVIDIA-A100-SXM4-40GB", version="8.0", **{"nvidia__mig-1g.5gb": 4, "nvidia__mig-2g.10gb": 1})
    mixed["metadata"]["labels"] |= {"nvidia.com/mig-1g.5gb.memory": "4864", "nvidia.com/mig-2g.10gb.memory": "no"}
    small, large = generated(mixed).classes
    assert small["metadata"]["name"] == "nvidia-a100-sxm4-40gb-mig-1g-5gb"  # type: ignore[call-overload, index]
    specs: Json = [small["spec"], large["spec"]]
    assert specs[0]["resources"] == [{"name": "nvidia.com/mig-1g.5gb", "quantity": "1"}]
    assert specs[0]["capabilities"] == {"memoryGB": "4864Mi", "computeCapability": "8.0", "features": ["bf16"]}
    assert "memoryGB" not in specs[1]["capabilities"]


def test_equal_partitions_of_whole_nodes_have_no_speed_either() -> None:
    (one,) = generated(nvidia("a", "NVIDIA-A100-SXM4-40GB-MIG-1g.5gb", memory="4864", version="8.0")).classes
    spec: Json = one["spec"]
    assert spec["family"] == "ampere"
    assert spec["capabilities"] == {"memoryGB": "4864Mi", "computeCapability": "8.0", "features": ["bf16"]}


def test_other_vendors_labels_are_read() -> None:
    amd = node("a", {"amd.com/gpu.product-name": "AMD_Instinct_MI300X_OAM", "amd.com/gpu.vram": "191G"}, amd__gpu=8)
    intel = node(
        "b",
        {
            "gpu.intel.com/product": "Max_1550",
            "gpu.intel.com/family": "Max_Series",
            "gpu.intel.com/memory.max": str(256 << 30),
            "gpu.intel.com/millicores": "2000",
        },
        **{"gpu.intel__i915": 2, "gpu.intel__millicores": 2000},
    )
    made = {one["metadata"]["name"]: one["spec"] for one in generated(amd, intel).classes}  # type: ignore[call-overload, index]
    specs: Json = made
    assert sorted(specs) == ["amd-instinct-mi300x-oam", "intel-max-1550"]
    assert specs["amd-instinct-mi300x-oam"]["capabilities"]["memoryGB"] == "192Gi"
    assert specs["amd-instinct-mi300x-oam"]["capabilities"]["features"] == ["infinity-fabric"]
    assert specs["intel-max-1550"]["capabilities"] == {"memoryGB": "128Gi"}
    assert specs["intel-max-1550"]["family"] == "max_series"
    assert specs["intel-max-1550"]["resources"] == [{"name": "gpu.intel.com/i915", "quantity": "1"}]


def test_accelerators_without_labels_are_told_of_and_make_no_class() -> None:
    made = generated(node("a", nvidia__gpu=8), node("b", google__tpu=4), node("c"))
    assert made.classes == ()
    assert made.notes == (
        "node a offers nvidia.com/gpu and has no label nvidia.com/gpu.product: install the vendor's feature discovery",
        "node b offers google.com/tpu and its vendor's labels are not known here: write the class by hand",
    )


def test_every_class_is_one_that_the_types_take_and_that_recognises_its_nodes() -> None:
    nodes = [
        nvidia(f"n{number}", f"NVIDIA-{product.upper()}", memory=str(int(known.memory * 1024 * 0.935)))
        for number, (product, known) in enumerate(sorted(PRODUCTS.items()))
    ]
    made = generated(*nodes)
    assert len(made.classes) == len(PRODUCTS)
    for one in made.classes:
        decoded = decode_as(AcceleratorClass, one)
        assert traits_of(decoded).findings == ()
        matching = [raw for raw in nodes if not recognition_of(decoded).refusal(view_node(raw))]
        assert [raw["metadata"]["labels"]["nvidia.com/gpu.product"] for raw in matching] == [decoded.spec.model]


def test_the_order_of_nodes_does_not_matter() -> None:
    nodes = [nvidia("a", "NVIDIA-H100-NVL"), nvidia("b", "NVIDIA-L4"), nvidia("c", "NVIDIA-X1"), node("d", amd__gpu=1)]
    assert generated(*nodes) == generated(*reversed(nodes))


@pytest.mark.parametrize(
    "label",
    ["NVIDIA-H100-80GB-HBM3", "H100-80GB-HBM3", "NVIDIA H100 80GB HBM3", "NVIDIA-H100-80GB-HBM3-SHARED"],
)
def test_a_product_is_known_by_the_spellings_of_several_releases(label: str) -> None:
    assert known_product(label) == PRODUCTS["h100-80gb-hbm3"]
    assert known_product("NVIDIA-H100") is None


def test_what_a_device_plugin_counts_is_what_the_table_describes() -> None:
    """A MI250X is two devices of 64 GB; of a data sheet's odd number with sparsity half is cut off."""
    assert known_product("AMD_Instinct_MI250X_OAM") == PRODUCTS["instinct-mi250x"]
    assert PRODUCTS["instinct-mi250x"].memory == PRODUCTS["instinct-mi210"].memory == 64
    assert PRODUCTS["h100-nvl"].int8 == 3341 // 2


def test_the_table_is_plausible() -> None:
    """More memory than a GiB, and each narrower type at least as fast: a slip of a column shows."""
    for product in PRODUCTS.values():
        assert 1 < product.memory < 1000
        assert 100 < product.bandwidth < 10_000
        speeds = [one for one in (product.fp32, product.fp16, product.int8, product.int4) if one is not None]
        assert speeds == sorted(speeds)
