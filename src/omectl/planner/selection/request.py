"""What a service asks of the runtime that is to serve it."""

from dataclasses import dataclass
from typing import Final

from omectl.api.component import EngineSpec, RouterSpec
from omectl.api.document import as_text
from omectl.api.inference_service import InferenceService
from omectl.api.labels import ACCELERATOR_CLASS
from omectl.planner.names import DECODER, ENGINE, ROUTER

_TEMPLATES: Final = {ENGINE: "engineConfig", DECODER: "decoderConfig", ROUTER: "routerConfig"}


@dataclass(frozen=True, slots=True)
class Request:
    """The accelerator classes that a runtime has to list, and the components that it has to bring a container for.

    `takes_all`: the service writes no engine, so that it has every component that a runtime named by it has.
    """

    accelerator_classes: frozenset[str] = frozenset()
    components: frozenset[str] = frozenset()
    wants_decoder: bool = False
    takes_all: bool = False


def request_of(service: InferenceService) -> Request:
    """What the service asks for: the union of every accelerator class it names, and what it gives no image for."""
    spec = service.spec
    selectors = [
        spec.accelerator_selector,
        spec.engine.accelerator_override if spec.engine is not None else None,
        spec.decoder.accelerator_override if spec.decoder is not None else None,
    ]
    named = [selector.accelerator_class for selector in selectors if selector is not None]
    named.append(service.metadata.annotations.get(ACCELERATOR_CLASS))
    parts: dict[str, EngineSpec | RouterSpec | None] = {
        ENGINE: spec.engine or EngineSpec(),
        DECODER: spec.decoder,
        ROUTER: spec.router,
    }
    needed = {name for name, part in parts.items() if part is not None and not brings_container(part)}
    return Request(
        frozenset(name for name in named if name is not None),
        frozenset(needed),
        wants_decoder=spec.decoder is not None,
        takes_all=spec.engine is None,
    )


def template_field(component: str) -> str:
    """The runtime's field that holds the component's template."""
    return _TEMPLATES[component]


def has_complete_runner(service: InferenceService) -> bool:
    """Whether the service's own engine names its image, so that it can do without a runtime."""
    engine = service.spec.engine
    return engine is not None and bool(as_text((engine.runner or {}).get("image")))


def brings_container(part: EngineSpec | RouterSpec) -> bool:
    """Whether a component's part says what its pods run."""
    return bool(part.pod_fields.get("containers")) or bool(as_text((part.runner or {}).get("image")))
