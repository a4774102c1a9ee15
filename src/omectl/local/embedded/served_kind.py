"""What the server knows of a kind beside its names, and the registry of the kinds that it serves now. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from omectl.api.document import as_object, as_objects, at
from omectl.api.json import JsonObject
from omectl.api.resource import ResourceKind
from omectl.kube import resources

Resource: TypeAlias = tuple[str, str]
"""Group and plural: what one shelf of the storage holds, in whatever version it is asked for."""

_WITH_STATUS = frozenset(
    {
        resources.CUSTOM_RESOURCE_DEFINITIONS,
        resources.DAEMON_SETS,
        resources.DEPLOYMENTS,
        resources.HORIZONTAL_POD_AUTOSCALERS,
        resources.INGRESSES,
        resources.JOBS,
        resources.NAMESPACES,
        resources.NODES,
        resources.PERSISTENT_VOLUME_CLAIMS,
        resources.PERSISTENT_VOLUMES,
        resources.POD_DISRUPTION_BUDGETS,
        resources.PODS,
        resources.REPLICA_SETS,
        resources.SERVICES,
        resources.STATEFUL_SETS,
        resources.VALIDATING_ADMISSION_POLICIES,
    }
)
_WITHOUT_GENERATION = frozenset(
    {
        resources.CLUSTER_ROLE_BINDINGS,
        resources.CLUSTER_ROLES,
        resources.CONFIG_MAPS,
        resources.CONTROLLER_REVISIONS,
        resources.CORE_EVENTS,
        resources.ENDPOINTS,
        resources.EVENTS,
        resources.HORIZONTAL_POD_AUTOSCALERS,
        resources.LEASES,
        resources.NAMESPACES,
        resources.NODES,
        resources.PERSISTENT_VOLUME_CLAIMS,
        resources.PERSISTENT_VOLUMES,
        resources.ROLE_BINDINGS,
        resources.ROLES,
        resources.RUNTIME_CLASSES,
        resources.SECRETS,
        resources.SERVICE_ACCOUNTS,
        resources.SERVICES,
    }
)
_WITH_VERSION_ALWAYS = frozenset({resources.LEASES, resources.CUSTOM_RESOURCE_DEFINITIONS})
_RETURNED_BY_DELETE = frozenset(
    {
        resources.PERSISTENT_VOLUME_CLAIMS,
        resources.PERSISTENT_VOLUMES,
        resources.PODS,
        resources.SERVICE_ACCOUNTS,
        resources.SERVICES,
    }
)
_WITHOUT_STORAGE = frozenset(
    {resources.SELF_SUBJECT_ACCESS_REVIEWS, resources.SUBJECT_ACCESS_REVIEWS, resources.TOKEN_REVIEWS}
)


@dataclass(frozen=True, slots=True)
class Column:
    """A printer column of a Table; `path` is a dotted path, "" for the name and the age."""

    name: str
    type: str
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedKind:
    """One kind in one version. The defaults are those of a custom resource with a status subresource."""

    kind: ResourceKind
    status: bool = True
    generation: bool = True
    unconditional_update: bool = False
    custom: bool = True
    columns: tuple[Column, ...] = ()

    @property
    def returned_by_delete(self) -> bool:
        """Whether a delete answers with the object also when it is gone."""
        return self.kind in _RETURNED_BY_DELETE

    @property
    def shelf(self) -> Resource:
        """Where its objects are stored."""
        return self.kind.group, self.kind.plural

    @property
    def resource(self) -> str:
        """`pods` or `widgets.example.com`, as error messages have it."""
        return self.kind.group_resource

    @property
    def type_prefix(self) -> bytes:
        """How the JSON of a stored object begins."""
        return f'{{"kind":"{self.kind.kind}","apiVersion":"{self.kind.api_version}",'.encode()

    @property
    def list_kind(self) -> str:
        """The kind of its lists."""
        return f"{self.kind.kind}List"


def built_in(kind: ResourceKind) -> ServedKind:
    """A kind that every API server has."""
    return ServedKind(
        kind=kind,
        status=kind in _WITH_STATUS,
        generation=kind not in _WITHOUT_GENERATION,
        unconditional_update=kind not in _WITH_VERSION_ALWAYS,
        custom=False,
    )


def built_in_kinds() -> tuple[ServedKind, ...]:
    """Every built-in kind whose objects are stored."""
    return tuple(built_in(kind) for kind in resources.BUILT_IN_KINDS if kind not in _WITHOUT_STORAGE)


def served_kind(kind: ResourceKind) -> ServedKind:
    """What is known of a kind: a built-in one's rules, or those of a custom resource."""
    return built_in(kind) if kind in resources.BUILT_IN_KINDS else ServedKind(kind=kind)


def kinds_of_definition(definition: JsonObject) -> list[ServedKind]:
    """The kind in each version that a CustomResourceDefinition serves."""
    spec = as_object(definition.get("spec"))
    names = as_object(spec.get("names"))
    found: list[ServedKind] = []
    for version in as_objects(spec.get("versions")):
        if version.get("served") is True:
            kind = ResourceKind(
                group=str(spec.get("group")),
                version=str(version.get("name")),
                kind=str(names.get("kind")),
                plural=str(names.get("plural")),
                namespaced=spec.get("scope") == "Namespaced",
            )
            columns = tuple(
                Column(str(column.get("name")), str(column.get("type")), str(column.get("jsonPath")).lstrip("."))
                for column in as_objects(version.get("additionalPrinterColumns"))
            )
            has_status = isinstance(at(version, "subresources", "status"), dict)
            found.append(ServedKind(kind=kind, status=has_status, columns=columns))
    return found


class KindRegistry:
    """The kinds served now, by group, version and plural."""

    def __init__(self, kinds: Iterable[ServedKind] = ()) -> None:
        self._kinds: dict[tuple[str, str, str], ServedKind] = {}
        for kind in kinds:
            self.add(kind)

    def __iter__(self) -> Iterator[ServedKind]:
        return iter(tuple(self._kinds.values()))

    def add(self, served: ServedKind) -> None:
        """Serve a kind; one that is served already is replaced."""
        kind = served.kind
        self._kinds[kind.group, kind.version, kind.plural] = served

    def remove(self, kind: ResourceKind) -> None:
        """Serve a kind no longer."""
        self._kinds.pop((kind.group, kind.version, kind.plural), None)

    def find(self, group: str, version: str, plural: str) -> ServedKind | None:
        """The kind at this place of the API."""
        return self._kinds.get((group, version, plural))

    def of_object(self, obj: JsonObject) -> ServedKind | None:
        """The kind that an object's `apiVersion` and `kind` name."""
        api_version, name = obj.get("apiVersion"), obj.get("kind")
        return next((k for k in self if (k.kind.api_version, k.kind.kind) == (api_version, name)), None)

    def has_group_version(self, group: str, version: str) -> bool:
        """Whether any kind of this group and version is served."""
        return any((k.kind.group, k.kind.version) == (group, version) for k in self)

    def is_custom(self, group: str, version: str) -> bool:
        """Whether the group and version come from custom kinds only."""
        return all(k.custom for k in self if (k.kind.group, k.kind.version) == (group, version))
