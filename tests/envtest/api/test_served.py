"""How a real API server serves the kinds: names, subresources, printed columns, list merging."""

from typing import cast

import pytest
from tests.envtest.api.vectors import COMPLETE

from omectl.api.codec import TYPES
from omectl.api.json import JsonObject
from omectl.api.kinds import ALL_KINDS
from omectl.kube.client import Client

AS_TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"

MODEL_COLUMNS = (
    "Disabled:boolean Version:string Vendor:string Framework:string FrameworkVersion:string ModelFormat:string"
    " Architecture:string Capabilities:string Size:string CompartmentID:string Ready:string Age:date"
)
RUNTIME_COLUMNS = (
    "Disabled:boolean ModelFormat:string ModelFramework:string ModelFrameworkVersion:string ModelArchitecture:string"
    " ModelSizeMin:string ModelSizeMax:string Images:string Age:date"
)
COLUMNS = {
    "basemodels": MODEL_COLUMNS,
    "clusterbasemodels": MODEL_COLUMNS,
    "finetunedweights": (
        "Disabled:boolean Version:string Vendor:string CompartmentID:string ModelType:string Ready:string Age:date"
    ),
    "servingruntimes": RUNTIME_COLUMNS,
    "clusterservingruntimes": RUNTIME_COLUMNS,
    "inferenceservices": (
        "URL:string Ready:string BaseModel:string Runtime:string Prev:integer Latest:integer"
        " PrevRolledoutRevision:string LatestReadyRevision:string Age:date Summary:string"
    ),
    "benchmarkjobs": "Age:date Status:string",
    "acceleratorclasses": "Vendor:string Family:string Memory:string Nodes:integer",
}


@pytest.mark.parametrize("plural", sorted(COLUMNS))
async def test_the_columns_are_printed_in_order(client: Client, plural: str) -> None:
    table = await client.read_object(f"/apis/ome.io/v1beta1/{plural}", accept=AS_TABLE)
    columns = cast("list[JsonObject]", table["columnDefinitions"])
    assert columns[0]["name"] == "Name"
    assert " ".join(f"{column['name']}:{column['type']}" for column in columns[1:]) == COLUMNS[plural]
    assert all(column["priority"] == 0 for column in columns)


async def test_discovery_lists_the_kinds_with_their_names(client: Client) -> None:
    discovered = await client.read_object("/apis/ome.io/v1beta1")
    found = {cast("str", entry["name"]): entry for entry in cast("list[JsonObject]", discovered["resources"])}
    assert {name for name in found if "/" not in name} == {kind.plural for kind in ALL_KINDS}
    for kind in ALL_KINDS:
        entry = found[kind.plural]
        assert (entry["kind"], entry["singularName"]) == (kind.kind, kind.kind.lower())
        assert entry["namespaced"] is kind.namespaced
        assert entry.get("shortNames") == (["isvc"] if kind.kind == "InferenceService" else None)
        assert "categories" not in entry


async def test_runtimes_alone_have_no_status_subresource(client: Client) -> None:
    discovered = await client.read_object("/apis/ome.io/v1beta1")
    names = {cast("str", entry["name"]) for entry in cast("list[JsonObject]", discovered["resources"])}
    without = {"servingruntimes", "clusterservingruntimes"}
    assert {name for name in names if "/" in name} - {"inferenceservices/scale"} == {
        f"{kind.plural}/status" for kind in ALL_KINDS if kind.plural not in without
    }


async def test_services_alone_have_a_scale_subresource(client: Client) -> None:
    discovered = await client.read_object("/apis/ome.io/v1beta1")
    found = [entry for entry in cast("list[JsonObject]", discovered["resources"]) if "/scale" in str(entry["name"])]
    assert [(entry["name"], entry["group"], entry["kind"]) for entry in found] == [
        ("inferenceservices/scale", "autoscaling", "Scale")
    ]


async def test_values_are_printed_where_the_columns_point(client: Client, namespace: str) -> None:
    kind = TYPES["BaseModel"].resource_kind
    spec = COMPLETE["BaseModel"] | {"modelCapabilities": ["A", "B"], "modelParameterSize": "7B", "disabled": False}
    raw: JsonObject = {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {"name": "x", "namespace": namespace},
        "spec": spec,
    }
    await client.create(kind, raw)
    await client.merge_patch(kind, "x", {"status": {"state": "Ready"}}, namespace, subresource="status")
    table = await client.read_object(f"/apis/ome.io/v1beta1/namespaces/{namespace}/basemodels", accept=AS_TABLE)
    (row,) = cast("list[JsonObject]", table["rows"])
    cells = cast("list[object]", row["cells"])
    assert cells[0] == "x"
    assert cells[1] is False
    assert (cells[6], cells[8], cells[9], cells[11]) == ("safetensors", "A", "7B", "Ready")


async def test_two_appliers_share_a_keyed_list_and_take_over_an_atomic_one(client: Client, namespace: str) -> None:
    kind = TYPES["InferenceService"].resource_kind

    def applied(env: str, capability: str) -> JsonObject:
        return {
            "apiVersion": kind.api_version,
            "kind": kind.kind,
            "metadata": {"name": "x", "namespace": namespace},
            "spec": {
                "engine": {"runner": {"env": [{"name": env, "value": "1"}]}},
                "model": {"name": "m", "fineTunedWeights": [capability]},
            },
        }

    await client.apply(kind, applied("ONE", "a"), field_manager="one")
    merged = await client.apply(kind, applied("TWO", "b"), field_manager="two", force=True)
    spec = cast("dict[str, JsonObject]", merged["spec"])
    runner = cast("dict[str, list[JsonObject]]", spec["engine"]["runner"])
    assert {entry["name"] for entry in runner["env"]} == {"ONE", "TWO"}
    assert spec["model"]["fineTunedWeights"] == ["b"]
