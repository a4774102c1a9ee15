"""Our facts against the recorded answers of the reference parser, field by field.

Where the recording holds the truth (`expected`), that counts; else the reference's own answer. Every difference is in
`DEVIATIONS` with its reason: a number of the list of required improvements, or what we decided.
"""

import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from omectl.api.facts import ModelFacts
from omectl.modelparser import ModelParseError, ModelReading, parse_model
from omectl.modelparser.tensors import BITS

_DIRECTORY = os.environ.get("OMECTL_COMPAT_DIR", "")
pytestmark = pytest.mark.skipif(not _DIRECTORY, reason="OMECTL_COMPAT_DIR names no folder of recorded answers")
_RUN = re.compile(r"\{(\d+)\.\.(\d+)\}")

_RANGE = "14.1: numbers out of range are refused with the field's name, never wrapped"
_ENCODING = "14.1: other encodings than UTF-8 are refused"
_LENIENT = "14 no. 9 and 14.1: a whole number may have a fraction of zero, unused fields never fail"
_SENTENCE = "14 no. 5: sentence-transformers files mark a model that embeds, whatever they hold"
_ROOT_FIRST = "14 no. 12: a root config.json beats a nested model_index.json"
_NESTED = "14.1: dimensions are looked for in the whole and in the nested configuration, for every family"

DEVIATIONS: dict[str, dict[str, str]] = {
    "own/instruct-pix2pix": {"pipeline": "a component of two nulls is switched off and not recorded"},
    "own/index-both-transformer-and-unet": {"pipeline": "14.1: a fixed order; the other one stays as a component"},
    "own/h-model-type-newline": {"outcome": "control characters in a name are refused"},
    "own/h-float-whole": {"outcome": _LENIENT},
    "own/h-phi3-longrope-string": {"outcome": _LENIENT},
    "own/h-context-10-30": {"outcome": "a length of 1e30 is the tokenizers' way of saying none"},
    "own/h-negative-vocab-qwen2": {"outcome": _RANGE},
    "own/h-huge-hidden": {"outcome": _RANGE},
    "own/h-huge-layers-qwen2": {"outcome": _RANGE},
    "own/h-nested-9000": {"outcome": "nesting is bounded"},
    "own/h-latin1": {"outcome": _ENCODING},
    "own/h-invalid-utf8-type": {"outcome": _ENCODING},
    "own/h-symlink-outside": {"outcome": "14.1: links out of the model are not followed"},
    "own/l-hidden-only": {"outcome": "14.1: hidden folders are not searched"},
    "own/l-gguf-only": {"outcome": "14 no. 11: GGUF files alone are a model"},
    "own/h-text-config-bad-llm-good": {"outcome": "a text for a number in the part that is used is refused"},
    "own/h-arch-two": {"capabilities": "14 no. 5: a class named Model embeds"},
    "own/h-st-broken": {"capabilities": _SENTENCE},
    "own/h-st-null-overrides": {"capabilities": _SENTENCE},
    "own/h-dtype-prefixed": {"dtype": "the prefix torch. is no part of the dtype"},
    "own/h-dtype-upper": {"dtype": "dtypes are lower case"},
    "own/l-root-config-nested-index": {
        "modelType": _ROOT_FIRST, "capabilities": _ROOT_FIRST, "framework": _ROOT_FIRST, "pipeline": _ROOT_FIRST,
    },
    "own/t-plain-deepseek_vl_v2": {"contextLength": _NESTED},
    "own/t-plain-janus": {"contextLength": _NESTED},
    "own/t-plain-gemma3": {"contextLength": _NESTED},
}  # fmt: skip


@dataclass(frozen=True)
class StoredFile:
    """A file by its first bytes and its full size."""

    head: bytes
    size: int

    def read(self, start: int, length: int) -> bytes:
        wanted = self.head[start : start + length]
        return wanted + bytes(max(0, min(length, self.size - start) - len(wanted)))


def recorded(name: str) -> Any:
    return json.loads(Path(_DIRECTORY, "parser", name).read_bytes()) if _DIRECTORY else {}


_CASES: list[dict[str, Any]] = recorded("answers.json").get("cases", [])


