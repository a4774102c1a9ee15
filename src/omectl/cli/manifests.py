"""What commands plan from: the objects of files, of a cluster, or of both."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omectl.api.base_model import BaseModel, ClusterBaseModel
    from omectl.api.inference_service import InferenceService
    from omectl.api.json import JsonObject
    from omectl.api.object import Resource
    from omectl.api.resource import ObjectKey
    from omectl.api.settings import Settings
    from omectl.cli.cluster_objects import Unread
    from omectl.cli.model_facts import FactsSource
    from omectl.kube.client import Client
    from omectl.planner import PlanInputs
    from omectl.planner.inputs import LiveState


@dataclass(frozen=True, slots=True)
class Manifests:
    """Services, and the objects that a plan reads beside them; `settings` is None when nobody states them.

    `unread` is what of a cluster could not be read, `kept` are the revisions that keep pinned runtimes there.
    """

    services: "tuple[InferenceService, ...]"
    others: "tuple[Resource, ...]"
    settings: "Settings | None" = None
    unread: "tuple[Unread, ...]" = ()
    kept: "tuple[JsonObject, ...]" = ()

    def over(self, live: "Manifests") -> "Manifests":
        """These objects as they are once they are applied over the live ones.

        A service, model or class that is there keeps its status; a service its identity, labels and annotations too.
        """
        there = {(one.kind, one.key): one for one in (*live.services, *live.others)}
        services = tuple(_applied(one, there.get((one.kind, one.key))) for one in self.services)
        mine = {(one.kind, one.key): _reported(one, there.get((one.kind, one.key))) for one in self.others}
        others = {(one.kind, one.key): one for one in live.others} | mine
        return Manifests(services, tuple(others.values()), self.settings or live.settings, live.unread, live.kept)

    @property
    def models(self) -> "tuple[BaseModel | ClusterBaseModel, ...]":
        """The models among the others."""
        from omectl.api.base_model import BaseModel, ClusterBaseModel

        return tuple(one for one in self.others if isinstance(one, BaseModel | ClusterBaseModel))

    def only(self, name: str, namespace: str) -> "Manifests":
        """With the services of that name in that namespace."""
        named = tuple(one for one in self.services if (one.name, one.namespace) == (name, namespace))
        return replace(self, services=named)


def read_manifests(files: Iterable[str], namespace: str) -> Manifests:
    """The objects in these files and folders. A later object replaces an earlier one of the same kind and name.

    Raises: `CliFailure` naming the file and the document in it.
    """
    from omectl.api.codec import DecodeError
    from omectl.api.settings import SettingsError
    from omectl.cli.documents import documents
    from omectl.cli.failure import CliFailure

    reading = _Reading()
    for source, raw in documents(files):
        try:
            reading.add(raw, namespace)
        except (DecodeError, SettingsError, NamelessObject) as error:
            raise CliFailure(f"{source}: {error}", 2) from error
    return reading.manifests()


async def read_cluster(client: "Client", namespace: str, operator_namespace: str) -> Manifests:
    """What a plan for a service of the namespace reads of a cluster.

    An object that cannot be read is told and left out.

    Raises: `CliFailure` when the cluster does not serve our kinds, or services may not be read; what the client raises.
    """
    from omectl.api.codec import DecodeError
    from omectl.api.settings import SettingsError
    from omectl.cli.cluster_objects import Unread, read_objects
    from omectl.kube.resources import CONTROLLER_REVISIONS

    found = await read_objects(client, namespace, operator_namespace)
    reading, unread = _Reading(), [*found.unread]
    kept = tuple(raw for raw in found.objects if raw.get("kind") == CONTROLLER_REVISIONS.kind)
    for raw in found.objects:
        try:
            reading.add(raw, namespace)
        except (DecodeError, SettingsError) as error:
            unread.append(Unread(f"left out: {error}"))
    return replace(reading.manifests(), unread=tuple(unread), kept=kept)


def inputs_of(service: "InferenceService", manifests: Manifests, known: "FactsSource | None" = None) -> "PlanInputs":
    """What the plan of one service among the manifests is made from; `known` tells of its model's files.

    Raises: `CliFailure` when those cannot be read.
    """
    from omectl.api.accelerator_class import AcceleratorClass
    from omectl.api.fine_tuned_weight import FineTunedWeight
    from omectl.api.serving_runtime import ClusterServingRuntime, ServingRuntime
    from omectl.api.settings import Settings
    from omectl.cli.model_facts import with_facts
    from omectl.planner import PlanInputs, resolve_model

    others = manifests.others
    models = {one.key: one for one in manifests.models}
    model = resolve_model(service, models.get)
    # A source that cannot be read is told even where no model asks for it.
    files = known.of(model) if known is not None else None
    return PlanInputs(
        service=service,
        model=with_facts(model, files.facts) if model is not None and files is not None else model,
        weights=tuple(one for one in others if isinstance(one, FineTunedWeight)),
        runtimes=tuple(one for one in others if isinstance(one, ServingRuntime | ClusterServingRuntime)),
        accelerator_classes=tuple(one for one in others if isinstance(one, AcceleratorClass)),
        settings=manifests.settings or Settings.defaults(),
        live=_kept(service, manifests.kept),
    )


def _kept(service: "InferenceService", revisions: "tuple[JsonObject, ...]") -> "LiveState":
    """The service's own among the revisions that keep runtimes."""
    from omectl.planner.inputs import LiveState

    if not revisions:
        return LiveState()  # Files have none, and are planned without the code that talks to clusters.
    from omectl.kube.owners import controlled_by
    from omectl.kube.resources import CONTROLLER_REVISIONS

    return LiveState.of((CONTROLLER_REVISIONS, one) for one in revisions if controlled_by(one, service.metadata.uid))


