"""What each log line of a reconcile carries: controller, kind, key and an id of its own."""

from __future__ import annotations

from collections.abc import Hashable
from contextvars import ContextVar
from random import getrandbits

from structlog.contextvars import bind_contextvars, reset_contextvars

from omectl.api.resource import ObjectKey, ResourceKind


def bind_controller(name: str, kind: ResourceKind | None) -> None:
    """Say once per worker whose lines they are."""
    bind_contextvars(controller=name)
    if kind is not None:
        bind_contextvars(kind=kind.group_kind)


def bind_reconcile(key: Hashable) -> None:
    """Say which reconcile begins: its key as text, an object's namespace and name by themselves, and 64 random bits."""
    _KEY.set(str(key))
    if isinstance(key, ObjectKey):
        _NAMESPACE.set(key.namespace)
        _NAME.set(key.name)
    _RECONCILE_ID.set(f"{getrandbits(64):016x}")


def _variable(name: str) -> ContextVar[str]:
    """structlog's own variable of this name: setting it costs a tenth of `bind_contextvars`."""
    tokens = bind_contextvars(**{name: ...})
    reset_contextvars(**tokens)
    return tokens[name].var


_KEY = _variable("key")
_NAMESPACE = _variable("namespace")
_NAME = _variable("name")
_RECONCILE_ID = _variable("reconcile_id")
