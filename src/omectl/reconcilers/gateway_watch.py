"""The Gateway that HTTPRoutes are for: what is known of it, and whose passes looked at it."""

from collections.abc import Callable, Iterable

from omectl.api.document import as_objects, as_text, at
from omectl.api.json import JsonObject, JsonValue
from omectl.api.resource import ObjectKey
from omectl.api.settings import Settings
from omectl.informers import Informer, ObjectEvent


class GatewayWatch:
    """The Gateway of the settings, from the cache of all of them.

    It remembers who asked, and hands them on when another answer would be given. A cache of routes would not do: it
    may come later than the Gateway's. Runs on the event loop's thread only.
    """

    def __init__(self, gateways: Informer, settings: Callable[[], Settings]) -> None:
        self._gateways = gateways
        self._settings = settings
        self._readers: set[ObjectKey] = set()
        self._was_known = False

    def current(self, service: ObjectKey) -> JsonObject | None:
        """The Gateway of the service's route: empty when there is none, None when that is not known."""
        if self._settings().ingress.enable_gateway_api:
            self._readers.add(service)
        return (self._gateways.lister.get(self._key()) or {}) if self._is_known() else None

    def gateway_event(self, event: ObjectEvent) -> Iterable[ObjectKey]:
        """The services that looked at the Gateway that the event is about."""
        return self._taken() if event.key == self._key() else ()

    async def refresh(self) -> Iterable[ObjectKey]:
        """The services that asked too early. Of a Gateway that is not there no event tells."""
        before, self._was_known = self._was_known, self._is_known()
        return self._taken() if self._was_known and not before else ()

    def _taken(self) -> Iterable[ObjectKey]:
        """Those who asked; they ask again when they are woken."""
        taken, self._readers = self._readers, set[ObjectKey]()
        return taken

    def _is_known(self) -> bool:
        return self._gateways.has_synced and not self._gateways.is_absent

    def _key(self) -> ObjectKey:
        namespace, _, name = self._settings().ingress.ome_ingress_gateway.partition("/")
        return ObjectKey(namespace, name)


def what_routes_need(gateway: JsonObject) -> JsonValue:
    """A Gateway without what it counts all the time: whether its newest spec works."""
    conditions: list[JsonValue] = [
        [one.get(name) for name in ("type", "status", "reason", "message", "observedGeneration")]
        for one in as_objects(at(gateway, "status", "conditions"))
    ]
    return [as_text(at(gateway, "metadata", "uid")), at(gateway, "metadata", "generation"), conditions]
