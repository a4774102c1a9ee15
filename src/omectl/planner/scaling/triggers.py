"""KEDA's triggers, from an `autoscaler` block or from the older settings and annotations."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from omectl.api import labels as keys
from omectl.api.autoscaler import KedaConfig, KedaTrigger, ScalerAuthenticationRef
from omectl.api.json import JsonObject, JsonValue
from omectl.api.settings import KedaSettings
from omectl.planner.component import Component
from omectl.planner.scaling.choice import keda_settings
from omectl.planner.scaling.hpa import utilization
from omectl.planner.scaling.promql import query_fault
from omectl.planner.scaling.queries import OF_METRIC, Queries
from omectl.planner.scaling.schedule import CRON, check_schedule
from omectl.planner.scaling.target import invalid

PROMETHEUS: Final = "prometheus"
RESOURCES: Final = ("cpu", "memory")
DEFAULT_ADDRESS: Final = "http://prometheus-operated.monitoring.svc.cluster.local:9090"
_DEFAULT_THRESHOLD: Final = "10"
_ADDRESS: Final = re.compile(r"https?://[^\s/]+(/\S*)?")
_METRIC_TYPES: Final = ("AverageValue", "Value", "Utilization")
_REFERENCES: Final = ("TriggerAuthentication", "ClusterTriggerAuthentication")
_OPERATOR_LOST: Final = (
    "scalingOperator has no effect, for KEDA has no such setting; write the comparison into the query"
)


@dataclass(frozen=True, slots=True)
class Triggers:
    """The triggers as KEDA reads them, which of them can wake a component that has no pods, and what to tell people."""

    rendered: tuple[JsonObject, ...]
    waking: bool
    warnings: tuple[str, ...] = ()


def stated_triggers(
    triggers: tuple[KedaTrigger, ...], queries: Queries, settings: KedaSettings, where: str
) -> Triggers:
    """The triggers of an `autoscaler` block. Raises `PlanRefused`."""
    if not triggers:
        raise invalid(where, "one trigger at least", "none", "add one, such as a prometheus trigger with a query")
    names: set[str] = set()
    rendered: list[JsonObject] = []
    waking = False
    for place, trigger in enumerate(triggers):
        field = f"{where}[{place}]"
        if trigger.name:
            if trigger.name in names:
                raise invalid(f"{field}.name", "a name of its own", trigger.name, "rename one of the two triggers")
            names.add(trigger.name)
        made, wakes = _stated(trigger, queries, settings, field)
        rendered.append(made)
        waking = waking or wakes
    return Triggers(tuple(rendered), waking)


def settled_triggers(component: Component, queries: Queries, settings: KedaSettings) -> Triggers:
    """The one trigger that annotations, `kedaConfig`, `scaleMetric` and the operator's settings ask for.

    Raises `PlanRefused`.
    """
    levels = tuple(keda_settings(component))
    metric = component.scaling.scale_metric or ""
    annotations = component.annotations
    query = annotations.get(keys.KEDA_PROMETHEUS_QUERY) or _first(levels, "custom_prom_query")
    where = _query_field(component, query)
    if metric in RESOURCES and not query:
        value: JsonObject = {"value": str(utilization(component))}
        return Triggers(({"type": metric, "metricType": "Utilization", "metadata": value},), waking=False)
    named, of_settings = "", False
    if not query and not metric and settings.custom_prom_query:
        query, where, of_settings = settings.custom_prom_query, "kedaConfig.customPromQuery of the settings", True
    if not query:
        named = OF_METRIC.get(metric, "") if metric else queries.default
        if not named:
            wanted = f"one of {', '.join((*RESOURCES, *OF_METRIC))}"
            raise invalid(component.origin("scaleMetric"), wanted, metric, "correct it")
        query = f"{{{{.{named}}}}}"
    threshold = annotations.get(keys.KEDA_THRESHOLD) or _first(levels, "scaling_threshold")
    if not threshold and named and component.scaling.scale_target:
        threshold = str(component.scaling.scale_target)
    if not threshold and of_settings:
        threshold = settings.scaling_threshold
    address = annotations.get(keys.KEDA_PROMETHEUS_ADDRESS) or _first(levels, "prom_server_address")
    metadata: dict[str, str] = {"query": query.replace("%s", component.object_name)}
    if address:
        metadata["serverAddress"] = address
    if threshold:
        metadata["threshold"] = threshold
    elif not named:
        metadata["threshold"] = _DEFAULT_THRESHOLD
    reference = next((one.authentication_ref for one in levels if one.authentication_ref is not None), None)
    modes = _first(levels, "auth_modes")
    if modes and reference is not None:
        metadata["authModes"] = modes
    trigger = KedaTrigger(type=PROMETHEUS, metadata=metadata, authentication_ref=reference)
    made, wakes = _stated(trigger, queries, settings, "", query_field=where)
    lost = annotations.get(keys.KEDA_OPERATOR) or _first(levels, "scaling_operator")
    warnings = (f"{component.name}: {_OPERATOR_LOST}",) if lost else ()
    return Triggers((made,), wakes, warnings)


def _stated(
    trigger: KedaTrigger, queries: Queries, settings: KedaSettings, where: str, *, query_field: str = ""
) -> tuple[JsonObject, bool]:
    """The trigger with all placeholders filled, and whether it can wake a component that has no pods."""
    given = dict(trigger.metadata or {})
    dot = f"{where}." if where else ""
    metadata_field = f"{dot}metadata"
    if not trigger.type:
        raise invalid(f"{dot}type", "a type of KEDA's, such as prometheus", "nothing", "set it")
    metric_type = trigger.metric_type or ""
    if metric_type and metric_type not in _METRIC_TYPES:
        raise invalid(f"{dot}metricType", f"one of {', '.join(_METRIC_TYPES)}", metric_type, "correct it")
    if trigger.use_cached_metrics and trigger.type in (*RESOURCES, CRON):
        raise invalid(f"{dot}useCachedMetrics", f"nothing for a {trigger.type} trigger", "true", "remove it")
    fields = {name: f"{metadata_field}.{name}" for name in given}
    if query_field:
        fields["query"] = query_field
    named = queries.name_of(given.get("query", "")) if trigger.type == PROMETHEUS else ""
    filled = {name: queries.fill(text, fields[name]) for name, text in given.items()}
    wakes = trigger.type not in RESOURCES
    if trigger.type == PROMETHEUS:
        if named:
            measure = queries.measure(named)
            filled.setdefault("threshold", measure.threshold)
            metric_type = metric_type or ("Value" if measure.of_the_whole else "")
        filled.setdefault("serverAddress", settings.prom_server_address or DEFAULT_ADDRESS)
        _check_prometheus(filled, fields, metadata_field)
        wakes = not queries.is_of_the_engine(filled["query"])
    elif trigger.type == CRON:
        check_schedule(filled, queries.bounds, metadata_field)
    elif trigger.type in RESOURCES:
        check_number(filled.get("value", ""), f"{metadata_field}.value")
    made: JsonObject = {"type": trigger.type, "metadata": dict[str, JsonValue](filled)}
    if trigger.name:
        made["name"] = trigger.name
    if metric_type:
        made["metricType"] = metric_type
    if trigger.use_cached_metrics:
        made["useCachedMetrics"] = True
    if trigger.authentication_ref is not None:
        made["authenticationRef"] = _reference(trigger.authentication_ref, f"{dot}authenticationRef")
    return made, wakes


def _check_prometheus(metadata: Mapping[str, str], fields: Mapping[str, str], where: str) -> None:
    query = metadata.get("query", "")
    fault = query_fault(query)
    if fault:
        raise invalid(
            fields.get("query", f"{where}.query"), "a PromQL query", f"{query!r:.200}, and {fault}", "correct it"
        )
    check_number(metadata.get("threshold", ""), f"{where}.threshold")
    if "activationThreshold" in metadata:
        check_number(metadata["activationThreshold"], f"{where}.activationThreshold", zero=True)
    address = metadata["serverAddress"]
    if not _ADDRESS.fullmatch(address):
        wanted = "the URL of a Prometheus, such as http://prometheus.monitoring:9090"
        raise invalid(f"{where}.serverAddress", wanted, repr(address), "correct it")


def check_number(text: str, where: str, *, zero: bool = False) -> None:
    """Refuse a text that is no number above 0, or with `zero` from 0 on. Raises `PlanRefused`."""
    try:
        number = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or number < 0 or (number == 0 and not zero):
        raise invalid(where, "a number" if zero else "a number above 0", repr(text), "correct it")


def _reference(reference: ScalerAuthenticationRef, where: str) -> JsonObject:
    if not reference.name:
        raise invalid(
            f"{where}.name", "the name of a TriggerAuthentication", "nothing", "set it, or remove the reference"
        )
    if reference.kind not in _REFERENCES:
        raise invalid(f"{where}.kind", " or ".join(_REFERENCES), reference.kind, "correct it")
    return {"kind": reference.kind, "name": reference.name}


def _first(levels: tuple[KedaConfig, ...], attribute: str) -> str:
    """The strongest level's word."""
    values = (getattr(one, attribute) for one in levels)
    return next((value for value in values if isinstance(value, str) and value), "")


def _query_field(component: Component, query: str) -> str:
    if component.annotations.get(keys.KEDA_PROMETHEUS_QUERY):
        return f"annotation {keys.KEDA_PROMETHEUS_QUERY}"
    return f"kedaConfig.customPromQuery of the {component.name}" if query else component.origin("scaleMetric")
