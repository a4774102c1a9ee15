"""Which nodes are of a class, and why the others are not."""

from __future__ import annotations

import pytest
from tests.unit.planner.accelerators.classes import accelerator_class
from tests.unit.planner.accelerators.cluster import Json, node

from omectl.planner.accelerators.nodes import view_node, what_classes_read
from omectl.planner.accelerators.recognition import Recognition, recognition_of

H100 = {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}
GPU = [{"name": "nvidia.com/gpu"}]


def of(*, discovery: Json = None, resources: Json = None, memory: Json = None) -> Recognition:
    capabilities = {"memoryGB": memory} if memory is not None else {}
    one = accelerator_class("x", discovery=discovery or {}, resources=resources, capabilities=capabilities)
    return recognition_of(one)


def required(*expressions: Json) -> Json:
    terms = [{"matchExpressions": [expression]} for expression in expressions]
    selector = {"nodeSelectorTerms": terms}
    return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": selector}}}


DRIVER = {"key": "driver", "operator": "Gt", "values": ["550"]}


@pytest.mark.parametrize(
    ("asked", "labels", "offers", "refusal"),
    [
        ({"discovery": {"nodeSelector": H100}}, H100, {}, ""),
        ({"discovery": {"nodeSelector": H100}}, {}, {}, "the node has no label nvidia.com/gpu.product"),
        ({"discovery": {"nodeSelector": {"a": "1"}}}, {"a": "2"}, {}, "wants a=1, the node has a=2"),
        ({"discovery": required(DRIVER)}, {"driver": "560"}, {}, ""),
        ({"discovery": required(DRIVER)}, {"driver": "550"}, {}, "no required term of discovery.affinity"),
        (
            {"discovery": {"nodeSelector": H100, **required(DRIVER)}},
            {**H100, "driver": "535"},
            {},
            "no required term of discovery.affinity",
        ),
        ({"discovery": required(DRIVER, {"key": "new", "operator": "Exists"})}, {"new": ""}, {}, ""),
        ({"resources": GPU}, {}, {"nvidia__gpu": 8}, ""),
        ({"resources": GPU}, {}, {}, "the node offers no nvidia.com/gpu"),
        ({"resources": GPU}, {}, {"nvidia__gpu": 0}, "the node offers no nvidia.com/gpu"),
        ({"discovery": {"nodeSelector": H100}, "resources": GPU}, H100, {"amd__gpu": 8}, "offers no nvidia.com/gpu"),
    ],
)
def test_labels_and_affinity_and_resource_must_all_agree(asked: Json, labels: Json, offers: Json, refusal: str) -> None:
    """D 11, Q30: the affinity recognises too."""
    found = of(**asked).refusal(view_node(node("n", labels, **offers)))
    assert refusal in found
    assert bool(refusal) is bool(found)


def test_a_class_that_states_nothing_matches_no_node_and_says_so() -> None:
    """Q29, D 11: in the reference it matches every node."""
    empty = of(discovery={"nodeSelector": {}, "affinity": {"podAffinity": {"required": []}}, "deviceIDs": [" "]})
    assert empty.refusal(view_node(node("n", nvidia__gpu=8)))
    (finding,) = empty.findings
    assert (finding.code, finding.field) == ("NothingToRecognise", "spec.discovery")
    assert str(finding).endswith("found none; it matches no node")


