"""The verbs that change objects, each confined to the client's scope."""

from abc import ABC, abstractmethod

from omectl.api.json import JsonObject, JsonValue
from omectl.api.resource import ObjectKey, ResourceKind, key_of
from omectl.kube import requests
from omectl.kube.requests import DeleteOptions, FieldValidation, Request, WriteOptions
from omectl.kube.scope import Scope, Write


class Writes(ABC):
    """The writing half of a client; `Client` says what its methods raise.

    `field_manager` and `validation` are the view's unless given.
    """

    _scope: Scope

    @abstractmethod
    async def _object(self, request: Request, accept: str = "application/json") -> JsonObject:
        """Send the request and decode its answer."""

    async def create(
        self,
        kind: ResourceKind,
        obj: JsonObject,
        *,
        field_manager: str | None = None,
        dry_run: bool = False,
        validation: FieldValidation | None = None,
    ) -> JsonObject:
        """Create and return what the server made of it; "Strict" validation refuses unknown fields."""
        options = self._scope.options(field_manager=field_manager, dry_run=dry_run, validation=validation)
        obj = self._scope.placed(kind, obj)
        return await self._write(kind, key_of(obj), requests.create(kind, obj, options), dry_run=options.dry_run)

    async def replace(
        self,
        kind: ResourceKind,
        obj: JsonObject,
        *,
        field_manager: str | None = None,
        dry_run: bool = False,
        validation: FieldValidation | None = None,
        subresource: str = "",
    ) -> JsonObject:
        """Put the whole object, or a subresource's (a Scale); Conflict when its resourceVersion is stale."""
        options = self._scope.options(field_manager=field_manager, dry_run=dry_run, validation=validation)
        obj = self._scope.placed(kind, obj)
        request = requests.replace(kind, obj, options, subresource=subresource)
        return await self._write(kind, key_of(obj), request, subresource, dry_run=options.dry_run)

    async def replace_status(
        self, kind: ResourceKind, obj: JsonObject, *, field_manager: str | None = None
    ) -> JsonObject:
        """Put the object's status; everything else in it but the resourceVersion is ignored by the server."""
        return await self.replace(kind, obj, field_manager=field_manager, subresource="status")

    async def apply(
        self,
        kind: ResourceKind,
        obj: JsonObject,
        *,
        field_manager: str | None = None,
        force: bool = False,
        dry_run: bool = False,
        validation: FieldValidation | None = None,
        subresource: str = "",
    ) -> JsonObject:
        """Server-side apply; creates what is absent. Conflict names the fields that others own, unless forced."""
        options = self._scope.options(field_manager=field_manager, dry_run=dry_run, validation=validation, force=force)
        obj = self._scope.placed(kind, obj)
        named = key_of(obj)
        key = self._scope.key(kind, named.name, named.namespace)
        return await self._patch(kind, key, obj, requests.APPLY_PATCH, options, subresource)

    async def merge_patch(
        self,
        kind: ResourceKind,
        name: str,
        patch: JsonObject,
        namespace: str = "",
        *,
        subresource: str = "",
        field_manager: str | None = None,
        dry_run: bool = False,
    ) -> JsonObject:
        """JSON merge patch: null removes, lists are replaced whole; a resourceVersion in it is a precondition."""
        options = self._scope.options(field_manager=field_manager, dry_run=dry_run)
        key = self._scope.key(kind, name, namespace)
        return await self._patch(kind, key, patch, requests.MERGE_PATCH, options, subresource)

    async def strategic_patch(
        self,
        kind: ResourceKind,
        name: str,
        patch: JsonObject,
        namespace: str = "",
        *,
        subresource: str = "",
        field_manager: str | None = None,
        dry_run: bool = False,
    ) -> JsonObject:
        """Strategic merge patch: lists are merged by key. Built-in kinds only; others are UnsupportedMediaType."""
        options = self._scope.options(field_manager=field_manager, dry_run=dry_run)
        key = self._scope.key(kind, name, namespace)
        return await self._patch(kind, key, patch, requests.STRATEGIC_PATCH, options, subresource)

    async def json_patch(
        self,
        kind: ResourceKind,
        name: str,
        operations: list[JsonValue],
        namespace: str = "",
        *,
        subresource: str = "",
        field_manager: str | None = None,
        dry_run: bool = False,
    ) -> JsonObject:
        """JSON patch (RFC 6902); a failing `test` operation is Invalid."""
        options = self._scope.options(field_manager=field_manager, dry_run=dry_run)
        key = self._scope.key(kind, name, namespace)
        return await self._patch(kind, key, operations, requests.JSON_PATCH, options, subresource)

    async def delete(
        self,
        kind: ResourceKind,
        name: str,
        namespace: str = "",
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        propagation: str | None = None,
        grace_period_s: int | None = None,
        dry_run: bool = False,
    ) -> JsonObject:
        """Delete; returns the object when finalizers keep it, else a Status. Conflict when a precondition fails."""
        key = self._scope.key(kind, name, namespace)
        options = DeleteOptions(
            uid=uid,
            resource_version=resource_version,
            propagation=propagation,
            grace_period_s=grace_period_s,
            dry_run=dry_run or self._scope.dry_run,
        )
        return await self._write(kind, key, requests.delete(kind, key, options), dry_run=options.dry_run)

    async def delete_collection(
        self,
        kind: ResourceKind,
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        propagation: str | None = None,
        grace_period_s: int | None = None,
        dry_run: bool = False,
    ) -> JsonObject:
        """Delete all that the selectors find, in one namespace; without selectors everything. Returns what was found.

        Not atomic: what is created meanwhile may stay.
        """
        namespace = self._scope.namespace_of(kind, namespace)
        options = DeleteOptions(
            propagation=propagation, grace_period_s=grace_period_s, dry_run=dry_run or self._scope.dry_run
        )
        request = requests.delete_collection(
            kind, namespace, options, label_selector=label_selector, field_selector=field_selector
        )
        return await self._write(kind, ObjectKey(namespace, ""), request, dry_run=options.dry_run)

    async def create_subresource(
        self,
        kind: ResourceKind,
        name: str,
        subresource: str,
        body: JsonObject,
        namespace: str = "",
        *,
        dry_run: bool = False,
    ) -> JsonObject:
        """Post to `token` (TokenRequest), `eviction` (Eviction) or another subresource.

        An eviction that a disruption budget forbids now is TooManyRequests, and is not tried again here.
        """
        key = self._scope.key(kind, name, namespace)
        options = self._scope.options(dry_run=dry_run)
        request = requests.create_subresource(kind, key, subresource, body, options)
        return await self._write(kind, key, request, subresource, dry_run=options.dry_run)

    async def _patch(
        self,
        kind: ResourceKind,
        key: ObjectKey,
        body: JsonValue,
        content_type: str,
        options: WriteOptions,
        subresource: str,
    ) -> JsonObject:
        request = requests.patch(kind, key, body, content_type, options, subresource)
        return await self._write(kind, key, request, subresource, dry_run=options.dry_run)

    async def _write(
        self, kind: ResourceKind, key: ObjectKey, request: Request, subresource: str = "", *, dry_run: bool
    ) -> JsonObject:
        if dry_run:
            return await self._object(request)
        for guard in self._scope.guards:
            guard(request.action)
        result = await self._object(request)
        if self._scope.observers:
            # The server names what was created with `generateName`; a collection has no name.
            named = key_of(result) if request.verb == "create" and not key.name else key
            write = Write(request.verb, kind, named, subresource, result)
            for observer in self._scope.observers:
                observer(write)
        return result
