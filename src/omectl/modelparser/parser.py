"""From a model's small files and tensor headers to its facts. Pure."""

import re
from collections.abc import Iterable, Mapping

from omectl.api.facts import ModelFacts
from omectl.api.json import JsonObject, JsonValue
from omectl.modelparser.adapters import add_adapter
from omectl.modelparser.caching import read_caching
from omectl.modelparser.capabilities import (
    EMBEDDING,
    TEXT_TO_TEXT,
    Evidence,
    adapter_capabilities,
    gguf_capabilities,
    pipeline_capabilities,
    transformer_capabilities,
)
from omectl.modelparser.components import component_parameters
from omectl.modelparser.configuration import Configuration, read_configuration
from omectl.modelparser.counts import configured_parameters
from omectl.modelparser.diffusion import Pipeline, is_pipeline, read_pipeline
from omectl.modelparser.document import Section, read_object
from omectl.modelparser.engines import add_engine, add_onnx, is_engine
from omectl.modelparser.errors import ModelParseError
from omectl.modelparser.features import Signs, endpoints_of, features_of
from omectl.modelparser.findings import Findings, Source
from omectl.modelparser.formats import model_files
from omectl.modelparser.gguf_facts import add_gguf, gguf_totals, pools
from omectl.modelparser.layout import (
    ADAPTER,
    ADAPTER_WEIGHTS,
    ONNX_CONFIG,
    find_documents,
    find_gguf,
    folder_of,
    plain_listing,
    reads_images,
)
from omectl.modelparser.packing import UNPACKED
from omectl.modelparser.quantization import Quantization, read_quantization
from omectl.modelparser.requests import component_folders
from omectl.modelparser.sentences import add_sentence_files, is_cross_encoder
from omectl.modelparser.templates import read_templates
from omectl.modelparser.weights import (
    TensorSummary,
    WeightCount,
    count_weights,
    declared_parameters,
    dominant_dtype,
    totals_of,
)

_EMPTY = TensorSummary({})
_BYTES = {
    "float64": 8.0, "float32": 4.0, "float": 4.0, "bfloat16": 2.0, "bf16": 2.0, "float16": 2.0, "fp16": 2.0,
    "half": 2.0, "int8": 1.0, "fp8": 1.0, "float8": 1.0, "e4m3": 1.0, "float8_e4m3fn": 1.0, "float8_e5m2": 1.0,
    "int4": 0.5,
}  # fmt: skip
TORCH_NAMES = {
    "F64": "float64", "F32": "float32", "BF16": "bfloat16", "F16": "float16",
    "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2",
}  # fmt: skip
_CARD_NAMES = re.compile(r"^(?:pipeline_tag:\s*|- )([\w.-]+)\s*$", re.MULTILINE)


def parse_model(files: Mapping[str, bytes], tensors: TensorSummary | None, sizes: Mapping[str, int]) -> ModelFacts:
    """The facts of a model.

    `files` are the documents that `needed_files` asked for, `tensors` the headers of the weight files (None: not
    read), `sizes` the whole listing in bytes. Raises `ModelParseError` when no document says what the model is.
    """
    listing = plain_listing({**{path: len(data) for path, data in files.items()}, **sizes})
    summary = tensors or _EMPTY
    if any(path.startswith("config.json/") for path in listing):
        raise ModelParseError("config.json", "", "a folder", "a file")
    problem: ModelParseError | None = None
    documents = find_documents(listing)
    for path in documents:
        try:
            return _from_document(path, files, summary, listing)
        except ModelParseError as error:
            problem = problem or error
    if problem is not None:
        raise problem
    if (facts := _gguf_facts(summary, listing)) is not None:
        return facts
    raise ModelParseError("config.json", "", "no such file", "model_index.json or config.json in the model")


def _from_document(
    path: str, files: Mapping[str, bytes], summary: TensorSummary, listing: Mapping[str, int]
) -> ModelFacts:
    data = files.get(path)
    if data is None:
        raise ModelParseError(path, "", f"{listing[path]} bytes that were not read", "a smaller file")
    section = Section(path, read_object(path, data))
    if path.endswith(ADAPTER):
        return _adapter_facts(section, summary, listing)
    if path.endswith(ONNX_CONFIG) or is_engine(section):
        return _compiled_facts(section, listing)
    if path.endswith("model_index.json"):
        if section.has("model_type") and not is_pipeline(section):
            return _transformer_facts(section, files, summary, listing)
        return _pipeline_facts(section, files, summary, listing)
    return _transformer_facts(section, files, summary, listing)


