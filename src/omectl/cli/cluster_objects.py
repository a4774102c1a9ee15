"""What a plan reads of a cluster, as far as the user may read it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omectl.api.json import JsonObject
    from omectl.api.resource import ResourceKind
    from omectl.kube.client import Client


@dataclass(frozen=True, slots=True)
class Unread:
    """What of a cluster could not be read, in words; with `doubt`, what a report says without it may be wrong."""

    text: str
    doubt: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """Objects of several kinds; `unread` is what the user may not read, which counts as absent."""

    objects: "tuple[JsonObject, ...]"
    unread: tuple[Unread, ...] = ()


async def read_objects(client: "Client", namespace: str, operator_namespace: str) -> Found:
    """Services of the namespace, and everything that a plan for one of them reads.

    Models of other namespaces are read where that is allowed: a service may mean one of them and cannot have it.

    Raises: `CliFailure` with code 2 when the cluster does not serve our kinds or services may not be read; what the
    client raises.
    """
    import asyncio

    from omectl.api.document import at
    from omectl.api.installation import SETTINGS_CONFIG_MAP
    from omectl.api.kinds import (
        ACCELERATOR_CLASSES,
        BASE_MODELS,
        CLUSTER_BASE_MODELS,
        CLUSTER_SERVING_RUNTIMES,
        FINE_TUNED_WEIGHTS,
        INFERENCE_SERVICES,
        SERVING_RUNTIMES,
    )
    from omectl.api.labels import RUNTIME_OF
    from omectl.cli.failure import CliFailure
    from omectl.kube.errors import Forbidden, NotFound
    from omectl.kube.resources import CONFIG_MAPS, CONTROLLER_REVISIONS

    unread: list[Unread] = []

    async def listed(
        kind: "ResourceKind", one: str = "", *, otherwise: str = "", only: str = "", labelled: str = ""
    ) -> "list[JsonObject]":
        """The objects of a namespace, or of all; where that is forbidden, those of the other namespace."""
        try:
            return (await client.list(kind, one, field_selector=only, label_selector=labelled)).items
        except Forbidden as error:
            if otherwise:
                return await listed(kind, otherwise)
            if kind is INFERENCE_SERVICES:
                raise CliFailure(str(error), 2) from error
            why = f"you may not read them ({error.message})"
            if kind is CONFIG_MAPS:
                unread.append(Unread(f"the settings count as those that are shipped: {why}", doubt=False))
            else:
                unread.append(Unread(f"{kind.kind} objects count as absent: {why}"))
            return []

    try:
        found = await asyncio.gather(
            listed(INFERENCE_SERVICES, namespace),
            listed(BASE_MODELS, otherwise=namespace),
            listed(SERVING_RUNTIMES, namespace),
            *(
                listed(kind)
                for kind in (CLUSTER_BASE_MODELS, CLUSTER_SERVING_RUNTIMES, FINE_TUNED_WEIGHTS, ACCELERATOR_CLASSES)
            ),
            listed(CONFIG_MAPS, operator_namespace, only=f"metadata.name={SETTINGS_CONFIG_MAP}"),
        )
        if any(at(service, "spec", "runtime", "autoSync") is False for service in found[0]):
            found.append(await listed(CONTROLLER_REVISIONS, namespace, labelled=RUNTIME_OF))
    except NotFound as error:
        raise CliFailure(
            f"{client.config.server} does not serve omectl's kinds ({error.message});"
            " install them with `omectl crds | kubectl apply --server-side -f -`",
            2,
        ) from error
    return Found(tuple(obj for one in found for obj in one), tuple(sorted(unread, key=lambda one: one.text)))
