"""Finalizers: what must be done before an object may go.

The functions on trees change them in place and say whether they did. Writing is one patch that holds only for the
version that was read, so that nobody else's finalizer is lost.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import structlog

from omectl.api.document import as_texts, at
from omectl.api.json import JsonObject, JsonValue
from omectl.api.resource import ResourceKind, key_of
from omectl.kube.client import Client
from omectl.kube.owners import metadata_of

_log = structlog.stdlib.get_logger(__name__)
_QUALIFIED: Final = re.compile(
    r"(?=[^/]{1,253}/)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
    r"/(?=.{1,63}\Z)[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"
)

CleanUp: TypeAlias = Callable[[JsonObject], Awaitable[None]]
"""Undoes what was done for an object that is being deleted. May run again; raises to keep the finalizer."""


def finalizers_of(obj: JsonObject) -> list[str]:
    """The object's finalizers, in order."""
    return as_texts(at(obj, "metadata", "finalizers"))


def contains_finalizer(obj: JsonObject, finalizer: str) -> bool:
    """The object waits for this finalizer."""
    return finalizer in finalizers_of(obj)


def add_finalizer(obj: JsonObject, finalizer: str) -> bool:
    """Put the finalizer at the end, in place; False when it was there. Raises ValueError unless it is domain/name."""
    if not _QUALIFIED.fullmatch(finalizer):
        raise ValueError(f"wanted a finalizer of the form domain/name, found {finalizer!r}; servers refuse others")
    if contains_finalizer(obj, finalizer):
        return False
    return _put(obj, [*finalizers_of(obj), finalizer])


def remove_finalizer(obj: JsonObject, finalizer: str) -> bool:
    """Take the finalizer away, wherever and how often it stands, in place; False when it was absent."""
    if not contains_finalizer(obj, finalizer):
        return False
    return _put(obj, [name for name in finalizers_of(obj) if name != finalizer])


def _put(obj: JsonObject, finalizers: list[str]) -> bool:
    metadata = metadata_of(obj)
    metadata.pop("finalizers", None)
    if finalizers:
        metadata["finalizers"] = list[JsonValue](finalizers)
    obj["metadata"] = metadata
    return True


async def hold(client: Client, kind: ResourceKind, obj: JsonObject, *finalizers: str) -> JsonObject:
    """The object with these finalizers on it, written only when one is missing.

    Raises: Conflict when it changed since it was read, ValueError for a finalizer that is not domain/name and for an
    object that was never read.
    """
    held = _with_own_metadata(obj)
    added = [finalizer for finalizer in finalizers if add_finalizer(held, finalizer)]
    return await _write(client, kind, held) if added else obj


async def release(client: Client, kind: ResourceKind, obj: JsonObject, *finalizers: str) -> JsonObject:
    """The object without these finalizers, written only when one is there. Raises: as `hold` does."""
    released = _with_own_metadata(obj)
    removed = [finalizer for finalizer in finalizers if remove_finalizer(released, finalizer)]
    return await _write(client, kind, released) if removed else obj


class Finalizers:
    """Clean-ups by finalizer, for one kind. Owned by one event loop; fill it before the controller starts."""

    def __init__(self, client: Client, kind: ResourceKind) -> None:
        self._client = client
        self._kind = kind
        self._clean_ups: dict[str, CleanUp] = {}

    def register(self, finalizer: str, clean_up: CleanUp) -> None:
        """Raises ValueError for a finalizer that is not domain/name, or that has its clean-up already."""
        add_finalizer({}, finalizer)
        if finalizer in self._clean_ups:
            raise ValueError(f"wanted one clean-up for {finalizer}, found a second; register each finalizer once")
        self._clean_ups[finalizer] = clean_up

    async def finalize(self, obj: JsonObject) -> JsonObject:
        """Hold an object that lives; clean up after one that is being deleted, and let it go. Returns it as it is then.

        Clean-ups run one after the other, in the order of registration, each also after another one failed; whose
        failed keeps its finalizer. Raises: what a clean-up raised (an ExceptionGroup when several did), Conflict.
        """
        if not metadata_of(obj).get("deletionTimestamp"):
            return await hold(self._client, self._kind, obj, *self._clean_ups)
        done: list[str] = []
        failures: list[Exception] = []
        for finalizer, clean_up in self._clean_ups.items():
            if not contains_finalizer(obj, finalizer):
                continue
            try:
                await clean_up(obj)
                done.append(finalizer)
            except Exception as error:
                _log.warning("clean_up_failed", object=str(key_of(obj)), finalizer=finalizer, error=str(error))
                failures.append(error)
        released = await release(self._client, self._kind, obj, *done)
        if len(failures) > 1:
            raise ExceptionGroup(f"several clean-ups of {self._kind.kind} {key_of(obj)} failed", failures)
        if failures:
            raise failures[0]
        return released


def _with_own_metadata(obj: JsonObject) -> JsonObject:
    return {**obj, "metadata": dict(metadata_of(obj))}


async def _write(client: Client, kind: ResourceKind, obj: JsonObject) -> JsonObject:
    key, version = key_of(obj), metadata_of(obj).get("resourceVersion")
    if not version:
        raise ValueError(f"wanted {kind.kind} {key} with a resourceVersion, found none; read it from the server first")
    finalizers = list[JsonValue](finalizers_of(obj)) or None
    patch: JsonObject = {"metadata": {"resourceVersion": version, "finalizers": finalizers}}
    return await client.merge_patch(kind, key.name, patch, key.namespace)
