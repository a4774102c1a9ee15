"""What a view of a client confines itself to: a namespace, dry runs, a field manager, how fields are checked. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from omectl.api.json import JsonObject
from omectl.api.labels import FIELD_MANAGER
from omectl.api.resource import ObjectKey, ResourceKind
from omectl.kube.errors import KubeError
from omectl.kube.requests import FieldValidation, WriteOptions, target_key


class ForeignNamespace(KubeError):
    """A view of one namespace was asked for another one's objects; nothing was sent."""

    def __init__(self, wanted: str, found: str) -> None:
        super().__init__(wanted, found)
        self.wanted = wanted
        self.found = found

    def __str__(self) -> str:
        return (
            f"wanted the namespace {self.wanted}, found {self.found}; this view of the client is confined to "
            f"{self.wanted}, use the client that it was made from"
        )


@dataclass(frozen=True, slots=True)
class Write:
    """A write that the server has done. `verb` is the API verb; `result` is the object, or a Status after a delete.

    The key of a whole collection ("deletecollection") has no name.
    """

    verb: str
    kind: ResourceKind
    key: ObjectKey
    subresource: str
    result: JsonObject


WriteGuard: TypeAlias = Callable[[str], None]
"""Told what is about to be written ("patch Deployment demo/a"); raises to refuse it."""

WriteObserver: TypeAlias = Callable[[Write], None]
"""Told of every write that succeeded; must not raise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The defaults and limits of a client or of a view of one. `namespace` "" is all of them."""

    namespace: str = ""
    dry_run: bool = False
    field_manager: str = FIELD_MANAGER
    validation: FieldValidation | None = None
    guards: tuple[WriteGuard, ...] = ()
    observers: tuple[WriteObserver, ...] = ()

    def namespace_of(self, kind: ResourceKind, namespace: str) -> str:
        """The namespace that is meant, "" for all and for kinds of the cluster. Raises ForeignNamespace."""
        if not self.namespace or not kind.namespaced:
            return namespace
        if namespace and namespace != self.namespace:
            raise ForeignNamespace(self.namespace, namespace)
        return self.namespace

    def key(self, kind: ResourceKind, name: str, namespace: str) -> ObjectKey:
        """The key that is meant. Raises ForeignNamespace, and ValueError where a part is missing."""
        return target_key(kind, name, self.namespace_of(kind, namespace))

    def placed(self, kind: ResourceKind, obj: JsonObject) -> JsonObject:
        """The object with its namespace; itself where nothing is missing. Raises ForeignNamespace."""
        metadata = obj.get("metadata")
        fields = metadata if isinstance(metadata, dict) else {}
        given = str(fields.get("namespace") or "")
        namespace = self.namespace_of(kind, given)
        return obj if namespace == given else {**obj, "metadata": {**fields, "namespace": namespace}}

    def options(
        self,
        *,
        field_manager: str | None = None,
        dry_run: bool = False,
        validation: FieldValidation | None = None,
        force: bool = False,
    ) -> WriteOptions:
        """The parameters of one write: what the call says goes before what the view says, but a dry run stays one."""
        return WriteOptions(
            field_manager=self.field_manager if field_manager is None else field_manager,
            dry_run=dry_run or self.dry_run,
            validation=validation or self.validation,
            force=force,
        )