def _transformer_facts(
    root: Section, files: Mapping[str, bytes], summary: TensorSummary, listing: Mapping[str, int]
) -> ModelFacts:
    config = read_configuration(root)
    folder = folder_of(root.path)
    quantization = read_quantization(root, tuple(_side_files(files, folder)))
    weights = count_weights(summary, files, listing, folder, quantization.packing, config.layers)
    if not weights.totals.all:
        weights = _gguf_count(summary, listing, folder) or weights
    evidence = _evidence(config, files, listing, folder)
    capabilities = transformer_capabilities(evidence)
    stored = model_files(listing, folder)
    version = config.transformers_version
    framework: JsonObject = {"name": "transformers", **({"version": version} if version else {})}

    found = Findings()
    _add_configured(found, config)
    parameters = _add_parameters(found, files, weights, config, quantization, embeds=EMBEDDING in capabilities)
    found.add(Source.TENSORS, dtype=TORCH_NAMES.get(dominant_dtype(summary.headers.values()) or ""))
    _add_known(found, config, "dtype")
    found.add(
        Source.CONFIGURATION,
        model_type=config.model_type,
        quantization=quantization.value,
        quantization_method=quantization.method,
        quantization_bits=quantization.bits,
        framework=framework,
        **read_caching(config).facts(),
    )
    found.add(Source.TABLE, family=config.family.name or None)
    found.add(Source.ESTIMATE, family=None if config.family.name else "general")
    found.add(Source.TABLE if config.family.name else Source.ESTIMATE, capabilities=list(capabilities))
    video = any(root.has(name) for name in ("video_token_id", "video_token_index", "video_token"))
    templates = read_templates(files, folder)
    _add_features(found, Signs(capabilities=capabilities, templates=templates, names=evidence.names, video=video))
    add_sentence_files(found, files, folder)
    dtype = found.values.get("dtype")
    found.add(Source.ESTIMATE, size_bytes=_estimated_bytes(parameters, dtype, quantization))
    found.add(Source.FILES, size_bytes=stored.size_bytes, format=stored.format, files=len(listing))
    return found.facts()


_CONFIGURED = (
    "architecture", "context_length", "layers", "hidden_size", "attention_heads", "key_value_heads", "head_size",
    "vocabulary_size", "tied_embeddings", "experts", "experts_per_token",
)  # fmt: skip


def _add_configured(found: Findings, config: Configuration) -> None:
    for name in _CONFIGURED:
        _add_known(found, config, name)


def _add_known(found: Findings, config: Configuration, name: str) -> None:
    """A fact of the configuration, by the file's own word or by the family's row."""
    value: JsonValue = getattr(config, name)
    found.add(Source.CONFIGURATION if getattr(config.bare, name) == value else Source.TABLE, **{name: value})


def _add_parameters(
    found: Findings,
    files: Mapping[str, bytes],
    weights: WeightCount,
    config: Configuration,
    quantization: Quantization,
    *,
    embeds: bool,
) -> int | None:
    """The count: all tensors, else the shapes that the configuration implies, else the index's word."""
    configured = configured_parameters(config, embeds=embeds)
    stored = weights.totals if weights.complete and (quantization.countable or configured is None) else None
    if stored is not None and stored.all:
        source, total = Source.TENSORS, stored.all
        active = stored.active(config.experts, config.experts_per_token)
    else:
        width = _BYTES.get(config.dtype or "", 0.0) if quantization.method is None else 0.0
        declared = declared_parameters(files, folder_of(config.root.path), width)
        source, total = (Source.CONFIGURATION, configured) if configured else (Source.INDEX, declared)
        active = None
    found.add(source, parameter_count=total, parameter_count_source=source.value if total else None)
    by_shapes = configured_parameters(config, embeds=embeds, active=True)
    found.add(Source.CONFIGURATION, active_parameter_count=by_shapes if total else None)
    found.add(Source.TENSORS, active_parameter_count=active)
    return total


