"""What an informer keeps decoded of each object."""

from collections.abc import Mapping

import msgspec

from omectl.api.resource import ObjectKey


class Owner(msgspec.Struct, gc=False, frozen=True, rename="camel"):
    """One owner reference; `controller` is true for at most one of an object's owners."""

    uid: str
    kind: str = ""
    name: str = ""
    api_version: str = ""
    controller: bool | None = None


class Header(msgspec.Struct, gc=False, frozen=True):
    """The part of an object's metadata that decisions need before the body is read.

    `labels` can't be changed: objects with equal labels share them.
    """

    namespace: str
    name: str
    uid: str
    resource_version: str
    generation: int
    labels: Mapping[str, str]
    owners: tuple[Owner, ...]
    deleting: bool

    @property
    def key(self) -> ObjectKey:
        """Namespace and name."""
        return ObjectKey(self.namespace, self.name)

    @property
    def controller(self) -> Owner | None:
        """The owner that manages this object, if it has one."""
        return next((owner for owner in self.owners if owner.controller), None)
