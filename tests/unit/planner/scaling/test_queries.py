"""Named queries of each engine family, and placeholders."""

import re
from typing import Any

import pytest
from tests.unit.planner.scaling.pages import SGLANG_PAGE, VLLM_PAGE
from tests.unit.planner.scaling.scalers import SELECTOR, SGLANG, VLLM, keda, prometheus, refusal, scaled, trigger_of

from omectl.planner.scaling.promql import query_fault
from omectl.planner.scaling.queries import MEASURES, OF_METRIC

Json = Any
OTHER = {"name": "ome-container", "image": "tgi:1", "ports": [{"containerPort": 8080}]}
TOLD = {"annotations": {"ome.io/autoscalerClass": "keda"}}


@pytest.mark.parametrize("metric", sorted(OF_METRIC))
@pytest.mark.parametrize(("runner", "page"), [(VLLM, VLLM_PAGE), (SGLANG, SGLANG_PAGE)], ids=["vllm", "sglang"])
def test_scl_15_every_named_query_reads_what_the_engine_publishes(metric: str, runner: Json, page: str) -> None:
    query = trigger_of(scaled({"scaleMetric": metric, **TOLD}, runner=runner))["metadata"]["query"]
    assert query_fault(query) == ""
    read = set(re.findall(r"(?:vllm|sglang):\w+", query)) or {"DCGM_FI_DEV_GPU_UTIL"}
    published = {*re.findall(r"^[\w:]+", page, re.MULTILINE), "DCGM_FI_DEV_GPU_UTIL"}
    if "(kv|gpu)" in query:
        assert re.compile(re.findall(r'__name__=~"([^"]+)"', query)[0]).fullmatch("vllm:kv_cache_usage_perc")
    else:
        assert read <= published


@pytest.mark.parametrize(
    ("runner", "metric", "query", "threshold"),
    [
        (VLLM, None, f"sum(vllm:num_requests_waiting{{{SELECTOR}}})", "10"),
        (SGLANG, None, f"sum(sglang:num_queue_reqs{{{SELECTOR}}})", "10"),
        (VLLM, "tps", f"sum(rate(vllm:generation_tokens_total{{{SELECTOR}}}[1m]))", "1000"),
        (SGLANG, "kvCacheUsage", f"sum(max by (pod) (sglang:token_usage{{{SELECTOR}}}))", "0.8"),
        (
            VLLM,
            "kvCacheUsage",
            f'sum(max by (pod) ({{__name__=~"vllm:(kv|gpu)_cache_usage_perc",{SELECTOR}}}))',
            "0.8",
        ),
        (SGLANG, "rps", f"sum(rate(sglang:num_requests_total{{{SELECTOR}}}[1m]))", "10"),
        (
            VLLM,
            "concurrency",
            f"sum(vllm:num_requests_running{{{SELECTOR}}}) + sum(vllm:num_requests_waiting{{{SELECTOR}}})",
            "50",
        ),
    ],
)
def test_d_18_named_queries_find_the_components_own_pods(
    runner: Json, metric: str | None, query: str, threshold: str
) -> None:
    engine = {**TOLD, **({"scaleMetric": metric} if metric else {})}
    found = trigger_of(scaled(engine, runner=runner))
    assert found["metadata"] == {
        "query": query,
        "serverAddress": "http://prometheus-operated.monitoring.svc.cluster.local:9090",
        "threshold": threshold,
    }
    assert "metricType" not in found


@pytest.mark.parametrize(("metric", "threshold"), [("timeToFirstToken", "2"), ("gpuUtilization", "80")])
def test_what_is_no_sum_is_compared_as_a_whole(metric: str, threshold: str) -> None:
    found = trigger_of(scaled({"scaleMetric": metric, **TOLD}))
    assert (found["metricType"], found["metadata"]["threshold"]) == ("Value", threshold)


def test_gpus_are_found_by_the_names_of_the_pods() -> None:
    query = trigger_of(scaled({"scaleMetric": "gpuUtilization", **TOLD}))["metadata"]["query"]
    pods = re.compile(re.findall(r'exported_pod=~"([^"]+)"', query)[0])
    assert pods.fullmatch("svc-engine-5d9c7b8f4-x2x4z")
    assert not pods.fullmatch("svc-engine-b-engine-5d9c7b8f4-x2x4z")
    assert 'DCGM_FI_DEV_GPU_UTIL{namespace="team",pod=~' in query


