"""Tensors of whole models as quantizing tools store them: names, dtypes and shapes without a byte of data."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from omectl.modelparser import SafetensorsHeader, Tensor
from omectl.modelparser.tensors import BITS

Stored = Iterator[tuple[str, str, tuple[int, ...]]]
Format = Callable[[str, int, int], Stored]
"""How a linear layer of `outputs` and `inputs` is stored under a name."""


def plain(name: str, outputs: int, inputs: int) -> Stored:
    yield f"{name}.weight", "BF16", (outputs, inputs)


def awq(name: str, outputs: int, inputs: int) -> Stored:
    yield f"{name}.qweight", "I32", (inputs, outputs // 8)
    yield f"{name}.qzeros", "I32", (inputs // 128, outputs // 8)
    yield f"{name}.scales", "F16", (inputs // 128, outputs)


def gptq(name: str, outputs: int, inputs: int) -> Stored:
    yield f"{name}.qweight", "I32", (inputs // 8, outputs)
    yield f"{name}.qzeros", "I32", (inputs // 128, outputs // 8)
    yield f"{name}.scales", "F16", (inputs // 128, outputs)
    yield f"{name}.g_idx", "I32", (inputs,)


def fp8_blocks(name: str, outputs: int, inputs: int) -> Stored:
    yield f"{name}.weight", "F8_E4M3", (outputs, inputs)
    yield f"{name}.weight_scale_inv", "BF16", (-(-outputs // 128), -(-inputs // 128))


def fp8_channels(name: str, outputs: int, inputs: int) -> Stored:
    yield f"{name}.weight", "F8_E4M3", (outputs, inputs)
    yield f"{name}.weight_scale", "BF16", (outputs, 1)


def packed(name: str, outputs: int, inputs: int) -> Stored:
    yield f"{name}.weight_packed", "I32", (outputs, inputs // 8)
    yield f"{name}.weight_scale", "BF16", (outputs, inputs // 128)
    yield f"{name}.weight_zero_point", "I32", (outputs // 8, inputs // 128)
    yield f"{name}.weight_shape", "I64", (2,)


def nvfp4(name: str, outputs: int, inputs: int) -> Stored:
    yield f"{name}.weight", "U8", (outputs, inputs // 2)
    yield f"{name}.weight_scale", "F8_E4M3", (outputs, inputs // 16)
    yield f"{name}.weight_scale_2", "F32", ()
    yield f"{name}.input_scale", "F32", ()


def nvfp4_packed(name: str, outputs: int, inputs: int) -> Stored:
    yield f"{name}.weight_packed", "U8", (outputs, inputs // 2)
    yield f"{name}.weight_scale", "F8_E4M3", (outputs, inputs // 16)
    yield f"{name}.weight_global_scale", "F32", (1,)
    yield f"{name}.input_global_scale", "F32", (1,)


def nf4(name: str, outputs: int, inputs: int) -> Stored:
    half = outputs * inputs // 2
    yield f"{name}.weight", "U8", (half, 1)
    yield f"{name}.weight.absmax", "U8", (half // 32,)
    yield f"{name}.weight.nested_absmax", "F32", (half // 32 // 256,)
    yield f"{name}.weight.nested_quant_map", "F32", (256,)
    yield f"{name}.weight.quant_map", "F32", (16,)
    yield f"{name}.weight.quant_state.bitsandbytes__nf4", "U8", (90,)


def int8(name: str, outputs: int, inputs: int) -> Stored:
    yield f"{name}.weight", "I8", (outputs, inputs)
    yield f"{name}.SCB", "F32", (outputs,)
    yield f"{name}.weight_format", "U8", ()


def mlx(bits: int) -> Format:
    def stored(name: str, outputs: int, inputs: int) -> Stored:
        yield f"{name}.weight", "U32", (outputs, inputs * bits // 32)
        yield f"{name}.scales", "BF16", (outputs, inputs // 64)
        yield f"{name}.biases", "BF16", (outputs, inputs // 64)

    return stored


@dataclass(frozen=True)
class Shapes:
    """A decoder's shapes; `experts` of `width` each take the place of the one feed-forward part."""

    hidden: int
    layers: int
    heads: int
    key_heads: int
    head: int
    width: int
    vocabulary: int
    experts: int = 0
    biases: bool = False
    norms: bool = False
    tied: bool = False
    more: Mapping[str, object] = field(default_factory=dict[str, object])

    def configuration(self, model_type: str, recipe: Mapping[str, object] | None) -> dict[str, object]:
        return {
            "model_type": model_type, "hidden_size": self.hidden, "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads, "num_key_value_heads": self.key_heads, "head_dim": self.head,
            "intermediate_size": self.width, "vocab_size": self.vocabulary, "max_position_embeddings": 4096,
            "tie_word_embeddings": self.tied, **({"quantization_config": recipe} if recipe else {}), **self.more,
        }  # fmt: skip