def _gguf_count(summary: TensorSummary, listing: Mapping[str, int], folder: str) -> WeightCount | None:
    """The tensors of the GGUF files in `folder`, when all of one model could be read."""
    model = find_gguf(listing, folder)
    headers = [header for path in model.files if (header := summary.gguf.get(path)) is not None] if model else []
    if model is None or not headers:
        return None
    return WeightCount(gguf_totals(headers), model.complete and len(headers) == len(model.files))


def _gguf_facts(summary: TensorSummary, listing: Mapping[str, int]) -> ModelFacts | None:
    """The facts of GGUF files that no other document is beside; None when there are none."""
    stored, model = model_files(listing, ""), find_gguf(listing, "")
    if stored.format is None or stored.format["name"] != "gguf" or model is None:
        return None
    found = Findings()
    size = sum(listing[path] for path in model.files) if model.only else None
    found.add(Source.FILES, format=stored.format, size_bytes=size or stored.size_bytes, files=len(listing))
    header = summary.gguf.get(model.files[0])
    if header is not None:
        headers = tuple(summary.gguf[path] for path in model.files if path in summary.gguf)
        add_gguf(found, header, headers)
        sees = reads_images(listing, "")
        made = gguf_capabilities(str(found.values.get("model_type", "")), embeds=pools(header), vision=sees)
        found.add(Source.CONFIGURATION, capabilities=list(made))
        name = header.fields.get("general.name")
        names = name.lower() if isinstance(name, str) else ""
        _add_features(found, Signs(capabilities=made, templates=header.templates, names=names))
        weights = _gguf_count(summary, listing, "")
        if weights is not None and weights.complete and weights.totals.all:
            experts, chosen = (header.count_of(name) for name in ("expert_count", "expert_used_count"))
            found.add(
                Source.TENSORS,
                parameter_count=weights.totals.all,
                parameter_count_source=Source.TENSORS.value,
                active_parameter_count=weights.totals.active(experts, chosen),
            )
    return found.facts()


def _adapter_facts(config: Section, summary: TensorSummary, listing: Mapping[str, int]) -> ModelFacts:
    found = Findings()
    add_adapter(found, config)
    header, size = summary.headers.get(ADAPTER_WEIGHTS), listing.get(ADAPTER_WEIGHTS)
    if header is not None:
        total = totals_of([header], UNPACKED).all
        found.add(Source.TENSORS, parameter_count=total, parameter_count_source=Source.TENSORS.value)
        found.add(Source.TENSORS, dtype=TORCH_NAMES.get(dominant_dtype([header]) or ""))
    stored: JsonObject = {"name": "safetensors", "version": "1.0.0"} if size else {"name": "pytorch"}
    found.add(Source.FILES, format=stored, size_bytes=size, files=len(listing))
    found.add(Source.CONFIGURATION, capabilities=list(adapter_capabilities(config.hint("task_type"))))
    return found.facts()


def _compiled_facts(config: Section, listing: Mapping[str, int]) -> ModelFacts:
    """The facts of an engine, or of an ONNX model made for generation."""
    found = Findings()
    stored = model_files(listing, folder_of(config.path))
    found.add(Source.FILES, format=stored.format, size_bytes=stored.size_bytes, files=len(listing))
    if config.path.endswith(ONNX_CONFIG):
        add_onnx(found, config)
        found.add(Source.ESTIMATE, capabilities=[TEXT_TO_TEXT])
    else:
        add_engine(found, config)
        architecture = str(found.values.get("architecture", ""))
        found.add(Source.ESTIMATE, capabilities=list(transformer_capabilities(Evidence(architecture=architecture))))
    return found.facts()


def _add_features(found: Findings, signs: Signs) -> None:
    features = features_of(signs)
    endpoints = endpoints_of(signs.capabilities, features)
    found.add(Source.CONFIGURATION, features=list(features), api_capabilities=list(endpoints))