@pytest.mark.parametrize("case", _CASES, ids=[case["name"] for case in _CASES])
def test_facts_equal_the_truth_or_the_reference(case: dict[str, Any]) -> None:
    found = differences(case, read_case(case))
    assert set(found) == set(DEVIATIONS.get(case["name"], {})), found


def test_every_listed_deviation_is_of_a_recorded_case() -> None:
    assert set(DEVIATIONS) <= {case["name"] for case in _CASES}


def test_counts_are_nearly_all_exact() -> None:
    """127 or more of the 134 recorded totals to the last digit, most of them from the configuration alone."""
    judged = [case for case in _CASES if "parameters" in case.get("expected", {})]
    exact = [c for c in judged if getattr(read_case(c), "parameter_count", None) == c["expected"]["parameters"]]
    assert (len(judged), len(exact)) >= (134, 127)


_FIELDS = (
    "outcome", "parameters", "architecture", "modelType", "contextLength", "capabilities", "quantization", "dtype",
    "framework", "format", "pipeline",
)  # fmt: skip


def test_the_comparison_field_by_field(capsys: pytest.CaptureFixture[str]) -> None:
    """Printed: how often we equal the reference, are better than it by the recorded truth or by a listed reason."""
    counts = {name: {"equal": 0, "better": 0, "different": 0} for name in _FIELDS}
    for case in _CASES:
        found, listed = differences(case, read_case(case)), DEVIATIONS.get(case["name"], {})
        judged = set(_FIELDS) if "outcome" not in found else {"outcome"}
        if "parameters" not in case.get("expected", {}):
            judged.discard("parameters")
        for name in judged:
            if name in found:
                verdict = "better" if name in listed else "different"
            else:
                verdict = "better" if _reference_is_wrong(case, name) else "equal"
            counts[name][verdict] += 1
    lines = [
        f"{name:14}" + "".join(f"{word} {number:4}  " for word, number in row.items()) for name, row in counts.items()
    ]
    with capsys.disabled():
        sys.stdout.write("\n".join((f"\nThe parser against the reference, over {len(_CASES)} cases:", *lines, "")))
    assert all(row["different"] == 0 for row in counts.values())
    assert counts["parameters"]["better"] >= 115
    assert counts["capabilities"]["better"] >= 20


def _reference_is_wrong(case: dict[str, Any], name: str) -> bool:
    """Whether the recorded truth differs from what the reference answered."""
    expected, spec = case.get("expected", {}), case["ome"].get("spec", {})
    if name == "outcome":
        return "outcome" in expected and expected["outcome"] != ("error" if "error" in case["ome"] else "metadata")
    if name == "parameters":
        size = case["ome"].get("getters", {}).get("parameterCount")
        return "parameters" in expected and not _close(size if isinstance(size, int) else None, expected)
    theirs = {
        "architecture": spec.get("modelArchitecture"), "contextLength": spec.get("maxTokens"),
        "capabilities": spec.get("modelCapabilities"), "quantization": spec.get("quantization"),
    }  # fmt: skip
    return name in theirs and name in expected and expected[name] != theirs[name]


def differences(case: dict[str, Any], answer: ModelFacts | ModelParseError | None) -> dict[str, tuple[object, object]]:
    expected, ome = case.get("expected", {}), case["ome"]
    outcome = expected.get("outcome") or ("error" if "error" in ome and not expected else "metadata")
    outcome = "nothing" if "nothing" in ome else outcome
    found = "nothing" if answer is None else "metadata" if isinstance(answer, ModelFacts) else "error"
    if outcome != found:
        return {"outcome": (str(answer), outcome)}
    if not isinstance(answer, ModelFacts):
        assert answer is None or answer.file
        return {}
    return {name: pair for name, pair in _compared(case, answer) if pair[0] != pair[1] and not _silent(pair[1])}


def _silent(wanted: object) -> bool:
    """The reference answers with empty texts and zeros where it knows nothing."""
    return wanted in (None, "", 0, [], {})


