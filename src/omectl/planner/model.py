"""What the planner knows of a model: its spec, and where the spec is silent the facts read from its files."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from omectl.api.base_model import BaseModel, ClusterBaseModel
from omectl.api.conditions import TRUE, find_condition
from omectl.api.facts import NameVersion, RecordedFacts
from omectl.api.labels import ModelKey, model_label_key
from omectl.api.model_size import format_model_size, parse_model_size
from omectl.api.model_spec import DiffusionPipelineSpec, ModelFormat, ModelFrameworkSpec
from omectl.api.model_status import ModelProgress
from omectl.api.settings import Settings
from omectl.api.wire import FROM_THE_WIRE
from omectl.planner.model_files import ModelFiles, files_of
from omectl.planner.weights import ServedWeight

_GIB: Final = 1024**3
_KILO: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)K", re.ASCII)


@dataclass(frozen=True, slots=True)
class NamedVersion:
    """A format or framework with its version, None when unknown."""

    name: str
    version: str | None = None

    def __str__(self) -> str:
        return f"{self.name} {self.version}" if self.version else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelView:
    """A model as selection and rendering see it.

    `size` is the exact parameter count, None when unknown; `size_text` how the spec or the facts write it, and
    `size_readable` is False when the spec's text is no size. `files` are what its pods mount.
    `settings` are the operator's, by which its pods are made; `annotations` the model's own, `weight` is what is served
    with it.
    """

    key: ModelKey
    model_type: str | None
    format: NamedVersion | None
    framework: NamedVersion | None
    architecture: str | None
    quantization: str | None
    pipeline: DiffusionPipelineSpec | None
    capabilities: tuple[str, ...]
    size: int | None
    size_text: str
    size_readable: bool
    files: ModelFiles
    settings: Settings
    annotations: Mapping[str, str]
    weight: ServedWeight | None
    revision: str
    ready: bool
    state: str
    """Why it is not ready, or "" when nothing is known."""
    progress: str = ""
    """How far its download is, in tenths, or "" when it does not move."""

    @property
    def name(self) -> str:
        return self.key.name

    @property
    def path(self) -> str:
        """Where its files lie in a pod; on the nodes too when they are there."""
        return self.files.path

    @property
    def in_words(self) -> str:
        """The model, and the weight that is served with it."""
        if self.weight is None:
            return str(self)
        how = f"{self.weight.strategy}, merged" if self.weight.merged else self.weight.strategy
        return f"{self} with FineTunedWeight {self.weight.name} ({how})"

    @property
    def label_key(self) -> str:
        """The node label whose value `Ready` says that the files are there."""
        return model_label_key(self.key)

    @property
    def facts_missing(self) -> tuple[str, ...]:
        """Names of the spec fields that selection would need and nobody has told yet."""
        known = {
            "modelFormat": self.format,
            "modelFramework": self.framework,
            "modelArchitecture": self.architecture,
        }
        return tuple(name for name, value in known.items() if value is None)

    def __str__(self) -> str:
        parts = [self.architecture, self.quantization, self.format, self.framework, self.size_text]
        told = ", ".join(str(part) for part in parts if part)
        return f"{self.name} ({told})" if told else self.name


def view_model(model: BaseModel | ClusterBaseModel, settings: Settings) -> ModelView:
    """The view of a model."""
    spec, status = model.spec, model.status
    facts = (status.facts if status is not None else None) or RecordedFacts()
    size, text, readable = _size(spec.model_parameter_size, facts.parameter_count)
    files = files_of(spec.storage, settings.models_root)
    condition = find_condition((status.conditions if status is not None else None) or (), "Ready")
    ready = condition.status == TRUE if condition is not None else status is not None and status.state == "Ready"
    return ModelView(
        key=ModelKey(model.resource_kind.kind, model.namespace, model.name),
        model_type=spec.model_type or facts.model_type,
        format=_named(spec.model_format, facts.format),
        framework=_named(spec.model_framework, facts.framework),
        architecture=spec.model_architecture or facts.architecture or None,
        quantization=spec.quantization or facts.quantization or None,
        pipeline=spec.diffusion_pipeline or _pipeline(facts),
        capabilities=spec.model_capabilities or facts.capabilities,
        size=size,
        size_text=text,
        size_readable=readable,
        files=files,
        settings=settings,
        annotations=model.metadata.annotations,
        weight=None,
        revision=facts.revision or "",
        ready=ready or not files.on_nodes,
        state=f"{condition.reason}: {condition.message}" if condition is not None and not ready else "",
        progress=download_in_words(status.progress if status is not None else None) if not ready else "",
    )


def download_in_words(progress: ModelProgress | None) -> str:
    """How much of a download is done, in tenths: what tells of it changes ten times and not with each report."""
    if progress is None or not progress.total_bytes:
        return ""
    share = min((progress.completed_bytes or 0) * 10 // progress.total_bytes, 10) * 10
    return f"{share} % of {progress.total_bytes / _GIB:.1f} GiB are there"


def read_size(text: str | None) -> int | None:
    """Parameters of `7.5B`, `350M`, `500K` or a number; None when the text is none of these."""
    if text is None:
        return None
    # OME's agent writes K for small models, and OME's selector cannot read it.
    kilo = _KILO.fullmatch(text[:40])
    if kilo is not None:
        return round(float(kilo[1]) * 1000)
    return parse_model_size(text) or None


def _size(text: str | None, counted: int | None) -> tuple[int | None, str, bool]:
    written = read_size(text)
    if written is not None:
        return written, text or "", True
    if counted:
        return counted, format_model_size(counted), True
    return None, text or "", not text


def _named(given: ModelFormat | ModelFrameworkSpec | None, found: NameVersion | None) -> NamedVersion | None:
    if given is None or not given.name:
        return NamedVersion(found.name, found.version or None) if found is not None and found.name else None
    if given.version is None and found is not None and found.name == given.name:
        return NamedVersion(given.name, found.version or None)
    return NamedVersion(given.name, given.version)


def _pipeline(facts: RecordedFacts) -> DiffusionPipelineSpec | None:
    if not facts.diffusion_pipeline:
        return None
    return DiffusionPipelineSpec.model_validate(facts.diffusion_pipeline, context=FROM_THE_WIRE)
