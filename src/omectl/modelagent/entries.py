"""From what happened to a model on this node to its entry in the node's ConfigMap. Pure: equal states, equal text."""

from __future__ import annotations

from datetime import datetime

from omectl.api.facts import ModelFacts
from omectl.api.json import JsonObject
from omectl.api.model_size import format_model_size
from omectl.api.node_entry import (
    FAILED,
    READY,
    UPDATING,
    EntryArtifact,
    EntryConfig,
    EntryProgress,
    EntryStatus,
    NodeEntry,
)
from omectl.clock import format_time
from omectl.modelagent.problems import ModelError
from omectl.modelagent.transfer.state import Progress
from omectl.modelagent.wanted import WantedModel

SCANNING = "scanning"
DOWNLOADING = "downloading"
FINALIZING = "finalizing"


def ready_entry(
    model: WantedModel, facts: ModelFacts | None, revision: str | None, problem: ModelError | None
) -> NodeEntry:
    """The model is usable; `problem` says what of its facts could not be read."""
    return _entry(model, READY, facts, revision, problem=problem, verified=revision is not None)


def updating_entry(
    model: WantedModel,
    facts: ModelFacts | None,
    revision: str | None,
    progress: EntryProgress | None,
    problem: ModelError | None = None,
) -> NodeEntry:
    """The model is on its way, or waits for something that usually passes."""
    return _entry(model, UPDATING, facts, revision, progress=progress, problem=problem)


def failed_entry(model: WantedModel, facts: ModelFacts | None, revision: str | None, problem: ModelError) -> NodeEntry:
    """The model needs somebody to do something."""
    return _entry(model, FAILED, facts, revision, problem=problem)


def entry_progress(phase: str, progress: Progress | None, bytes_per_second: float, now: datetime) -> EntryProgress:
    """OME's shape of a progress; without `progress` only the phase and the time are known."""
    if progress is None:
        return EntryProgress(phase=phase, last_updated=format_time(now))
    return EntryProgress(
        phase=phase,
        total_bytes=progress.total_bytes,
        completed_bytes=progress.completed_bytes,
        total_files=progress.total_files,
        completed_files=progress.completed_files,
        speed_bytes_per_sec=round(bytes_per_second, 1),
        last_updated=format_time(now),
    )


def _entry(
    model: WantedModel,
    status: EntryStatus,
    facts: ModelFacts | None,
    revision: str | None,
    *,
    progress: EntryProgress | None = None,
    problem: ModelError | None = None,
    verified: bool = False,
) -> NodeEntry:
    known: dict[str, object] = {
        "name": model.key.name,
        "status": status,
        "uid": model.uid,
        "generation": model.generation,
        "config": _config(facts, revision),
        "progress": progress,
        "facts": facts,
        "revision": revision,
        "verified": verified or None,
    }
    if problem is not None:
        known |= {"reason": str(problem.reason), "message": problem.message, "next_step": problem.next_step}
    return NodeEntry.model_validate({name: value for name, value in known.items() if value is not None})


def _config(facts: ModelFacts | None, revision: str | None) -> EntryConfig | None:
    if facts is None:
        return None
    size = format_model_size(facts.parameter_count) if facts.parameter_count else None
    artifact = EntryArtifact(sha=revision or "")
    known: dict[str, object] = {
        "model_type": facts.model_type,
        "model_architecture": facts.architecture,
        "model_parameter_size": size,
        "quantization": facts.quantization,
        "model_framework": facts.framework,
        "model_format": facts.format,
        "max_tokens": facts.context_length,
        "model_capabilities": facts.capabilities,
        "api_capabilities": facts.api_capabilities,
        "decoded_model_configuration": _digest(facts, size),
        "artifact": artifact,
    }
    return EntryConfig.model_validate({name: value for name, value in known.items() if value})


def _digest(facts: ModelFacts, size: str | None) -> JsonObject:
    """OME's `modelConfiguration`: a digest of the model's configuration under fixed names."""
    capabilities = " ".join(facts.capabilities).upper()
    digest: JsonObject = {
        "model_type": facts.model_type,
        "architecture": facts.architecture,
        "context_length": facts.context_length,
        "parameter_count": size,
        "has_vision": "IMAGE" in capabilities or "VISION" in capabilities,
        "is_embedding": "EMBEDDING" in capabilities,
        "transformers_version": facts.framework.version if facts.framework else None,
        "torch_dtype": facts.dtype,
        "model_size_bytes": facts.size_bytes,
    }
    return {name: value for name, value in digest.items() if value is not None}
