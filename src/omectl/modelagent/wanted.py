"""What one model object asks of a node, taken from the object once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import msgspec

from omectl.api.base_model import BaseModel, ClusterBaseModel
from omectl.api.labels import RESERVE_MODEL_ARTIFACT, SKIP_CONFIG_PARSING, ModelKey
from omectl.api.storage import StorageSpec


@dataclass(frozen=True, slots=True)
class WantedModel:
    """A model as its object asks for it now."""

    key: ModelKey
    uid: str
    generation: int
    storage: StorageSpec
    deleting: bool
    reserved: bool
    """The files stay when the object goes."""
    skip_facts: bool

    @classmethod
    def of(cls, model: BaseModel | ClusterBaseModel) -> WantedModel:
        metadata = model.metadata
        return cls(
            key=ModelKey(model.resource_kind.kind, model.namespace, model.name),
            uid=metadata.uid,
            generation=metadata.generation,
            storage=model.spec.storage,
            deleting=metadata.deleting,
            reserved=metadata.labels.get(RESERVE_MODEL_ARTIFACT, "").lower() == "true",
            skip_facts=metadata.annotations.get(SKIP_CONFIG_PARSING) == "true",
        )

    @property
    def parameters(self) -> dict[str, str]:
        return dict(self.storage.parameters or {})

    @property
    def fingerprint(self) -> str:
        """Changes when other bytes or another place are asked for, and not when only the choice of nodes changes.

        A literal token is left out: it says who may read, not what is read.
        """
        parameters = {name: value for name, value in sorted(self.parameters.items()) if name != "token"}
        parts = [self.storage.storage_uri, self.storage.path or "", self.storage.key or "", parameters]
        return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:16]
