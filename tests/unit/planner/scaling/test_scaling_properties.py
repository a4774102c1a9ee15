"""Whatever block the schema lets through is planned or refused with a next step."""

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.planner.scaling.scalers import scaled

Json = Any
texts = st.sampled_from(["", "5", "x", "sum(up", "{{.QueueLength}}", "{{.Nobody}}", "0 8 * * *", "Europe/Berlin", "%s"])
metadata = st.dictionaries(
    st.sampled_from(["query", "threshold", "serverAddress", "start", "end", "timezone", "desiredReplicas", "value"]),
    texts,
)
triggers = st.fixed_dictionaries(
    {"type": st.sampled_from(["prometheus", "cron", "cpu", "kafka", ""]), "metadata": metadata},
    optional={
        "name": st.sampled_from("ab"),
        "metricType": st.sampled_from(["Value", "AverageValue", "x"]),
        "useCachedMetrics": st.booleans(),
        "authenticationRef": st.fixed_dictionaries({"name": texts}, optional={"kind": texts}),
    },
)
targets = st.fixed_dictionaries(
    {}, optional={"type": texts, "averageUtilization": st.integers(-1, 101), "averageValue": texts | st.integers()}
)
metrics = st.fixed_dictionaries(
    {"type": st.sampled_from(["Resource", "Pods", "x"])},
    optional={name: st.fixed_dictionaries({"name": texts, "target": targets}) for name in ("resource", "pods")},
)
blocks = st.fixed_dictionaries(
    {"class": st.sampled_from(["HPA", "KEDA", "External", "None", "x"])},
    optional={
        "hpa": st.fixed_dictionaries(
            {}, optional={"metrics": st.lists(metrics, max_size=2), "behavior": st.dictionaries(texts, texts)}
        ),
        "keda": st.fixed_dictionaries(
            {},
            optional={
                "triggers": st.lists(triggers, max_size=2),
                "idleReplicaCount": st.integers(0, 2),
                "pollingInterval": st.integers(-1, 2),
                "fallback": st.fixed_dictionaries(
                    {"failureThreshold": st.integers(-1, 2), "replicas": st.integers(-1, 5)}
                ),
                "advanced": st.dictionaries(st.just("horizontalPodAutoscalerConfig"), texts),
            },
        ),
    },
)


@settings(max_examples=300, deadline=None)
@given(blocks, st.integers(0, 3))
def test_any_autoscaler_block_is_served_or_refused_with_a_next_step(block: Json, least: int) -> None:
    found = scaled({"minReplicas": least, "autoscaler": block})
    if found.problem is not None:
        assert found.problem.next_step
        assert not found.objects
        return
    scalers = [obj for obj in found.objects if obj["kind"] in ("HorizontalPodAutoscaler", "ScaledObject")]
    assert len(scalers) == (block["class"] in ("HPA", "KEDA"))
    assert b"{{." not in msgspec.json.encode(scalers)
    (deployment,) = (obj for obj in found.objects if obj["kind"] == "Deployment")
    assert ("replicas" in deployment["spec"]) == (block["class"] == "None")
    assert bool(found.initial_replicas) == (block["class"] != "None")
