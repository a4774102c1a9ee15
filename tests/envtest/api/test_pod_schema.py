"""The pod part of the CRDs is what the API server itself says of pods."""

from omectl.api.crds.pod_source import DATA_FILE, pod_schema
from omectl.kube.client import Client


async def test_the_data_file_equals_the_servers_own_description(client: Client) -> None:
    documents = [await client.openapi(f"/openapi/v3/{group}") for group in ("api/v1", "apis/apps/v1")]
    assert DATA_FILE.read_text(encoding="utf-8") == pod_schema(documents), "run hack/generate-pod-schema.py"