class TestMemory:
    """Q28, D 11: the memory of the accelerators is asked, not the node's."""

    @pytest.mark.parametrize(
        ("labels", "told"),
        [
            ({"nvidia.com/gpu.memory": "81559"}, True),
            ({"nvidia.com/gpu.memory": "40960"}, False),
            ({"nvidia.com/gpu.memory": "73728"}, True),
            ({"nvidia.com/gpu.memory": "73727"}, False),
            ({"amd.com/gpu.vram": "191G"}, True),
            ({"amd.com/gpu.vram": "64G"}, False),
            ({"beta.amd.com/gpu.vram": "65536M"}, False),
            ({"gpu.intel.com/memory.max": "137438953472", "gpu.intel.com/millicores": "1000"}, True),
            ({"gpu.intel.com/memory.max": "137438953472", "gpu.intel.com/millicores": "2000"}, False),
            ({"karpenter.k8s.aws/instance-gpu-memory": "24576"}, False),
            ({}, True),
        ],
    )
    def test_a_label_that_tells_less_than_the_class_refuses_the_node(self, labels: Json, told: bool) -> None:
        found = of(resources=GPU, memory="80Gi").refusal(view_node(node("n", labels, nvidia__gpu=8)))
        assert (found == "") is told

    def test_the_nodes_main_memory_is_never_asked(self) -> None:
        small = node("n", nvidia__gpu=8)
        small["status"]["capacity"]["memory"] = "1Gi"
        assert of(resources=GPU, memory="80Gi").refusal(view_node(small)) == ""

    def test_the_refusal_has_both_numbers(self) -> None:
        found = of(resources=GPU, memory="80Gi").refusal(
            view_node(node("n", {"nvidia.com/gpu.memory": "23028"}, nvidia__gpu=1))
        )
        assert found == "capabilities.memoryGB wants 80Gi, label nvidia.com/gpu.memory tells 22.5Gi"

    @pytest.mark.parametrize("text", ["much", "-5", "0", ""])
    def test_a_label_that_lies_is_told_and_not_compared(self, text: str) -> None:
        seen = view_node(node("n", {"nvidia.com/gpu.memory": text}, nvidia__gpu=8))
        found = of(resources=GPU, memory="80Gi")
        assert found.refusal(seen) == ""
        finding = found.memory_finding(seen)
        assert finding is not None
        assert (finding.object, finding.field) == ("Node n", "label nvidia.com/gpu.memory")

    def test_a_device_count_of_0_is_no_division(self) -> None:
        labels = {"gpu.intel.com/memory.max": "100", "gpu.intel.com/millicores": "0"}
        assert of(resources=GPU, memory="80Gi").refusal(view_node(node("n", labels, nvidia__gpu=8))) == ""


@pytest.mark.parametrize(
    ("discovery", "labels", "matches"),
    [
        ({"pciVendorID": "10de"}, {"feature.node.kubernetes.io/pci-0302_10de.present": "true"}, True),
        ({"pciVendorID": "0x10DE"}, {"feature.node.kubernetes.io/pci-10de.present": "true"}, True),
        ({"pciVendorID": "10de"}, {"feature.node.kubernetes.io/pci-0302_1002.present": "true"}, False),
        ({"pciVendorID": "10de"}, {}, False),
        (
            {"pciVendorID": "10de", "deviceIDs": ["2330"]},
            {"feature.node.kubernetes.io/pci-0302_10de_2330.present": "true"},
            True,
        ),
        (
            {"pciVendorID": "10de", "deviceIDs": ["2330"]},
            {"feature.node.kubernetes.io/pci-0302_10de_20b5.present": "true"},
            False,
        ),
        ({"deviceIDs": ["0x740F"]}, {"amd.com/gpu.device-id": "740f"}, True),
        ({"pciVendorID": "1002", "deviceIDs": ["74a1"]}, {"amd.com/gpu.device-id": "740f"}, False),
        ({"pciVendorID": "8086"}, {"gpu.intel.com/device-id.0380-0bda.present": "true"}, True),
        ({"nodeSelector": {"a": "1"}, "pciVendorID": "10de"}, {"a": "1"}, True),
    ],
)
def test_pci_ids_are_looked_for_where_labels_tell_of_devices(discovery: Json, labels: Json, matches: bool) -> None:
    """D.1: the proposal's PCI ids; a node that nobody labels so is judged by the rest."""
    assert (of(discovery=discovery).refusal(view_node(node("n", labels))) == "") is matches


