import pytest
from hypothesis import given
from hypothesis import strategies as st

from omectl.api.storage_uri import (
    AzureUri,
    GcsUri,
    GitHubUri,
    HuggingFaceUri,
    ImageUri,
    LocalUri,
    OciUri,
    PvcUri,
    S3Uri,
    StorageUri,
    StorageUriError,
    VendorUri,
    parse_storage_uri,
)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("oci://n/ns/b/models/o/meta/llama", OciUri("ns", "models", "meta/llama")),
        ("oci://n//b//o/", OciUri("", "", "")),
        ("pvc://claim/llama", PvcUri("", "claim", "llama")),
        ("pvc://claim/a/b", PvcUri("", "claim", "a/b")),
        ("pvc://team-a:claim/llama", PvcUri("team-a", "claim", "llama")),
        ("pvc://Any_Claim/x", PvcUri("", "Any_Claim", "x")),
        ("image://registry.example:5000/org/m:v1", ImageUri("registry.example:5000/org/m:v1")),
        ("image://org/m@sha256:ab#models/llama", ImageUri("org/m@sha256:ab", "models/llama")),
        ("vendor://openai/model/gpt/4", VendorUri("openai", "model", "gpt/4")),
        ("hf://meta-llama/Llama-3.3-70B-Instruct", HuggingFaceUri("meta-llama/Llama-3.3-70B-Instruct", "main")),
        ("hf://gpt2", HuggingFaceUri("gpt2", "main")),
        ("hf://a/b@v1.0", HuggingFaceUri("a/b", "v1.0")),
        ("hf://a/b@x@y", HuggingFaceUri("a/b", "x@y")),
        ("hf://a/b@", HuggingFaceUri("a/b", "")),
        ("hf://a%20b", HuggingFaceUri("a%20b", "main")),
        ("s3://bucket", S3Uri("bucket")),
        ("s3://bucket/a/b", S3Uri("bucket", "a/b")),
        ("s3://bucket@eu-west-1", S3Uri("bucket", "", "eu-west-1")),
        ("s3://bucket@eu-west-1/a/b", S3Uri("bucket", "a/b", "eu-west-1")),
        ("s3://bucket/a@b/c", S3Uri("bucket/a", "c", "b")),
        ("az://acc.blob.core.windows.net/box/a/b", AzureUri("acc", "box", "a/b")),
        ("az://acc/box", AzureUri("acc", "box")),
        ("gs://bucket", GcsUri("bucket")),
        ("gs://bucket/a/b", GcsUri("bucket", "a/b")),
        ("github://owner/repo", GitHubUri("owner", "repo", "latest")),
        ("github://owner/repo@v1", GitHubUri("owner", "repo", "v1")),
        ("github://owner/repo@", GitHubUri("owner", "repo", "")),
        ("github://owner/repo/more@v1", GitHubUri("owner", "repo/more", "v1")),
        ("local:///raid/models/x", LocalUri("/raid/models/x")),
        ("local://rel/x", LocalUri("rel/x")),
    ],
)
def test_a_uri_has_parts(text: str, parts: StorageUri) -> None:
    assert parse_storage_uri(text) == parts


@pytest.mark.parametrize(
    ("text", "storage"),
    [
        ("oci://n/ns/b/models", "OCI"),
        ("oci://n/ns/b/models/o", "OCI"),
        ("oci://x/ns/b/models/o/p", "OCI"),
        ("oci://bucket/prefix", "OCI"),
        ("pvc://", "PVC"),
        ("pvc://claim", "PVC"),
        ("pvc://claim/", "PVC"),
        ("pvc:///sub", "PVC"),
        ("pvc://:claim/sub", "PVC"),
        ("pvc://ns:/sub", "PVC"),
        ("pvc://a:b:c/sub", "PVC"),
        ("pvc://-ns:claim/sub", "PVC"),
        ("pvc://ns-:claim/sub", "PVC"),
        ("pvc://Team:claim/sub", "PVC"),
        (f"pvc://{'n' * 64}:claim/sub", "PVC"),
        ("image://", "image"),
        ("image://#models", "image"),
        ("vendor://a/b", "vendor"),
        ("vendor://a//c", "vendor"),
        ("vendor:///b/c", "vendor"),
        ("hf://", "Hugging Face"),
        ("hf://@main", "Hugging Face"),
        ("s3://", "S3"),
        ("s3:///prefix", "S3"),
        ("s3://@region/prefix", "S3"),
        ("az://", "Azure"),
        ("az://account", "Azure"),
        ("az:///container", "Azure"),
        ("az://account/", "Azure"),
        ("az://.blob.core.windows.net/box", "Azure"),
        ("gs://", "GCS"),
        ("gs:///object", "GCS"),
        ("github://", "GitHub"),
        ("github://owner", "GitHub"),
        ("github://owner@tag/repo", "GitHub"),
        ("github:///repo", "GitHub"),
        ("github://owner/", "GitHub"),
        ("local://", "local"),
    ],
)
def test_a_malformed_uri_names_the_kind_of_storage(text: str, storage: str) -> None:
    with pytest.raises(StorageUriError) as caught:
        parse_storage_uri(text)
    assert str(caught.value).startswith(f"invalid {storage} storage URI format")


@pytest.mark.parametrize("text", ["", "hf", "hf:/a/b", "HF://a/b", " hf://a/b", "http://x/y", "/raid/models"])
def test_an_unknown_prefix_is_said_to_be_one(text: str) -> None:
    with pytest.raises(StorageUriError) as caught:
        parse_storage_uri(text)
    assert str(caught.value).startswith(f"unknown storage type for URI: {text}")


@given(
    st.one_of(
        st.text(), st.builds("{}://{}".format, st.sampled_from(["oci", "pvc", "hf", "s3", "az", "github"]), st.text())
    )
)
def test_no_text_makes_the_reader_fail_otherwise(text: str) -> None:
    try:
        parsed = parse_storage_uri(text)
    except StorageUriError:
        return
    assert text.startswith(f"{parsed.scheme}://")
