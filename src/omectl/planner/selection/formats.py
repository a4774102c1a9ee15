"""The supported formats of a runtime, taken apart once for each version of it."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from omectl.api.serving_runtime import ClusterServingRuntime, ServingRuntime, SupportedModelFormat
from omectl.planner.once import once_per_version
from omectl.planner.selection.entry import Statement, statements_of

Runtime: TypeAlias = ServingRuntime | ClusterServingRuntime
EntryMerit: TypeAlias = Callable[[SupportedModelFormat], tuple[int, ...]]


class Formats(NamedTuple):
    """The formats, what each states, and how good each is in the eyes of those who asked."""

    entries: tuple[SupportedModelFormat, ...]
    statements: tuple[tuple[Statement, ...], ...]
    known_merits: dict[EntryMerit, tuple[tuple[int, ...], ...]]

    def merits(self, merit: EntryMerit) -> tuple[tuple[int, ...], ...]:
        """The merit of each format."""
        known = self.known_merits.get(merit)
        if known is None:
            known = self.known_merits[merit] = tuple(merit(entry) for entry in self.entries)
        return known


@once_per_version
def formats_of(runtime: Runtime) -> Formats:
    """The formats of a runtime; none when it states none."""
    entries = runtime.spec.supported_model_formats or ()
    return Formats(entries, tuple(statements_of(entry) for entry in entries), {})