def _compared(case: dict[str, Any], facts: ModelFacts) -> Iterator[tuple[str, tuple[object, object]]]:
    expected, spec, getters = (case.get("expected", {}), *(case["ome"].get(name, {}) for name in ("spec", "getters")))
    if "parameters" in expected:
        yield "parameters", (_close(facts.parameter_count, expected), True)
    if facts.parameter_count is not None:
        assert facts.parameter_count > 0
        assert facts.parameter_count != expected.get("notParameters")
    yield "architecture", (facts.architecture, expected.get("architecture", spec.get("modelArchitecture")))
    yield "modelType", (facts.model_type, spec.get("modelType"))
    yield "contextLength", (facts.context_length, expected.get("contextLength", spec.get("maxTokens")))
    if "capabilities" in expected or "model" not in case:
        yield "capabilities", (list(facts.capabilities), expected.get("capabilities", spec.get("modelCapabilities")))
    if "quantization" in expected:
        assert facts.quantization == expected["quantization"]
    yield "quantization", (facts.quantization, expected.get("quantization", spec.get("quantization")))
    yield "dtype", (facts.dtype, expected.get("torchDtype", getters.get("torchDtype")))
    written = facts.model_dump(mode="json", by_alias=True, exclude_none=True)
    framework = {name: value for name, value in (spec.get("modelFramework") or {}).items() if value}
    yield "framework", (written.get("framework"), framework)
    if "format" in written:
        yield "format", (written["format"], {k: v for k, v in (spec.get("modelFormat") or {}).items() if v})
    yield "pipeline", (facts.diffusion_pipeline, spec.get("diffusionPipeline"))


def _close(count: int | None, expected: dict[str, Any]) -> bool:
    if count is None:
        return False
    alternatives = expected.get("parametersAlternatives", [])
    return count in alternatives or abs(count - expected["parameters"]) <= (
        expected["parameters"] * expected["parametersTolerance"]
    )


_EMBEDS, _SCORES = "14 no. 5: a class named Model embeds", "14 no. 6: classifiers are not text generators"
_DIFFUSION, _KNOWN_VISION = "14 no. 7: pipelines by what they make", "the family always reads images"
_MORE = "14.1: an own word where the reference guesses"
CLASS_DEVIATIONS: dict[str, tuple[str, ...]] = {
    _EMBEDS: (
        "LlamaModel", "MistralModel", "BidirectionalMistralModel", "Qwen2Model", "BertModel", "BertForMaskedLM",
        "DistilBertModel", "ElectraModel", "SqueezeBertModel", "MPNetModel", "MPNetForMaskedLM", "T5EncoderModel",
        "NewModel", "Gemma3TextModel", "NVEmbedModel", "JinaEmbeddingsV4Model", "CLIPModel", "SiglipModel",
    ),
    _SCORES: (
        "LlamaForSequenceClassification", "MistralForSequenceClassification", "BertForSequenceClassification",
        "XLMRobertaForSequenceClassification", "Qwen2ForRewardModel",
    ),
    _KNOWN_VISION: (
        "MiniCPMO", "LlavaForConditionalGeneration", "DeepseekVLV2ForCausalLM", "JanusMultiModalityCausalLM",
        "KimiVLForConditionalGeneration", "InternVLChatModel", "Mistral3ForConditionalGeneration",
    ),
    _MORE: (
        "Qwen3OmniMoeForConditionalGeneration", "HubertModel", "ParakeetForCTC", "SeamlessM4TForSpeechToText",
        "BarkModel", "VitsModel", "MusicgenForConditionalGeneration", "SpeechT5ForTextToSpeech", "FortCasual",
    ),
    _DIFFUSION: (
        "SanaPipeline", "KolorsPipeline", "HunyuanDiTPipeline", "HunyuanVideoPipeline",
        "HunyuanVideoImageToVideoPipeline", "WanVACEPipeline", "LTXConditionPipeline", "AuraFlowPipeline",
        "BriaPipeline", "KandinskyV22Pipeline", "WuerstchenDecoderPipeline", "StableAudioPipeline", "MusicLDMPipeline",
        "SkyReelsV2Pipeline", "EasyAnimatePipeline", "MarigoldDepthPipeline", "ImageToVideoThing", "ShapEPipeline",
    ),
}  # fmt: skip


