"""One component of a service: what runtime and service say about it, merged."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from pydantic import ValidationError

from omectl.api.component import ComponentExtensionSpec, EngineSpec, RouterSpec
from omectl.api.document import as_object
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject
from omectl.api.pods import POD_FIELDS
from omectl.planner.document import as_document
from omectl.planner.merge import merge_component
from omectl.planner.names import ENGINE, ROUTER, component_name, label_value, service_object_name
from omectl.planner.result import PlanRefused, Reason
from omectl.planner.selection.candidates import Runtime
from omectl.planner.selection.request import template_field

_RUNTIME_ONLY_DROPPED = ("acceleratorOverride",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A component as it is to be deployed. `asked` is the service's own part of `document`."""

    name: str
    service: InferenceService
    runtime: Runtime | None
    document: JsonObject
    asked: JsonObject
    scaling: ComponentExtensionSpec

    @classmethod
    def merged(cls, name: str, service: InferenceService, runtime: Runtime | None) -> Self:
        """The service's part over the runtime's. Raises `PlanRefused`."""
        asked = as_document(_part(service, name))
        template = as_document(_template(runtime, name))
        for dropped in _RUNTIME_ONLY_DROPPED:
            template.pop(dropped, None)
        document = merge_component(template, asked)
        try:
            scaling = ComponentExtensionSpec.model_validate(document)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            path = ".".join(str(part) for part in first["loc"])
            message = f"{name}: {path}: {first['msg']}"
            raise PlanRefused(Reason.MERGE, message, "correct the field in the service or the runtime") from None
        return cls(name=name, service=service, runtime=runtime, document=document, asked=asked, scaling=scaling)

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

    def origin(self, field_name: str) -> str:
        """Where a field of the document comes from."""
        if field_name in self.asked or self.runtime is None:
            return f"spec.{self.name}.{field_name}"
        return f"runtime {self.runtime.name}: {template_field(self.name)}.{field_name}"


def components(service: InferenceService, runtime: Runtime | None) -> tuple[Component, ...]:
    """The components that the service has: an engine always, a router when it asks for one."""
    names = [ENGINE, *([ROUTER] if service.spec.router is not None else [])]
    return tuple(Component.merged(name, service, runtime) for name in names)


def _part(service: InferenceService, name: str) -> EngineSpec | RouterSpec | None:
    return service.spec.router if name == ROUTER else service.spec.engine


def _template(runtime: Runtime | None, name: str) -> EngineSpec | RouterSpec | None:
    if runtime is None:
        return None
    return runtime.spec.router_config if name == ROUTER else runtime.spec.engine_config
