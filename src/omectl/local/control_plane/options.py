"""What a local control plane should be."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Profile(StrEnum):
    """`fast` starts in about a second and allows everything; `full` is a server as clusters have it, with RBAC."""

    FAST = "fast"
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlaneOptions:
    """Settings of one control plane; `directory` None means a temporary folder that goes when it stops.

    `in_flight_limits` False lets the API server work on any number of requests at once, for benchmarks.
    """

    profile: Profile = Profile.FAST
    directory: Path | None = None
    audit: bool = False
    controllers: bool = False
    scheduler: bool = False
    kwok: bool = False
    in_flight_limits: bool = True
    start_timeout_s: float = 60.0

    def validated(self) -> "ControlPlaneOptions":
        """Self; raises ValueError when parts are asked for that do not work together."""
        if self.profile is Profile.FAST and (self.controllers or self.scheduler or self.kwok):
            raise ValueError(
                "wanted kube-controller-manager, kube-scheduler or kwok on the profile 'fast', which lacks the APIs"
                " that they need; use the profile 'full'"
            )
        return self
