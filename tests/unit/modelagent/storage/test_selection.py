"""Which files of a repository are downloaded."""

from __future__ import annotations

import pytest

from omectl.modelagent.problems import ModelError, Reason
from omectl.modelagent.storage.selection import select

COMMON = ["config.json", "tokenizer.json", "tokenizer.model", "merges.txt", "modeling_x.py", "chat_template.jinja"]


def test_the_default_takes_what_a_model_needs_and_nothing_twice() -> None:
    extra = [
        *("README.md", ".gitattributes", "pytorch_model.bin", "tf_model.h5", "flax_model.msgpack", "model.gguf"),
        *("original/consolidated.00.pth", "onnx/model.onnx", "onnx/config.json", "consolidated.safetensors"),
        *("images/logo.png", "optimizer.pt"),
    ]
    wanted = [*COMMON, "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    assert select([*wanted, *extra], {}) == wanted


def test_pickles_are_taken_when_there_is_nothing_better() -> None:
    assert select(["config.json", "pytorch_model.bin", "model.gguf"], {}) == ["config.json", "pytorch_model.bin"]


def test_gguf_is_taken_when_it_is_the_only_format() -> None:
    assert select(["README.md", "model.gguf"], {}) == ["model.gguf"]


def test_consolidated_weights_are_taken_when_they_are_the_only_ones() -> None:
    assert select(["params.json", "consolidated.safetensors"], {}) == ["params.json", "consolidated.safetensors"]


def test_the_model_s_own_patterns_replace_the_default() -> None:
    names = [*COMMON, "pytorch_model.bin", "a/b.onnx", "README.md"]
    chosen = select(names, {"allowPatterns": "*.onnx, *.json", "ignorePatterns": "tokenizer*"})
    assert chosen == ["config.json", "a/b.onnx"]


def test_nothing_to_download_is_an_error_that_names_the_way_out() -> None:
    with pytest.raises(ModelError) as caught:
        select(["README.md", "logo.png"], {})
    assert caught.value.reason is Reason.NOTHING_TO_DOWNLOAD
    assert "allowPatterns" in caught.value.next_step