def test_class_names_give_the_references_capabilities() -> None:
    listed = {name for names in CLASS_DEVIATIONS.values() for name in names}
    rows: list[dict[str, Any]] = recorded("tables.json")["capabilities"]
    different = {row["architecture"] for row in rows if _capabilities(row) != row["ome"]}
    assert different == listed
    assert len(rows) > 150


def _capabilities(row: dict[str, Any]) -> list[str]:
    document: dict[str, Any] = {"_class_name": row["architecture"], "vae": ["diffusers", "AutoencoderKL"]}
    if not row["diffusion"]:
        dimensions = ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size", "num_experts_per_tok")
        document = dict.fromkeys((*dimensions, "max_position_embeddings", "num_local_experts", "n_routed_experts"), 8)
        document |= {"model_type": row["modelType"] or "newllm", "architectures": [row["architecture"]]}
        document |= {"vision_config": {}} if row["hasVision"] else {}
        document |= {"similarity_fn_name": "cosine"} if row["isEmbedding"] else {}
    name, data = "model_index.json" if row["diffusion"] else "config.json", json.dumps(document).encode()
    return list(parse_model({name: data}, None, {name: len(data)}).capabilities)


def read_case(case: dict[str, Any]) -> ModelFacts | ModelParseError | None:
    """Facts or the parser's error, read as an agent reads them; None when there is no directory at all."""
    files = lay_out(case)
    if not files and not case["files"]:
        return None
    try:
        reading = ModelReading({path: file.size for path, file in files.items()})
        while requests := reading.wanted():
            for request in requests:
                reading.feed(request, files[request.path].read(request.start, request.length))
        return reading.facts()
    except ModelParseError as error:
        return error


def lay_out(case: dict[str, Any]) -> dict[str, StoredFile]:
    """The regular files below the case's model directory, as an agent lists them: links are followed only inside it."""
    root = f"{case['root']}/" if case.get("root") else ""
    stored = {f["path"]: file for f in case["files"] if (file := _stored(f)) is not None}
    for link in case["files"]:
        if "symlink" in link:
            target = os.path.normpath(str(Path(link["path"]).parent / link["symlink"]))
            if target in stored and target.startswith(root):
                stored[link["path"]] = stored[target]
    return {path[len(root) :]: file for path, file in stored.items() if path.startswith(root)}


def _stored(entry: dict[str, Any]) -> StoredFile | None:
    inputs = Path(_DIRECTORY, "parser/inputs")
    if "hex" in entry:
        data = bytes.fromhex(entry["hex"])
    elif "tensors" in entry:
        return _safetensors(json.loads((inputs / entry["tensors"]).read_bytes()))
    elif "index" in entry:
        names = json.loads((inputs / entry["index"]).read_bytes())
        data = json.dumps({"weight_map": {n: f for k, f in names.items() for n in _expand(k)}}).encode()
    elif "from" in entry:
        data = (inputs / entry["from"]).read_bytes()
        if "pad" in entry:
            data = data.replace(entry["marker"].encode(), entry["repeat"].encode() * entry["times"])
        if "nest" in entry:
            end = data.rindex(b"}")
            deep = b',"deep":' + b'{"a":' * entry["nest"] + b"1" + b"}" * entry["nest"]
            data = data[:end] + deep + data[end:]
    else:
        return None
    return StoredFile(data, len(data))


def _safetensors(description: dict[str, Any]) -> StoredFile:
    header: dict[str, Any] = {"__metadata__": description["metadata"]} if description.get("metadata") else {}
    offset = 0
    for pattern, (dtype, shape) in description["tensors"].items():
        for name in _expand(pattern):
            size = BITS[dtype] // 8
            for length in shape:
                size *= length
            header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + size]}
            offset += size
    text = json.dumps(header).encode()
    head = len(text).to_bytes(8, "little") + text
    return StoredFile(head, len(head) + offset)


def _expand(pattern: str) -> Iterator[str]:
    match = _RUN.search(pattern)
    if match is None:
        yield pattern
        return
    for number in range(int(match[1]), int(match[2]) + 1):
        yield from _expand(pattern[: match.start()] + str(number) + pattern[match.end() :])