def test_a_router_is_scaled_on_what_its_engines_have_to_do() -> None:
    found = trigger_of(scaled(router=TOLD), "router")["metadata"]
    assert found["query"].count('component="engine"') == 2
    assert "vllm:num_requests_running" in found["query"]
    assert found["threshold"] == "200"


def test_an_engine_whose_metrics_nobody_knows_needs_a_query() -> None:
    told = refusal(scaled(TOLD, runner=OTHER))
    assert "an engine whose metrics are known (vllm, sglang), found another one; write a query of your own" in told


def test_sglang_that_publishes_nothing_is_warned_of() -> None:
    silent = {**SGLANG, "args": []}
    assert "publishes only with --enable-metrics" in scaled(TOLD, runner=silent).explanation.warnings[-1]
    assert not scaled(TOLD, runner=SGLANG).explanation.warnings
    assert not scaled(keda(prometheus()), runner=silent).explanation.warnings


def test_all_placeholders_are_replaced_in_every_text_of_a_trigger() -> None:
    names = ["ISVCName", "Namespace", "Component", "TargetName", "MinReplicas", "MaxReplicas", "Selector"]
    query = " ".join(f"{{{{.{name}}}}}" for name in names)
    found = trigger_of(scaled(keda(prometheus(query, metadata={"namespace": "{{ .Namespace }}"}))))["metadata"]
    assert found["query"] == f"svc team engine svc-engine 1 3 {SELECTOR}"
    assert found["namespace"] == "team"


def test_a_placeholder_may_stand_inside_the_braces_of_a_selector() -> None:
    found = trigger_of(scaled(keda(prometheus("sum(x{{{.Selector}}})"))))
    assert found["metadata"]["query"] == f"sum(x{{{SELECTOR}}})"


@pytest.mark.parametrize("name", sorted(MEASURES))
def test_a_named_query_brings_its_threshold_unless_one_is_stated(name: str) -> None:
    bare, own = (trigger_of(scaled(keda(prometheus(f"{{{{ .{name} }}}}", given))))["metadata"] for given in (None, "7"))
    assert bare["threshold"] == MEASURES[name].threshold
    assert own["threshold"] == "7"
    assert bare["query"] == own["query"]


def test_a_named_query_may_be_a_part_of_another_which_needs_a_threshold() -> None:
    found = trigger_of(scaled(keda(prometheus("{{.QueueLength}} * 2", "3"))))["metadata"]
    assert found["query"] == f"sum(vllm:num_requests_waiting{{{SELECTOR}}}) * 2"
    assert "metadata.threshold: wanted a number above 0, found ''" in refusal(
        scaled(keda(prometheus("{{.QueueLength}} * 2", None)))
    )


@pytest.mark.parametrize(
    ("query", "runner", "told"),
    [
        ("{{.Secret}}", VLLM, "keda.triggers[0].metadata.query: wanted placeholders that there are, found {{.Secret}}"),
        ("{{.Secret}}", VLLM, "use one of {{.Component}}"),
        ('{{index .Labels "x"}}', VLLM, "wanted placeholders that there are"),
        ("{{.KVCacheUsage}}", OTHER, "{{.KVCacheUsage}}: wanted an engine whose metrics are known"),
    ],
)
def test_a_placeholder_that_there_is_not_is_refused_with_those_that_are(query: str, runner: Json, told: str) -> None:
    assert told in refusal(scaled(keda(prometheus(query)), runner=runner))


def test_a_long_service_name_is_selected_as_its_pods_are_labelled() -> None:
    name = "n" * 70
    found = scaled(TOLD, name=name)
    (scaler,) = (obj for obj in found.objects if obj["kind"] == "ScaledObject")
    (deployment,) = (obj for obj in found.objects if obj["kind"] == "Deployment")
    label = deployment["spec"]["template"]["metadata"]["labels"]["ome.io/inferenceservice"]
    assert f'ome_io_inferenceservice="{label}"' in scaler["spec"]["triggers"][0]["metadata"]["query"]
