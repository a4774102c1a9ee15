"""What has to hold for any bytes: one function for each parser. They raise nothing but what is a defect.

The same functions are called by atheris (`make fuzz`), by Hypothesis and over the corpus (the unit tests).
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from omectl.api.facts import ModelFacts
from omectl.modelparser import ModelParseError, ModelReading, header_bytes, parse_model, parse_safetensors_header
from omectl.modelparser.gguf import HeaderCutError, parse_gguf_header
from omectl.modelparser.gguf_facts import gguf_totals
from omectl.modelparser.layout import ADAPTER, CONFIG, INDEXES, ONNX_CONFIG, PIPELINE
from omectl.modelparser.packing import Packing
from omectl.modelparser.templates import TEMPLATE_FILES, calls_tools, read_templates, thinks
from omectl.modelparser.tensors import BITS, LENGTH_BYTES, SafetensorsHeader
from omectl.modelparser.weights import declared_parameters, dominant_dtype, read_index, totals_of

_LONGEST_MESSAGE: Final = 600
_LONGEST_FACTS: Final = 100_000
_LARGEST: Final = 1 << 63
_PACKINGS: Final = (Packing(), Packing(4, ((4, 128),)), Packing(8), Packing(3, ((3, 64), (8, 32))))


def check_header(data: bytes) -> None:
    """A safetensors header. The first byte says how the file's size follows; the rest is the header or the file."""
    kind, rest = data[:1], data[1:]
    if kind < b"\x80":
        prefix = len(rest).to_bytes(LENGTH_BYTES, "little") + rest
        size = len(prefix) + _data_bytes(rest)
    else:
        prefix, size = rest, len(rest) + kind[0] - 0x80
    try:
        end = header_bytes(prefix, size)
        header = parse_safetensors_header(prefix, size)
    except ModelParseError as error:
        _check_error(error)
        return
    assert header.length == end
    assert header.data_bytes == size - end
    _check_tensors(header, prefix[LENGTH_BYTES:end])
    for packing in _PACKINGS:
        totals = totals_of([header], packing, 3)
        assert 0 <= totals.routed + totals.later <= totals.all
    assert dominant_dtype([header]) in {None, *BITS}


def _data_bytes(text: bytes) -> int:
    """The largest end of any tensor, so that a sound header meets a file of its size; 0 for anything else."""
    try:
        values = json.loads(text).values()
        ends = [value["data_offsets"][1] for value in values if "data_offsets" in value]
        return max((end for end in ends if type(end) is int and 0 <= end < 1 << 60), default=0)
    except (ValueError, AttributeError, TypeError, KeyError, IndexError, RecursionError):
        return 0


def _check_tensors(header: SafetensorsHeader, text: bytes) -> None:
    """The standard library reads the same tensors, and their bytes are those of the file."""
    told: dict[str, Any] = json.loads(text)
    told.pop("__metadata__", None)
    read = {tensor.name: [tensor.dtype, [*tensor.shape], [tensor.start, tensor.end]] for tensor in header.tensors}
    assert read == {name: [one["dtype"], one["shape"], one["data_offsets"]] for name, one in told.items()}
    assert len(header.tensors) == len(told)
    assert sum(tensor.elements * BITS[tensor.dtype] for tensor in header.tensors) == header.data_bytes * 8


_SIDES: Final = (
    "config_sentence_transformers.json", "sentence_bert_config.json", "modules.json", "1_Pooling/config.json",
    "quantize_config.json", "hf_quant_config.json", "README.md", "text_encoder/config.json",
)  # fmt: skip
_MAIN: Final = (CONFIG, PIPELINE, ADAPTER, ONNX_CONFIG, f"model/{CONFIG}")


def check_configuration(data: bytes) -> None:
    """Documents of a model, parted by NUL bytes; the first byte chooses the main one, others have an order."""
    main, *sides = data[1:].split(b"\0", len(_SIDES))
    name = _MAIN[data[0] % len(_MAIN)] if data else CONFIG
    files = {name: main, **dict(zip(_SIDES, sides, strict=False))}
    if _now_and_then(data):
        _read(files)
        return
    try:
        _check_facts(parse_model(files, None, {}))
    except ModelParseError as error:
        _check_error(error)


