"""How an agent is set up."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath

from omectl.api.installation import DEFAULT_MODELS_ROOT, OPERATOR_NAMESPACE
from omectl.modelagent.paths import NodePaths
from omectl.modelagent.retries import RetryOptions
from omectl.modelagent.storage.http import SmallReadOptions
from omectl.modelagent.transfer.endpoints import Origin, check_origin
from omectl.modelagent.transfer.options import TransferOptions

DEFAULT_HUB_ENDPOINT = "https://huggingface.co"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentOptions:
    """Paths are the node's own; `host_prefix` is where this process sees the node's root directory."""

    node_name: str
    models_root: str = DEFAULT_MODELS_ROOT
    host_prefix: str = "/"
    namespace: str = OPERATOR_NAMESPACE
    hub_endpoint: str = DEFAULT_HUB_ENDPOINT
    hub_token: str | None = field(default=None, repr=False)
    allow_http: bool = False
    """Plain http also to other machines."""
    downloads: int = 5
    """Models in parallel."""
    progress_interval_s: float = 10.0
    heartbeat_interval_s: float = 20.0
    resync_interval_s: float = 600.0
    """How often published files are looked at; this writes nothing."""
    keep_previous_s: float = 86400.0
    """How long a replaced revision stays on the disk for the pods that still read it."""
    http_address: str = "0"
    """Where metrics and probes are served: `host:port`, `:port`, or "0" for nowhere."""
    transfer: TransferOptions = field(default_factory=TransferOptions)
    small_reads: SmallReadOptions = field(default_factory=SmallReadOptions)
    retries: RetryOptions = field(default_factory=RetryOptions)

    def validated(self) -> AgentOptions:
        """These options, or ValueError (ModelError for the endpoint) naming the first rule they break."""
        if not self.node_name:
            raise ValueError("wanted the node's name (--node-name or NODE_NAME), found nothing")
        for name in ("models_root", "host_prefix"):
            path = PurePosixPath(getattr(self, name))
            if not path.is_absolute() or ".." in path.parts:
                raise ValueError(f"wanted {name} as an absolute path without '..', found {str(path)!r}")
        if self.downloads < 1:
            raise ValueError(f"wanted downloads of at least 1, found {self.downloads}")
        if self.progress_interval_s < 1:
            raise ValueError(f"wanted progress_interval_s of at least 1, found {self.progress_interval_s}")
        check_origin(Origin.of(self.hub_endpoint), allow_http=self.allow_http)
        self.transfer.validated()
        return self

    @property
    def paths(self) -> NodePaths:
        return NodePaths(PurePosixPath(self.models_root), PurePosixPath(self.host_prefix))
