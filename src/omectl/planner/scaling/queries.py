"""Queries by name, in each engine's own metrics, and the placeholders of all queries.

Metric names: vLLM's and SGLang's documentation of production metrics, and DCGM exporter's. They carry the labels that
Prometheus gives them when it copies the pods' labels `ome.io/inferenceservice` and `component` and the namespace.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from omectl.planner.component import Component
from omectl.planner.dialects import SGLANG, VLLM
from omectl.planner.names import ENGINE, ROUTER, label_value
from omectl.planner.placeholders import Placeholders
from omectl.planner.scaling.bounds import Replicas
from omectl.planner.scaling.target import ScaleTarget, invalid

QUEUE_LENGTH: Final = "QueueLength"
CONCURRENCY: Final = "Concurrency"
GPU_UTILIZATION: Final = "GPUUtilization"

OF_METRIC: Final[Mapping[str, str]] = {
    "queueLength": QUEUE_LENGTH,
    "concurrency": CONCURRENCY,
    "rps": "RequestsPerSecond",
    "tps": "TokensPerSecond",
    "kvCacheUsage": "KVCacheUsage",
    "timeToFirstToken": "TimeToFirstToken",
    "gpuUtilization": GPU_UTILIZATION,
}
"""The query that a `scaleMetric` means."""


@dataclass(frozen=True, slots=True)
class Measure:
    """How a named query is compared: its threshold, and whether that is of the whole instead of one replica's share."""

    threshold: str
    of_the_whole: bool = False


MEASURES: Final[Mapping[str, Measure]] = {
    QUEUE_LENGTH: Measure("10"),
    CONCURRENCY: Measure("50"),
    "RequestsPerSecond": Measure("10"),
    "TokensPerSecond": Measure("1000"),
    "KVCacheUsage": Measure("0.8"),
    "TimeToFirstToken": Measure("2", of_the_whole=True),
    GPU_UTILIZATION: Measure("80", of_the_whole=True),
}
ROUTER_CONCURRENCY: Final = Measure("200")
"""A router only passes requests on: it bears many more of them than an engine."""

_VLLM: Final = {
    QUEUE_LENGTH: "sum(vllm:num_requests_waiting{%})",
    CONCURRENCY: "sum(vllm:num_requests_running{%}) + sum(vllm:num_requests_waiting{%})",
    "RequestsPerSecond": "sum(rate(vllm:request_success_total{%}[1m]))",
    "TokensPerSecond": "sum(rate(vllm:generation_tokens_total{%}[1m]))",
    "KVCacheUsage": 'sum(max by (pod) ({__name__=~"vllm:(kv|gpu)_cache_usage_perc",%}))',
    "TimeToFirstToken": (
        "histogram_quantile(0.95, sum by (le) (rate(vllm:time_to_first_token_seconds_bucket{%}[2m])))"
    ),
}
"""`vllm:gpu_cache_usage_perc` is what older releases call `vllm:kv_cache_usage_perc`; some have both."""
_SGLANG: Final = {
    QUEUE_LENGTH: "sum(sglang:num_queue_reqs{%})",
    CONCURRENCY: "sum(sglang:num_running_reqs{%}) + sum(sglang:num_queue_reqs{%})",
    "RequestsPerSecond": "sum(rate(sglang:num_requests_total{%}[1m]))",
    "TokensPerSecond": "sum(rate(sglang:generation_tokens_total{%}[1m]))",
    "KVCacheUsage": "sum(max by (pod) (sglang:token_usage{%}))",
    "TimeToFirstToken": (
        "histogram_quantile(0.95, sum by (le) (rate(sglang:time_to_first_token_seconds_bucket{%}[2m])))"
    ),
}
_FAMILIES: Final[Mapping[str, Mapping[str, str]]] = {VLLM.name: _VLLM, SGLANG.name: _SGLANG}


@dataclass(frozen=True, slots=True)
class Queries:
    """The queries and placeholders of one component. `family` is the name of the engine's dialect, "" for another."""

    component: Component
    target: ScaleTarget
    bounds: Replicas
    family: str

    @property
    def default(self) -> str:
        """The named query that holds without a word from anybody."""
        return CONCURRENCY if self.component.name == ROUTER else QUEUE_LENGTH

    def measure(self, name: str) -> Measure:
        """How a named query is compared."""
        if (self.component.name, name) == (ROUTER, CONCURRENCY):
            return ROUTER_CONCURRENCY
        return MEASURES[name]

    def named(self, name: str, where: str) -> str:
        """The query of that name. Raises `PlanRefused` when the engine's metrics are not known."""
        found = self._known().get(name)
        if found is None:
            message = f"an engine whose metrics are known ({', '.join(_FAMILIES)})"
            remedy = "write a query of your own: customPromQuery, or a trigger of autoscaler.keda"
            raise invalid(f"{where}: {{{{.{name}}}}}", message, "another one", remedy)
        return found

    def name_of(self, text: str) -> str:
        """The name of the query that the text consists of, "" when it is more or something else."""
        return next((name for name in MEASURES if "".join(text.split()) == f"{{{{.{name}}}}}"), "")

    def fill(self, text: str, where: str) -> str:
        """The text with its placeholders replaced. Raises `PlanRefused` for one that there is not."""
        values = self._values()
        for name in MEASURES:
            if f".{name}" in text and name not in values:
                self.named(name, where)
        places = Placeholders(values)
        unknown = places.unknown_in(text)
        if unknown:
            remedy = f"use one of {', '.join(f'{{{{.{name}}}}}' for name in sorted(values))}"
            raise invalid(where, "placeholders that there are", ", ".join(unknown), remedy)
        return places.fill_known(text)

    def is_of_the_engine(self, text: str) -> bool:
        """Whether the filled query reads the metrics of the component's own pods, of which there are none at zero."""
        return any(query in text for query in self._known().values())

    def _values(self) -> dict[str, str]:
        own = self.component.service
        return {
            "ISVCName": own.name,
            "Namespace": own.namespace,
            "Component": self.component.name,
            "TargetName": self.target.name,
            "MinReplicas": str(self.bounds.least),
            "MaxReplicas": str(self.bounds.most),
            "Selector": self._selector(self.component.name),
            **self._known(),
        }

    def _known(self) -> dict[str, str]:
        """The named queries that there are. A router is measured by what its engines have to do."""
        measured = ENGINE if self.component.name == ROUTER else self.component.name
        selector = self._selector(measured)
        found = {name: query.replace("%", selector) for name, query in _FAMILIES.get(self.family, {}).items()}
        if self.component.name != ROUTER:
            found[GPU_UTILIZATION] = self._gpu_utilization()
        return found

    def _selector(self, component: str) -> str:
        own = self.component.service
        service = label_value(own.name)
        return f'namespace="{own.namespace}",ome_io_inferenceservice="{service}",component="{component}"'

    def _gpu_utilization(self) -> str:
        """DCGM exporter tells of pods by name only, under `exported_` names unless the scrape honours its labels."""
        ends = "-[a-z0-9]+-[a-z0-9]{5}" if self.target.kind == "Deployment" else "(-[0-9]+)+"
        pods, namespace = f"{self.target.name}{ends}", self.component.service.namespace
        series = [
            f'DCGM_FI_DEV_GPU_UTIL{{{prefix}namespace="{namespace}",{prefix}pod=~"{pods}"}}'
            for prefix in ("exported_", "")
        ]
        return f"avg({' or '.join(series)})"
