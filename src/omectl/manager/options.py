"""How a manager is set up."""

from __future__ import annotations

import math
import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from omectl.api.installation import LEADER_LEASE, OPERATOR_NAMESPACE
from omectl.kube.credentials import SERVICE_ACCOUNT_DIRECTORY

EVENT_COMPONENT = "v1beta1Controllers"
OFF = "0"
JITTER_FACTOR = 1.2


def default_identity() -> str:
    """Host name and a random part: two processes never share it."""
    return f"{socket.gethostname()}_{uuid.uuid4()}"


def default_namespace(service_account: Path = SERVICE_ACCOUNT_DIRECTORY) -> str:
    """The namespace of this pod as its service account says, or the operator's usual one outside a cluster."""
    try:
        return (service_account / "namespace").read_text().strip() or OPERATOR_NAMESPACE
    except OSError:
        return OPERATOR_NAMESPACE


def _no_labels() -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectionOptions:
    """The Lease that leaders hold, its labels, and its times (seconds)."""

    lease_name: str = LEADER_LEASE
    namespace: str = field(default_factory=default_namespace)
    labels: Mapping[str, str] = field(default_factory=_no_labels)
    identity: str = field(default_factory=default_identity)
    lease_duration_s: float = 15.0
    renew_deadline_s: float = 10.0
    retry_period_s: float = 2.0
    release_on_stop: bool = True

    @property
    def request_timeout_s(self) -> float:
        """How long one request of the election may take: half the renew deadline, a second at least."""
        return max(1.0, self.renew_deadline_s / 2)

    def validated(self) -> ElectionOptions:
        """These options, or ValueError naming the first rule they break."""
        rules = (
            (self.retry_period_s > 0, "retry_period_s > 0", self.retry_period_s),
            (
                self.renew_deadline_s > self.retry_period_s * JITTER_FACTOR,
                f"renew_deadline_s > {JITTER_FACTOR} x retry_period_s",
                self.renew_deadline_s,
            ),
            (
                self.lease_duration_s > self.renew_deadline_s,
                "lease_duration_s > renew_deadline_s",
                self.lease_duration_s,
            ),
            (self.lease_duration_s >= 1, "lease_duration_s >= 1", self.lease_duration_s),
            (self.lease_duration_s < math.inf, "a finite lease_duration_s", self.lease_duration_s),
            (bool(self.identity), "an identity", self.identity),
            (bool(self.lease_name and self.namespace), "a lease name and namespace", self.lease_name),
        )
        for holds, wanted, found in rules:
            if not holds:
                raise ValueError(f"leader election: wanted {wanted}, found {found!r}")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagerOptions:
    """Set-up of a manager. Addresses are `host:port`, `:port`, or "0" for off; port 0 takes a free one.

    `graceful_shutdown_s`: 0 does not wait for runnables at stop, a negative number waits for ever.
    `metrics_secure` serves metrics by TLS, and only to those whom the API server lets read them. The certificate and
    its key are files in `metrics_cert_dir`, read again when they change; without a folder it is self-signed.
    `loop_stall_s`: how long the event loop may be held up before the log says by what; 0 looks for nothing.
    `recover`: what a controller does that leaves it open (see `Controller`).
    `renew_in_thread`: false renews the Lease in the manager's loop, for tests in virtual time.
    The two `..._flag` names are those that a clear error should mention.
    """

    leader_election: bool = False
    identity: str = field(default_factory=default_identity)
    namespace: str = field(default_factory=default_namespace)
    lease_name: str = LEADER_LEASE
    lease_labels: Mapping[str, str] = field(default_factory=_no_labels)
    lease_duration_s: float = 15.0
    renew_deadline_s: float = 10.0
    retry_period_s: float = 2.0
    release_on_stop: bool = True
    renew_in_thread: bool = True
    metrics_address: str = OFF
    probe_address: str = OFF
    metrics_flag: str = "--metrics-bind-address"
    probe_flag: str = "--health-probe-addr"
    metrics_secure: bool = False
    metrics_cert_dir: str = ""
    metrics_cert_name: str = "tls.crt"
    metrics_cert_key: str = "tls.key"
    graceful_shutdown_s: float = 30.0
    sync_timeout_s: float = 120.0
    event_component: str = EVENT_COMPONENT
    loop_stall_s: float = 0.1
    recover: bool = True

    def election(self) -> ElectionOptions:
        """The part for the leader elector, validated."""
        return ElectionOptions(
            lease_name=self.lease_name,
            namespace=self.namespace,
            labels=self.lease_labels,
            identity=self.identity,
            lease_duration_s=self.lease_duration_s,
            renew_deadline_s=self.renew_deadline_s,
            retry_period_s=self.retry_period_s,
            release_on_stop=self.release_on_stop,
        ).validated()
