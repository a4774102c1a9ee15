"""Writing a client configuration as a kubeconfig file that kubectl and every other client reads."""

import base64
import os
from pathlib import Path

import yaml

from omectl.kube.credentials import ClientConfig


def kubeconfig_text(config: ClientConfig, *, user: str, namespace: str = "default", cluster: str = "omectl") -> str:
    """The kubeconfig of one context, with all credentials inline."""
    credentials: dict[str, str] = {}
    if config.client_certificate_data is not None and config.client_key_data is not None:
        credentials["client-certificate-data"] = _base64(config.client_certificate_data)
        credentials["client-key-data"] = _base64(config.client_key_data)
    if config.token is not None:
        credentials["token"] = config.token
    server = {"server": config.server}
    if config.ca_data is not None:
        server["certificate-authority-data"] = _base64(config.ca_data)
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster, "cluster": server}],
        "users": [{"name": user, "user": credentials}],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": user, "namespace": namespace}}],
        "current-context": cluster,
    }
    return yaml.safe_dump(document, sort_keys=False)


def write_kubeconfig(path: Path, text: str) -> Path:
    """Write the file whole and readable by its owner alone; returns its path."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    return partial.replace(path)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
