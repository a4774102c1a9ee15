"""The ScaledObject."""

from typing import Any

import pytest
from tests.unit.planner.build import child
from tests.unit.planner.scaling.scalers import (
    SELECTOR,
    keda,
    prometheus,
    refusal,
    scaled,
    scaled_object_of,
    trigger_of,
    with_settings,
)

Json = Any
TOLD = {"annotations": {"ome.io/autoscalerClass": "keda"}}
CPU = {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "70"}}
OUTSIDE = prometheus("sum(gateway_queue)")


def legacy(annotations: Json = None, **config: Json) -> Json:
    return {"annotations": {**TOLD["annotations"], **(annotations or {})}, "kedaConfig": config}


def test_the_scaled_object_aims_at_the_workload_within_the_bounds() -> None:
    found = scaled({"minReplicas": 2, "maxReplicas": 6, **keda(prometheus())})
    assert scaled_object_of(found) == {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "svc-engine"},
        "minReplicaCount": 2,
        "maxReplicaCount": 6,
        "triggers": [
            {
                "type": "prometheus",
                "metadata": {
                    "query": "sum(up)",
                    "threshold": "5",
                    "serverAddress": "http://prometheus-operated.monitoring.svc.cluster.local:9090",
                },
            }
        ],
    }


def test_it_has_the_components_labels_without_those_of_queues() -> None:
    metadata = {
        "annotations": {"ome.io/volcano-queue": "q", "autoscaling.keda.sh/paused": "true"},
        "labels": {"a": "b"},
    }
    found = child(scaled(keda(prometheus()), metadata=metadata), "ScaledObject")["metadata"]
    assert found["labels"].keys() & {"app", "volcano.sh/queue-name"} == set()
    assert {"a": "b", "component": "engine", "ome.io/inferenceservice": "svc"}.items() <= found["labels"].items()
    assert found["annotations"]["autoscaling.keda.sh/paused"] == "true"


def test_several_triggers_and_all_settings_pass() -> None:
    reference = {"name": "auth", "kind": "ClusterTriggerAuthentication"}
    kafka = {"type": "kafka", "name": "lag", "metadata": {"topic": "{{.ISVCName}}"}, "useCachedMetrics": True}
    other = prometheus(name="load", metricType="Value", authenticationRef=reference)
    more = {
        "pollingInterval": 15,
        "cooldownPeriod": 0,
        "initialCooldownPeriod": 60,
        "idleReplicaCount": 0,
        "fallback": {"failureThreshold": 3, "replicas": 2, "behavior": "currentReplicasIfHigher"},
        "advanced": {"scalingModifiers": {"formula": "load + lag", "target": "2"}},
    }
    spec = scaled_object_of(scaled(keda(kafka, other, CPU, **more)))
    assert {name: spec[name] for name in more} == more
    assert spec["triggers"][0] == {**kafka, "metadata": {"topic": "svc"}}
    assert (spec["triggers"][1]["authenticationRef"], spec["triggers"][1]["metricType"]) == (reference, "Value")
    assert spec["triggers"][2] == CPU


def test_a_long_name_fits_and_keda_gets_a_short_one_for_what_it_makes() -> None:
    engine = keda(prometheus(), advanced={"horizontalPodAutoscalerConfig": {"behavior": {"scaleUp": {}}}})
    (first,), (second,) = (
        [obj for obj in scaled(engine, name=start + "x" * 55).objects if obj["kind"] == "ScaledObject"]
        for start in ("a", "b")
    )
    names = [obj["metadata"]["name"] for obj in (first, second)]
    assert len(set(names)) == 2
    for obj in (first, second):
        config = obj["spec"]["advanced"]["horizontalPodAutoscalerConfig"]
        assert len(obj["metadata"]["name"]) == 63
        assert obj["metadata"]["name"].startswith("scaledobject-")
        assert config["name"].startswith("keda-")
        assert len(config["name"]) <= 63
        assert config["behavior"] == {"scaleUp": {}}


@pytest.mark.parametrize(("length", "named"), [(34, False), (35, True)])
def test_the_short_name_comes_when_kedas_own_would_pass_63_characters(length: int, named: bool) -> None:
    found = scaled(keda(prometheus()), name="n" * length)
    (made,) = (obj for obj in found.objects if obj["kind"] == "ScaledObject")
    own = f"keda-hpa-{made['metadata']['name']}"
    assert (len(own) > 63) is named
    assert ("advanced" in made["spec"]) is named


def test_a_name_that_was_stated_for_it_stays() -> None:
    engine = keda(prometheus(), advanced={"horizontalPodAutoscalerConfig": {"name": "mine"}})
    (made,) = (obj for obj in scaled(engine, name="n" * 60).objects if obj["kind"] == "ScaledObject")
    assert made["spec"]["advanced"] == {"horizontalPodAutoscalerConfig": {"name": "mine"}}


