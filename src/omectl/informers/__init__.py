"""Caches of the API server's objects that keep bytes, and tell handlers what changed."""

from omectl.informers.events import EventType, ObjectEvent
from omectl.informers.factory import CacheNotSynced, InformerFactory
from omectl.informers.header import Header, Owner
from omectl.informers.informer import Informer, InformerStopped
from omectl.informers.listener import Handler, Registration
from omectl.informers.lister import Lister
from omectl.informers.record import Transform
from omectl.informers.reflector_state import ReflectorOptions, ReflectorState
from omectl.informers.store import BY_NAMESPACE, BY_OWNER_UID, HeaderIndex, IndexFunction

__all__ = [
    "BY_NAMESPACE",
    "BY_OWNER_UID",
    "CacheNotSynced",
    "EventType",
    "Handler",
    "Header",
    "HeaderIndex",
    "IndexFunction",
    "Informer",
    "InformerFactory",
    "InformerStopped",
    "Lister",
    "ObjectEvent",
    "Owner",
    "ReflectorOptions",
    "ReflectorState",
    "Registration",
    "Transform",
]