def _evidence(config: Configuration, files: Mapping[str, bytes], listing: Mapping[str, int], folder: str) -> Evidence:
    names = (
        [config.root.text("_name_or_path") or ""] if isinstance(config.root.values.get("_name_or_path"), str) else []
    )
    card = files.get("README.md", b"")[: 16 << 10].decode("utf-8", "replace")
    if card.startswith("---"):
        names += _CARD_NAMES.findall(card.split("\n---", 1)[0])
    sentence = any(f"{folder}{name}" in listing for name in ("modules.json", "config_sentence_transformers.json"))
    sentence = sentence or any(path.startswith(f"{folder}1_Pooling/") for path in listing)
    similarity = config.root.values.get("similarity_fn_name")
    return Evidence(
        architecture=config.architecture or "",
        model_type=config.model_type,
        vision=config.vision,
        sentence_files=sentence or bool(similarity),
        labels=config.labels,
        names=" ".join(names).lower(),
        bare_generates=config.family.bare_generates,
        encoder=config.family.encoder,
        scores_pairs=is_cross_encoder(files, folder),
    )


def _pipeline_facts(
    index: Section, files: Mapping[str, bytes], summary: TensorSummary, listing: Mapping[str, int]
) -> ModelFacts:
    pipeline = read_pipeline(index)
    root = folder_of(index.path)
    folders = [folder for folder in component_folders(listing, root) if _belongs(folder, root, pipeline)]
    here = {folder: model_files(listing, folder) for folder in folders}
    stored = {folder: found for folder, found in here.items() if found.format is not None}
    counts = [_component_count(folder, files, summary, listing) for folder in stored or here]
    parameters = sum(count for count, _ in counts if count) if all(count for count, _ in counts) else None
    source = max((source for _, source in counts), key=list(Source).index, default=Source.TENSORS)
    sizes = [found.size_bytes for found in stored.values()]
    size = sum(known for known in sizes if known) if all(sizes) else None
    named: JsonObject = {"name": "diffusers", **({"version": pipeline.version} if pipeline.version else {})}
    found = Findings()
    found.add(
        Source.CONFIGURATION,
        architecture=pipeline.class_name,
        model_type="diffusers",
        context_length=_text_encoder_context(files, root),
        framework=named,
        format=named,
        diffusion_pipeline=pipeline.record(),
    )
    found.add(source, parameter_count=parameters or None, parameter_count_source=source.value if parameters else None)
    found.add(Source.FILES, size_bytes=size or None, files=len(listing))
    made = pipeline_capabilities(pipeline.class_name or "", image_encoder=pipeline.has("image_encoder"))
    found.add(Source.CONFIGURATION, capabilities=list(made))
    _add_features(found, Signs(capabilities=made))
    return found.facts()


def _component_count(
    folder: str, files: Mapping[str, bytes], summary: TensorSummary, listing: Mapping[str, int]
) -> tuple[int | None, Source]:
    """The parameters of a component: all tensors, else what its shapes imply."""
    count = count_weights(summary, files, listing, folder, UNPACKED)
    if count.complete and count.totals.all:
        return count.totals.all, Source.TENSORS
    path = f"{folder}config.json"
    return component_parameters(path, files[path]) if path in files else None, Source.CONFIGURATION


def _belongs(folder: str, root: str, pipeline: Pipeline) -> bool:
    return not pipeline.components or pipeline.has(folder[len(root) :].rstrip("/"))


def _text_encoder_context(files: Mapping[str, bytes], root: str) -> int | None:
    path = f"{root}text_encoder/config.json"
    try:
        section = Section(path, read_object(path, files[path])) if path in files else None
        return section.length("max_position_embeddings") if section is not None else None
    except ModelParseError:
        return None


def _side_files(files: Mapping[str, bytes], folder: str) -> Iterable[Section]:
    for name in ("quantize_config.json", "hf_quant_config.json"):
        path = folder + name
        if path in files:
            try:
                yield Section(path, read_object(path, files[path]))
            except ModelParseError:
                continue


def _estimated_bytes(parameters: int | None, dtype: JsonValue, quantization: Quantization) -> int | None:
    """Bytes of the weights when no weight file is listed; unknown where the dtype doesn't tell."""
    width = (quantization.bits or {"fp8": 8, "fbgemm_fp8": 8, "int4": 4}.get(quantization.value or "", 0)) / 8
    width = width or (_BYTES.get(dtype, 0.0) if isinstance(dtype, str) else 0.0)
    return int(parameters * width) if parameters and width else None
