"""What models can be asked for."""

import pytest

from omectl.modelparser.capabilities import Evidence, pipeline_capabilities, transformer_capabilities
from omectl.modelparser.document import Section
from omectl.modelparser.quantization import read_quantization

_OMNI = ("TEXT_TO_AUDIO", "IMAGE_TEXT_TO_AUDIO", "VIDEO_TEXT_TO_AUDIO", "AUDIO_TO_TEXT", "AUDIO_TO_AUDIO")


@pytest.mark.parametrize(
    ("evidence", "capabilities"),
    [
        (Evidence(architecture="LlamaForCausalLM", model_type="llama"), ("TEXT_TO_TEXT",)),
        (Evidence(architecture="MistralForCausalLM", model_type="mistral"), ("TEXT_TO_TEXT",)),
        (Evidence(architecture="MistralModel", model_type="mistral"), ("EMBEDDING",)),
        (Evidence(architecture="Qwen2Model", model_type="qwen2"), ("EMBEDDING",)),
        (Evidence(architecture="Qwen3ForCausalLM", sentence_files=True), ("EMBEDDING",)),
        (Evidence(architecture="ChatGLMModel", bare_generates=True), ("TEXT_TO_TEXT",)),
        (Evidence(architecture="QWenLMHeadModel"), ("TEXT_TO_TEXT",)),
        (Evidence(architecture="InternVLChatModel", vision=True), ("IMAGE_TEXT_TO_TEXT",)),
        (Evidence(architecture="BertModel", encoder=True), ("EMBEDDING",)),
        (Evidence(architecture="BertForSequenceClassification", encoder=True, labels=1), ("RERANK",)),
        (Evidence(architecture="DebertaV2ForSequenceClassification", encoder=True, labels=2), ()),
        (Evidence(architecture="LlamaForSequenceClassification", labels=1), ("REWARD_SCORING",)),
        (Evidence(architecture="Qwen2ForRewardModel", labels=2), ("REWARD_SCORING",)),
        (Evidence(architecture="Qwen3ForCausalLM", names="qwen/qwen3-reranker-0.6b"), ("RERANK",)),
        (Evidence(architecture="MllamaForConditionalGeneration", vision=True), ("IMAGE_TEXT_TO_TEXT",)),
        (Evidence(architecture="CLIPModel", vision=True), ("IMAGE_TEXT_TO_EMBEDDING",)),
        (Evidence(architecture="Qwen2_5OmniModel", model_type="qwen2_5_omni"), _OMNI),
        (Evidence(architecture="WhisperForConditionalGeneration"), ("AUDIO_TO_TEXT",)),
        (Evidence(architecture="Wav2Vec2ForCTC"), ("AUDIO_TO_TEXT",)),
        (Evidence(architecture="FortCasual"), ("TEXT_TO_TEXT",)),
        (Evidence(architecture="BarkModel"), ("TEXT_TO_AUDIO",)),
        (
            Evidence(architecture="NemotronH_Nano_VL_V2", model_type="NemotronH_Nano_VL_V2"),
            ("IMAGE_TEXT_TO_TEXT", "TEXT_TO_TEXT", "AUDIO_TO_TEXT"),
        ),
    ],
    ids=lambda value: value.architecture if isinstance(value, Evidence) else "",
)
def test_a_transformers_capabilities(evidence: Evidence, capabilities: tuple[str, ...]) -> None:
    assert transformer_capabilities(evidence) == capabilities


@pytest.mark.parametrize(
    ("name", "capability"),
    [
        ("StableDiffusionXLPipeline", "TEXT_TO_IMAGE"),
        ("FluxPipeline", "TEXT_TO_IMAGE"),
        ("FluxFillPipeline", "IMAGE_TEXT_TO_IMAGE"),
        ("QwenImageEditPipeline", "IMAGE_TEXT_TO_IMAGE"),
        ("StableDiffusionInstructPix2PixPipeline", "IMAGE_TEXT_TO_IMAGE"),
        ("WanPipeline", "TEXT_TO_VIDEO"),
        ("HunyuanVideoPipeline", "TEXT_TO_VIDEO"),
        ("LTXImageToVideoPipeline", "IMAGE_TEXT_TO_VIDEO"),
        ("StableAudioPipeline", "TEXT_TO_AUDIO"),
    ],
)
def test_a_pipelines_capability(name: str, capability: str) -> None:
    assert pipeline_capabilities(name) == (capability,)


def test_a_video_pipeline_with_an_image_encoder_starts_from_an_image() -> None:
    assert pipeline_capabilities("WanPipeline", image_encoder=True) == ("IMAGE_TEXT_TO_VIDEO",)


@pytest.mark.parametrize(
    ("config", "method", "value"),
    [
        ({"quant_method": "fp8"}, "fp8", "fp8"),
        ({"quant_method": "FP8"}, "fp8", "fp8"),
        ({"quant_method": "fbgemm_fp8"}, "fbgemm_fp8", "fbgemm_fp8"),
        ({"quant_method": "mxfp4"}, "mxfp4", None),
        ({"quant_method": "gptq", "bits": 4}, "gptq", "int4"),
        ({"quant_method": "gptq", "bits": 8}, "gptq", None),
        ({"quant_method": "awq", "bits": 4}, "awq", "int4"),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, "bitsandbytes", None),
        ({"quant_method": "modelopt", "quant_algo": "FP8"}, "modelopt", "fp8"),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "modelopt", None),
        (
            {"quant_method": "compressed-tensors", "format": "float-quantized",
             "config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "float"}}}},
            "compressed-tensors", "fp8",
        ),
        (
            {"quant_method": "compressed-tensors", "format": "pack-quantized",
             "config_groups": {"group_0": {"weights": {"num_bits": 4, "type": "int"}}}},
            "compressed-tensors", "int4",
        ),
        (
            {"quant_method": "compressed-tensors", "format": "int-quantized",
             "config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "int"}}}},
            "compressed-tensors", None,
        ),
    ],
)  # fmt: skip
def test_a_quantizations_method_and_word(config: dict[str, object], method: str, value: str | None) -> None:
    found = read_quantization(Section("config.json", {"quantization_config": config}))  # type: ignore[dict-item]
    assert (found.method, found.value) == (method, value)
