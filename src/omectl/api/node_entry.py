"""A model's entry in a node's ConfigMap: how the agent tells the controller what it holds."""

from typing import Final, Literal, Self, cast

import msgspec
from pydantic import ValidationError

from omectl.api.facts import ModelFacts, NameVersion
from omectl.api.json import JsonObject
from omectl.api.wire import FROM_THE_WIRE, Flag, FreeForm, Int, Number, WireType

READY: Final = "Ready"
UPDATING: Final = "Updating"
FAILED: Final = "Failed"
DELETED: Final = "Deleted"
EntryStatus = Literal["Ready", "Updating", "Failed", "Deleted"]

_LARGEST: Final = 1 << 20


class NodeEntryError(ValueError):
    """A value in a node's ConfigMap is not a model's entry."""

    def __init__(self, field: str, found: str, wanted: str) -> None:
        self.field, self.found, self.wanted = field, found, wanted
        super().__init__(field, found, wanted)

    def __str__(self) -> str:
        where = f"{self.field} of the model's entry" if self.field else "the model's entry"
        return f"{where}: wanted {self.wanted}, found {self.found}; the node's agent must write it again"


class EntryArtifact(WireType):
    """OME's record of shared files."""

    sha: str | None = None
    parent_path: dict[str, str] | None = None
    children_paths: tuple[str, ...] | None = None


class EntryConfig(WireType):
    """OME's parsed model facts."""

    model_type: str | None = None
    model_architecture: str | None = None
    model_parameter_size: str | None = None
    quantization: str | None = None
    model_framework: NameVersion | None = None
    model_format: NameVersion | None = None
    max_tokens: Int | None = None
    model_capabilities: tuple[str, ...] | None = None
    api_capabilities: tuple[str, ...] | None = None
    decoded_model_configuration: FreeForm | None = None
    artifact: EntryArtifact | None = None


class EntryProgress(WireType):
    """How far a download is."""

    phase: str | None = None
    total_bytes: Int | None = None
    completed_bytes: Int | None = None
    total_files: Int | None = None
    completed_files: Int | None = None
    speed_bytes_per_sec: Number | None = None
    last_updated: str | None = None


class NodeEntry(WireType):
    """OME's fields, and ours: identity of the model, exact facts, and what went wrong with what to do next."""

    name: str
    status: EntryStatus
    config: EntryConfig | None = None
    progress: EntryProgress | None = None
    uid: str | None = None
    generation: Int | None = None
    facts: ModelFacts | None = None
    reason: str | None = None
    message: str | None = None
    next_step: str | None = None
    revision: str | None = None
    """Commit or digest of what lies on the node."""
    verified: Flag | None = None
    """Whether every file's digest was checked."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an entry from untrusted text. Raises: `NodeEntryError`, and nothing else."""
        if len(text) > _LARGEST:
            raise NodeEntryError("", f"{len(text)} characters", f"at most {_LARGEST}")
        try:
            raw: object = msgspec.json.decode(text.encode())
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise NodeEntryError("", f"no JSON ({str(error)[:120]})", "a JSON object") from None
        if not isinstance(raw, dict):
            raise NodeEntryError("", f"a JSON {type(raw).__name__}", "a JSON object")
        try:
            return cls.model_validate(cast("JsonObject", raw), context=FROM_THE_WIRE)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(str(part)[:60] for part in first["loc"])
            found = "nothing" if first["type"] == "missing" else f"{first['input']!r:.80}"
            raise NodeEntryError(field, found, first["msg"][:120]) from None

    def dump(self) -> str:
        """The entry as compact JSON with sorted keys: equal entries give equal text."""
        written = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return msgspec.json.encode(written, order="sorted").decode()
