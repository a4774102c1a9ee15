"""Which model owns which path on the node: two models never share one, and none lies inside another's. Pure."""

from __future__ import annotations

from omectl.api.labels import ModelKey
from omectl.modelagent.problems import ModelError, Reason


class PathClaims:
    """Path components below the models root, by model."""

    def __init__(self) -> None:
        self._claims: dict[ModelKey, tuple[str, ...]] = {}

    def claim(self, key: ModelKey, parts: tuple[str, ...]) -> None:
        """Take `parts` for the model instead of what it had; ModelError names the other model in the way."""
        for other, taken in self._claims.items():
            length = min(len(parts), len(taken))
            if other != key and parts[:length] == taken[:length]:
                raise ModelError(
                    Reason.PATH_IN_USE,
                    f"The path {'/'.join(parts)!r} is, or overlaps with, the path {'/'.join(taken)!r} of {other}.",
                    "Give each model a storage.path of its own, none inside another's.",
                )
        self._claims[key] = parts

    def release(self, key: ModelKey) -> None:
        self._claims.pop(key, None)
