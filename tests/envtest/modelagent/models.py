"""Small models made for tests: real formats, random weights."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "vocab_size": 100,
    "max_position_embeddings": 2048,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.44.0",
}


def safetensors(weight_bytes: int, seed: int = 0) -> bytes:
    """A safetensors file with one tensor of `weight_bytes` random bytes."""
    tensor = {"dtype": "BF16", "shape": [weight_bytes // 2], "data_offsets": [0, weight_bytes]}
    header = msgspec.json.encode({"model.embed_tokens.weight": tensor})
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + random.Random(seed).randbytes(weight_bytes)


def write_model(folder: Path, *, weight_bytes: int = 1 << 20, shards: int = 1, config: bytes | None = None) -> Path:
    """A model directory with config.json, a tokenizer and `shards` weight files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_bytes(msgspec.json.encode(CONFIG) if config is None else config)
    (folder / "tokenizer_config.json").write_text("{}")
    for number in range(shards):
        name = "model.safetensors" if shards == 1 else f"model-{number + 1:05d}-of-{shards:05d}.safetensors"
        (folder / name).write_bytes(safetensors(weight_bytes, number))
    return folder
