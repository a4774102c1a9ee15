"""Scout: follows models and the own Node, and says which models need a look. It decides nothing and does nothing.

Every event that can change what should be on this disk puts the model's key into the work queue, and tells Gopher at
once, so that a running transfer for something no longer wanted is stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from omectl.api.base_model import BaseModel, ClusterBaseModel
from omectl.api.codec import DecodeError
from omectl.api.kinds import BASE_MODELS, CLUSTER_BASE_MODELS
from omectl.api.labels import MODEL_LABEL_PREFIX, ModelKey
from omectl.api.matching import NodeFacts
from omectl.api.resource import ObjectKey
from omectl.informers import EventType, Header, Informer, ObjectEvent
from omectl.modelagent.wanted import WantedModel
from omectl.workqueue import LOW_PRIORITY, PriorityQueue

URGENT = 10
"""For removals: they are quick, and somebody waits for the space or for a finalizer."""

_log = structlog.stdlib.get_logger(__name__)


class Scout:
    """Reads the caches of the models and of the own Node."""

    def __init__(
        self,
        node_name: str,
        informers: Mapping[str, Informer],
        node: Informer,
        queue: PriorityQueue[ModelKey],
        on_change: Callable[[ModelKey], None],
    ) -> None:
        """`informers` by kind: BaseModel and ClusterBaseModel."""
        self._node_name = node_name
        self._informers = informers
        self._node = node
        self._queue = queue
        self._on_change = on_change
        for informer in informers.values():
            informer.add_handler(self._on_model, name="scout")
        node.add_handler(self._on_node, name="scout")

    def is_complete(self, kind: str) -> bool:
        """Whether every model of the kind is known: only then does a missing one mean a deleted one.

        Each kind for itself: the cluster may serve only one of them.
        """
        return self._informers[kind].has_synced

    def keys(self) -> set[ModelKey]:
        """Every model in the cluster."""
        return {
            ModelKey(kind, key.namespace, key.name)
            for kind, informer in self._informers.items()
            for key in informer.lister.keys()  # noqa: SIM118 - a lister is no mapping
        }

    def wanted(self, key: ModelKey) -> WantedModel | None:
        """The model as it is asked for now; None when there is no such object (or it can't be understood)."""
        lister = self._informers[key.kind].lister
        wanted_type = ClusterBaseModel if key.kind == CLUSTER_BASE_MODELS.kind else BaseModel
        try:
            model = lister.decoded(wanted_type, ObjectKey(key.namespace, key.name))
        except DecodeError as error:
            _log.error("model_not_understood", model=str(key), error=str(error))
            return None
        return WantedModel.of(model) if model is not None else None

    def exists(self, key: ModelKey) -> bool:
        return self._informers[key.kind].lister.header(ObjectKey(key.namespace, key.name)) is not None

    def node(self) -> NodeFacts | None:
        """This node's name and labels."""
        header = self._node.lister.header(ObjectKey("", self._node_name))
        return NodeFacts(header.name, header.labels) if header is not None else None

    def _on_model(self, event: ObjectEvent) -> None:
        key = _model_key(event)
        if (
            event.type is EventType.UPDATED
            and event.old_header is not None
            and not _differs(event.old_header, event.header)
        ):
            return
        going = event.type is EventType.DELETED or event.header.deleting
        self._queue.add(key, priority=URGENT if going else LOW_PRIORITY if event.initial else 0)
        self._on_change(key)

    def _on_node(self, event: ObjectEvent) -> None:
        old = event.old_header
        if event.type is EventType.UPDATED and old is not None and _foreign(old) == _foreign(event.header):
            return
        if event.type is EventType.DELETED:
            return  # nothing to hold models for, and nothing to say that files are not wanted any more
        for key in self.keys():
            self._queue.add(key)
            self._on_change(key)


def _model_key(event: ObjectEvent) -> ModelKey:
    kind = BASE_MODELS.kind if event.key.namespace else CLUSTER_BASE_MODELS.kind
    return ModelKey(kind, event.key.namespace, event.key.name)


def _differs(old: Header, new: Header) -> bool:
    """Whether more than the status changed."""
    return (old.uid, old.generation, old.deleting, old.labels) != (new.uid, new.generation, new.deleting, new.labels)


def _foreign(header: Header) -> dict[str, str]:
    """The labels that are not our own."""
    return {name: value for name, value in header.labels.items() if not name.startswith(MODEL_LABEL_PREFIX)}
