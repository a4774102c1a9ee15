"""The control plane's binaries: found, downloaded or built, and kept in the user's cache."""

from omectl.local.assets.acquire import Assets, acquire
from omectl.local.assets.binaries import (
    KUBERNETES_VERSION,
    KWOK_VERSION,
    AssetSettings,
    BinariesMissing,
    Binary,
    cache_directory,
)
from omectl.local.assets.build import BuildFailed, Progress

__all__ = [
    "KUBERNETES_VERSION",
    "KWOK_VERSION",
    "AssetSettings",
    "Assets",
    "BinariesMissing",
    "Binary",
    "BuildFailed",
    "Progress",
    "acquire",
    "cache_directory",
]
