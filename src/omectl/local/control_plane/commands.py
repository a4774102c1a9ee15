"""The command line of each program of the control plane: pure, from addresses and files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from omectl.local.assets import Binary
from omectl.local.control_plane.options import Profile

SERVICE_ACCOUNT_ISSUER = "https://kubernetes.default.svc.cluster.local"
_FAST_FLAGS = (
    # Two start hooks poll with a one-second interval and then create a hundred objects; without their API groups
    # they do not exist, and the server is ready in under a second (sheet controller-runtime 7.2, profile H).
    "--authorization-mode=AlwaysAllow",
    "--runtime-config=rbac.authorization.k8s.io/v1=false,scheduling.k8s.io/v1=false",
    "--disable-admission-plugins=Priority,ServiceAccount",
    "--enable-priority-and-fairness=false",
    "--endpoint-reconciler-type=none",
    "--feature-gates=APIServerIdentity=false,UnknownVersionInteroperabilityProxy=false",
)
_FULL_FLAGS = ("--authorization-mode=Node,RBAC",)
_UNLIMITED_FLAGS = ("--max-requests-inflight=0", "--max-mutating-requests-inflight=0")

AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
    verbs: [create, update, patch, delete, deletecollection]
    resources:
      - {group: "", resources: [secrets, serviceaccounts/token]}
      - {group: authentication.k8s.io}
  - level: Request
    verbs: [create, update, patch, delete, deletecollection]
  - level: None
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Ports on 127.0.0.1, and the name by which our etcd is known from another on the same port."""

    etcd_client: int
    etcd_peer: int
    apiserver: int
    member: str

    @property
    def etcd(self) -> str:
        return f"http://127.0.0.1:{self.etcd_client}"

    @property
    def server(self) -> str:
        return f"https://127.0.0.1:{self.apiserver}"


@dataclass(frozen=True, slots=True)
class Files:
    """The control plane's folder."""

    directory: Path

    @property
    def ca(self) -> Path:
        return self.directory / "certificates" / "ca.crt"

    @property
    def server_certificate(self) -> Path:
        return self.directory / "certificates" / "apiserver.crt"

    @property
    def server_key(self) -> Path:
        return self.directory / "certificates" / "apiserver.key"

    @property
    def signing_key(self) -> Path:
        return self.directory / "certificates" / "service-accounts.key"

    @property
    def audit_policy(self) -> Path:
        return self.directory / "audit-policy.yaml"

    @property
    def audit_log(self) -> Path:
        return self.directory / "logs" / "audit.log"

    def log(self, binary: Binary) -> Path:
        return self.directory / "logs" / f"{binary}.log"

    def kubeconfig(self, user: str) -> Path:
        return self.directory / "kubeconfigs" / f"{user}.yaml"


def etcd(program: Path, addresses: Addresses, files: Files) -> list[str]:
    peer = f"http://127.0.0.1:{addresses.etcd_peer}"
    return [
        str(program),
        f"--data-dir={files.directory / 'etcd'}",
        f"--name={addresses.member}",
        f"--listen-client-urls={addresses.etcd}",
        f"--advertise-client-urls={addresses.etcd}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster={addresses.member}={peer}",
        "--unsafe-no-fsync",
        # One member elects itself at once instead of after a second.
        "--heartbeat-interval=10",
        "--election-timeout=100",
        "--log-level=warn",
    ]


def kube_apiserver(
    program: Path,
    addresses: Addresses,
    files: Files,
    profile: Profile,
    *,
    audit: bool,
    in_flight_limits: bool = True,
) -> list[str]:
    flags = [
        str(program),
        f"--etcd-servers={addresses.etcd}",
        "--bind-address=127.0.0.1",
        f"--secure-port={addresses.apiserver}",
        f"--tls-cert-file={files.server_certificate}",
        f"--tls-private-key-file={files.server_key}",
        f"--client-ca-file={files.ca}",
        f"--service-account-key-file={files.signing_key}",
        f"--service-account-signing-key-file={files.signing_key}",
        f"--service-account-issuer={SERVICE_ACCOUNT_ISSUER}",
        "--service-cluster-ip-range=10.0.0.0/16",
        "--allow-privileged=true",
        *(_FAST_FLAGS if profile is Profile.FAST else _FULL_FLAGS),
    ]
    if not in_flight_limits:
        flags += _UNLIMITED_FLAGS
    if audit:
        flags += [f"--audit-policy-file={files.audit_policy}", f"--audit-log-path={files.audit_log}"]
        flags += ["--audit-log-mode=blocking-strict"]
    return flags


def kube_controller_manager(program: Path, files: Files, kubeconfig: Path) -> list[str]:
    return [
        str(program),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        f"--service-account-private-key-file={files.signing_key}",
        f"--root-ca-file={files.ca}",
        "--use-service-account-credentials=false",
        "--leader-elect=false",
        "--controllers=*",
        "--secure-port=0",
    ]


def kube_scheduler(program: Path, kubeconfig: Path) -> list[str]:
    return [str(program), f"--kubeconfig={kubeconfig}", "--leader-elect=false", "--secure-port=0"]


def kwok(program: Path, kubeconfig: Path, stages: Path) -> list[str]:
    configs = [f"--config={stage}" for stage in sorted(stages.glob("*.yaml"))]
    # Leases are the heartbeat: without them every node turns NotReady after 40 seconds.
    flags = ["--manage-all-nodes=true", "--node-lease-duration-seconds=40"]
    return [str(program), f"--kubeconfig={kubeconfig}", *flags, *configs]


def needed(*, controllers: bool, scheduler: bool, kwok: bool) -> frozenset[Binary]:
    """The programs that a control plane of these parts runs."""
    optional: Mapping[Binary, bool] = {
        Binary.KUBE_CONTROLLER_MANAGER: controllers,
        Binary.KUBE_SCHEDULER: scheduler,
        Binary.KWOK: kwok,
    }
    chosen = {binary for binary, wanted in optional.items() if wanted}
    return frozenset({Binary.ETCD, Binary.KUBE_APISERVER} | chosen)
