"""Parameters of a pipeline's U-Net and autoencoder, through whose blocks no formula of the table can run."""

from omectl.modelparser.document import Section

_MOST_BLOCKS = 16
_MOST = 1 << 20
_CROSSED = ("CrossAttnDownBlock2D", "CrossAttnUpBlock2D")
_PLAIN = ("DownBlock2D", "UpBlock2D", "DownEncoderBlock2D", "UpDecoderBlock2D")


def unet_parameters(config: Section) -> int | None:
    """Of `UNet2DConditionModel`; None for the kinds of blocks and of conditions that are not counted here."""
    widths, down, up = _numbers(config, "block_out_channels"), _types(config, "down"), _types(config, "up")
    deep = _numbers(config, "transformer_layers_per_block") or (1,)
    deep = deep * len(widths) if len(deep) == 1 else deep
    layers, context = _one(config, "layers_per_block", 2), _one(config, "cross_attention_dim", 1280)
    if not (0 < len(widths) == len(down) == len(up) == len(deep)) or layers is None or context is None:
        return None
    if layers > _MOST_BLOCKS:
        return None
    if any(config.has(name) for name in ("class_embed_type", "encoder_hid_dim", "time_cond_proj_dim")):
        return None
    inputs, outputs = _one(config, "in_channels", 4), _one(config, "out_channels", 4)
    step = 4 * widths[0]
    added = _added(config, step)
    if inputs is None or outputs is None or added is None:
        return None
    total = _convolution(inputs, widths[0]) + _linear(widths[0], step) + _linear(step, step) + added
    last, kept = widths[0], [widths[0]]
    for place, width in enumerate(widths):
        for _ in range(layers):
            total += _residual(last, width, step) + (_attention(width, context, deep[place]) if down[place] else 0)
            last = width
            kept.append(width)
        if place < len(widths) - 1:
            total += _convolution(width, width)
            kept.append(width)
    total += 2 * _residual(last, last, step) + _attention(last, context, deep[-1])
    for place, width in enumerate(reversed(widths)):
        for _ in range(layers + 1):
            total += _residual(last + kept.pop(), width, step)
            total += _attention(width, context, deep[-1 - place]) if up[place] else 0
            last = width
        total += _convolution(width, width) if place < len(widths) - 1 else 0
    return total + 2 * last + _convolution(last, outputs)


def autoencoder_parameters(config: Section) -> int | None:
    """Of `AutoencoderKL`; None for the kinds of blocks that are not counted here."""
    widths, layers = _numbers(config, "block_out_channels"), _one(config, "layers_per_block", 1)
    latent, inputs, outputs = (
        _one(config, name, usual) for name, usual in (("latent_channels", 4), ("in_channels", 3), ("out_channels", 3))
    )
    if not 0 < len(widths) == len(_types(config, "down")) == len(_types(config, "up")):
        return None
    if layers is None or latent is None or inputs is None or outputs is None:
        return None
    widest = widths[-1]
    middle = 2 * _residual(widest, widest)
    middle += 2 * widest + 4 * _linear(widest, widest) if config.flag("mid_block_add_attention") is not False else 0
    total = _convolution(inputs, widths[0]) + _chain(widths[0], widths, layers) + middle + 2 * widest
    total += _convolution(widest, 2 * latent) + _convolution(latent, widest) + middle
    total += _chain(widest, tuple(reversed(widths)), layers + 1) + 2 * widths[0] + _convolution(widths[0], outputs)
    total += _linear(2 * latent, 2 * latent) if config.flag("use_quant_conv") is not False else 0
    return total + (_linear(latent, latent) if config.flag("use_post_quant_conv") is not False else 0)


def _chain(first: int, widths: tuple[int, ...], layers: int) -> int:
    """Blocks of residuals one after the other, with a convolution that changes the size between them."""
    total, last = 0, first
    for place, width in enumerate(widths):
        total += _residual(last, width) + (layers - 1) * _residual(width, width)
        total += _convolution(width, width) if place < len(widths) - 1 else 0
        last = width
    return total


def _added(config: Section, step: int) -> int | None:
    """What the size of the picture and a pooled text add to the step's embedding."""
    kind = config.hint("addition_embed_type")
    if not kind:
        return 0
    width = _one(config, "projection_class_embeddings_input_dim", 0)
    return _linear(width, step) + _linear(step, step) if kind == "text_time" and width else None


def _linear(inputs: int, outputs: int) -> int:
    return inputs * outputs + outputs


def _convolution(inputs: int, outputs: int) -> int:
    return 9 * inputs * outputs + outputs


def _residual(inputs: int, outputs: int, step: int = 0) -> int:
    """Two norms and convolutions, the step's part, and a short cut where the width changes."""
    total = 2 * inputs + _convolution(inputs, outputs) + 2 * outputs + _convolution(outputs, outputs)
    return total + (_linear(inputs, outputs) if inputs != outputs else 0) + (_linear(step, outputs) if step else 0)


def _attention(width: int, context: int, depth: int) -> int:
    """`depth` blocks that attend to themselves and to the text, between two projections."""
    block = 6 * width + 3 * width * width + 2 * _linear(width, width) + width * width + 2 * context * width
    return (
        2 * width + 2 * _linear(width, width) + depth * (block + _linear(width, 8 * width) + _linear(4 * width, width))
    )


def _one(config: Section, name: str, usual: int) -> int | None:
    if not config.has(name):
        return usual
    number = config.number(name)
    return int(number) if number is not None and number.is_integer() and 0 < number < _MOST else None


def _numbers(config: Section, name: str) -> tuple[int, ...]:
    """A list of sensible whole numbers (or one of them); empty for everything else."""
    value = config.values.get(name)
    items = value if isinstance(value, list) else [value]
    numbers = tuple(item for item in items if isinstance(item, int) and not isinstance(item, bool) and 0 < item < _MOST)
    return numbers if len(numbers) == len(items) <= _MOST_BLOCKS else ()


def _types(config: Section, side: str) -> tuple[bool, ...]:
    """Whether each block of a side attends to the text; empty when one is of a kind that is not known."""
    names = config.texts(f"{side}_block_types")
    return tuple(name in _CROSSED for name in names) if all(name in (*_CROSSED, *_PLAIN) for name in names) else ()
