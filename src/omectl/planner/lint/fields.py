"""Fields of one object that mean nothing, or not what they seem to."""

from collections.abc import Iterator
from typing import Final

from omectl.api.accelerator_class import AcceleratorClass
from omectl.api.base_model import BaseModel, ClusterBaseModel
from omectl.api.fine_tuned_weight import FineTunedWeight
from omectl.api.storage_uri import StorageUriError, parse_storage_uri
from omectl.planner.accelerators.findings import FindingCode
from omectl.planner.accelerators.recognition import recognition_of
from omectl.planner.lint.about import About
from omectl.planner.lint.finding import Finding
from omectl.planner.lint.names import named_sizes
from omectl.planner.lint.rules import Code
from omectl.planner.model import read_size
from omectl.planner.selection.candidates import Runtime, entries
from omectl.planner.selection.size import SizeRange
from omectl.planner.selection.validity import field_problems
from omectl.planner.weights import unusable

QUANTIZATIONS: Final = ("fp8", "fbgemm_fp8", "int4")
"""The words that a model's quantization is read as."""
_CODES: Final = {
    "min": Code.SIZE_UNREADABLE,
    "max": Code.SIZE_UNREADABLE,
    "modelSizeRange": Code.RANGE_INVERTED,
    "version": Code.VERSION_UNREADABLE,
    "modelFormatVersions": Code.VERSION_UNREADABLE,
    "modelFrameworkVersions": Code.VERSION_UNREADABLE,
    "operator": Code.OPERATOR_UNKNOWN,
    "weight": Code.WEIGHT_NOT_POSITIVE,
    "priority": Code.PRIORITY_NOT_POSITIVE,
}
_OF_CLASSES: Final = {
    FindingCode.NOTHING_TO_RECOGNISE: Code.CLASS_RECOGNISES_NOTHING,
    FindingCode.MEMORY_UNIT_ASSUMED: Code.MEMORY_UNIT_ASSUMED,
    FindingCode.VERSION_UNREADABLE: Code.VERSION_UNREADABLE,
}


def runtime_fields(runtime: Runtime, about: About) -> Iterator[Finding]:
    """What in a runtime's statements about models cannot be read, is unknown, or contradicts its name."""
    for problem in field_problems(runtime.spec):
        code = _CODES.get(problem.field.rsplit(".", 1)[-1], Code.NAME_BLANK)
        yield about.finding(
            code, f"spec.{problem.field}", wanted=problem.wanted, found=problem.found, do="correct the field"
        )
    for index, entry in enumerate(entries(runtime)):
        stated = entry.quantization
        if stated and not entry.quantizations and stated not in QUANTIZATIONS:
            where = f"spec.supportedModelFormats[{index}].quantization"
            wanted = f"one of {', '.join(QUANTIZATIONS)}, or nothing"
            yield about.finding(
                Code.QUANTIZATION_UNKNOWN, where, wanted=wanted, found=repr(stated), do="correct the field"
            )
    yield from _range_and_name(runtime, about)
    if runtime.spec.decoder_config is not None and any(entry.auto_select for entry in entries(runtime)):
        yield about.finding(
            Code.PREFILL_AUTO_SELECTABLE,
            "spec.decoderConfig",
            wanted="a runtime that is named by its services",
            found="one that is also chosen automatically",
            do="set autoSelect of its formats to false",
        )


def _range_and_name(runtime: Runtime, about: About) -> Iterator[Finding]:
    sizes = SizeRange.of(runtime.spec.model_size_range)
    named = named_sizes(runtime.name)
    if sizes.open or sizes.unreadable or not named:
        return
    if any((sizes.low or 0) <= one.most and (sizes.high is None or one.least <= sizes.high) for one in named):
        return
    yield about.finding(
        Code.RANGE_MISSES_NAME,
        "spec.modelSizeRange",
        wanted=f"a range with {' or '.join(one.text for one in named)}, which the name tells",
        found=sizes.text,
        do="correct the range or the name",
    )


def model_fields(model: BaseModel | ClusterBaseModel, about: About) -> Iterator[Finding]:
    """What in a model cannot be read."""
    size = model.spec.model_parameter_size
    if size and read_size(size) is None:
        where = "spec.modelParameterSize"
        yield about.finding(
            Code.SIZE_UNREADABLE, where, wanted="a size as in 7B or 350M", found=repr(size), do="correct the field"
        )
    yield from _storage(model.spec.storage.storage_uri, about)


def weight_fields(weight: FineTunedWeight, about: About) -> Iterator[Finding]:
    """What in a fine-tuned weight keeps services from it."""
    yield from _storage(weight.spec.storage.storage_uri, about)
    wrong = unusable(weight)
    if wrong is not None:
        yield about.finding(
            Code.WEIGHT_UNUSABLE, wrong.field, wanted=wrong.wanted, found=wrong.found, do="correct the field"
        )


def _storage(uri: str, about: About) -> Iterator[Finding]:
    try:
        parse_storage_uri(uri)
    except StorageUriError as error:
        yield about.finding(
            Code.STORAGE_URI_UNREADABLE,
            "spec.storage.storageUri",
            wanted=error.wanted,
            found=repr(error.uri),
            do="correct the field",
        )


def class_fields(one: AcceleratorClass, about: About) -> Iterator[Finding]:
    """What in an accelerator class cannot be read, or recognises nothing."""
    for problem in recognition_of(one).findings:
        code = _OF_CLASSES.get(problem.code, Code.QUANTITY_UNREADABLE)
        wrong = problem.wrong
        yield about.finding(code, problem.field, wanted=wrong.wanted, found=wrong.found, do="correct the field")
