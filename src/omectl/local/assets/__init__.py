"""The control plane's binaries: found, downloaded or built, and kept in the user's cache."""

from omectl.local.assets.acquisition import Assets, StoreBusy, acquire, acquire_cancellable
from omectl.local.assets.binaries import (
    CONTROL_PLANE,
    KUBERNETES_VERSION,
    KWOK_VERSION,
    LWS_VERSION,
    AssetSettings,
    BinariesMissing,
    Binary,
    StagesMissing,
    cache_directory,
)
from omectl.local.assets.go import BuildFailed, Progress

__all__ = [
    "CONTROL_PLANE",
    "KUBERNETES_VERSION",
    "KWOK_VERSION",
    "LWS_VERSION",
    "AssetSettings",
    "Assets",
    "BinariesMissing",
    "Binary",
    "BuildFailed",
    "Progress",
    "StagesMissing",
    "StoreBusy",
    "acquire",
    "acquire_cancellable",
    "cache_directory",
]