def stored(shapes: Shapes, linear: Format, embedding: Format = plain) -> Stored:
    """The tensors of a decoder of the usual names, its linear layers and its embeddings stored in these ways."""
    yield from embedding("model.embed_tokens", shapes.vocabulary, shapes.hidden)
    for layer in range(shapes.layers):
        yield from _layer(f"model.layers.{layer}", shapes, linear)
    yield "model.norm.weight", "BF16", (shapes.hidden,)
    if not shapes.tied:
        yield from embedding("lm_head", shapes.vocabulary, shapes.hidden)


def _layer(name: str, shapes: Shapes, linear: Format) -> Stored:
    widths = {"q": shapes.heads * shapes.head, **dict.fromkeys("kv", shapes.key_heads * shapes.head)}
    for letter, width in widths.items():
        yield from linear(f"{name}.self_attn.{letter}_proj", width, shapes.hidden)
        if shapes.biases:
            yield f"{name}.self_attn.{letter}_proj.bias", "BF16", (width,)
        if shapes.norms and letter != "v":
            yield f"{name}.self_attn.{letter}_norm.weight", "BF16", (shapes.head,)
    yield from linear(f"{name}.self_attn.o_proj", shapes.hidden, widths["q"])
    for norm in ("input", "post_attention"):
        yield f"{name}.{norm}_layernorm.weight", "BF16", (shapes.hidden,)
    parts = [f"{name}.mlp"]
    if shapes.experts:
        yield f"{name}.mlp.gate.weight", "BF16", (shapes.experts, shapes.hidden)
        parts = [f"{name}.mlp.experts.{expert}" for expert in range(shapes.experts)]
    for part in parts:
        yield from linear(f"{part}.gate_proj", shapes.width, shapes.hidden)
        yield from linear(f"{part}.up_proj", shapes.width, shapes.hidden)
        yield from linear(f"{part}.down_proj", shapes.hidden, shapes.width)


def gpt_oss(layers: int, experts: int) -> Stored:
    """The tensors of gpt-oss: its experts in blocks of 32 numbers of 4 bits, with a scale each."""
    yield "model.embed_tokens.weight", "BF16", (201088, 2880)
    for layer in range(layers):
        name = f"model.layers.{layer}"
        for letter, width in {"q": 4096, "k": 512, "v": 512}.items():
            yield f"{name}.self_attn.{letter}_proj.weight", "BF16", (width, 2880)
            yield f"{name}.self_attn.{letter}_proj.bias", "BF16", (width,)
        yield f"{name}.self_attn.o_proj.weight", "BF16", (2880, 4096)
        yield f"{name}.self_attn.o_proj.bias", "BF16", (2880,)
        yield f"{name}.self_attn.sinks", "BF16", (64,)
        yield f"{name}.mlp.router.weight", "BF16", (experts, 2880)
        yield f"{name}.mlp.router.bias", "BF16", (experts,)
        for part, width in {"gate_up": 5760, "down": 2880}.items():
            yield f"{name}.mlp.experts.{part}_proj_blocks", "U8", (experts, width, 90, 16)
            yield f"{name}.mlp.experts.{part}_proj_scales", "U8", (experts, width, 90)
            yield f"{name}.mlp.experts.{part}_proj_bias", "BF16", (experts, width)
        for norm in ("input", "post_attention"):
            yield f"{name}.{norm}_layernorm.weight", "BF16", (2880,)
    yield "model.norm.weight", "BF16", (2880,)
    yield "lm_head.weight", "BF16", (201088, 2880)


def header(tensors: Stored) -> SafetensorsHeader:
    """One header with all the tensors."""
    made: list[Tensor] = []
    offset = 0
    for name, dtype, shape in tensors:
        elements = 1
        for size in shape:
            elements *= size
        end = offset + elements * BITS[dtype] // 8
        made.append(Tensor(name, dtype, shape, offset, end))
        offset = end
    return SafetensorsHeader(tuple(made), {}, 8, offset)
