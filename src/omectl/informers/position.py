"""Where in a collection's history a reflector is, and so what its next request asks for. Pure."""

from dataclasses import dataclass

from omectl.kube.errors import ApiError, Expired
from omectl.kube.listing import DEFAULT_PAGE_SIZE

ANY_VERSION = "0"
"""Asks for whatever the server's cache holds."""


@dataclass(slots=True)
class Position:
    """`resource_version` is the newest one that is mirrored, "" before anything is.

    `lost`: the server has said that it does not have that version, any more or yet; the next list is a quorum read.
    `uncached`: a list at any version came in pages, which proves that the server has no watch cache for the collection.
    """

    resource_version: str = ""
    lost: bool = False
    uncached: bool = False

    def list_version(self) -> str:
        """Never older than what was seen; "" is a quorum read."""
        return "" if self.lost else self.resource_version or ANY_VERSION

    def stream_version(self) -> str:
        """The same for a streaming list, for which "" is also how the first one begins."""
        return "" if self.lost else self.resource_version

    def page_size(self, configured: int | None) -> int:
        """Objects a page; 0 asks for one page, as a limit at a concrete version would go past the cache to etcd."""
        if configured is not None:
            return configured
        return DEFAULT_PAGE_SIZE if self.uncached or self.list_version() in {"", ANY_VERSION} else 0

    def lose(self, error: ApiError) -> bool:
        """Note a refusal of the version; False for other refusals, and when no version had been asked for."""
        if self.lost or not is_lost(error):
            return False
        self.lost = True
        return True

    def listed(self, resource_version: str) -> None:
        """The whole collection is mirrored at this version."""
        self.resource_version = resource_version
        self.lost = False


def is_lost(error: ApiError) -> bool:
    """The server no longer has the version that was asked for, or does not have it yet."""
    return isinstance(error, Expired) or error.is_resource_version_too_large
