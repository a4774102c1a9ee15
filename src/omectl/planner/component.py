"""One component of a service: what runtime and service say about it, merged."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from pydantic import ValidationError

from omectl.api.component import ComponentExtensionSpec, EngineSpec, RouterSpec
from omectl.api.document import as_number, as_object, at
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject, JsonValue
from omectl.api.pods import POD_FIELDS
from omectl.planner.class_use import ClassUse
from omectl.planner.document import as_document
from omectl.planner.layers import WORKER, Authors, main_name, merge_authors, stated
from omectl.planner.names import DECODER, ENGINE, ROUTER, component_name, label_value, service_object_name
from omectl.planner.origin import Layer, Loss
from omectl.planner.result import PlanRefused, Reason
from omectl.planner.selection.candidates import Runtime
from omectl.planner.selection.request import template_field

_RUNTIME_ONLY_DROPPED = ("acceleratorOverride",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A component as it is to be deployed. `asked` is the service's own part of `document`, the later winning.

    `role` is "leader" or "worker" where it has pods of both, else "". `pods` is how many pods one replica has, each
    with such a container. `use` is its accelerator class. `layers` tell who said what, `losses` what of that is not in
    the document.
    """

    name: str
    service: InferenceService
    runtime: Runtime | None
    document: JsonObject
    asked: tuple[JsonObject, ...]
    scaling: ComponentExtensionSpec
    role: str = ""
    pods: int = 1
    use: ClassUse | None = None
    layers: tuple[Layer, ...] = ()
    losses: tuple[Loss, ...] = ()
    warnings: tuple[str, ...] = ()

    @classmethod
    def merged(
        cls, name: str, service: InferenceService, runtime: Runtime | None, use: ClassUse | None = None, role: str = ""
    ) -> Self:
        """The service's part over the class's over the runtime's; with a role, for its pods. Raises `PlanRefused`."""
        authors = _authors(name, service, runtime, use)
        unused = authors.unused
        pods = 1
        if role:
            size = as_number(at(merge_authors(authors).document, WORKER, "size"))
            if size < 0:
                message = f"{name}: worker.size: wanted a number of workers, found {size}"
                raise PlanRefused(Reason.INVALID_SPEC, message, "correct it, or leave it out for no workers")
            pods += size
            authors = authors.of_role(role)
        merged = merge_authors(authors)
        document = merged.document
        try:
            scaling = ComponentExtensionSpec.model_validate(document)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            path = ".".join(str(part) for part in first["loc"])
            message = f"{name}: {path}: {first['msg']}"
            raise PlanRefused(Reason.MERGE, message, "correct the field in the service or the runtime") from None
        return cls(
            name=name,
            service=service,
            runtime=runtime,
            document=document,
            asked=authors.asked,
            scaling=scaling,
            role=role,
            pods=pods,
            use=authors.use,
            layers=merged.layers,
            losses=(*merged.losses, *unused),
            warnings=merged.warnings,
        )

    @property
    def in_words(self) -> str:
        """The component for a message, with its role in a group."""
        return f"{self.name} {self.role}".strip()

    @property
    def namespace(self) -> str:
        """The namespace of everything that the component owns."""
        return self.service.namespace

    @property
    def object_name(self) -> str:
        """Name of the Deployment, autoscaler and disruption budget."""
        return component_name(self.service.name, self.name)

    @property
    def service_name(self) -> str:
        """Name of the component's Service."""
        return service_object_name(self.object_name)

    @property
    def app(self) -> str:
        """Value of the label `app`, by which the pods are selected."""
        return label_value(self.object_name)

    @property
    def runtime_name(self) -> str:
        """The runtime's name, "" without one."""
        return self.runtime.name if self.runtime is not None else ""

    @property
    def own_annotations(self) -> Mapping[str, str]:
        """Annotations of the component itself."""
        return self.scaling.annotations or {}

    @property
    def annotations(self) -> Mapping[str, str]:
        """Annotations of service and component, the component's winning."""
        return {**self.service.metadata.annotations, **self.own_annotations}

    @property
    def pod_fields(self) -> JsonObject:
        """The pod's fields, without the runner."""
        return {name: self.document[name] for name in POD_FIELDS if name in self.document}

    @property
    def runner(self) -> JsonObject | None:
        """The main container's own description, when there is one."""
        return as_object(self.document.get("runner")) or None

    @property
    def main_name(self) -> str:
        """The name of the container that the runner describes; "" without a runner."""
        return main_name(self.document)

    def stated(self, *path: str) -> list[JsonValue]:
        """What the service itself says under this path of the main container."""
        return stated(self.asked, self.main_name, *path)

    def origin(self, field_name: str) -> str:
        """Where a field of the document comes from."""
        if self.runtime is None or any(field_name in one for one in self.asked):
            return f"spec.{self.name}.{field_name}"
        return f"runtime {self.runtime.name}: {template_field(self.name)}.{field_name}"


def component_names(service: InferenceService, runtime: Runtime | None) -> tuple[str, ...]:
    """The components that the service has: an engine always, a decoder and a router when it asks for them.

    A service that writes no engine leaves to its runtime what it consists of.
    """
    spec = service.spec
    has: dict[str, bool] = {DECODER: spec.decoder is not None, ROUTER: spec.router is not None}
    if spec.engine is None and runtime is not None:
        has[DECODER] |= runtime.spec.decoder_config is not None
        has[ROUTER] |= runtime.spec.router_config is not None
    return (ENGINE, *(name for name, there in has.items() if there))


def _authors(name: str, service: InferenceService, runtime: Runtime | None, use: ClassUse | None) -> Authors:
    """What everybody says about a component. A router has no class and nothing of the runtime's old top level."""
    spec = service.spec
    parts: dict[str, EngineSpec | RouterSpec | None] = {ENGINE: spec.engine, DECODER: spec.decoder, ROUTER: spec.router}
    asked = as_document(parts[name])
    if runtime is None:
        return Authors(name=name, use=use, asked=(asked,))
    templates: dict[str, EngineSpec | RouterSpec | None] = {
        ENGINE: runtime.spec.engine_config,
        DECODER: runtime.spec.decoder_config,
        ROUTER: runtime.spec.router_config,
    }
    template = {key: value for key, value in as_document(templates[name]).items() if key not in _RUNTIME_ONLY_DROPPED}
    old: JsonObject = {}
    if name != ROUTER and runtime.spec.node_selector:
        old["nodeSelector"] = dict[str, JsonValue](runtime.spec.node_selector)
    return Authors(name=name, runtime=runtime.name, template=(template,), old=old, use=use, asked=(asked,))