class NamelessObject(ValueError):
    """An object without a name."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"{kind}: metadata.name: wanted a name, found none; give it one")


class _Reading:
    """Collects typed objects, the last of each kind and name."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, ObjectKey], Resource] = {}
        self._settings: Settings | None = None

    def add(self, raw: "JsonObject", namespace: str) -> None:
        """Take one object; of kinds that a plan does not read, nothing. Raises for one that is broken."""
        from omectl.api.codec import decode
        from omectl.api.document import text_values
        from omectl.api.installation import SETTINGS_CONFIG_MAP
        from omectl.api.kinds import GROUP
        from omectl.api.resource import key_of
        from omectl.api.settings import parse_settings

        if raw.get("kind") == "ConfigMap" and key_of(raw).name == SETTINGS_CONFIG_MAP:
            self._settings = parse_settings(text_values(raw.get("data")))
        elif str(raw.get("apiVersion", "")).startswith(f"{GROUP}/"):
            obj = decode(raw).placed(namespace)
            if not obj.key.name:
                raise NamelessObject(obj.kind)
            self._found[obj.kind, obj.key] = obj

    def manifests(self) -> Manifests:
        """What was taken."""
        from omectl.api.inference_service import InferenceService

        services = tuple(obj for obj in self._found.values() if isinstance(obj, InferenceService))
        others = tuple(obj for obj in self._found.values() if not isinstance(obj, InferenceService))
        return Manifests(services, others, self._settings)


def _reported(obj: "Resource", live: "Resource | None") -> "Resource":
    """The object with the status that it has live."""
    status: object = getattr(live, "status", None)
    return obj if status is None else obj.model_copy(update={"status": status})


def _applied(service: "InferenceService", live: "Resource | None") -> "InferenceService":
    """The service as it is once it is applied over the live one; one that is not there has no status yet."""
    if live is None:
        return service.model_copy(update={"status": None})
    wanted = service.metadata
    metadata = live.metadata.model_copy(
        update={
            "labels": {**live.metadata.labels, **wanted.labels},
            "annotations": {**live.metadata.annotations, **wanted.annotations},
        }
    )
    return service.model_copy(update={"metadata": metadata, "status": getattr(live, "status", None)})
