"""Who scales a component: the class, and where it was asked for.

The service's `autoscaler` block comes first, then its annotation `ome.io/autoscalerClass` and its `enableKeda`, those
of the component before those of the whole service; then the same of the runtime; else a HorizontalPodAutoscaler on CPU.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from omectl.api.autoscaler import AutoscalerSpec, KedaConfig
from omectl.api.document import as_object, as_text, at
from omectl.api.labels import AUTOSCALER_CLASS
from omectl.planner.component import Component
from omectl.planner.result import PlanRefused, Reason
from omectl.planner.scaling.target import invalid


class ScalerClass(StrEnum):
    """Who sets the number of replicas: one of two autoscalers, somebody else, or nobody."""

    HPA = "HPA"
    KEDA = "KEDA"
    EXTERNAL = "External"
    NONE = "None"

    @property
    def managed_by(self) -> str:
        """In the words of the status."""
        return {self.EXTERNAL: "external", self.NONE: "none"}.get(self, "ome")


class ScalerSource(StrEnum):
    """Where the class was asked for."""

    SERVICE = "isvc"
    LEGACY = "legacy"
    RUNTIME = "runtime"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class ScalerChoice:
    """The class, its source, and the block that states the details, if one does."""

    scaler_class: ScalerClass
    source: ScalerSource
    block: AutoscalerSpec | None = None


_ANNOTATED: Final = {one.value.lower(): one for one in ScalerClass}


def choose_scaler(component: Component) -> ScalerChoice:
    """Raises `PlanRefused` when the service contradicts itself or names no class there is."""
    if component.scaling.autoscaler_policy_ref is not None:
        message = f"{component.origin('autoscalerPolicyRef')} asks for an AutoscalerPolicy, which is not supported yet"
        raise PlanRefused(Reason.NOT_SUPPORTED_YET, message, "write the policy's triggers into autoscaler")
    own = next((one["autoscaler"] for one in reversed(component.asked) if one.get("autoscaler") is not None), None)
    told = next((found for level in _levels(component) if (found := level.scaler) is not None), None)
    if own is not None:
        block = AutoscalerSpec.model_validate(own)
        field = f"spec.{component.name}.autoscaler.class"
        stated = _class_of(block, field)
        if told is not None and told[0] is not stated:
            message = f"{field} is {stated.value}, but {told[1]} asks for {told[0].value}"
            raise PlanRefused(Reason.INVALID_SPEC, message, "remove one of the two")
        return ScalerChoice(stated, ScalerSource.SERVICE, block)
    if told is not None:
        return ScalerChoice(told[0], ScalerSource.LEGACY)
    block = component.scaling.autoscaler
    if block is not None:
        return ScalerChoice(_class_of(block, f"{component.origin('autoscaler')}.class"), ScalerSource.RUNTIME, block)
    inherited = _Level(
        component.own_annotations.get(AUTOSCALER_CLASS, ""),
        component.scaling.keda_config,
        f"annotation {AUTOSCALER_CLASS} of the {component.name}",
        component.origin("kedaConfig"),
    ).scaler
    if inherited is not None:
        return ScalerChoice(inherited[0], ScalerSource.LEGACY)
    return ScalerChoice(ScalerClass.HPA, ScalerSource.DEFAULT)


def keda_settings(component: Component) -> Iterator[KedaConfig]:
    """The KEDA settings that hold, strongest first: the service's for the component, for all of it, the runtime's."""
    for level in _levels(component):
        if level.keda is not None:
            yield level.keda
    if component.scaling.keda_config is not None:
        yield component.scaling.keda_config


@dataclass(frozen=True, slots=True)
class _Level:
    """What the old form says at one place, and the names of that place's annotation and settings."""

    annotation: str
    keda: KedaConfig | None
    annotation_field: str
    keda_field: str

    @property
    def scaler(self) -> tuple[ScalerClass, str] | None:
        """The class and the field that asks for it. Raises `PlanRefused`."""
        enabled = self.keda.enable_keda if self.keda is not None else None
        switch = f"{self.keda_field}.enableKeda"
        if not self.annotation:
            asked = {True: ScalerClass.KEDA, False: ScalerClass.HPA, None: None}[enabled]
            return (asked, switch) if asked is not None else None
        stated = _ANNOTATED.get(self.annotation.lower())
        if stated is None:
            raise invalid(
                self.annotation_field, f"one of {', '.join(_ANNOTATED)}", self.annotation, "correct the annotation"
            )
        if enabled is not None and enabled is not (stated is ScalerClass.KEDA):
            message = f"{self.annotation_field} is {self.annotation}, but {switch} is {str(enabled).lower()}"
            raise PlanRefused(Reason.INVALID_SPEC, message, "remove one of the two")
        return stated, self.annotation_field


def _levels(component: Component) -> Iterator[_Level]:
    """What the service says in the old form: of the component, then of all components."""
    service, keda = component.service, None
    annotation = ""
    for one in component.asked:
        annotation = as_text(at(one, "annotations", AUTOSCALER_CLASS)) or annotation
        if as_object(one.get("kedaConfig")):
            keda = KedaConfig.model_validate(one["kedaConfig"])
    field = f"annotation {AUTOSCALER_CLASS}"
    yield _Level(annotation, keda, f"{field} of the {component.name}", f"spec.{component.name}.kedaConfig")
    own = service.metadata.annotations.get(AUTOSCALER_CLASS, "")
    yield _Level(own, service.spec.keda_config, f"{field} of the service", "spec.kedaConfig")


def _class_of(block: AutoscalerSpec, field: str) -> ScalerClass:
    try:
        return ScalerClass(block.scaler_class)
    except ValueError:
        wanted = f"one of {', '.join(one.value for one in ScalerClass)}"
        raise invalid(field, wanted, block.scaler_class or "nothing", "correct it") from None
