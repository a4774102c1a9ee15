"""What a model can be asked for, from its architecture and the files beside its weights."""

from dataclasses import dataclass

EMBEDDING = "EMBEDDING"
RERANK = "RERANK"
REWARD_SCORING = "REWARD_SCORING"
TEXT_TO_TEXT = "TEXT_TO_TEXT"
IMAGE_TEXT_TO_TEXT = "IMAGE_TEXT_TO_TEXT"
IMAGE_TEXT_TO_EMBEDDING = "IMAGE_TEXT_TO_EMBEDDING"
TEXT_TO_IMAGE = "TEXT_TO_IMAGE"
IMAGE_TEXT_TO_IMAGE = "IMAGE_TEXT_TO_IMAGE"
TEXT_TO_VIDEO = "TEXT_TO_VIDEO"
IMAGE_TEXT_TO_VIDEO = "IMAGE_TEXT_TO_VIDEO"
TEXT_TO_AUDIO = "TEXT_TO_AUDIO"
AUDIO_TO_TEXT = "AUDIO_TO_TEXT"
OMNI = (TEXT_TO_AUDIO, "IMAGE_TEXT_TO_AUDIO", "VIDEO_TEXT_TO_AUDIO", AUDIO_TO_TEXT, "AUDIO_TO_AUDIO")

_EDITING = ("imageedit", "pix2pix", "img2img", "inpaint", "fill", "kontext")
_AUDIO = ("audio", "music", "dance")
_VIDEO = (
    "video",
    "t2v",
    "i2v",
    "wan",
    "ltx",
    "cogvideo",
    "mochi",
    "animatediff",
    "allegro",
    "latte",
    "skyreels",
    "easyanimate",
)
_FROM_IMAGE = ("imagetovideo", "image2video", "img2vid", "i2v", "stablevideodiffusion", "videotovideo", "videotoworld")
_SPEECH = ("whisper", "wav2vec2", "hubert", "forctc", "forspeechtotext", "forspeechseq2seq")
_SPEAKS = ("texttospeech", "texttowaveform", "barkmodel", "vitsmodel", "musicgen")
_WRITING_MODELS = ("headmodel", "rewardmodel", "chatmodel")
_RANKS = ("rerank", "cross-encoder", "crossencoder", "ms-marco", "text-ranking")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of a transformer when its capabilities are asked.

    `bare_generates` says that the family's `…Model` class writes text; `encoder` that it reads both ways, like BERT.
    """

    architecture: str = ""
    model_type: str = ""
    vision: bool = False
    sentence_files: bool = False
    labels: int | None = None
    names: str = ""
    """Names and tags that the files give the model, in lower case."""
    bare_generates: bool = False
    encoder: bool = False
    scores_pairs: bool = False
    """Whether its files say that it scores pairs of texts."""


def transformer_capabilities(evidence: Evidence) -> tuple[str, ...]:
    """The first rule that fits; empty when the model is something the API has no word for."""
    architecture, kind = evidence.architecture.lower(), evidence.model_type.lower()
    if "nemotronh_nano" in kind:
        return (IMAGE_TEXT_TO_TEXT, TEXT_TO_TEXT, AUDIO_TO_TEXT)
    if "omni" in architecture:
        return OMNI
    if any(word in architecture for word in _SPEECH):
        return (AUDIO_TO_TEXT,)
    if any(word in architecture for word in _SPEAKS):
        return (TEXT_TO_AUDIO,)
    if scoring := _scoring(evidence, architecture):
        return scoring
    if "forsequenceclassification" in architecture or "fortokenclassification" in architecture:
        return ()
    embeds = _embeds(evidence, architecture, kind)
    if evidence.vision:
        return (IMAGE_TEXT_TO_EMBEDDING,) if embeds and not evidence.bare_generates else (IMAGE_TEXT_TO_TEXT,)
    return (EMBEDDING,) if embeds else (TEXT_TO_TEXT,)


def _scoring(evidence: Evidence, architecture: str) -> tuple[str, ...]:
    """Rerankers and reward models: classifiers of one label, or whatever calls itself so."""
    if evidence.scores_pairs or any(word in evidence.names for word in _RANKS):
        return (RERANK,)
    reward = "rewardmodel" in architecture
    if not reward and not ("forsequenceclassification" in architecture and evidence.labels == 1):
        return ()
    if reward or "reward" in evidence.names or not evidence.encoder:
        return (REWARD_SCORING,)
    return (RERANK,)


def _embeds(evidence: Evidence, architecture: str, kind: str) -> bool:
    if evidence.sentence_files or "embedding" in architecture or "sentence" in architecture:
        return True
    if architecture.endswith("model") and not architecture.endswith(_WRITING_MODELS):
        return not evidence.bare_generates
    return evidence.encoder or (not architecture and "bert" in kind)


def gguf_capabilities(kind: str, *, embeds: bool, vision: bool) -> tuple[str, ...]:
    """By llama.cpp's name of an architecture, whether tokens are pooled, and whether a projector lies beside."""
    if vision:
        return (IMAGE_TEXT_TO_TEXT,)
    if "whisper" in kind:
        return (AUDIO_TO_TEXT,)
    return (EMBEDDING,) if embeds or "bert" in kind else (TEXT_TO_TEXT,)


def adapter_capabilities(task: str) -> tuple[str, ...]:
    """By PEFT's word for the task; empty where the adapter leaves that to its base model."""
    return {
        "CAUSAL_LM": (TEXT_TO_TEXT,),
        "SEQ_2_SEQ_LM": (TEXT_TO_TEXT,),
        "FEATURE_EXTRACTION": (EMBEDDING,),
    }.get(task, ())


def pipeline_capabilities(class_name: str, *, image_encoder: bool = False) -> tuple[str, ...]:
    """What a diffusers pipeline makes of what, by its class name. With an image encoder, video from an image."""
    name = class_name.lower()
    if any(word in name for word in _VIDEO) and "image" not in name.replace("imagetovideo", ""):
        from_image = image_encoder or any(word in name for word in _FROM_IMAGE)
        return (IMAGE_TEXT_TO_VIDEO,) if from_image else (TEXT_TO_VIDEO,)
    if any(word in name for word in _EDITING):
        return (IMAGE_TEXT_TO_IMAGE,)
    if any(word in name for word in _AUDIO):
        return (TEXT_TO_AUDIO,)
    return (TEXT_TO_IMAGE,)