@pytest.mark.parametrize(
    ("resources", "offers", "count"),
    [
        (None, {"nvidia__gpu": 2, "nvidia__mig-1g.5gb": 4, "amd__gpu": 1, "gpu.intel__i915": 3}, 10),
        (None, {"gpu.intel__memory.max": 9, "gpu.intel__millicores": 2000, "gpu.intel__i915_monitoring": 1}, 0),
        (None, {"example__fpga": 4}, 0),
        (GPU, {"nvidia__gpu": 8, "amd__gpu": 4}, 8),
        ([{"name": "example.com/fpga"}], {"example__fpga": 4, "nvidia__gpu": 1}, 4),
        ([{"name": "nvidia.com/gpu"}, {"name": "rdma.com/hca"}], {"nvidia__gpu": 8, "rdma__hca": 16}, 8),
        ([{"name": "rdma.com/hca"}, {"name": "nvidia.com/gpu"}], {"nvidia__gpu": 8, "rdma__hca": 16}, 8),
        (
            [{"name": "nvidia.com/mig-1g.10gb"}, {"name": "nvidia.com/mig-2g.20gb"}],
            {"nvidia__mig-1g.10gb": 3, "nvidia__mig-2g.20gb": 2},
            5,
        ),
        ([{"name": "aliyun.com/gpu-mem", "quantity": "80"}], {"aliyun__gpu-mem": 170}, 2),
    ],
)
def test_accelerators_are_counted_whatever_the_resource_is_called(resources: Json, offers: Json, count: int) -> None:
    """D 26: by the class's own list, else by the names of whole and partitioned accelerators."""
    asked = of(discovery={"nodeSelector": {"a": "1"}}, resources=resources)
    assert asked.accelerators(view_node(node("n", **offers)).allocatable) == count


@pytest.mark.parametrize("quantity", ["0", "-1", "half", "500m"])
def test_a_quantity_that_is_no_count_is_told_and_taken_as_one(quantity: str) -> None:
    found = of(resources=[{"name": "nvidia.com/gpu", "quantity": quantity}])
    assert [(one.code, one.field) for one in found.findings] == [
        ("QuantityUnreadable", "spec.resources[nvidia.com/gpu].quantity")
    ]
    assert found.accelerators({"nvidia.com/gpu": 8}) == 8


class TestNodesThatLie:
    def test_what_is_no_number_counts_as_0(self) -> None:
        for value in ("lots", "-3", 1.5, None, [], "1500m"):
            seen = view_node(node("n", nvidia__gpu=value))
            assert seen.allocatable.get("nvidia.com/gpu", 0) == 0
            (finding,) = seen.findings
            assert (finding.code, finding.object) == ("NodeUnreadable", "Node n")

    def test_more_allocatable_than_there_is_counts_as_what_there_is(self) -> None:
        lying = node("n", nvidia__gpu=8)
        lying["status"]["capacity"]["nvidia.com/gpu"] = "4"
        seen = view_node(lying)
        assert seen.allocatable == {"nvidia.com/gpu": 4}
        assert "wanted at most the capacity of 4, found 8" in str(seen.findings[0])

    @pytest.mark.parametrize("status", [None, [], {"conditions": "yes"}, {"allocatable": [1]}])
    def test_a_status_of_another_shape_is_a_node_that_is_not_ready(self, status: Json) -> None:
        seen = view_node({"metadata": {"name": "n"}, "status": status})
        assert (seen.name, seen.usable, dict(seen.allocatable)) == ("n", False, {})


def test_a_node_in_the_cache_reads_as_the_node_itself_and_no_heartbeat_changes_it() -> None:
    whole = node("n", H100, nvidia__gpu=8, cordoned=True)
    kept = what_classes_read(whole)
    assert view_node(kept) == view_node(whole)
    assert what_classes_read(kept) == kept
    whole["status"]["conditions"][1]["lastHeartbeatTime"] = "2026-01-01T00:00:00Z"
    whole["status"]["images"] = [{"names": ["a"]}]
    whole["status"]["allocatable"]["memory"] = "1Ti"
    assert what_classes_read(whole) == kept
