"""Models as objects, ready-made."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from omectl.api.base_model import BaseModel, ClusterBaseModel
from omectl.api.codec import decode_as
from omectl.api.json import JsonObject
from omectl.modelagent.wanted import WantedModel

MakeModel = Callable[..., WantedModel]


def make(
    uri: str = "hf://org/name", *, namespace: str = "", metadata: JsonObject | None = None, **storage: object
) -> WantedModel:
    """A model as its object says."""
    kind = BaseModel if namespace else ClusterBaseModel
    raw: JsonObject = {
        "apiVersion": "ome.io/v1beta1",
        "kind": kind.__name__,
        "metadata": {"name": "m", "uid": "uid-1", "generation": 3, "namespace": namespace, **(metadata or {})},
        "spec": {"storage": {"storageUri": uri, **storage}},  # type: ignore[dict-item]
    }
    return WantedModel.of(decode_as(kind, raw))


@pytest.fixture
def make_model() -> MakeModel:
    return make
