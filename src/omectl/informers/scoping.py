"""What of each kind a process caches: settings of a kind over those of a namespace over those for all. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from omectl.api.resource import ResourceKind
from omectl.informers.record import Transform
from omectl.informers.store import IndexFunction


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowing:
    """Which objects, and how they are changed before they are kept. None leaves it to the next wider level."""

    label_selector: str | None = None
    field_selector: str | None = None
    transform: Transform | None = None

    def over(self, wider: "Narrowing") -> "Narrowing":
        """This one, and from `wider` what it leaves open."""
        return Narrowing(
            label_selector=wider.label_selector if self.label_selector is None else self.label_selector,
            field_selector=wider.field_selector if self.field_selector is None else self.field_selector,
            transform=self.transform or wider.transform,
        )


EVERYTHING = Narrowing()


@dataclass(frozen=True, slots=True, kw_only=True)
class KindCache:
    """How one kind is cached.

    `namespaces` None takes those of the process. "" among several is the rest of them. `metadata_only` keeps neither
    spec, data nor status. `resync_s` None takes the process's period.
    """

    objects: Narrowing = EVERYTHING
    namespaces: Mapping[str, Narrowing] | None = None
    indexes: Mapping[str, IndexFunction] = field(default_factory=dict[str, IndexFunction])
    metadata_only: bool = False
    resync_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheOptions:
    """How the kinds of a process are cached; a kind in `kinds` is declared, and may be read before anybody asks for it.

    No `namespaces` are all namespaces. `resync_s` 0 never replays.
    """

    objects: Narrowing = EVERYTHING
    namespaces: Mapping[str, Narrowing] = field(default_factory=dict[str, Narrowing])
    kinds: Mapping[ResourceKind, KindCache] = field(default_factory=dict[ResourceKind, KindCache])
    resync_s: float = 0.0

    def of(self, kind: ResourceKind) -> KindCache:
        """The settings of a kind, empty ones where it has none."""
        return self.kinds.get(kind, _AS_ALL)


_AS_ALL = KindCache()


@dataclass(frozen=True, slots=True)
class Scope:
    """One collection to mirror: "" is every namespace, selectors are "" for everything."""

    namespace: str = ""
    label_selector: str = ""
    field_selector: str = ""
    transform: Transform | None = None

    def __str__(self) -> str:
        return ",".join(part for part in (self.namespace, self.label_selector, self.field_selector) if part)


def scopes_of(
    kind: ResourceKind, options: CacheOptions, namespace: str | None = None, objects: Narrowing = EVERYTHING
) -> tuple[Scope, ...]:
    """The collections that hold what is cached of a kind, one per namespace.

    `namespace` (None: those of the settings) and `objects` come from the caller and win; a kind that has no namespaces
    passes over the caller's and the process's. Raises ValueError where its own settings have some.
    """
    settings = options.of(kind)
    if not kind.namespaced:
        if settings.namespaces is not None:
            raise ValueError(f"wanted {kind.kind} cached by namespaces, found a kind without; leave `namespaces` out")
        return (_scope("", objects.over(settings.objects).over(options.objects), []),)
    own = settings.namespaces
    names = list(options.namespaces if own is None else own) or [""]
    if namespace is not None:
        names = [namespace]
    others = [name for name in names if name]
    scopes: list[Scope] = []
    for name in names:
        of_namespace = (own or {}).get(name, EVERYTHING)
        of_process = options.namespaces.get(name, EVERYTHING)
        narrowed = objects.over(of_namespace).over(settings.objects).over(of_process).over(options.objects)
        scopes.append(_scope(name, narrowed, others if not name else []))
    return tuple(scopes)


def _scope(namespace: str, objects: Narrowing, without: list[str]) -> Scope:
    fields = [f"metadata.namespace!={name}" for name in without]
    if objects.field_selector:
        fields.append(objects.field_selector)
    return Scope(namespace, objects.label_selector or "", ",".join(fields), objects.transform)
