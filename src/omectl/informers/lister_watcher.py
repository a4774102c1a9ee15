"""Where a reflector gets its data: few methods, so that tests and limited backends can stand in for a client."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Protocol

from omectl.api.resource import ResourceKind
from omectl.kube.client import Client
from omectl.kube.discovery import Discovery
from omectl.kube.listing import ListOptions, RawPage, WatchOptions


class ListerWatcher(Protocol):
    """One collection. `streaming_list` False declares that there is no streaming list here."""

    streaming_list: bool

    def pages(self, options: ListOptions) -> AsyncIterator[RawPage]:
        """The collection's pages. Raises KubeError."""
        ...

    def watch(self, options: WatchOptions) -> AbstractAsyncContextManager[AsyncIterator[list[bytes]]]:
        """An open watch, as batches of lines. Raises KubeError at the start and while iterating."""
        ...

    async def is_served(self) -> bool:
        """Whether the server's own discovery lists the kind. Raises KubeError when discovery does not answer well."""
        ...


class ClientListerWatcher:
    """A collection on a live API server; with `metadata_only` without the objects' specs, data and status."""

    def __init__(
        self,
        client: Client,
        kind: ResourceKind,
        namespace: str,
        label_selector: str,
        field_selector: str,
        *,
        metadata_only: bool = False,
    ) -> None:
        self._client = client
        self._discovery = Discovery(client)
        self._kind = kind
        self._namespace = namespace
        self._label_selector = label_selector
        self._field_selector = field_selector
        self._metadata_only = metadata_only
        self.streaming_list = True

    def pages(self, options: ListOptions) -> AsyncIterator[RawPage]:
        """The collection's pages under this collection's selectors."""
        selected = replace(
            options,
            label_selector=self._label_selector,
            field_selector=self._field_selector,
            metadata_only=self._metadata_only,
        )
        return self._client.raw_pages(self._kind, self._namespace, selected)

    def watch(self, options: WatchOptions) -> AbstractAsyncContextManager[AsyncIterator[list[bytes]]]:
        """A watch under this collection's selectors."""
        selected = replace(
            options,
            label_selector=self._label_selector,
            field_selector=self._field_selector,
            metadata_only=self._metadata_only,
        )
        return self._client.watch(self._kind, self._namespace, selected)

    async def is_served(self) -> bool:
        """Whether discovery lists the kind in its version."""
        return await self._discovery.has(self._kind)
