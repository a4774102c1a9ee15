"""Reading kubeconfig files into a `ClientConfig`: merged in order, the first definition of a name wins."""

import base64
import binascii
from pathlib import Path
from typing import TypeVar

import msgspec
import yaml

from omectl.kube.credentials import ClientConfig, ConfigError, CredentialPlugin

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Cluster(msgspec.Struct, rename="kebab"):
    server: str | None = None
    certificate_authority: str | None = None
    certificate_authority_data: str | None = None
    insecure_skip_tls_verify: bool | None = None
    tls_server_name: str | None = None
    proxy_url: str | None = None


class _User(msgspec.Struct, rename="kebab"):
    client_certificate: str | None = None
    client_certificate_data: str | None = None
    client_key: str | None = None
    client_key_data: str | None = None
    token: str | None = None
    token_file: str | None = msgspec.field(default=None, name="tokenFile")
    username: str | None = None
    password: str | None = None
    impersonate: str | None = msgspec.field(default=None, name="as")
    impersonate_groups: list[str] | None = msgspec.field(default=None, name="as-groups")
    exec: dict[str, object] | None = None
    auth_provider: dict[str, object] | None = None


class _Context(msgspec.Struct):
    cluster: str
    user: str | None = None
    namespace: str | None = None


class _NamedCluster(msgspec.Struct):
    name: str
    cluster: _Cluster


class _NamedUser(msgspec.Struct):
    name: str
    user: _User | None = None


class _NamedContext(msgspec.Struct):
    name: str
    context: _Context


class _Document(msgspec.Struct):
    clusters: list[_NamedCluster] | None = None
    users: list[_NamedUser] | None = None
    contexts: list[_NamedContext] | None = None
    current_context: str | None = msgspec.field(default=None, name="current-context")


class _Merged:
    """The documents of several files as name → (definition, folder that relative paths start from)."""

    def __init__(self) -> None:
        self.clusters: dict[str, tuple[_Cluster, Path]] = {}
        self.users: dict[str, tuple[_User, Path]] = {}
        self.contexts: dict[str, _Context] = {}
        self.current_context = ""

    def add(self, document: _Document, folder: Path) -> None:
        for cluster in document.clusters or ():
            self.clusters.setdefault(cluster.name, (cluster.cluster, folder))
        for user in document.users or ():
            self.users.setdefault(user.name, (user.user or _User(), folder))
        for context in document.contexts or ():
            self.contexts.setdefault(context.name, context.context)
        self.current_context = self.current_context or document.current_context or ""


_T = TypeVar("_T")


def read_kubeconfig(files: tuple[Path, ...], context: str | None = None) -> ClientConfig:
    """The configuration of `context` (or the current context) in the merged files.

    A list of several may name absent files, as `$KUBECONFIG` may; a single one must exist. Raises ConfigError.
    """
    where = ":".join(map(str, files))
    merged = _Merged()
    present = [path for path in files if path.exists()]
    if not present:
        raise ConfigError(f"wanted a kubeconfig, found no file {where}; name another with --kubeconfig or $KUBECONFIG")
    for path in present:
        merged.add(_read(path), path.absolute().parent)
    name = context or merged.current_context
    if not name:
        raise ConfigError(f"{where} sets no current-context; name one with --context ({_known(merged.contexts)})")
    chosen = _named(merged.contexts, name, "context", where)
    cluster, cluster_folder = _named(merged.clusters, chosen.cluster, f"cluster of context {name}", where)
    user, user_folder = _User(), Path()
    if chosen.user:
        user, user_folder = _named(merged.users, chosen.user, f"user of context {name}", where)
    if not cluster.server:
        raise ConfigError(f"cluster {chosen.cluster} in {where} has no server; add its address")
    return ClientConfig(
        server=cluster.server,
        ca_data=_data(
            cluster.certificate_authority_data, f"certificate-authority-data of cluster {chosen.cluster}", where
        ),
        ca_file=_path(cluster.certificate_authority, cluster_folder, where),
        client_certificate_data=_data(
            user.client_certificate_data, f"client-certificate-data of user {chosen.user}", where
        ),
        client_key_data=_data(user.client_key_data, f"client-key-data of user {chosen.user}", where),
        client_certificate_file=_path(user.client_certificate, user_folder, where),
        client_key_file=_path(user.client_key, user_folder, where),
        token=user.token or None,
        token_file=None if user.token else _path(user.token_file, user_folder, where),
        username=user.username,
        password=user.password,
        plugin=_plugin(user, user_folder),
        insecure_skip_tls_verify=bool(cluster.insecure_skip_tls_verify),
        tls_server_name=cluster.tls_server_name,
        proxy_url=cluster.proxy_url,
        impersonate_user=user.impersonate,
        impersonate_groups=tuple(user.impersonate_groups or ()),
        namespace=chosen.namespace or "default",
    ).validated()


def _read(path: Path) -> _Document:
    try:
        return msgspec.convert(yaml.load(path.read_bytes(), _Loader) or {}, _Document)  # noqa: S506 - a safe loader
    except OSError as error:
        raise ConfigError(
            f"can't read the kubeconfig {path}: {error.strerror or error}; check its permissions"
        ) from error
    except yaml.YAMLError as error:
        detail = " ".join(str(error).split())
        raise ConfigError(f"the kubeconfig {path} is not YAML: {detail}; correct it or name another file") from error
    except msgspec.ValidationError as error:
        raise ConfigError(
            f"the kubeconfig {path} has an unexpected shape: {error}; correct it or name another file"
        ) from error


def _named(known: dict[str, _T], name: str, what: str, where: str) -> _T:
    try:
        return known[name]
    except KeyError:
        raise ConfigError(f"wanted {what} {name!r}, and {where} has no such entry ({_known(known)})") from None


def _known(names: dict[str, _T]) -> str:
    return f"it has: {', '.join(sorted(names))}" if names else "it has none"


def _data(text: str | None, what: str, where: str) -> bytes | None:
    if not text:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ConfigError(f"{what} in {where} is not base64: {error}; write the kubeconfig again") from error


def _path(text: str | None, folder: Path, where: str) -> Path | None:
    if not text:
        return None
    path = folder / Path(text).expanduser()
    if not path.exists():
        raise ConfigError(f"{where} names the file {path}, which does not exist; correct the path")
    return path


def _plugin(user: _User, folder: Path) -> CredentialPlugin | None:
    section: dict[str, object] = {}
    if user.exec is not None:
        command = str(user.exec.get("command", ""))
        if "/" in command:
            user.exec["command"] = str(folder / command)
        section["exec"] = user.exec
    elif user.auth_provider is not None:
        section["auth-provider"] = user.auth_provider
    if not section:
        return None
    from omectl.kube.plugins import LoaderPlugin

    return LoaderPlugin(section)