def test_the_settings_of_the_component_come_before_the_services_and_the_operators() -> None:
    """D19, SCL-3."""
    found = scaled(
        legacy(customPromQuery="own"),
        kedaConfig={"customPromQuery": "theirs", "scalingThreshold": "7"},
        template={"kedaConfig": {"promServerAddress": "http://runtime:1", "scalingThreshold": "9"}},
        settings=with_settings(promServerAddress="http://settings:1", customPromQuery="s", scalingThreshold="8"),
    )
    wanted = {"query": "own", "threshold": "7", "serverAddress": "http://runtime:1"}
    assert trigger_of(found)["metadata"] == wanted


def test_annotations_come_before_all_settings() -> None:
    annotations = {
        "autoscaling.keda.sh/prometheus.query": "sum(up) > 5%",
        "autoscaling.keda.sh/prometheus.serverAddress": "https://p:9",
        "autoscaling.keda.sh/threshold": "3.5",
    }
    config = {"customPromQuery": "x", "promServerAddress": "http://x", "scalingThreshold": "1"}
    wanted = {"query": "sum(up) > 5%", "serverAddress": "https://p:9", "threshold": "3.5"}
    assert trigger_of(scaled(legacy(annotations, **config)))["metadata"] == wanted


def test_the_operators_query_is_a_default_with_its_own_threshold() -> None:
    settings = with_settings(customPromQuery="sum(x)", scalingThreshold="4", promServerAddress="http://s:1")
    wanted = {"query": "sum(x)", "threshold": "4", "serverAddress": "http://s:1"}
    assert trigger_of(scaled(TOLD, settings=settings))["metadata"] == wanted
    named = trigger_of(scaled({**TOLD, "scaleMetric": "tps"}, settings=settings))["metadata"]
    assert (named["threshold"], "generation_tokens_total" in named["query"]) == ("1000", True)


def test_the_operators_threshold_alone_changes_no_named_query() -> None:
    """The shipped settings state 10, meant for OME's own query."""
    found = trigger_of(scaled({**TOLD, "scaleMetric": "kvCacheUsage"}, settings=with_settings(scalingThreshold="10")))
    assert found["metadata"]["threshold"] == "0.8"


def test_scl_4_the_operators_switch_is_none() -> None:
    """The shipped settings have it on, and no cluster of OME's has KEDA for that alone."""
    assert child(scaled(settings=with_settings(enableKeda=True)), "HorizontalPodAutoscaler")


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ('x{isvc="%s"}', 'x{isvc="svc-engine"}'),
        ("sum(up) % 5 > 10%", "sum(up) % 5 > 10%"),
        ("%d %v %%", "%d %v %%"),
        ("a_%s or b_%s", "a_svc-engine or b_svc-engine"),
        ("sum(y{{{.Selector}}})", f"sum(y{{{SELECTOR}}})"),
    ],
)
def test_d_19_a_query_is_changed_only_where_its_placeholders_are(query: str, wanted: str) -> None:
    found = trigger_of(scaled(legacy(customPromQuery=query)))["metadata"]
    assert (found["query"], found["threshold"]) == (wanted, "10")


def test_scl_5_an_operator_that_keda_does_not_know_is_left_out_and_told() -> None:
    found = scaled(legacy(customPromQuery="x", scalingOperator="LessThan"))
    assert "operator" not in trigger_of(found)["metadata"]
    assert "scalingOperator has no effect" in found.explanation.warnings[-1]
    annotated = scaled(legacy({"autoscaling.keda.sh/operator": "LessThan"}))
    assert "engine: scalingOperator has no effect" in annotated.explanation.warnings[-1]


def test_authentication_of_the_old_settings() -> None:
    found = trigger_of(scaled(legacy(customPromQuery="x", authModes="bearer", authenticationRef={"name": "a"})))
    assert found["authenticationRef"] == {"name": "a", "kind": "TriggerAuthentication"}
    assert found["metadata"]["authModes"] == "bearer"
    assert "authModes" not in trigger_of(scaled(legacy(customPromQuery="x", authModes="bearer")))["metadata"]


@pytest.mark.parametrize(("engine", "value"), [({"scaleMetric": "cpu"}, "80"), ({"scaleTarget": 50}, "50")])
def test_a_resource_may_be_kedas_metric_too(engine: Json, value: str) -> None:
    found = trigger_of(scaled({**TOLD, "scaleMetric": "memory", **engine}))
    kind = engine.get("scaleMetric", "memory")
    assert found == {"type": kind, "metricType": "Utilization", "metadata": {"value": value}}


def test_a_target_is_the_threshold_of_a_named_query() -> None:
    assert trigger_of(scaled({**TOLD, "scaleMetric": "tps", "scaleTarget": 300}))["metadata"]["threshold"] == "300"


