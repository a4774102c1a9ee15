"""Adapters for a base model (LoRA and the other methods of PEFT): what they change and how much."""

from typing import Final

from omectl.api.json import JsonValue
from omectl.modelparser.document import Section
from omectl.modelparser.errors import ModelParseError
from omectl.modelparser.findings import Findings, Source

_RANKS: Final = ("r", "rank", "num_virtual_tokens", "lora_rank")
_MAX_RANK: Final = 1 << 20


def add_adapter(found: Findings, config: Section) -> None:
    """Facts of an adapter; `ModelParseError` when the file doesn't tell the method."""
    method = config.text("peft_type")
    if method is None:
        raise ModelParseError(config.path, "peft_type", "nothing", "the method of an adapter, such as LORA")
    version = config.hint("peft_version")
    named: JsonValue = {"name": "peft", **({"version": version} if version and version.isprintable() else {})}
    found.add(
        Source.CONFIGURATION,
        adapter_method=method.lower(),
        adapter_rank=config.integer(*_RANKS, maximum=_MAX_RANK),
        base_model=config.text("base_model_name_or_path"),
        framework=named,
    )
