"""Configurations of compiled models: TensorRT-LLM engines and checkpoints, and ONNX models for generation."""

from omectl.api.json import JsonValue
from omectl.modelparser.document import Section
from omectl.modelparser.errors import ModelParseError
from omectl.modelparser.findings import Findings, Source


def is_engine(config: Section) -> bool:
    """Whether a `config.json` is of TensorRT-LLM: of an engine, or of the checkpoint it is built from."""
    if config.has("model_type"):
        return False
    return config.section("pretrained_config") is not None or (config.has("architecture") and config.has("mapping"))


def add_engine(found: Findings, config: Section) -> None:
    """Facts of a TensorRT-LLM configuration."""
    model = config.section("pretrained_config") or config
    build = config.section("build_config")
    quantization = model.section("quantization")
    method = quantization.text("quant_algo") if quantization is not None else None
    version = config.text("version")
    named: JsonValue = {"name": "tensorrtllm", **({"version": version} if version else {})}
    context = build.integer("max_seq_len", "max_input_len") if build is not None else None
    heads, hidden = model.integer("num_attention_heads"), model.integer("hidden_size")
    found.add(
        Source.CONFIGURATION,
        architecture=model.text("architecture"),
        dtype=model.text("dtype"),
        layers=model.integer("num_hidden_layers"),
        hidden_size=hidden,
        attention_heads=heads,
        key_value_heads=model.integer("num_key_value_heads"),
        head_size=model.integer("head_size") or (hidden // heads if hidden and heads else None),
        vocabulary_size=model.integer("vocab_size"),
        # An engine takes no more than it was built for, whatever the model could.
        context_length=context or model.integer("max_position_embeddings"),
        quantization_method=method.lower() if method else None,
        quantization={"FP8": "fp8", "W4A16": "int4", "W4A16_AWQ": "int4", "W4A16_GPTQ": "int4"}.get(method or ""),
        framework=named,
        format=named,
    )


def add_onnx(found: Findings, config: Section) -> None:
    """Facts of a `genai_config.json`; `ModelParseError` when it has no model."""
    model = config.section("model")
    if model is None:
        raise ModelParseError(config.path, "model", "nothing", "the description of a model")
    decoder = model.section("decoder")
    found.add(
        Source.CONFIGURATION,
        model_type=model.text("type"),
        context_length=model.length("context_length"),
        vocabulary_size=model.integer("vocab_size"),
        framework={"name": "onnxruntime"},
    )
    if decoder is not None:
        found.add(
            Source.CONFIGURATION,
            layers=decoder.integer("num_hidden_layers"),
            hidden_size=decoder.integer("hidden_size"),
            attention_heads=decoder.integer("num_attention_heads"),
            key_value_heads=decoder.integer("num_key_value_heads"),
            head_size=decoder.integer("head_size"),
        )