@pytest.mark.parametrize(
    "engine",
    [
        {"minReplicas": 0, **keda(OUTSIDE)},
        {"minReplicas": 0, **keda(prometheus("{{.QueueLength}}"), OUTSIDE)},
        {"minReplicas": 0, **legacy(customPromQuery="sum(gateway_queue)")},
        keda(OUTSIDE, idleReplicaCount=0),
    ],
)
def test_scl_10_zero_replicas_where_something_outside_wakes_them(engine: Json) -> None:
    spec = scaled_object_of(scaled(engine))
    assert 0 in (spec["minReplicaCount"], spec.get("idleReplicaCount"))


@pytest.mark.parametrize(
    ("engine", "told"),
    [
        ({"minReplicas": 0, **keda(prometheus("{{.QueueLength}}"))}, "nothing would ever wake it; add a trigger"),
        ({"minReplicas": 0, **keda(CPU)}, "every trigger reads its own pods"),
        ({"minReplicas": 0, **TOLD}, "every trigger reads its own pods"),
        (keda(prometheus("{{.QueueLength}}"), idleReplicaCount=0), "every trigger reads its own pods"),
        ({"minReplicas": 2, **keda(OUTSIDE, idleReplicaCount=1)}, "idleReplicaCount: wanted 0"),
        ({"minReplicas": 0, **keda(OUTSIDE, idleReplicaCount=0)}, "minReplicas of 1 or more beside it"),
        (keda(prometheus("")), "triggers[0].metadata.query: wanted a PromQL query, found '', and it is empty"),
        (keda(prometheus("sum(up")), "( is not closed"),
        (legacy(customPromQuery="sum(up"), "kedaConfig.customPromQuery of the engine: wanted a PromQL query"),
        (legacy({"autoscaling.keda.sh/prometheus.query": "x}"}), "annotation autoscaling.keda.sh/prometheus.query"),
        (keda(prometheus(threshold="many")), "threshold: wanted a number above 0, found 'many'"),
        (keda(prometheus(threshold="0")), "threshold: wanted a number above 0, found '0'"),
        (keda(prometheus(threshold="-1")), "found '-1'"),
        (keda(prometheus(threshold="nan")), "found 'nan'"),
        (keda(prometheus(threshold="1_0")), "found '1_0'"),
        (keda(prometheus(metadata={"activationThreshold": "x"})), "activationThreshold: wanted a number, found 'x'"),
        (legacy(customPromQuery="x", scalingThreshold="ten"), "threshold: wanted a number above 0, found 'ten'"),
        (keda(prometheus(metadata={"serverAddress": "prom:9090"})), "serverAddress: wanted the URL of a Prometheus"),
        (keda(prometheus(name="a"), prometheus(name="a")), "triggers[1].name: wanted a name of its own, found a"),
        (keda({"type": "", "metadata": {}}), "triggers[0].type"),
        (keda({**CPU, "useCachedMetrics": True}), "useCachedMetrics: wanted nothing for a cpu trigger"),
        (keda({**CPU, "metadata": {}}), "metadata.value: wanted a number above 0"),
        (keda(prometheus(metricType="Sum")), "metricType: wanted one of AverageValue"),
        (keda(prometheus(authenticationRef={"name": ""})), "authenticationRef.name"),
        (keda(prometheus(authenticationRef={"name": "a", "kind": "Secret"})), "authenticationRef.kind"),
        (keda(prometheus(), fallback={"failureThreshold": 3, "replicas": 4}), "replicas from 0 to maxReplicas (3)"),
        (keda(prometheus(), fallback={"failureThreshold": -1, "replicas": 1}), "found -1 and 1"),
        (keda(prometheus(), fallback={"failureThreshold": 1, "replicas": 1, "behavior": "x"}), "fallback.behavior"),
        (
            keda(prometheus(), fallback={"failureThreshold": 1, "replicas": 1, "behavior": "scalingModifiers"}),
            "advanced.scalingModifiers.formula: wanted a formula",
        ),
        (keda(prometheus(), advanced={"scalingModifiers": {"target": "2"}}), "scalingModifiers.formula"),
        (
            keda(prometheus(), advanced={"scalingModifiers": {"formula": "a"}}),
            "scalingModifiers.target: wanted a number",
        ),
        (keda(CPU, fallback={"failureThreshold": 3, "replicas": 1}), "a trigger other than cpu and memory"),
        (keda(prometheus(), pollingInterval=0), "pollingInterval: wanted 1 seconds or more, found 0"),
        (keda(prometheus(), cooldownPeriod=-1), "cooldownPeriod: wanted 0 seconds or more, found -1"),
        ({**TOLD, "scaleMetric": "latency"}, "scaleMetric: wanted one of cpu, memory, queueLength"),
    ],
)
def test_what_keda_could_not_do_is_refused_by_its_path(engine: Json, told: str) -> None:
    assert told in refusal(scaled(engine))


def test_an_activation_threshold_may_be_zero() -> None:
    found = trigger_of(scaled(keda(prometheus(metadata={"activationThreshold": "0"}))))
    assert found["metadata"]["activationThreshold"] == "0"
