"""Turns a `ClientConfig` into what a request needs: headers and a TLS context, both fresh when their files change."""

import base64
import os
import ssl
import tempfile
from pathlib import Path

from omectl.kube.credentials import ClientConfig, ConfigError, Credential

_FileState = tuple[int, int, int]


class _CachedFile:
    """A small file's bytes, read again only when its inode, size or modification time changes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state: _FileState | None = None
        self.content = b""

    def read(self) -> bytes:
        """Raises ConfigError when the file never could be read; keeps the last content when it vanishes later."""
        try:
            status = os.stat(self.path)  # noqa: PTH116 - half the cost of Path.stat, and this runs on every request
            state = (status.st_mtime_ns, status.st_size, status.st_ino)
            if state != self.state:
                self.content = self.path.read_bytes()
                self.state = state
        except OSError as error:
            if self.state is None:
                raise ConfigError(
                    f"can't read {self.path}: {error.strerror or error}; check that it is mounted"
                ) from error
        return self.content


class Identity:
    """Headers and TLS context for one configuration. Owned by one event loop."""

    def __init__(self, config: ClientConfig) -> None:
        self._config = config
        self._token_file = _CachedFile(config.token_file) if config.token_file else None
        self._ca_file = _CachedFile(config.ca_file) if config.ca_file and config.ca_data is None else None
        self._certificate_file = self._optional(config.client_certificate_data, config.client_certificate_file)
        self._key_file = self._optional(config.client_key_data, config.client_key_file)
        self._context: ssl.SSLContext | None = None
        self._context_inputs: tuple[bytes | None, bytes | None, bytes | None] | None = None
        self._plugin_files: tuple[_CachedFile, _CachedFile] | None = None
        self._base_headers = self._static_headers()

    @staticmethod
    def _optional(data: bytes | None, path: Path | None) -> _CachedFile | None:
        return _CachedFile(path) if data is None and path is not None else None

    def _static_headers(self) -> dict[str, str]:
        config = self._config
        headers = {"User-Agent": config.user_agent}
        if config.token is not None:
            headers["Authorization"] = f"Bearer {config.token}"
        elif config.username is not None:
            pair = f"{config.username}:{config.password or ''}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        if config.impersonate_user is not None:
            headers["Impersonate-User"] = config.impersonate_user
        return headers

    async def headers(self, *, rejected: bool = False) -> dict[str, str]:
        """A private copy of the headers of one request; `rejected` asks a plugin for new credentials."""
        headers = dict(self._base_headers)
        if self._token_file is not None:
            headers["Authorization"] = f"Bearer {self._token_file.read().decode().strip()}"
        elif self._config.plugin is not None:
            credential = await self._config.plugin.credential(rejected=rejected)
            self._take_certificate(credential)
            if credential.authorization:
                headers["Authorization"] = credential.authorization
        return headers

    @property
    def may_refresh(self) -> bool:
        """A refused request is worth one more try with new credentials."""
        return self._config.plugin is not None

    def _take_certificate(self, credential: Credential) -> None:
        if credential.client_certificate_file is None or credential.client_key_file is None:
            return
        known = self._plugin_files
        if known is None or known[0].path != credential.client_certificate_file:
            self._plugin_files = (
                _CachedFile(credential.client_certificate_file),
                _CachedFile(credential.client_key_file),
            )

    def tls_context(self) -> ssl.SSLContext | bool:
        """The context for the next request: a new one when CA or client certificate changed. True for plain http."""
        config = self._config
        if not config.server.startswith("https://"):
            return True
        ca = self._ca_file.read() if self._ca_file else config.ca_data
        if self._plugin_files is not None:
            certificate, key = self._plugin_files[0].read(), self._plugin_files[1].read()
        else:
            certificate = self._certificate_file.read() if self._certificate_file else config.client_certificate_data
            key = self._key_file.read() if self._key_file else config.client_key_data
        inputs = (ca, certificate, key)
        if self._context is None or inputs != self._context_inputs:
            self._context = _build_context(config, *inputs)
            self._context_inputs = inputs
        return self._context


def _build_context(
    config: ClientConfig, ca: bytes | None, certificate: bytes | None, key: bytes | None
) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cadata=ca.decode("ascii") if ca else None)
    except (ssl.SSLError, UnicodeDecodeError, ValueError) as error:
        raise ConfigError(
            f"the CA of {config.server} is not a PEM certificate: {error}; correct the kubeconfig"
        ) from error
    context.set_alpn_protocols(["http/1.1"])
    if config.insecure_skip_tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if certificate is not None and key is not None:
        # OpenSSL reads a chain only from a file; it lives for this call and only its owner can read it.
        with tempfile.NamedTemporaryFile(prefix="omectl-") as pem:
            pem.write(certificate.rstrip() + b"\n" + key)
            pem.flush()
            try:
                context.load_cert_chain(pem.name)
            except (ssl.SSLError, OSError) as error:
                raise ConfigError(
                    f"the client certificate for {config.server} is unusable: {error}; write the kubeconfig again"
                ) from error
    return context
