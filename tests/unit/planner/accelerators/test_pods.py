"""What a pod takes: Kubernetes' rule of the effective request."""

from __future__ import annotations

import pytest
from tests.unit.planner.accelerators.cluster import Json, container, pod

from omectl.planner.accelerators.pods import effective_request, view_pod, what_classes_read

GPU = "nvidia.com/gpu"


@pytest.mark.parametrize(
    ("containers", "init", "overhead", "taken"),
    [
        ([2], [], {}, 2),
        ([2, 3], [], {}, 5),
        ([2], [8], {}, 8),
        ([2], [1, 8, 3], {}, 8),
        ([8], [2], {}, 8),
        ([2], [("side", 1)], {}, 3),
        ([1], [("side", 1), 4], {}, 5),
        ([1], [4, ("side", 1)], {}, 4),
        ([4], [("side", 1), ("side", 2), 3], {}, 7),
        ([2], [8], {GPU: "1"}, 9),
        ([0], [], {}, 0),
    ],
)
def test_the_larger_of_starting_and_running_counts_and_overhead_on_top(
    containers: Json, init: Json, overhead: Json, taken: int
) -> None:
    spec: Json = {
        "containers": [container(count) for count in containers],
        "initContainers": [
            container(one[1], always=True) if isinstance(one, tuple) else container(one) for one in init
        ],
        "overhead": overhead,
    }
    assert dict(effective_request(spec)) == ({GPU: taken} if taken else {})


def test_requests_count_before_limits_and_only_whole_extended_resources() -> None:
    spec = {
        "containers": [
            container({GPU: "4", "cpu": "2", "amd.com/gpu": "1"}, requests={GPU: "2"}),
            container({"example.com/half": "500m", "gpu.intel.com/i915": 3, "amd.com/gpu": "-2"}),
        ]
    }
    assert dict(effective_request(spec)) == {GPU: 2, "amd.com/gpu": 1, "gpu.intel.com/i915": 3}


@pytest.mark.parametrize(
    ("on", "phase", "counts"),
    [
        ("n", "Running", True),
        ("n", "Pending", True),
        ("n", "Succeeded", False),
        ("n", "Failed", False),
        ("", "Pending", False),
    ],
)
def test_a_pod_counts_from_its_node_to_its_end(on: str, phase: str, counts: bool) -> None:
    found = view_pod(pod("p", on, container(2), phase=phase))
    assert (found.node, dict(found.requests)) == (("n", {GPU: 2}) if counts else ("", {}))


def test_a_pod_in_the_cache_reads_as_the_pod_itself_and_stays_as_it_is() -> None:
    whole = pod(
        "p", "n", container(1), container({"amd.com/gpu": 2}), initContainers=[container(4)], overhead={GPU: "1"}
    )
    kept = what_classes_read(whole)
    assert view_pod(kept) == view_pod(whole)
    assert what_classes_read(kept) == kept
    assert kept["spec"] == {
        "nodeName": "n",
        "containers": [{"resources": {"requests": {GPU: "5", "amd.com/gpu": "2"}}}],
    }
    assert "annotations" not in kept["metadata"]  # type: ignore[operator]
    idle = what_classes_read(pod("p", "n", container()))
    assert idle["spec"] == {"nodeName": "n", "containers": []}
