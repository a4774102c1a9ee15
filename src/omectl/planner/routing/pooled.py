"""A route to a pool: what the pool consists of, and when requests may go to it instead of past it."""

from dataclasses import dataclass

from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject
from omectl.api.settings import InferencePoolSettings
from omectl.planner.inputs import LiveState
from omectl.planner.routing.backend import Backend
from omectl.planner.routing.endpoint_picker import endpoint_picker, picker_name, picker_warnings
from omectl.planner.routing.http_route import HTTP_ROUTE, leads_to
from omectl.planner.routing.inference_pool import INFERENCE_POOL, Picker, inference_pool, pool_backend
from omectl.planner.workloads.raw import read_deployment
from omectl.planner.workloads.workload import Workload


@dataclass(frozen=True, slots=True)
class Pooled:
    """The pool with what it needs; `backend` is None while a route that serves must not lead to it yet."""

    objects: tuple[JsonObject, ...] = ()
    backend: Backend | None = None
    warnings: tuple[str, ...] = ()


def behind_pool(
    service: InferenceService,
    workload: Workload,
    port: int,
    picker: Picker,
    settings: InferencePoolSettings,
    live: LiveState,
) -> Pooled:
    """The pool of the workload's pods at that port of theirs.

    Requests that reach the pods past the pool go on doing so until the pool and its picker are there.
    """
    pool = inference_pool(service, workload, port, picker, settings)
    made: tuple[JsonObject, ...] = ()
    warnings: tuple[str, ...] = ()
    if picker.made and settings.picker is not None:
        made = endpoint_picker(service, workload, picker, settings.picker)
        warnings = picker_warnings(workload)
    there = live.get(HTTP_ROUTE, service.name)
    if there is not None and leads_to(there) == "Service" and not _can_serve(service, picker, live):
        return Pooled((pool, *made), None, warnings)
    return Pooled((pool, *made), pool_backend(service), warnings)


def _can_serve(service: InferenceService, picker: Picker, live: LiveState) -> bool:
    """Whether the pool is there, and its picker answers where omectl makes it."""
    running = live.get("Deployment", picker_name(service))
    answers = not picker.made or (running is not None and read_deployment(running).available)
    return live.get(INFERENCE_POOL, service.name) is not None and answers
