"""All rules over all objects. One that is broken stands in nobody's way."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from omectl.api.accelerator_class import AcceleratorClass
from omectl.api.base_model import BaseModel, ClusterBaseModel
from omectl.api.fine_tuned_weight import FineTunedWeight
from omectl.api.object import Resource
from omectl.api.serving_runtime import ClusterServingRuntime, ServingRuntime
from omectl.planner.lint.about import About, Read, about_of
from omectl.planner.lint.catalogue import Document, read
from omectl.planner.lint.fields import class_fields, model_fields, runtime_fields, weight_fields
from omectl.planner.lint.finding import Finding
from omectl.planner.lint.pairing import pairing_findings
from omectl.planner.lint.pods import pod_findings
from omectl.planner.lint.ranking import ranking_findings
from omectl.planner.lint.rules import Code
from omectl.planner.lint.structure import name_findings, template_findings, unknown_fields


def lint(documents: Iterable[Document], namespace: str = "default") -> tuple[Finding, ...]:
    """Everything that is wrong, what weighs most first. Never raises for what the schema accepts."""
    catalogue, unreadable = read(documents, namespace)
    found = {*unreadable, *ranking_findings(catalogue), *_defined_twice(catalogue.objects)}
    for one in catalogue.objects:
        found.update(object_findings(one.resource, one.about))
    return tuple(sorted(found, key=lambda one: one.rank))


def object_findings(resource: Resource, about: About | None = None) -> Iterator[Finding]:
    """What is wrong with one object, whatever else there is."""
    about = about or about_of(resource)
    if not resource.name:
        yield about.finding(
            Code.NAME_MISSING, "metadata.name", wanted="a name", found="none", do="give the object a name"
        )
    yield from name_findings(resource, about)
    yield from unknown_fields(resource, about)
    if isinstance(resource, ServingRuntime | ClusterServingRuntime):
        yield from template_findings(resource, about)
        yield from runtime_fields(resource, about)
        yield from pod_findings(resource, about)
        yield from pairing_findings(resource, about)
    elif isinstance(resource, BaseModel | ClusterBaseModel):
        yield from model_fields(resource, about)
    elif isinstance(resource, FineTunedWeight):
        yield from weight_fields(resource, about)
    elif isinstance(resource, AcceleratorClass):
        yield from class_fields(resource, about)


def _defined_twice(objects: Iterable[Read[Resource]]) -> Iterator[Finding]:
    def identity(one: Read[Resource]) -> tuple[str, str]:
        return one.about.kind, one.about.name

    for _, group in groupby(sorted(objects, key=identity), key=identity):
        *earlier, last = group
        for one in earlier:
            if one.resource.name:
                yield one.about.finding(
                    Code.NAME_DEFINED_TWICE,
                    "metadata.name",
                    wanted="one document for each object",
                    found=f"another in {last.about.source}",
                    do="remove one of them, or rename it",
                )
