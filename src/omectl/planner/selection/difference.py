"""What speaks against a runtime: a code for machines, and words for people."""

from enum import StrEnum
from typing import NamedTuple


class Code(StrEnum):
    """Why a runtime was passed over."""

    DISABLED = "Disabled"
    ACCELERATOR = "AcceleratorUnsupported"
    NO_FORMATS = "NoSupportedFormats"
    PIPELINE = "DiffusionPipelineMismatch"
    ARCHITECTURE = "ArchitectureMismatch"
    QUANTIZATION = "QuantizationMismatch"
    FORMAT = "FormatMismatch"
    FORMAT_VERSION = "FormatVersionMismatch"
    FRAMEWORK = "FrameworkMismatch"
    FRAMEWORK_VERSION = "FrameworkVersionMismatch"
    VERSION_UNREADABLE = "VersionUnreadable"
    CAPABILITY = "CapabilityMissing"
    SIZE = "SizeOutOfRange"
    SIZE_UNREADABLE = "SizeUnreadable"
    NOT_AUTO_SELECTABLE = "NotAutoSelectable"
    NO_SCORE = "ScoreNotPositive"
    COMPONENT = "ComponentMissing"
    NEEDS_DECODER = "NeedsDecoder"
    NO_CLASS = "NoUsableClass"
    DOES_NOT_FIT = "DoesNotFit"

    __hash__ = str.__hash__  # an enumeration's own is a Python function, and codes are looked up thousands of times


OF_THE_MODEL = frozenset(
    {
        Code.NO_FORMATS,
        Code.PIPELINE,
        Code.ARCHITECTURE,
        Code.QUANTIZATION,
        Code.FORMAT,
        Code.FORMAT_VERSION,
        Code.FRAMEWORK,
        Code.FRAMEWORK_VERSION,
        Code.VERSION_UNREADABLE,
        Code.CAPABILITY,
        Code.SIZE,
        Code.SIZE_UNREADABLE,
    }
)
"""Codes that say the runtime does not list the model; the others say that it cannot serve it, or not unasked."""


class Difference(NamedTuple):
    """One reason against, for machines and in words. `subject` is the component or field, where a code has several."""

    code: Code
    text: str
    subject: str = ""
