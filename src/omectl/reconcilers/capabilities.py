"""Which kinds the cluster serves, looked up now and then, so that what is installed later is used without a restart."""

from collections.abc import Callable, Iterable

import structlog

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey, ResourceKind
from omectl.kube.discovery import Discovery
from omectl.kube.resources import built_in_kind

_log = structlog.stdlib.get_logger(__name__)


class Capabilities:
    """The kinds as of the last look. A polling source calls `refresh`, which answers the keys that may be concerned."""

    def __init__(self, discovery: Discovery, concerned: Callable[[], Iterable[ObjectKey]]) -> None:
        self._discovery = discovery
        self._concerned = concerned
        self._kinds: dict[tuple[str, str], ResourceKind] = {}
        self._current: frozenset[str] = frozenset()

    @property
    def current(self) -> frozenset[str]:
        """Every kind as `Kind` or `Kind.group`."""
        return self._current

    def of(self, obj: JsonObject) -> ResourceKind | None:
        """The kind of an object as the cluster serves it; None when it does not."""
        return built_in_kind(obj) or self._kinds.get((str(obj.get("apiVersion")), str(obj.get("kind"))))

    async def refresh(self) -> Iterable[ObjectKey]:
        """Look again. Raises: what the client raises."""
        await self._discovery.refresh()
        kinds = await self._discovery.kinds()
        found = frozenset(kind.group_kind for kind in kinds)
        if found == self._current:
            return ()
        if self._current:
            come, gone = sorted(found - self._current), sorted(self._current - found)
            _log.info("capabilities_changed", come=come, gone=gone)
        self._kinds = {(kind.api_version, kind.kind): kind for kind in kinds}
        self._current = found
        return self._concerned()
