"""What these tests read of a plan, and engines of both families."""

import json
from typing import Any

from tests.unit.planner.build import child, entry, made, runtime, service

from omectl.api.settings import Settings, parse_settings
from omectl.planner import Plan

Json = Any
PORTS = [{"containerPort": 8080}]
VLLM = {"name": "ome-container", "image": "e:1", "command": ["vllm", "serve"], "ports": PORTS}
SGLANG = {
    "name": "ome-container",
    "image": "e:1",
    "command": ["python3", "-m", "sglang.launch_server"],
    "args": ["--enable-metrics"],
    "ports": PORTS,
}
ROUTER = {"runner": {"name": "router", "image": "router:1", "ports": [{"name": "http", "containerPort": 9000}]}}
SELECTOR = 'namespace="team",ome_io_inferenceservice="svc",component="engine"'


def scaled(
    engine: Json = None,
    *,
    template: Json = None,
    runner: Json = None,
    live: Json = None,
    settings: Settings | None = None,
    **spec: Json,
) -> Plan:
    """The plan of a service whose runtime has a vLLM engine (or this runner) and a router."""
    config = {"runner": runner or VLLM, **(template or {})}
    taken = runtime("r", entry(), engineConfig=config, routerConfig=ROUTER)
    metadata = spec.pop("metadata", None)
    name = spec.pop("name", "svc")
    asked = service(name, metadata=metadata, engine=engine or {}, **spec)
    return made(asked, taken, live=live, settings=settings or Settings.defaults())


def with_settings(**keda: Json) -> Settings:
    """Settings whose `kedaConfig` has these fields."""
    return parse_settings({"kedaConfig": json.dumps(keda)})


def keda(*triggers: Json, **fields: Json) -> Json:
    """An `autoscaler` block of class KEDA."""
    return {"autoscaler": {"class": "KEDA", "keda": {"triggers": list(triggers), **fields}}}


def prometheus(query: str = "sum(up)", threshold: str | None = "5", **fields: Json) -> Json:
    """A trigger on a query."""
    given = {"query": query, **({"threshold": threshold} if threshold is not None else {})}
    return {"type": "prometheus", "metadata": {**given, **fields.pop("metadata", {})}, **fields}


def hpa_of(found: Plan, component: str = "engine") -> Json:
    return child(found, "HorizontalPodAutoscaler", f"svc-{component}")["spec"]


def scaled_object_of(found: Plan, component: str = "engine") -> Json:
    return child(found, "ScaledObject", f"scaledobject-svc-{component}")["spec"]


def trigger_of(found: Plan, component: str = "engine", place: int = 0) -> Json:
    return scaled_object_of(found, component)["triggers"][place]


def scalers_of(found: Plan) -> list[str]:
    return [str(obj["kind"]) for obj in found.objects if obj["kind"] in ("HorizontalPodAutoscaler", "ScaledObject")]


def refusal(found: Plan, reason: str = "InvalidSpec") -> str:
    """The message with the remedy of a refused plan."""
    assert found.problem is not None
    assert found.problem.reason == reason
    assert found.problem.next_step
    assert not found.objects
    return f"{found.problem.message}; {found.problem.next_step}"
