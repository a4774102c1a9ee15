"""Which services a change of a runtime concerns, so that the others are not looked at again. No I/O."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from omectl.api.base_model import BaseModel, ClusterBaseModel
from omectl.api.codec import DecodeError, decode_as
from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey
from omectl.api.serving_runtime import ClusterServingRuntime, ServingRuntime
from omectl.api.settings import Settings
from omectl.informers import Lister, ObjectEvent
from omectl.planner.model import ModelView, view_model
from omectl.planner.selection.candidates import Runtime
from omectl.planner.selection.reach import chosen_alike, could_take
from omectl.reconcilers.service_references import (
    BY_MODEL,
    BY_PICK,
    BY_RUNTIME,
    WAITING,
    model_value,
    runtime_lookups,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeReach:
    """Reads the caches of services (with their indexes) and of models."""

    services: Lister
    models: Lister
    cluster_models: Lister
    settings: Callable[[], Settings]

    def concerned(self, event: ObjectEvent) -> list[ObjectKey]:
        """Services that name the runtime, and of those that leave the choice to us the ones it could change.

        These are the ones that have it, the ones that wait for a runtime (their status names the nearest), and the
        ones whose model the runtime takes, in its old version or its new one, unless no choice sees the difference.
        """
        named, free = (self.services.index_keys(BY_RUNTIME, value) for value in runtime_lookups(event.key))
        open_to_it = set(free)
        touched = {*self._picked(event.key.name), *self._picked(WAITING), *self._of_models(event)}
        return [*named, *sorted(touched & open_to_it)]

    def _picked(self, value: str) -> list[ObjectKey]:
        return self.services.index_keys(BY_PICK, value)

    def _of_models(self, event: ObjectEvent) -> Iterator[ObjectKey]:
        new, old = event.object(), event.old_object()
        if old is not None and chosen_alike(old.get("spec"), new.get("spec")):
            return
        versions = [runtime for raw in (new, old) if (runtime := _readable(event.key, raw))]
        for model, keys in self._models_in_use():
            if any(could_take(runtime, model) for runtime in versions):
                yield from keys

    def _models_in_use(self) -> Iterator[tuple[ModelView, list[ObjectKey]]]:
        settings = self.settings()
        for lister, cls in ((self.models, BaseModel), (self.cluster_models, ClusterBaseModel)):
            for key in lister.keys():  # noqa: SIM118 - a lister is no mapping
                services = self.services.index_keys(BY_MODEL, model_value(key))
                if not services:
                    continue
                try:
                    model = lister.decoded(cls, key)
                except DecodeError:
                    continue  # nothing is chosen for it, and its own change will wake its services
                if model is not None:
                    yield view_model(model, settings), services


def _readable(key: ObjectKey, raw: JsonObject | None) -> Runtime | None:
    """The runtime, or None for one that cannot be read and so is chosen for nobody."""
    if raw is None:
        return None
    try:
        return decode_as(ServingRuntime if key.namespace else ClusterServingRuntime, raw)
    except DecodeError:
        return None
