"""The documents by which a client learns what is served: groups, versions, kinds. Pure."""

from omectl.api.json import JsonObject, JsonValue
from omectl.local.embedded import statuses
from omectl.local.embedded.served_kind import KindRegistry, ServedKind

VERSION: JsonObject = {
    "major": "1",
    "minor": "36",
    "gitVersion": "v1.36.0+embedded",
    "gitCommit": "",
    "gitTreeState": "",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "python",
    "platform": "linux/amd64",
}
_VERBS: list[JsonValue] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_STATUS_VERBS: list[JsonValue] = ["get", "patch", "update"]
_AGGREGATED_FORM = "as=APIGroupDiscoveryList"


def document(registry: KindRegistry, path: str, accept: str) -> JsonObject | None:
    """The discovery document at a path; None for a path that is none. Raises Refusal (404) for unknown groups."""
    parts = path.strip("/").split("/")
    if parts == ["version"]:
        return VERSION
    if parts in (["api"], ["apis"]):
        core = parts == ["api"]
        if _AGGREGATED_FORM in accept and "v=v2" in accept:
            return _aggregated(registry, core=core)
        return {"kind": "APIVersions", "versions": ["v1"]} if core else _groups(registry)
    if parts[0] == "api" and len(parts) == 2:
        return _resources(registry, "", parts[1])
    if parts[0] == "apis" and len(parts) == 2:
        return _group(registry, parts[1])
    if parts[0] == "apis" and len(parts) == 3:
        return _resources(registry, parts[1], parts[2])
    return None


def _groups(registry: KindRegistry) -> JsonObject:
    names = dict.fromkeys(served.kind.group for served in registry if served.kind.group)
    groups: list[JsonValue] = []
    for name in names:
        group = _group(registry, name)
        groups.append({part: value for part, value in group.items() if part not in {"kind", "apiVersion"}})
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def _group(registry: KindRegistry, name: str) -> JsonObject:
    versions: list[JsonValue] = [
        {"groupVersion": f"{name}/{version}", "version": version} for version in _versions(registry, name)
    ]
    if not versions:
        raise statuses.page_not_found()
    return {"kind": "APIGroup", "apiVersion": "v1", "name": name, "versions": versions, "preferredVersion": versions[0]}


def _resources(registry: KindRegistry, group: str, version: str) -> JsonObject:
    kinds = _kinds(registry, group, version)
    if not kinds:
        raise statuses.page_not_found() if group else statuses.no_such_resource()
    resources: list[JsonValue] = []
    for served in kinds:
        kind = served.kind
        resources.append(
            {
                "name": kind.plural,
                "singularName": kind.kind.lower(),
                "namespaced": kind.namespaced,
                "kind": kind.kind,
                "verbs": _VERBS,
            }
        )
        if served.status:
            resources.append(
                {
                    "name": f"{kind.plural}/status",
                    "singularName": "",
                    "namespaced": kind.namespaced,
                    "kind": kind.kind,
                    "verbs": _STATUS_VERBS,
                }
            )
    group_version = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources}


def _aggregated(registry: KindRegistry, *, core: bool) -> JsonObject:
    groups = dict.fromkeys(served.kind.group for served in registry if (served.kind.group == "") is core)
    items: list[JsonValue] = []
    for group in groups:
        versions: list[JsonValue] = [
            {
                "version": version,
                "resources": [_aggregated_resource(served) for served in _kinds(registry, group, version)],
                "freshness": "Current",
            }
            for version in _versions(registry, group)
        ]
        items.append({"metadata": {"name": group} if group else {}, "versions": versions})
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    }


def _aggregated_resource(served: ServedKind) -> JsonObject:
    kind = served.kind
    response: JsonObject = {"group": kind.group, "version": kind.version, "kind": kind.kind}
    resource: JsonObject = {
        "resource": kind.plural,
        "responseKind": response,
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.kind.lower(),
        "verbs": _VERBS,
    }
    if served.status:
        resource["subresources"] = [{"subresource": "status", "responseKind": response, "verbs": _STATUS_VERBS}]
    return resource


def _versions(registry: KindRegistry, group: str) -> list[str]:
    return list(dict.fromkeys(served.kind.version for served in registry if served.kind.group == group))


def _kinds(registry: KindRegistry, group: str, version: str) -> list[ServedKind]:
    return [served for served in registry if (served.kind.group, served.kind.version) == (group, version)]
