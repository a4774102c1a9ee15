"""One file of a model by itself, without what lies beside it."""

from omectl.api.facts import ModelFacts
from omectl.modelparser.findings import Findings, Source
from omectl.modelparser.layout import ADAPTER, CONFIG, ONNX_CONFIG, PIPELINE
from omectl.modelparser.packing import UNPACKED
from omectl.modelparser.parser import TORCH_NAMES
from omectl.modelparser.tensors import SafetensorsHeader
from omectl.modelparser.weights import dominant_dtype, totals_of

_DOCUMENTS = (CONFIG, PIPELINE, ADAPTER, ONNX_CONFIG)


def name_in_model(name: str) -> str | None:
    """The name by which a file has a part in a model; None when no file of that kind is read.

    A JSON document of another name is taken for a configuration.
    """
    lowered = name.lower()
    if lowered.endswith((".safetensors", ".gguf")) or lowered in _DOCUMENTS:
        return name
    return CONFIG if lowered.endswith(".json") else None


def weight_file_facts(header: SafetensorsHeader) -> ModelFacts:
    """What the header of one safetensors file tells: its tensors, of which nobody says what model they are."""
    found = Findings()
    total = totals_of([header], UNPACKED).all
    found.add(
        Source.TENSORS,
        parameter_count=total or None,
        parameter_count_source=Source.TENSORS.value if total else None,
        dtype=TORCH_NAMES.get(dominant_dtype([header]) or ""),
    )
    stored = {"name": "safetensors", "version": "1.0.0"}
    found.add(Source.FILES, format={**stored}, size_bytes=header.length + header.data_bytes, files=1)
    return found.facts()