def check_gguf(data: bytes) -> None:
    """A GGUF file, cut or whole; the first byte says how much more the file has."""
    more = data[0] << 12 if data else 0
    file = data[1:]
    whole = _now_and_then(data)
    try:
        header = parse_gguf_header(file, len(file) + more)
    except ModelParseError as error:
        _check_error(error)
    except HeaderCutError as cut:
        _check_cut(cut.needed, len(file), more)
    else:
        assert gguf_totals([header]).routed <= gguf_totals([header]).all
        assert all(tensor.elements >= 0 for tensor in header.tensors)
        whole = True
    if whole:
        _read({"model.gguf": file})


def _check_cut(needed: int, read: int, more: int) -> None:
    assert read < needed <= read + more


def check_template(data: bytes) -> None:
    """Chat templates: a file of its own, or (first byte) in a document; some beside the configuration of a model."""
    name = TEMPLATE_FILES[data[0] % len(TEMPLATE_FILES)] if data else TEMPLATE_FILES[0]
    content = data[1:]
    wrapped = json.dumps({"chat_template": content.decode("utf-8", "replace")}).encode()
    for files in ({name: content}, {TEMPLATE_FILES[0]: wrapped}):
        templates = read_templates(files, "")
        assert all(templates)
        assert not calls_tools(templates) or any("tool" in template for template in templates)
        thinks(templates)
    if _now_and_then(data):
        facts = _read({CONFIG: b'{"model_type": "opt", "architectures": ["OPTForCausalLM"]}', name: content})
        assert facts is not None, "a template has to be ignored where it cannot be read"
        assert ("CHAT" in facts.features) == bool(read_templates({name: content}, ""))


def check_index(data: bytes) -> None:
    """Indexes of weight files; nothing that they name leads out of the model. Some beside a configuration."""
    try:
        index = read_index("a/model.safetensors.index.json", data)
    except ModelParseError as error:
        _check_error(error)
    else:
        assert all(path.startswith("a/") and ".." not in path.split("/") for path in index.files)
        assert 0 < (index.parameters or 1) < 1 << 60
        assert 0 < (index.total_bytes or 1) < 1 << 60
    for name in INDEXES:
        assert 0 < (declared_parameters({name: data}, "", 0.5) or 1) < 1 << 61
    if _now_and_then(data):
        config = b'{"model_type": "opt", "torch_dtype": "float16"}'
        assert all(_read({CONFIG: config, name: data}) is not None for name in INDEXES)


def _now_and_then(data: bytes) -> bool:
    """For one input in 32, by its bytes alone: the whole way takes far longer than what is tested here."""
    return sum(data[-8:]) % 32 == 0


def _read(files: Mapping[str, bytes]) -> ModelFacts | None:
    """The whole way from a listing to facts; None when the parser refuses them."""
    reading = ModelReading({path: len(content) for path, content in files.items()})
    asked = 0
    while requests := reading.wanted():
        for request in requests:
            asked += request.length
            reading.feed(request, files[request.path][request.start : request.end])
    assert asked <= sum(map(len, files.values()))
    try:
        facts = reading.facts()
    except ModelParseError as error:
        _check_error(error)
        return None
    for problem in reading.problems:
        _check_error(problem)
    _check_facts(facts)
    return facts


def _check_facts(facts: ModelFacts) -> None:
    told = facts.model_dump(mode="json", exclude={"diffusion_pipeline"}, exclude_none=True)
    text = json.dumps(told, ensure_ascii=False)
    assert len(text) <= _LONGEST_FACTS
    assert text.isprintable()
    text.encode()
    for name, value in told.items():
        if isinstance(value, int) and not isinstance(value, bool):
            assert 0 <= value < _LARGEST, name
    assert facts.model_dump_json()


def _check_error(error: ModelParseError) -> None:
    message = str(error)
    assert message.isprintable()
    assert len(message) <= _LONGEST_MESSAGE
    assert error.file
    message.encode()


CHECKS: Final[Mapping[str, Callable[[bytes], None]]] = {
    "header": check_header,
    "configuration": check_configuration,
    "gguf": check_gguf,
    "template": check_template,
    "index": check_index,
}
"""The targets by name."""
