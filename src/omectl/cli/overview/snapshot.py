"""Rows of the overview, computed from plain API objects as a list or a cache returns them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from omectl.api.document import as_list, as_object, as_objects, as_text, at, text_values
from omectl.api.json import JsonObject, JsonValue
from omectl.api.labels import CHOSEN_MODE, parse_entry_key
from omectl.api.node_entry import NodeEntry, NodeEntryError


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeModelRow:
    """One model's files on one node. Bytes are counts, the rate is bytes per second."""

    model: str
    state: str
    completed_bytes: int | None
    total_bytes: int | None
    rate: float | None
    verified: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRow:
    name: str
    ready: bool
    gpus: str
    models: tuple[NodeModelRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    key: str
    state: str
    architecture: str
    parameters: str
    nodes_ready: int
    nodes_failed: int
    completed_bytes: int
    total_bytes: int
    rate: float
    verified: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRow:
    key: str
    model: str
    runtime: str
    mode: str
    ready: str
    url: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    nodes: tuple[NodeRow, ...]
    models: tuple[ModelRow, ...]
    services: tuple[ServiceRow, ...]

    @property
    def all_ready(self) -> bool:
        """Every model and every service there is, and at least one of each, is Ready."""
        models = bool(self.models) and all(row.state == "Ready" for row in self.models)
        return models and bool(self.services) and all(row.ready == "True" for row in self.services)


def take_snapshot(
    *,
    nodes: Iterable[JsonObject],
    node_configmaps: Iterable[JsonObject],
    models: Iterable[JsonObject],
    services: Iterable[JsonObject],
) -> Snapshot:
    """The overview of these objects, sorted by name. Entries that cannot be read are shown as such, never dropped."""
    by_node = {_name(configmap): tuple(_node_models(configmap)) for configmap in node_configmaps}
    node_rows = tuple(_node_row(node, by_node.get(_name(node), ())) for node in sorted(nodes, key=_name))
    per_model: dict[str, list[NodeModelRow]] = {}
    for row in node_rows:
        for held in row.models:
            per_model.setdefault(held.model, []).append(held)
    model_rows = [_model_row(model, per_model.get(_key(model), [])) for model in models]
    service_rows = [_service_row(service) for service in services]
    return Snapshot(
        nodes=node_rows,
        models=tuple(sorted(model_rows, key=lambda row: row.key)),
        services=tuple(sorted(service_rows, key=lambda row: row.key)),
    )


def _node_row(node: JsonObject, models: tuple[NodeModelRow, ...]) -> NodeRow:
    gpus = at(node, "status", "allocatable", "nvidia.com/gpu") or "0"
    return NodeRow(
        name=_name(node), ready=_condition(node, "Ready").get("status") == "True", gpus=str(gpus), models=models
    )


def _node_models(configmap: JsonObject) -> Iterable[NodeModelRow]:
    for entry_key, text in sorted(text_values(configmap.get("data")).items()):
        model = parse_entry_key(entry_key)
        if model is None:
            continue
        key = f"{model.namespace}/{model.name}" if model.namespace else model.name
        try:
            entry = NodeEntry.parse(text)
        except NodeEntryError as error:
            yield NodeModelRow(
                model=key,
                state="Unreadable",
                completed_bytes=None,
                total_bytes=None,
                rate=None,
                verified=False,
                reason=str(error),
            )
            continue
        progress = entry.progress
        size = entry.facts.size_bytes if entry.facts is not None else None
        done = entry.status == "Ready"
        yield NodeModelRow(
            model=f"{model.namespace}/{entry.name}" if model.namespace else entry.name,
            state=entry.status,
            completed_bytes=size if done else (progress.completed_bytes if progress else None),
            total_bytes=size if done else (progress.total_bytes if progress else size),
            rate=progress.speed_bytes_per_sec if progress and not done else None,
            verified=bool(entry.verified),
            reason=" ".join(part for part in (entry.message, entry.next_step) if part),
        )


def _model_row(model: JsonObject, held: list[NodeModelRow]) -> ModelRow:
    ready = _condition(model, "Ready")
    return ModelRow(
        key=_key(model),
        state=_text(model, "status", "state") or "Pending",
        architecture=_text(model, "spec", "modelArchitecture"),
        parameters=_text(model, "spec", "modelParameterSize"),
        nodes_ready=len(as_list(at(model, "status", "nodesReady"))),
        nodes_failed=len(as_list(at(model, "status", "nodesFailed"))),
        completed_bytes=sum(row.completed_bytes or 0 for row in held),
        total_bytes=sum(row.total_bytes or 0 for row in held),
        rate=sum(row.rate or 0.0 for row in held),
        verified=bool(held) and all(row.verified for row in held),
        reason="" if ready.get("status") == "True" else _reason(ready),
    )


def _service_row(service: JsonObject) -> ServiceRow:
    ready = _condition(service, "Ready")
    return ServiceRow(
        key=_key(service),
        model=_text(service, "spec", "model", "name"),
        runtime=_text(service, "status", "selection", "runtime", "name") or _text(service, "spec", "runtime", "name"),
        mode=_text(service, "status", "annotations", CHOSEN_MODE),
        ready=str(ready.get("status", "Unknown")),
        url=_text(service, "status", "url"),
        reason="" if ready.get("status") == "True" else _reason(ready),
    )


def _reason(condition: Mapping[str, JsonValue]) -> str:
    reason, message = condition.get("reason"), condition.get("message")
    return ": ".join(str(part) for part in (reason, message) if part)


def _condition(obj: JsonObject, kind: str) -> JsonObject:
    conditions = as_objects(at(obj, "status", "conditions"))
    return as_object(next((condition for condition in conditions if condition.get("type") == kind), None))


def _key(obj: JsonObject) -> str:
    namespace = _text(obj, "metadata", "namespace")
    return f"{namespace}/{_name(obj)}" if namespace else _name(obj)


def _name(obj: JsonObject) -> str:
    return _text(obj, "metadata", "name")


def _text(obj: JsonObject, *path: str) -> str:
    return as_text(at(obj, *path))
