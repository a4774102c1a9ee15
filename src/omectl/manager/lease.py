"""The Lease object in the API server, read and written as records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from omectl.api.document import as_number, as_object, as_text
from omectl.api.json import JsonObject, JsonValue
from omectl.api.labels import ELECTION_MANAGER
from omectl.api.resource import ResourceKind
from omectl.kube.errors import AlreadyExists, Conflict, NotFound
from omectl.kube.resources import LEASES
from omectl.manager.election import LeaseRecord


class LeaseClient(Protocol):
    """The part of a client that a lease needs."""

    async def get(self, kind: ResourceKind, name: str, namespace: str) -> JsonObject: ...

    async def create(self, kind: ResourceKind, obj: JsonObject, *, field_manager: str) -> JsonObject: ...

    async def replace(self, kind: ResourceKind, obj: JsonObject, *, field_manager: str) -> JsonObject: ...


class LostRace(Exception):
    """Somebody else wrote the Lease between our read and our write."""


class LeaseLock:
    """One Lease. Remembers the object it last saw, so that a write is refused when anyone wrote in between.

    Every write also sets `labels`; labels of others stay.
    """

    def __init__(self, client: LeaseClient, namespace: str, name: str, labels: Mapping[str, str] | None = None) -> None:
        self.namespace = namespace
        self.name = name
        self._labels = dict(labels or {})
        self._client = client
        self._live: JsonObject | None = None

    @property
    def is_known(self) -> bool:
        """Whether an object is remembered that `write` can be tried on."""
        return self._live is not None

    async def read(self) -> LeaseRecord | None:
        """The live record, or None when there is no Lease."""
        try:
            self._live = await self._client.get(LEASES, self.name, self.namespace)
        except NotFound:
            self._live = None
            return None
        return record_of(self._live)

    async def create(self, record: LeaseRecord) -> None:
        """Create the Lease; LostRace when it exists."""
        lease: JsonObject = {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": self._labelled({"name": self.name, "namespace": self.namespace}),
            "spec": spec_of(record),
        }
        try:
            self._live = await self._client.create(LEASES, lease, field_manager=ELECTION_MANAGER)
        except AlreadyExists as error:
            raise LostRace(str(error)) from error

    async def write(self, record: LeaseRecord) -> None:
        """Write over what was last seen; LostRace when that is not what the server has."""
        if self._live is None:
            raise LostRace(f"Lease {self.namespace}/{self.name} was not read yet")
        spec = as_object(self._live.get("spec")) | spec_of(record)
        metadata = self._labelled(as_object(self._live.get("metadata")))
        lease: JsonObject = {**self._live, "metadata": metadata, "spec": spec}
        try:
            self._live = await self._client.replace(LEASES, lease, field_manager=ELECTION_MANAGER)
        except (Conflict, NotFound) as error:
            self._live = None
            raise LostRace(str(error)) from error

    def _labelled(self, metadata: JsonObject) -> JsonObject:
        if not self._labels:
            return metadata
        return {**metadata, "labels": as_object(metadata.get("labels")) | self._labels}


def record_of(lease: JsonObject) -> LeaseRecord:
    """Read a Lease object; what is missing or odd reads as released."""
    fields = as_object(lease.get("spec"))
    return LeaseRecord(
        holder=as_text(fields.get("holderIdentity")),
        lease_duration_s=as_number(fields.get("leaseDurationSeconds")),
        acquired=as_text(fields.get("acquireTime")),
        renewed=as_text(fields.get("renewTime")),
        transitions=as_number(fields.get("leaseTransitions")),
    )


def spec_of(record: LeaseRecord) -> dict[str, JsonValue]:
    """The part of a Lease's spec that a record is."""
    return {
        "holderIdentity": record.holder,
        "leaseDurationSeconds": record.lease_duration_s,
        "acquireTime": record.acquired,
        "renewTime": record.renewed,
        "leaseTransitions": record.transitions,
    }
