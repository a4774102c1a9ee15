"""The object that findings are about."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from omectl.api.object import Resource
from omectl.planner.lint.finding import NOWHERE, Finding, Source
from omectl.planner.lint.rules import Code

AnyResource = TypeVar("AnyResource", bound=Resource, covariant=True)


@dataclass(frozen=True, slots=True)
class About:
    """Kind, name with namespace, and where it was read."""

    kind: str = ""
    name: str = ""
    source: Source = NOWHERE

    def finding(self, code: Code, where: str, *, wanted: str, found: str, do: str) -> Finding:
        """A finding about a field of the object, "" for the whole."""
        return Finding(
            code=code,
            kind=self.kind,
            name=self.name,
            field=where,
            wanted=wanted,
            found=found,
            do=do,
            source=self.source,
        )


@dataclass(frozen=True, slots=True)
class Read(Generic[AnyResource]):
    """An object that could be read."""

    resource: AnyResource
    about: About


def about_of(resource: Resource, source: Source = NOWHERE) -> About:
    """What findings about the object are told with."""
    return About(resource.resource_kind.kind, str(resource.key), source)
