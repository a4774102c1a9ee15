"""Models made of headers: files of which nothing but the first bytes is written."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

Tensor = tuple[str, str, list[int]]
_BYTES = {"BF16": 2, "F32": 4, "F8_E4M3": 1}
_SHARDS = 30


@dataclass(frozen=True, slots=True)
class Widths:
    """Dimensions of the tensors, which decide how large the files claim to be."""

    hidden: int
    inner: int
    vocabulary: int


REAL = Widths(8192, 28672, 128256)
SMALL = Widths(8, 28, 128)
"""For a hub, which reads files whole for their digests."""


def dense(widths: Widths) -> Iterator[Tensor]:
    """723 tensors, as a model of 70 billion parameters and 80 layers has them."""
    hidden, inner = widths.hidden, widths.inner
    yield "model.embed_tokens.weight", "BF16", [widths.vocabulary, hidden]
    for layer in range(80):
        for name, shape in {
            "input_layernorm": [hidden],
            "mlp.down_proj": [hidden, inner],
            "mlp.gate_proj": [inner, hidden],
            "mlp.up_proj": [inner, hidden],
            "post_attention_layernorm": [hidden],
            "self_attn.k_proj": [hidden // 8, hidden],
            "self_attn.o_proj": [hidden, hidden],
            "self_attn.q_proj": [hidden, hidden],
            "self_attn.v_proj": [hidden // 8, hidden],
        }.items():
            yield f"model.layers.{layer}.{name}.weight", "BF16", shape
    yield "model.norm.weight", "BF16", [hidden]
    yield "lm_head.weight", "BF16", [widths.vocabulary, hidden]


def mixture(widths: Widths, tensors: int) -> Iterator[Tensor]:
    """So many tensors of experts with their scales, as the largest models have them."""
    hidden, inner = widths.hidden, widths.inner

    def endless() -> Iterator[Tensor]:
        for layer in count():
            for expert in range(384):
                for name, shape in (("down", [hidden, inner]), ("gate", [inner, hidden]), ("up", [inner, hidden])):
                    stem = f"model.layers.{layer}.mlp.experts.{expert}.{name}_proj.weight"
                    yield stem, "F8_E4M3", shape
                    yield f"{stem}_scale_inv", "F32", [-(-shape[0] // 128), -(-shape[1] // 128)]

    return islice(endless(), tensors)


def write_file(path: Path, tensors: Iterable[Tensor]) -> int:
    """A file whose header names the tensors; how many bytes the header takes."""
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, dtype, shape in tensors:
        size = _BYTES[dtype]
        for length in shape:
            size *= length
        entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + end)
    return 8 + len(text)


def write_sharded(folder: Path, widths: Widths) -> None:
    """The dense model in 30 shards with their index and a configuration."""
    folder.mkdir(parents=True)
    tensors = list(dense(widths))
    each = -(-len(tensors) // _SHARDS)
    placed: dict[str, str] = {}
    for number in range(_SHARDS):
        name = f"model-{number + 1:05}-of-{_SHARDS:05}.safetensors"
        part = tensors[number * each : (number + 1) * each]
        write_file(folder / name, part)
        placed |= {tensor: name for tensor, _, _ in part}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": placed}))
    write_configuration(folder, widths)


def write_configuration(folder: Path, widths: Widths) -> None:
    """The configuration of the dense model."""
    said = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": widths.hidden,
        "intermediate_size": widths.inner, "vocab_size": widths.vocabulary, "num_hidden_layers": 80,
        "num_attention_heads": 64 if widths.hidden > 64 else 8, "num_key_value_heads": 8 if widths.hidden > 64 else 1,
        "max_position_embeddings": 131072, "torch_dtype": "bfloat16", "tie_word_embeddings": False,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(said))
