"""How the facts of a model are shown: each line once, with its source, and what it means for GPUs."""

from __future__ import annotations

from typing import Any

import pytest

from omectl.api.facts import ModelFacts
from omectl.cli.inspection import as_object, in_words
from omectl.cli.model_files import ReadModel

Json = Any
_LLAMA: Json = {
    "architecture": "LlamaForCausalLM", "family": "llama", "modelType": "llama", "layers": 4, "hiddenSize": 64,
    "attentionHeads": 8, "keyValueHeads": 2, "headSize": 16, "dtype": "bfloat16", "capabilities": ["TEXT_TO_TEXT"],
}  # fmt: skip


def read(**facts: Json) -> ReadModel:
    return ReadModel(ModelFacts.model_validate(facts), size_bytes=2048, files=3, read_bytes=100)


def lines(*, explain: bool = False, **facts: Json) -> list[str]:
    return in_words("m", read(**facts), explain=explain).splitlines()


def line(label: str, **facts: Json) -> str | None:
    found = [one[19:] for one in lines(**facts) if one[2:].startswith(f"{label} ")]
    assert len(found) <= 1
    return found[0] if found else None


def test_only_what_is_known_has_a_line() -> None:
    assert lines() == ["m", "  files            3 of 2.0 KiB (2048 bytes); 100 bytes read"]


@pytest.mark.parametrize(
    ("label", "facts", "text"),
    [
        ("architecture", {"architecture": "A"}, "A"),
        ("family", {"family": "general", "modelType": "x"}, "general, model type x"),
        ("family", {"modelType": "x"}, "x"),
        ("capabilities", {"capabilities": ["A", "B"]}, "A, B"),
        ("features", {"features": ["CHAT", "CODE"]}, "CHAT, CODE"),
        ("endpoints", {"apiCapabilities": ["X"]}, "X"),
        ("parameters", {"parameterCount": 1_500_000}, "1.50M (1500000)"),
        (
            "parameters",
            {"parameterCount": 30_000_000_000, "activeParameterCount": 3_000_000_000},
            "30B (30000000000), of which a token meets 3B (3000000000)",
        ),
        ("context", {"contextLength": 512}, "512 tokens"),
        ("context", {"contextLength": 512, "inputLength": 256}, "512 tokens; texts are cut to 256"),
        ("vector", {"embeddingSize": 384}, "384 numbers"),
        ("vector", {"embeddingSize": 384, "pooling": "mean"}, "384 numbers, pooling mean"),
        ("vector", {"pooling": "mean"}, "pooling mean"),
        ("quantization", {"quantizationMethod": "awq", "quantizationBits": 4}, "awq, 4 bits"),
        ("quantization", {"quantization": "int4", "quantizationMethod": "awq"}, "int4, awq"),
        ("quantization", {"quantization": "fp8", "quantizationMethod": "fp8"}, "fp8"),
        ("layers", {"layers": 2}, "2"),
        ("attention", {"attentionHeads": 8}, "8 heads"),
        ("attention", {"attentionHeads": 8, "headSize": 4}, "8 heads of 4 numbers"),
        ("attention", {"attentionHeads": 8, "keyValueHeads": 2}, "8 heads, 2 of keys and values"),
        (
            "attention",
            {"attentionHeads": 8, "latentRank": 512, "latentRopeSize": 64, "keyValueHeads": 8},
            "8 heads, a latent of 512 and 64",
        ),
        ("window", {"slidingWindow": 1024, "slidingLayers": 5}, "1024 tokens in 5 layers"),
        ("state", {"stateLayers": 3, "stateSize": 9}, "in 3 layers, 9 numbers each"),
        ("experts", {"experts": 64}, "64"),
        ("experts", {"experts": 64, "expertsPerToken": 8}, "64, 8 for a token"),
        ("vocabulary", {"vocabularySize": 9}, "9"),
        ("vocabulary", {"vocabularySize": 9, "tiedEmbeddings": True}, "9, one embedding for input and output"),
        ("adapter", {"adapterMethod": "lora", "adapterRank": 16, "baseModel": "o/m"}, "lora of rank 16 for o/m"),
        ("framework", {"framework": {"name": "transformers"}}, "transformers"),
        ("format", {"format": {"name": "safetensors", "version": "1.0.0"}}, "safetensors 1.0.0"),
        ("weights", {"sizeBytes": 1536}, "1.5 KiB (1536 bytes)"),
        ("revision", {"revision": "abc"}, "abc"),
        (
            "pipeline",
            {
                "diffusionPipeline": {
                    "className": "P", "vae": {"type": "V"}, "additionalComponents": {"image_encoder": {"library": "t"}},
                }
            },
            "vae V, image_encoder",
        ),
    ],
)  # fmt: skip
def test_a_line_tells(label: str, facts: Json, text: str) -> None:
    assert line(label, **facts) == text


