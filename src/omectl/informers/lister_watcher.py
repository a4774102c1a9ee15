"""Where a reflector gets its data: two methods, so that tests and limited backends can stand in for a client."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Protocol

from omectl.api.resource import ResourceKind
from omectl.kube.client import Client
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


class ClientListerWatcher:
    """A collection on a live API server."""

    def __init__(
        self, client: Client, kind: ResourceKind, namespace: str, label_selector: str, field_selector: str
    ) -> None:
        self._client = client
        self._kind = kind
        self._namespace = namespace
        self._label_selector = label_selector
        self._field_selector = field_selector
        self.streaming_list = True

    def pages(self, options: ListOptions) -> AsyncIterator[RawPage]:
        """The collection's pages under this collection's selectors."""
        selected = replace(options, label_selector=self._label_selector, field_selector=self._field_selector)
        return self._client.raw_pages(self._kind, self._namespace, selected)

    def watch(self, options: WatchOptions) -> AbstractAsyncContextManager[AsyncIterator[list[bytes]]]:
        """A watch under this collection's selectors."""
        selected = replace(options, label_selector=self._label_selector, field_selector=self._field_selector)
        return self._client.watch(self._kind, self._namespace, selected)
