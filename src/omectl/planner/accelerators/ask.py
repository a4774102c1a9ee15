"""What service and runtime say about the accelerators of one component.

A name beats a policy, whichever level it stands on; of names, and of policies, the component's beats the service's. The
annotation names a class where no field does.
"""

import hashlib
from dataclasses import dataclass
from typing import TypeAlias

from omectl.api.component import AcceleratorSelector
from omectl.api.inference_service import InferenceService
from omectl.api.labels import ACCELERATOR_CLASS
from omectl.api.serving_runtime import ClusterServingRuntime, ServingRuntime
from omectl.planner.accelerators.constraints import Constraints, of_runtime, of_selector
from omectl.planner.accelerators.decision import Outcome
from omectl.planner.names import DECODER, ENGINE

Runtime: TypeAlias = ServingRuntime | ClusterServingRuntime

_SERVICE_FIELD = "spec.acceleratorSelector"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What is asked for one component.

    `name` or else `policy` is what was stated, each with the field that states it; `listed` are the runtime's classes
    in its order of preference, `layers` the constraints from the outermost to the innermost. `other_names` are names
    that another field states and that do not count.
    """

    component: str
    runtime: str = ""
    name: str = ""
    name_field: str = ""
    named_by: Outcome = Outcome.NOT_ASKED
    policy: str = ""
    policy_field: str = ""
    listed: tuple[str, ...] = ()
    layers: tuple[Constraints, ...] = ()
    other_names: tuple[tuple[str, str], ...] = ()

    @property
    def mark(self) -> str:
        """A short text that changes with what a policy is asked, and with nothing else."""
        stated = repr((self.runtime, self.policy, self.listed, self.layers))
        return hashlib.sha256(stated.encode()).hexdigest()[:16]


def ask_of(service: InferenceService, runtime: Runtime | None, component: str) -> Ask:
    """What is asked for a component. A router asks for nothing."""
    if component not in (ENGINE, DECODER):
        return Ask(component=component)
    own_field = f"spec.{component}.acceleratorOverride"
    part = service.spec.engine if component == ENGINE else service.spec.decoder
    own, common = part.accelerator_override if part is not None else None, service.spec.accelerator_selector
    names = [
        (Outcome.NAMED_BY_COMPONENT, f"{own_field}.acceleratorClass", _name(own)),
        (Outcome.NAMED_BY_SERVICE, f"{_SERVICE_FIELD}.acceleratorClass", _name(common)),
        (
            Outcome.NAMED_BY_ANNOTATION,
            f"annotation {ACCELERATOR_CLASS}",
            service.metadata.annotations.get(ACCELERATOR_CLASS, "").strip(),
        ),
    ]
    stated = [one for one in names if one[2]]
    policies = [
        (f"{field}.policy", selector.policy)
        for field, selector in ((own_field, own), (_SERVICE_FIELD, common))
        if selector is not None and selector.policy
    ]
    requirements = runtime.spec.accelerator_requirements if runtime is not None else None
    layers: list[Constraints] = []
    if runtime is not None and requirements is not None:
        layers.append(of_runtime(f"runtime {runtime.name}: acceleratorRequirements", requirements))
    for field, selector in ((_SERVICE_FIELD, common), (own_field, own)):
        if selector is not None and selector.constraints is not None:
            layers.append(of_selector(f"{field}.constraints", selector.constraints))
    named_by, name_field, name = stated[0] if stated else (Outcome.NOT_ASKED, "", "")
    policy_field, policy = policies[0] if policies else ("", "")
    return Ask(
        component=component,
        runtime=runtime.name if runtime is not None else "",
        name=name,
        name_field=name_field,
        named_by=named_by,
        policy=policy,
        policy_field=policy_field,
        listed=tuple(dict.fromkeys((requirements.accelerator_classes or ()) if requirements is not None else ())),
        layers=tuple(layers),
        other_names=tuple((field, other) for _, field, other in stated[1:] if other != name),
    )


def _name(selector: AcceleratorSelector | None) -> str:
    return (selector.accelerator_class or "").strip() if selector is not None else ""
