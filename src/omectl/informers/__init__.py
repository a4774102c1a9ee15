"""Caches of the API server's objects that keep bytes, and tell handlers what changed."""

from omectl.informers.events import EventType, ObjectEvent
from omectl.informers.factory import CacheNotSynced, InformerFactory, Source
from omectl.informers.field_index import BadFieldSelector, by_field
from omectl.informers.header import Header, Owner
from omectl.informers.informer import Informer, InformerStopped
from omectl.informers.listener import Handler, Registration, RegistrationEnded
from omectl.informers.lister import Labels, Lister
from omectl.informers.mirror import Collection
from omectl.informers.reader import CacheNotStarted, CacheReader, NotCached
from omectl.informers.record import Transform
from omectl.informers.reflector_state import ReflectorOptions, ReflectorState
from omectl.informers.scoping import CacheOptions, KindCache, Narrowing
from omectl.informers.store import BY_NAMESPACE, BY_OWNER_UID, HeaderIndex, IndexFunction
from omectl.informers.threads import InThread, WrongThread, on_loop

__all__ = [
    "BY_NAMESPACE",
    "BY_OWNER_UID",
    "BadFieldSelector",
    "CacheNotStarted",
    "CacheNotSynced",
    "CacheOptions",
    "CacheReader",
    "Collection",
    "EventType",
    "Handler",
    "Header",
    "HeaderIndex",
    "InThread",
    "IndexFunction",
    "Informer",
    "InformerFactory",
    "InformerStopped",
    "KindCache",
    "Labels",
    "Lister",
    "Narrowing",
    "NotCached",
    "ObjectEvent",
    "Owner",
    "ReflectorOptions",
    "ReflectorState",
    "Registration",
    "RegistrationEnded",
    "Source",
    "Transform",
    "WrongThread",
    "by_field",
    "on_loop",
]
