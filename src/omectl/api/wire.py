"""The base of every API type, and the markers that carry what a Python type cannot say.

A type is written once. Reading, writing and the CRD's schema all come from it:

* attributes are snake_case, the wire is camelCase (`SPELLINGS` has the exceptions);
* unknown fields are kept and written back;
* what was absent stays absent when written; `null` reads like absent but is written back as `null`; where a field says
  so, `{}` or an object without a name does too (Go clients write zero structs that way);
* a field that code sets to None is left out: a server refuses `null` where a value may be absent;
* a Python default is the default that the CRD declares.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Self, TypeAlias, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    model_serializer,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema
from pydantic_core.core_schema import bool_schema, dict_schema, float_schema, int_schema

from omectl.api.json import JsonObject, JsonValue

SPELLINGS: Mapping[str, str] = {
    "ca_certs": "CACerts",
    "clock_speed_mhz": "clockSpeedMHz",
    "compartment_id": "compartmentID",
    "device_ids": "deviceIDs",
    "host_ipc": "hostIPC",
    "memory_bandwidth_gbps": "memoryBandwidthGBps",
    "memory_gb": "memoryGB",
    "min_compute_performance_tflops": "minComputePerformanceTFLOPS",
    "pci_vendor_id": "pciVendorID",
    "rest_url": "restURL",
    "scaler_class": "class",
    "volcano_gpu_type": "volcanoGPUType",
}
"""Wire names that are not the camel case of the attribute's name."""


def wire_name(attribute: str) -> str:
    """The JSON name of an attribute."""
    return SPELLINGS.get(attribute) or to_camel(attribute)


@dataclass(frozen=True, slots=True, eq=False)
class SchemaPart:
    """Keywords that the CRD's schema of the annotated type gains."""

    keywords: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])


@dataclass(frozen=True, slots=True, eq=False)
class Exact:
    """Reading takes only this JSON type, without conversions: `5` is no text and `"5"` no number."""

    core_schema: CoreSchema

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> CoreSchema:
        return self.core_schema


class OpaqueObject:
    """The annotated JSON object is kept as it is; nobody looks inside."""

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> CoreSchema:
        return dict_schema()


@dataclass(frozen=True, slots=True)
class PodPart(OpaqueObject):
    """The annotated JSON object has the schema of this core/v1 or apps/v1 type."""

    definition: str


@dataclass(frozen=True, slots=True)
class Required:
    """The CRD requires the field although reading does without it. With `defaulted`, it has Python's default too."""

    defaulted: bool = False


@dataclass(frozen=True, slots=True)
class Blank:
    """Values beside null that read like absent: `{}`, and with `nameless` also an object whose name is empty."""

    nameless: bool = False

    def covers(self, value: object) -> bool:
        """Whether this value reads like absent."""
        if not isinstance(value, dict):
            return False
        return not value or (self.nameless and not cast("JsonObject", value).get("name"))


REQUIRED = Required()
REQUIRED_WITH_DEFAULT = Required(defaulted=True)
EMPTY_IS_ABSENT = Blank()
NAMELESS_IS_ABSENT = Blank(nameless=True)

ATOMIC = SchemaPart({"x-kubernetes-list-type": "atomic"})
SET = SchemaPart({"x-kubernetes-list-type": "set"})
ATOMIC_MAP = SchemaPart({"x-kubernetes-map-type": "atomic"})
NON_NEGATIVE = SchemaPart({"minimum": 0})
OPEN = SchemaPart({"x-kubernetes-preserve-unknown-fields": True})


def keyed(*keys: str) -> SchemaPart:
    """A list whose items are told apart by these fields."""
    return SchemaPart({"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)})


def one_of(*values: str) -> SchemaPart:
    """The CRD allows only these texts. Reading stays tolerant, for objects of other releases."""
    return SchemaPart({"enum": list(values)})


QUANTITY_PATTERN = (
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
)

Flag: TypeAlias = Annotated[bool, Exact(bool_schema(strict=True))]
Int: TypeAlias = Annotated[int, Exact(int_schema(strict=True))]
Int32: TypeAlias = Annotated[Int, SchemaPart({"format": "int32"})]
Int64: TypeAlias = Annotated[Int, SchemaPart({"format": "int64"})]
Number: TypeAlias = Annotated[float, Exact(float_schema(strict=True))]
Time: TypeAlias = Annotated[str, SchemaPart({"format": "date-time"})]
"""RFC 3339 text, kept as it was written."""
IntOrString: TypeAlias = Annotated[Int | str, SchemaPart({"x-kubernetes-int-or-string": True})]
QuantityText: TypeAlias = Annotated[
    Int | str, SchemaPart({"x-kubernetes-int-or-string": True, "pattern": QUANTITY_PATTERN})
]
"""A Kubernetes quantity as it was written; `Quantity.parse` gives its value."""
FreeForm: TypeAlias = Annotated[JsonObject, OpaqueObject(), OPEN]
"""Any JSON object."""
Strings: TypeAlias = Annotated[tuple[str, ...], ATOMIC]
StringMap: TypeAlias = dict[str, str]
AtomicStringMap: TypeAlias = Annotated[dict[str, str], ATOMIC_MAP]

FROM_THE_WIRE: Mapping[str, bool] = {"from_the_wire": True}
"""Validation context of a decode: what reads like absent is remembered and written back."""


class WireType(BaseModel):
    """A frozen API type. See the module's docstring for its reading and writing rules.

    A type's schema is built at its first use, with those of all types inside it. One that many hold says
    `defer_build=False`: it is built once, and each holder takes it as it is.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="allow",
        populate_by_name=True,
        alias_generator=wire_name,
        defer_build=True,
        protected_namespaces=(),
        hide_input_in_errors=True,
    )

    inlined: ClassVar[str] = ""
    """Name of the core/v1 type whose fields lie beside ours ("" for none); they stay JSON among the extra fields."""

    _blanks: JsonObject = PrivateAttr(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _set_blanks_aside(cls, data: object, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        if not isinstance(data, dict):
            return handler(data)
        given = cast("JsonObject", data)
        rules = _blank_rules(cls)
        blanks = {
            name: value
            for name, value in given.items()
            if value is None or (name in rules and rules[name].covers(value))
        }
        if not blanks:
            return handler(given)
        result = handler({name: value for name, value in given.items() if name not in blanks})
        if info.context:
            result._blanks = blanks
        return result

    @model_serializer(mode="wrap")
    def _put_blanks_back(self, handler: SerializerFunctionWrapHandler) -> JsonObject:
        written: JsonObject = handler(self)
        present: JsonObject = {name: value for name, value in written.items() if value is not None}
        for name, value in self._blanks.items():
            present.setdefault(name, value)
        return present

    def extra_fields(self) -> JsonObject:
        """The fields that this type does not name, as they were read."""
        return dict(self.model_extra or {})


_BLANK_RULES: dict[type[WireType], dict[str, Blank]] = {}


def _blank_rules(cls: type[WireType]) -> dict[str, Blank]:
    rules = _BLANK_RULES.get(cls)
    if rules is None:
        rules = _BLANK_RULES[cls] = {
            wire_name(attribute): marker
            for attribute, info in cls.model_fields.items()
            for marker in info.metadata
            if isinstance(marker, Blank)
        }
    return rules
