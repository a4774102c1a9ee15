"""What the agent remembers of a model on this disk: one small JSON file per model, beside the artifacts."""

from __future__ import annotations

import msgspec

from omectl.api.facts import ModelFacts
from omectl.api.labels import ModelKey, model_entry_key, shorten
from omectl.modelagent.problems import ModelError, Reason

_DIRECTORY_NAME_BYTES = 128


class PublishedFile(msgspec.Struct, frozen=True, rename="camel"):
    """A verified file as it was when it was published; size and time tell cheaply that it still is."""

    path: str
    size: int
    mtime_ns: int
    digest: str


class RecordedProblem(msgspec.Struct, frozen=True, rename="camel"):
    """What could not be learnt of the model's facts."""

    reason: str
    message: str
    next_step: str

    @classmethod
    def of(cls, problem: ModelError | None) -> RecordedProblem | None:
        return cls(str(problem.reason), problem.message, problem.next_step) if problem is not None else None

    def error(self) -> ModelError:
        return ModelError(Reason(self.reason), self.message, self.next_step)


class Previous(msgspec.Struct, frozen=True, rename="camel"):
    """An artifact that was replaced; pods may still read it until it is removed."""

    revision: str
    replaced_at: float
    """Seconds since the epoch."""


class ModelRecord(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A model on disk. `files` is None while the first transfer of this revision is under way."""

    kind: str
    name: str
    uid: str
    fingerprint: str
    revision: str
    path: str
    """Where the link lies, as the node names it."""
    namespace: str = ""
    reserved: bool = False
    files: tuple[PublishedFile, ...] | None = None
    facts: str | None = None
    """`ModelFacts` as JSON."""
    problem: RecordedProblem | None = None
    previous: tuple[Previous, ...] = ()

    @property
    def key(self) -> ModelKey:
        return ModelKey(self.kind, self.namespace, self.name)

    @property
    def model_facts(self) -> ModelFacts | None:
        return ModelFacts.model_validate_json(self.facts) if self.facts is not None else None


def directory_name(key: ModelKey) -> str:
    """The name of a model's directories; short enough for a component whatever the model is called."""
    return shorten(model_entry_key(key), _DIRECTORY_NAME_BYTES)


def decode_record(data: bytes) -> ModelRecord | None:
    """The record, or None when the file is damaged: the model is then looked at afresh."""
    try:
        return msgspec.json.decode(data, type=ModelRecord)
    except (msgspec.DecodeError, RecursionError):
        return None


def encode_record(record: ModelRecord) -> bytes:
    return msgspec.json.encode(record)
