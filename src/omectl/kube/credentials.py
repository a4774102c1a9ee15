"""How to reach one API server and as whom: `ClientConfig`, and where it is found (`load_config`).

Plain users of a kubeconfig (certificates, tokens, passwords) are read by `kubeconfig`: loading `kubernetes_asyncio` for
them would cost every start 0.36 s and 72 MB. Users with an `exec` plugin or an `auth-provider` go through its
configuration loader (`plugins`), imported when one is met.
"""

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from omectl.kube.errors import KubeError

SERVICE_ACCOUNT_DIRECTORY = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class ConfigError(KubeError):
    """No usable configuration: the text says what was looked for, what was found and what to do."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What a credential plugin gave: an `Authorization` header, or the files of a client certificate, or both."""

    authorization: str | None = None
    client_certificate_file: Path | None = None
    client_key_file: Path | None = None


class CredentialPlugin(Protocol):
    """Credentials that a command or an identity provider hands out and that expire."""

    async def credential(self, *, rejected: bool) -> Credential:
        """The current credential; `rejected` says that the server refused the last one. Raises ConfigError."""
        ...

    def for_another_loop(self) -> "CredentialPlugin":
        """The same plugin, sharing nothing that belongs to an event loop."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfig:
    """Address of an API server, trust in it, and credentials for it.

    Files are read again when they change; data wins over files. `namespace` is the context's default namespace.
    """

    server: str
    ca_data: bytes | None = None
    ca_file: Path | None = None
    client_certificate_data: bytes | None = None
    client_key_data: bytes | None = field(default=None, repr=False)
    client_certificate_file: Path | None = None
    client_key_file: Path | None = None
    token: str | None = field(default=None, repr=False)
    token_file: Path | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    plugin: CredentialPlugin | None = field(default=None, repr=False)
    insecure_skip_tls_verify: bool = False
    tls_server_name: str | None = None
    proxy_url: str | None = None
    impersonate_user: str | None = None
    impersonate_groups: tuple[str, ...] = ()
    namespace: str = "default"
    user_agent: str = "omectl"

    def validated(self) -> "ClientConfig":
        """Self with the server's trailing slash removed; raises ConfigError on contradictions."""
        if not self.server.startswith(("https://", "http://")):
            raise ConfigError(f"wanted a server address that starts with https://, found {self.server!r}")
        has_certificate = self.client_certificate_data is not None or self.client_certificate_file is not None
        has_key = self.client_key_data is not None or self.client_key_file is not None
        if has_certificate != has_key:
            missing = "client key" if has_certificate else "client certificate"
            raise ConfigError(
                f"a client certificate needs both parts, and the {missing} is missing; add it to the user"
            )
        return replace(self, server=self.server.rstrip("/"))

    def for_another_loop(self) -> "ClientConfig":
        """Self for a client that another event loop owns, in another thread too."""
        return replace(self, plugin=self.plugin.for_another_loop()) if self.plugin is not None else self


def load_config(
    kubeconfig: Path | None = None, context: str | None = None, *, service_account: Path = SERVICE_ACCOUNT_DIRECTORY
) -> ClientConfig:
    """The configuration that `kubectl` would use here.

    Order: the given file, `$KUBECONFIG`, the service account when inside a cluster, `~/.kube/config`.
    Raises ConfigError.
    """
    from omectl.kube.kubeconfig import read_kubeconfig

    if kubeconfig is not None:
        return read_kubeconfig((kubeconfig,), context)
    listed = tuple(Path(part) for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part)
    if listed:
        return read_kubeconfig(listed, context)
    if context is None and (service_account / "token").exists() and os.environ.get("KUBERNETES_SERVICE_HOST"):
        return in_cluster_config(service_account)
    home = Path.home() / ".kube" / "config"
    if home.exists():
        return read_kubeconfig((home,), context)
    raise ConfigError(
        f"no cluster to talk to: no --kubeconfig, no $KUBECONFIG, no {home}, and not inside a cluster; "
        "name a kubeconfig, or start a cluster here with `omectl up`"
    )


def in_cluster_config(service_account: Path = SERVICE_ACCOUNT_DIRECTORY) -> ClientConfig:
    """The configuration of a pod: address from the environment, token and CA read from files again and again."""
    host = os.environ.get("KUBERNETES_SERVICE_HOST", "")
    port = os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise ConfigError("wanted $KUBERNETES_SERVICE_HOST, found it unset; run inside a pod or name a kubeconfig")
    namespace = service_account / "namespace"
    return ClientConfig(
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        ca_file=service_account / "ca.crt",
        token_file=service_account / "token",
        namespace=namespace.read_text().strip() if namespace.exists() else "default",
    )
