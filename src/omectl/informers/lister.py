"""Reading a cache. Everything that is handed out is the caller's own, or immutable.

Typed objects bring pydantic with them, so what decodes them is imported where it is asked for.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from omectl.api.json import JsonObject
from omectl.api.label_selector import parse_label_selector
from omectl.api.matching import matches_labels
from omectl.api.resource import ObjectKey
from omectl.informers.field_index import BadFieldSelector, field_index_name, parse_field_selector
from omectl.informers.header import Header
from omectl.informers.record import Record
from omectl.informers.store import BY_NAMESPACE, Store
from omectl.kube.resource_version import compare, is_comparable

if TYPE_CHECKING:
    from omectl.api.object import Resource

_T = TypeVar("_T", bound="Resource")
_Objects = list[JsonObject]
_NAMESPACE_INDEX = "lister:namespace"

Labels: TypeAlias = Mapping[str, str] | str
"""Labels that all must be there, or a label selector as text: `app=web,tier!=db,zone in (a,b),!spot`."""


class Lister:
    """Reads one informer's stores: no I/O, no waiting, possibly a little behind the server.

    `stores` is the one store, or one per namespace, where "" holds all namespaces that have none of their own. Objects
    come in the order in which they arrived, store by store. `decoded_limit` bounds the objects kept as frozen types.
    """

    def __init__(self, stores: Store | Mapping[str, Store], *, decoded_limit: int = 4096) -> None:
        self._stores: Mapping[str, Store] = {"": stores} if isinstance(stores, Store) else dict(stores)
        self._rest = self._stores.get("")
        self._decoded: OrderedDict[tuple[type[Resource], str, str, ObjectKey], Resource] = OrderedDict()
        self._decoded_limit = decoded_limit

    def __len__(self) -> int:
        return sum(len(store) for store in self._stores.values())

    @property
    def resource_version(self) -> str:
        """The newest resource version that the whole cache reflects; "" before the first sync."""
        versions = [store.resource_version for store in self._stores.values()]
        oldest = versions[0]
        for version in versions[1:]:
            if not is_comparable(version) or (is_comparable(oldest) and compare(version, oldest) < 0):
                oldest = version
        return oldest

    @property
    def decoded_count(self) -> int:
        """How many objects are kept as frozen types."""
        return len(self._decoded)

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces that have a store of their own, and "" for the store of all others."""
        return tuple(self._stores)

    def covers(self, namespace: str) -> bool:
        """Whether objects of the namespace are cached. All of them ("") are where each has a store."""
        return namespace in self._stores or self._rest is not None or not namespace

    # --- one object ---

    def get(self, key: ObjectKey) -> JsonObject | None:
        """A private copy of the object, or None."""
        record = self._get(key)
        return record.decode() if record is not None else None

    def header(self, key: ObjectKey) -> Header | None:
        """The object's header, without decoding anything."""
        record = self._get(key)
        return record.header if record is not None else None

    def decoded(self, wanted: type[_T], key: ObjectKey) -> _T | None:
        """The object as a frozen API type, decoded once per version; None when absent. Raises DecodeError."""
        record = self._get(key)
        if record is None:
            return None
        cache_key = (wanted, record.header.uid, record.header.resource_version, key)
        known = self._decoded.get(cache_key)
        if isinstance(known, wanted):
            self._decoded.move_to_end(cache_key)
            return known
        from omectl.api.codec import decode_as

        made = decode_as(wanted, record.decode())
        self._decoded[cache_key] = made
        if len(self._decoded) > self._decoded_limit:
            self._decoded.popitem(last=False)
        return made

    # --- many objects ---

    def keys(self) -> list[ObjectKey]:
        """Every key."""
        return [key for store in self._stores.values() for key in store.keys()]  # noqa: SIM118 - a store is no mapping

    def headers(
        self,
        namespace: str = "",
        labels: Labels | None = None,
        *,
        selector: JsonObject | None = None,
        fields: str = "",
        limit: int = 0,
    ) -> list[Header]:
        """The headers of what `list` would give, without decoding anything."""
        return [record.header for record in self._select(namespace, labels, selector, fields, limit)]

    def list(
        self,
        namespace: str = "",
        labels: Labels | None = None,
        *,
        selector: JsonObject | None = None,
        fields: str = "",
        limit: int = 0,
    ) -> _Objects:
        """Private copies of the objects in a namespace ("" is all) that meet all conditions; the first `limit` of them.

        `selector` is a LabelSelector. `fields` (`spec.nodeName=a`) needs an index for each field, see `by_field`.
        Raises BadSelector for a text that is no label selector, BadFieldSelector for fields that no index answers.
        """
        return [record.decode() for record in self._select(namespace, labels, selector, fields, limit)]

    def by_index(self, name: str, value: str) -> _Objects:
        """Private copies of the objects under an index value. Raises KeyError for an unknown index."""
        return [
            record.decode()
            for store in self._stores.values()
            for record in _records(store, store.index_keys(name, value))
        ]

    def index_keys(self, name: str, value: str) -> "list[ObjectKey]":
        """The keys under an index value. Raises KeyError for an unknown index."""
        return [key for store in self._stores.values() for key in store.index_keys(name, value)]

    # --- selecting ---

    def _get(self, key: ObjectKey) -> Record | None:
        store = self._stores.get(key.namespace, self._rest)
        return store.get(key) if store is not None else None

    def _select(
        self, namespace: str, labels: Labels | None, selector: JsonObject | None, fields: str, limit: int
    ) -> Iterable[Record]:
        if limit < 0:
            raise ValueError(f"wanted a limit of 0 (none) or more objects, found {limit}")
        terms = parse_field_selector(fields)
        stores = self._stores.values()
        if namespace:
            own = self._stores.get(namespace, self._rest)
            stores = () if own is None else (own,)
        found = (record for store in stores for record in self._candidates(store, namespace, terms))
        if isinstance(labels, str):
            found = _matching(found, parse_label_selector(labels))
        elif labels:
            wanted = labels.items()
            found = (record for record in found if wanted <= record.header.labels.items())
        if selector is not None:
            found = _matching(found, selector)
        return islice(found, limit) if limit else found

    def _candidates(self, store: Store, namespace: str, terms: "list[tuple[str, str]]") -> Iterable[Record]:
        """A store's records in the namespace with these field values, narrowed by indexes alone."""
        in_rest = bool(namespace) and store is self._rest
        if not terms:
            if not in_rest:
                return store
            store.add_indexes({_NAMESPACE_INDEX: BY_NAMESPACE})
            return _records(store, store.index_keys(_NAMESPACE_INDEX, namespace))
        for path, _ in terms:
            if not store.has_index(field_index_name(path)):
                raise BadFieldSelector(
                    f"wanted objects by their {path}, found no index {field_index_name(path)!r};"
                    f" give the informer indexes=by_field({path!r}), or list at the server"
                )
        keys, *others = (store.index_keys(field_index_name(path), value) for path, value in terms)
        for other in others:
            wanted = set(other)
            keys = [key for key in keys if key in wanted]
        return _records(store, (key for key in keys if not in_rest or key.namespace == namespace))


def _matching(records: Iterable[Record], selector: JsonObject) -> Iterable[Record]:
    return (record for record in records if matches_labels(selector, record.header.labels))


def _records(store: Store, keys: Iterable[ObjectKey]) -> Iterable[Record]:
    return (record for key in keys if (record := store.get(key)) is not None)
