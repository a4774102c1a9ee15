"""Whether a kind is served: a 404 counts only when the rest of discovery answers well and agrees."""

import pytest

from omectl.api.json import JsonObject
from omectl.api.resource import ResourceKind
from omectl.kube.client import Client
from omectl.kube.credentials import ClientConfig
from omectl.kube.discovery import Discovery
from omectl.kube.errors import Forbidden, InvalidResponse, KubeError, NotFound
from omectl.kube.resources import CONFIG_MAPS

MODELS = ResourceKind("ome.io", "v1beta1", "BaseModel", "basemodels", namespaced=True)
MISSING = NotFound(404, "", "404 page not found")

SERVED: JsonObject = {
    "kind": "APIResourceList",
    "groupVersion": "ome.io/v1beta1",
    "resources": [
        {"name": "basemodels", "kind": "BaseModel", "namespaced": True},
        {"name": "basemodels/status", "kind": "BaseModel", "namespaced": True},
    ],
}
OTHER_GROUP: JsonObject = {
    "kind": "APIGroupList",
    "groups": [{"name": "apps", "versions": [{"groupVersion": "apps/v1"}]}],
}
OTHER_VERSION: JsonObject = {
    "kind": "APIGroupList",
    "groups": [{"name": "apps"}, {"name": "ome.io", "versions": [{"groupVersion": "ome.io/v1"}]}],
}
SAME_VERSION: JsonObject = {
    "kind": "APIGroupList",
    "groups": [{"versions": [{"groupVersion": "ome.io/v1"}, {"groupVersion": "ome.io/v1beta1"}]}],
}


@pytest.fixture
def documents(monkeypatch: pytest.MonkeyPatch) -> dict[str, JsonObject | KubeError]:
    """What is at each path; anything else is a 404."""
    found: dict[str, JsonObject | KubeError] = {}

    async def read_object(_: Client, path: str, **__: object) -> JsonObject:
        answer = found.get(path, MISSING)
        if isinstance(answer, KubeError):
            raise answer
        return answer

    monkeypatch.setattr(Client, "read_object", read_object)
    return found


@pytest.fixture
def discovery() -> Discovery:
    return Discovery(Client(ClientConfig(server="https://server.example")))


async def test_a_kind_is_served_when_its_version_lists_it(documents, discovery: Discovery) -> None:
    documents["/apis/ome.io/v1beta1"] = SERVED
    assert await discovery.has(MODELS)


async def test_a_kind_is_not_served_when_its_version_lists_others(documents, discovery: Discovery) -> None:
    documents["/apis/ome.io/v1beta1"] = {**SERVED, "resources": SERVED["resources"][1:]}
    assert not await discovery.has(MODELS)


@pytest.mark.parametrize("index", [OTHER_GROUP, OTHER_VERSION, {"kind": "APIGroupList"}])
async def test_a_kind_is_not_served_when_the_index_knows_no_such_version(
    documents, discovery: Discovery, index: JsonObject
) -> None:
    documents["/apis"] = index
    assert not await discovery.has(MODELS)


async def test_a_missing_version_that_the_index_lists_is_no_answer(documents, discovery: Discovery) -> None:
    documents["/apis"] = SAME_VERSION
    with pytest.raises(NotFound):
        await discovery.has(MODELS)


@pytest.mark.parametrize("error", [MISSING, Forbidden(403, "Forbidden", "")])
async def test_a_server_without_index_gives_no_answer(documents, discovery: Discovery, error: KubeError) -> None:
    documents["/apis"] = error
    with pytest.raises(type(error)):
        await discovery.has(MODELS)


@pytest.mark.parametrize("path", ["/apis", "/apis/ome.io/v1beta1"])
async def test_a_page_that_is_no_discovery_document_is_no_answer(documents, discovery: Discovery, path: str) -> None:
    documents[path] = {"hello": "proxy"}
    wanted = "APIGroupList" if path == "/apis" else "APIResourceList"
    with pytest.raises(InvalidResponse, match=f"get {path}: .*wanted an {wanted}, found a document of kind None"):
        await discovery.has(MODELS)


async def test_the_core_group_has_an_index_of_its_own(documents, discovery: Discovery) -> None:
    with pytest.raises(NotFound):
        await discovery.has(CONFIG_MAPS)
    documents["/api"] = {"kind": "APIVersions", "versions": ["v2"]}
    assert not await discovery.has(CONFIG_MAPS)
    documents["/api"] = {"kind": "APIVersions", "versions": ["v1"]}
    with pytest.raises(NotFound):
        await discovery.has(CONFIG_MAPS)
    documents["/api/v1"] = {"kind": "APIResourceList", "groupVersion": "v1", "resources": [{"name": "configmaps"}]}
    assert await discovery.has(CONFIG_MAPS)
