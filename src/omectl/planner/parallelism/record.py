"""How an engine is spread over GPUs, as one record."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from omectl.planner.dialects import Dialect
from omectl.planner.parallelism.rendering import Rendered, rendered


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallelism:
    """The spread of one replica of an engine; every number is at least 1.

    `tensor` GPUs share each layer, `pipeline` stages share the layers, `data` ranks hold copies of the attention, and
    `expert` GPUs share the experts of a layer (1: the experts are split like everything else). Every pod has
    `gpus_per_pod` GPUs and there are `pods` pods; `tensor * pipeline * data` of those GPUs are used.
    """

    tensor: int = 1
    pipeline: int = 1
    data: int = 1
    expert: int = 1
    gpus_per_pod: int = 1
    pods: int = 1

    @property
    def ranks(self) -> int:
        """GPUs that the engine uses."""
        return self.tensor * self.pipeline * self.data

    @property
    def gpus(self) -> int:
        """GPUs that the pods ask for: the value of `PARALLELISM_SIZE`."""
        return self.gpus_per_pod * self.pods

    def render(
        self,
        dialect: Dialect | None,
        args: Sequence[str],
        env: Mapping[str, str],
        *,
        command: Sequence[str] = (),
        own: Collection[str] = (),
    ) -> Rendered:
        """Flags and environment for an engine: command, args and env with this parallelism in them.

        `own` holds the words and the names of variables that the author of the service wrote: they stay, and one that
        says something else is a conflict in the result. Without a dialect only the environment changes. Never raises.
        """
        return rendered(self, dialect, args, env, command=command, own=own)
