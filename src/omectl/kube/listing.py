"""What lists and watches ask for and what a page of a list holds. Pure."""

from dataclasses import dataclass

import msgspec

from omectl.api.json import JsonObject

DEFAULT_PAGE_SIZE = 500
_METADATA = "application/json;as=PartialObjectMetadata{list};g=meta.k8s.io;v=v1,application/json"
Query = dict[str, str | int | bool | None]
Lines = list[bytes]


@dataclass(frozen=True, slots=True)
class ObjectList:
    """A whole collection at one resource version."""

    items: list[JsonObject]
    resource_version: str


@dataclass(frozen=True, slots=True)
class RawPage:
    """One page of a collection: items as bytes, in the server's order. `continue_token` "" says that it is the last.

    `first`: the list begins with this page; pages before it (of a list that expired half-way) are to be forgotten.
    """

    items: list[msgspec.Raw]
    resource_version: str
    continue_token: str = ""
    first: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOptions:
    """What a list asks for; `page_size` 0 asks for one page of everything.

    `resource_version_match` is "Exact", "NotOlderThan" or "". `metadata_only` asks for the objects' metadata alone; a
    server that can't narrow them sends them whole.
    """

    resource_version: str = ""
    resource_version_match: str = ""
    page_size: int = DEFAULT_PAGE_SIZE
    label_selector: str = ""
    field_selector: str = ""
    full_list_if_expired: bool = True
    metadata_only: bool = False

    @property
    def accept(self) -> str:
        """The media types that may answer."""
        return _METADATA.format(list="List") if self.metadata_only else "application/json"

    def first_query(self) -> Query:
        """Parameters of the first page."""
        return {
            "labelSelector": self.label_selector,
            "fieldSelector": self.field_selector,
            "resourceVersion": self.resource_version,
            "resourceVersionMatch": self.resource_version_match,
            "limit": self.page_size or None,
        }

    def next_query(self, token: str) -> Query:
        """Parameters of a later page: the token stands for the resource version."""
        return {**self.first_query(), "resourceVersion": None, "resourceVersionMatch": None, "continue": token}

    def full_query(self) -> Query:
        """Parameters of the list that follows an expired page: everything at once."""
        return {**self.first_query(), "limit": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchOptions:
    """What a watch asks for; `timeout_s` is when the server should end it."""

    resource_version: str = ""
    timeout_s: int = 300
    bookmarks: bool = True
    send_initial_events: bool = False
    label_selector: str = ""
    field_selector: str = ""
    metadata_only: bool = False

    @property
    def accept(self) -> str:
        """The media types that may answer."""
        return _METADATA.format(list="") if self.metadata_only else "application/json"

    def query(self) -> Query:
        """As parameters of a request."""
        query: Query = {
            "watch": True,
            "resourceVersion": self.resource_version,
            "allowWatchBookmarks": self.bookmarks,
            "timeoutSeconds": self.timeout_s,
            "labelSelector": self.label_selector,
            "fieldSelector": self.field_selector,
        }
        if self.send_initial_events:
            query |= {"sendInitialEvents": True, "resourceVersionMatch": "NotOlderThan"}
        return query


class ListMeta(msgspec.Struct):
    """The `metadata` of a list."""

    resource_version: str = msgspec.field(default="", name="resourceVersion")
    continue_token: str | None = msgspec.field(default=None, name="continue")


class ListBody(msgspec.Struct):
    """The envelope of a list, its items left as bytes."""

    kind: str
    metadata: ListMeta
    items: list[msgspec.Raw] | None = None

    def page(self, *, first: bool) -> RawPage:
        """The page that this body is."""
        return RawPage(self.items or [], self.metadata.resource_version, self.metadata.continue_token or "", first)
