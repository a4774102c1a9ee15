"""What lint says about one field of one object."""

from dataclasses import dataclass
from typing import Final

from omectl.planner.lint.rules import RULES, Code, Severity


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """Where an object was read: the file, and the document in it from 1; "" and 0 are unknown."""

    file: str = ""
    document: int = 0

    def __str__(self) -> str:
        if not self.document:
            return self.file
        return f"{self.file}, document {self.document}"


NOWHERE: Final = Source()
"""For objects that come from no file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong. `field` begins at the object, "" when the whole is meant; `name` has the namespace."""

    code: Code
    kind: str = ""
    name: str = ""
    field: str = ""
    wanted: str
    found: str
    do: str
    source: Source = NOWHERE

    @property
    def severity(self) -> Severity:
        """The rule's."""
        return RULES[self.code].severity

    @property
    def subject(self) -> str:
        """Kind, name and field."""
        whole = " ".join(part for part in (self.kind, self.name) if part)
        return ", ".join(part for part in (whole, self.field) if part)

    @property
    def text(self) -> str:
        """In words."""
        return f"wanted {self.wanted}, found {self.found}; {self.do}"

    def __str__(self) -> str:
        return f"{self.severity} {self.code}: {self.subject}: {self.text}"

    @property
    def rank(self) -> tuple[int, str, str, str, Source, str, str]:
        """Sorts findings: what weighs most first, then by code, object, place and text."""
        return (-self.severity.weight, self.code, self.kind, self.name, self.source, self.field, self.text)