def test_each_line_says_where_it_comes_from() -> None:
    sources = {"modelType": "configuration", "family": "estimate", "contextLength": "table", "parameterCount": "index"}
    found = lines(
        explain=True, sources=sources, modelType="x", family="general", contextLength=8, parameterCount=9, revision="c",
        dtype="float32", layers=1, attentionHeads=1, headSize=8,
    )  # fmt: skip
    ends = {one[2:17].rstrip(): one[19:].split("  ")[-1].strip() for one in found[1:]}
    assert ends == {
        "family": "estimate and configuration",
        "context": "table of families",
        "parameters": "index of the weights",
        "dtype": "not said",
        "layers": "not said",
        "attention": "not said",
        "files": "not said",
        "revision": "listing of the hub",
        "cache": "worked out from the facts above",
        "tensor parallel": "worked out from the facts above",
    }


def test_a_cache_is_two_numbers_for_each_layer_head_and_width() -> None:
    assert line("cache", **_LLAMA) == f"{2 * 4 * 2 * 16 * 2} bytes for each token"
    assert line("tensor parallel", **_LLAMA) == "1, 2, 4, 8"
    assert as_object("m", read(**_LLAMA))["fit"] == {
        "keepsCache": True,
        "cacheBytesPerToken": 512,
        "tensorParallel": [
            {"gpus": 1, "cacheBytesPerToken": 512},
            {"gpus": 2, "cacheBytesPerToken": 256},
            {"gpus": 4, "cacheBytesPerToken": 256},
            {"gpus": 8, "cacheBytesPerToken": 256},
        ],
    }


def test_windows_and_states_are_told_apart() -> None:
    mixed = _LLAMA | {"slidingWindow": 32, "slidingLayers": 2, "stateLayers": 1, "stateSize": 10}
    assert line("cache", **mixed) == "128 bytes for each token, 256 for each of the last 32, 40 for each sequence"
    fit: Json = as_object("m", read(**mixed))["fit"]
    assert (fit["windowCacheBytesPerToken"], fit["windowTokens"], fit["stateBytesPerSequence"]) == (256, 32, 40)


def test_heads_that_do_not_divide_leave_a_number_of_gpus_out() -> None:
    assert line("tensor parallel", **_LLAMA | {"attentionHeads": 12, "keyValueHeads": 4}) == "1, 2, 4, 12"
    assert line("tensor parallel", **_LLAMA | {"attentionHeads": 7, "keyValueHeads": 7}) == "1, 7"
    assert line("tensor parallel", **_LLAMA | {"attentionHeads": 9, "keyValueHeads": None}) == "1, 3, 9"


def test_a_latent_is_no_head_and_a_long_list_is_cut() -> None:
    latent = _LLAMA | {"attentionHeads": 1024, "keyValueHeads": 3, "latentRank": 512, "latentRopeSize": 64}
    assert line("tensor parallel", **latent) == "1, 2, 4, 8, 16, 32, 64, 128, ... 1024"
    assert line("cache", **latent) == f"{4 * 576 * 2} bytes for each token"


def test_many_heads_are_split_at_once() -> None:
    assert line("tensor parallel", **_LLAMA | {"attentionHeads": 2**31 - 1, "keyValueHeads": 1}) == f"1, {2**31 - 1}"


def test_encoders_and_pipelines_keep_nothing() -> None:
    bert = _LLAMA | {"modelType": "bert", "family": "bert"}
    assert line("cache", **bert) == "none: it reads a text at once"
    assert line("cache", modelType="diffusers") is None
    fit: Json = as_object("m", read(modelType="diffusers"))["fit"]
    assert fit == {"keepsCache": False, "tensorParallel": []}


def test_a_cache_that_does_not_follow_from_the_facts_is_not_told() -> None:
    assert line("cache", layers=2) is None
    assert as_object("m", read(layers=2))["fit"] == {"keepsCache": True, "tensorParallel": []}


def test_a_models_own_texts_do_not_move_the_cursor() -> None:
    found = in_words("m\x1b[2J", read(diffusionPipeline={"additionalComponents": {"a\x1b[1m\n": {}}}))
    assert "\x1b" not in found
    assert "a\N{REPLACEMENT CHARACTER}[1m\N{REPLACEMENT CHARACTER}" in found


def test_sources_are_in_the_object_when_asked_for() -> None:
    known = read(layers=2, sources={"layers": "configuration"})
    assert "sources" not in as_object("m", known)
    told: Json = as_object("m", known, explain=True)
    assert told["sources"] == {"layers": "configuration"}
    assert told["files"] == {"count": 3, "bytes": 2048, "bytesRead": 100}
    assert "sources" not in told["facts"]
    assert "unread" not in told
