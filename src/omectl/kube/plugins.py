"""Credentials from an `exec` plugin or an `auth-provider`, by the configuration loader of kubernetes_asyncio."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from omectl.kube.credentials import ConfigError, Credential

if TYPE_CHECKING:
    from kubernetes_asyncio.config.kube_config import KubeConfigLoader

_PLUGIN_TIMEOUT_S = 60.0


class LoaderPlugin:
    """One user of a kubeconfig, refreshed when it expires or the server refuses it.

    Used from one event loop; requests that need a refresh at the same time share one.
    """

    def __init__(self, user: dict[str, object]) -> None:
        self._user = user
        self._loader: KubeConfigLoader | None = None
        self._credential: Credential | None = None
        self._lock = asyncio.Lock()

    async def credential(self, *, rejected: bool) -> Credential:
        """The current credential; runs the plugin on first use, on expiry and when the last one was rejected."""
        seen = self._credential
        if seen is not None and not rejected and not self._may_expire():
            return seen
        async with self._lock:
            if self._credential is not None and self._credential is not seen:
                return self._credential
            try:
                async with asyncio.timeout(_PLUGIN_TIMEOUT_S):
                    self._credential = await self._load(afresh=rejected)
            except TimeoutError as error:
                raise ConfigError(
                    f"{self._name()} gave no credentials within {_PLUGIN_TIMEOUT_S:g} s; run it by hand to see why"
                ) from error
            except (OSError, ValueError, KeyError) as error:
                raise ConfigError(f"{self._name()} gave no credentials: {error}; run it by hand to see why") from error
            return self._credential

    def for_another_loop(self) -> "LoaderPlugin":
        """The same user, with credentials of its own."""
        return LoaderPlugin(self._user)

    def _may_expire(self) -> bool:
        return "auth-provider" in self._user or isinstance(getattr(self._loader, "exec_plugin_expiry", None), datetime)

    async def _load(self, *, afresh: bool) -> Credential:
        from kubernetes_asyncio.client import Configuration
        from kubernetes_asyncio.config import ConfigException
        from kubernetes_asyncio.config.kube_config import KubeConfigLoader

        if self._loader is None or afresh:
            document: dict[str, Any] = {
                "current-context": "c",
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [{"name": "c", "cluster": {"server": "https://localhost"}}],
                "users": [{"name": "u", "user": self._user}],
            }
            self._loader = KubeConfigLoader(config_dict=document, config_base_path=None)
        configuration: Any = Configuration()
        try:
            await cast("Any", self._loader).load_and_set(configuration)
        except ConfigException as error:
            raise ConfigError(f"{self._name()} gave no credentials: {error}; run it by hand to see why") from error
        certificate, key = configuration.cert_file, configuration.key_file
        return Credential(
            authorization=configuration.api_key.get("BearerToken"),
            client_certificate_file=Path(certificate) if certificate else None,
            client_key_file=Path(key) if key else None,
        )

    def _name(self) -> str:
        named = cast("dict[str, object]", self._user.get("exec") or self._user.get("auth-provider") or {})
        return f"the credential plugin {named.get('command') or named.get('name') or '?'}"
